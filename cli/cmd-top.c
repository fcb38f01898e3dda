/*
 * cmd-top.c - the dashboard, or one frame of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "tui/tui.h"

static bool
read_size(const char *text, struct tui_opts *o)
{
	return text == NULL || (sscanf(text, "%dx%d", &o->w, &o->h) == 2 && o->w > 0 && o->h > 0);
}

static bool
read_format(const char *text, struct tui_opts *o)
{
	static const struct {
		const char *name;
		enum dump_format format;
	} table[] = {{"txt", DUMP_TXT}, {"ansi", DUMP_ANSI}, {"svg", DUMP_SVG}};

	for (size_t i = 0; text != NULL && i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(text, table[i].name) == 0) {
			o->format = table[i].format;
			return true;
		}
	return text == NULL;
}

/* Several shops: their list comes first. */
static void
take_shops(const struct cli *cli, struct tui_opts *o, struct tui_shop *shops)
{
	for (int i = 0; i < cli->n_shops; i++)
		shops[i] = (struct tui_shop){.name = cli->shops[i].name,
		    .socket = cli->shops[i].socket};
	if (cli->n_shops > 1) {
		o->shops = shops;
		o->n_shops = cli->n_shops;
	}
}

static int
run(struct cli *cli)
{
	struct tui_shop shops[CLI_SHOPS_MAX];
	struct tui_opts o = {.socket = cli->socket,
	    .url = cli->url,
	    .token_file = cli->token_file,
	    .view = cli_option(cli, "view"),
	    .probe = cli_option(cli, "probe"),
	    .at = cli_option(cli, "at"),
	    .range = cli_option(cli, "range"),
	    .glyphs = cli_option(cli, "glyphs"),
	    .theme =
		cli->color || cli_option(cli, "theme") != NULL ? cli_option(cli, "theme") : NULL,
	    .utc = cli_option(cli, "utc") != NULL};
	char err[512] = "";
	int rc;

	take_shops(cli, &o, shops);
	setlocale(LC_ALL, ""); /* which glyphs the terminal can show */
	if (!read_size(cli_option(cli, "size"), &o))
		return cli_fail(EX_USAGE, "--size takes columns x rows, such as 140x45");
	if (!read_format(cli_option(cli, "format"), &o))
		return cli_fail(EX_USAGE, "--format takes txt, ansi or svg");
	if (cli_option(cli, "once") == NULL) {
		rc = tui_run(&o);
		return rc == 0 ? 0 : rc == -EINVAL || rc == -ENOTTY ? EX_USAGE : EX_SOFTWARE;
	}
	rc = tui_once(&o, stdout, err, sizeof(err));
	if (rc == 0)
		return 0;
	return cli_fail(rc == -EINVAL ? EX_USAGE : EX_UNAVAILABLE, "%s", err);
}

static const struct cli_option options[] = {
	{"view", 'v', "VIEW", "overview (default), storefront, funnel, api or stock"},
	{"probe", 'p', "PROBE", "of the storefront view"},
	{"at", 0, "TIME", "frozen at: 14:32, \"2026-11-23 14:32\", RFC 3339, unix seconds"},
	{"range", 'r', "RANGE", "15m, 1h (default), 7d, 09:00..10:30"},
	{"once", '1', NULL, "print one frame and end"},
	{"size", 0, "WxH", "of the frame: 140x45 (80x24)"},
	{"format", 0, "FORMAT", "of the frame: txt (default), ansi, svg"},
	{"glyphs", 'g', "SET", "ascii, block or braille (default: by the terminal)"},
	{"theme", 't', "THEME", "calm, light, mono ..."},
	{"utc", 0, NULL, "times in UTC"},
	{NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_top;
const struct cmd cmd_top = {
    .name = "top",
    .arguments = "",
    .summary = "the dashboard",
    .help = "Of several shops (--shop, --socket, more than once) their list comes first, worst\n"
	    "on top, each with money in its own currency, none added up. Enter opens one, q goes\n"
	    "back, < and > go to the next.\n\n"
	    "Examples\n  tillwatch top\n  tillwatch top --once --size 140x45 --view storefront "
	    "--at 14:32\n  tillwatch top --shop all\n",
    .has_shops = true,
    .options = options,
    .exits = "0 fine\n69 no agent answers\n70 the terminal cannot be used\n",
    .no_json = "it draws; `tillwatch status --json` and `tillwatch query --json` have what it "
	       "shows",
    .run = run,
};
