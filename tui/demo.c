/*
 * demo.c - the dashboard without the rest: against a socket, a URL, or a folder of fixtures. Not
 * installed; `tillwatch top` is the dashboard's place.
 *
 *     tui-demo [--socket S | --url U | --fixtures DIR | --shop NAME=DIR ...]
 *              [--once WxH] [--format txt|ansi|svg|golden] [--view V] [--probe P] [--at T]
 *              [--range R] [--cursor T] [--glyphs G] [--theme T] [--now MS] [--utc]
 *
 * A shop without a DIR (--shop NAME=) does not answer; that of --shop NAME=- never ends to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/golden/fixture.h"
#include "tui/tui.h"

#define SHOPS 8

enum {
	SOCKET = 1,
	SHOP,
	URL,
	FIXTURES,
	ONCE,
	FORMAT,
	VIEW,
	PROBE,
	AT,
	RANGE,
	CURSOR,
	GLYPHS,
	THEME,
	NOW,
	UTC
};

static const struct option options[] = {{"socket", 1, NULL, SOCKET},
    {"shop", 1, NULL, SHOP}, {"url", 1, NULL, URL},
    {"fixtures", 1, NULL, FIXTURES}, {"once", 1, NULL, ONCE}, {"format", 1, NULL, FORMAT},
    {"view", 1, NULL, VIEW}, {"probe", 1, NULL, PROBE}, {"at", 1, NULL, AT},
    {"range", 1, NULL, RANGE}, {"cursor", 1, NULL, CURSOR}, {"glyphs", 1, NULL, GLYPHS},
    {"theme", 1, NULL, THEME}, {"now", 1, NULL, NOW}, {"utc", 0, NULL, UTC}, {0}};

static struct tui_shop shops[SHOPS];
static struct source sources[SHOPS];

static int
no_answer(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	(void)ctx, (void)path, (void)out, (void)cancelled, (void)arg;
	snprintf(err, err_cap, "its socket does not answer: Couldn't connect to server");
	return -EIO;
}

static int
never_ends(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	(void)ctx, (void)path, (void)out, (void)err, (void)err_cap;
	while (!cancelled(arg))
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	return -ECANCELED;
}

static int
add_shop(struct tui_opts *o, char *text)
{
	char *dir = strchr(text, '=');
	struct source *src = &sources[o->n_shops];

	if (dir == NULL || o->n_shops == SHOPS)
		return -EINVAL;
	*dir++ = '\0';
	shops[o->n_shops] = (struct tui_shop){.name = text, .source = src};
	o->shops = shops;
	o->n_shops++;
	*src = (struct source){.get = strcmp(dir, "-") == 0 ? never_ends : no_answer};
	if (strcmp(dir, "-") == 0)
		return 0;
	return *dir != '\0' ? fixture_open(src, dir, NULL) : 0;
}

static int
set(struct tui_opts *o, struct source *fixtures, int option, char *value)
{
	switch (option) {
	case SHOP: return add_shop(o, value);
	case SOCKET: o->socket = value; return 0;
	case URL: o->url = value; return 0;
	case FIXTURES: o->source = fixtures; return fixture_open(fixtures, value, NULL);
	case ONCE: return sscanf(value, "%dx%d", &o->w, &o->h) == 2 ? 0 : -EINVAL;
	case FORMAT: return dump_format_parse(value, &o->format);
	case VIEW: o->view = value; return 0;
	case PROBE: o->probe = value; return 0;
	case AT: o->at = value; return 0;
	case RANGE: o->range = value; return 0;
	case CURSOR: o->cursor = value; return 0;
	case GLYPHS: o->glyphs = value; return 0;
	case THEME: o->theme = value; return 0;
	case NOW: o->now_ms = strtoll(value, NULL, 10); return 0;
	case UTC: o->utc = true; return 0;
	default: return -EINVAL;
	}
}

int
main(int argc, char **argv)
{
	struct tui_opts o = {.socket = TW_RUNDIR "/agent.sock"};
	struct source fixtures;
	char err[256] = "";
	int c, rc;

	setlocale(LC_ALL, "");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (set(&o, &fixtures, c, optarg) != 0)
			return 64;
	if (o.w == 0)
		return tui_run(&o) == 0 ? 0 : 1;
	if ((rc = tui_once(&o, stdout, err, sizeof(err))) != 0)
		fprintf(stderr, "tui-demo: %s\n", err);
	return rc == 0 ? 0 : 1;
}
