/*
 * init-page.c - what a page shows that can be asserted, why it is no page of the shop, and the
 * targets of what was measured. See init.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/init.h"
#include "lib/hop.h"
#include "lib/sanitize.h"
#include "lib/wall.h"

#define TEXT_MIN 3

/* ---- texts ---- */

bool
init_has(const char *page, size_t len, const char *text)
{
	return memmem(page, len, text, strlen(text)) != NULL;
}

/* Text of one line that means itself in a file: nothing that a terminal or a configuration reads
 * otherwise. Cut where a character ends. False: too short, or not such a text. */
static bool
take(char dst[INIT_TEXT], const char *text, size_t len)
{
	char clean[INIT_TEXT * 4];

	while (len > 0 && isspace((unsigned char)*text)) {
		text++;
		len--;
	}
	if (len >= INIT_TEXT)
		for (len = INIT_TEXT - 1; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
			len--;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len < TEXT_MIN || memmem(text, len, "${", 2) != NULL)
		return false;
	if (text_sanitize(clean, sizeof(clean), text, len) != len || memcmp(clean, text, len) != 0)
		return false;
	memcpy(dst, text, len);
	dst[len] = '\0';
	return true;
}

void
init_text(char dst[INIT_TEXT], const char *name, const char *page, size_t len)
{
	const char *from, *to = NULL;

	dst[0] = '\0';
	if (name != NULL && take(dst, name, strlen(name)) && init_has(page, len, dst))
		return;
	dst[0] = '\0';
	from = memmem(page, len, "<title", 6);
	if (from != NULL)
		from = memchr(from, '>', len - (size_t)(from - page));
	if (from != NULL) {
		from++;
		to = memchr(from, '<', len - (size_t)(from - page));
	}
	if (to != NULL && !take(dst, from, (size_t)(to - from)))
		dst[0] = '\0';
}

void
init_word(char dst[INIT_TEXT], const char *name)
{
	size_t best = 0, n;

	dst[0] = '\0';
	for (; *name != '\0'; name += n > 0 ? n : 1) {
		for (n = 0; isalpha((unsigned char)name[n]) && n < INIT_TEXT - 1;)
			n++;
		if (n > best && n >= TEXT_MIN) {
			best = n;
			snprintf(dst, INIT_TEXT, "%.*s", (int)n, name);
		}
	}
}

/* ---- no page of the shop ---- */

/* The way to a login, or its form where nothing else leads on. */
static bool
is_login(const struct init_answer *a)
{
	static const char *const ways[] = {"/login", "/signin", "/password", "/account/login",
	    "/wp-login.php", "/customer/account/login", NULL};
	const char *path = init_path(a->url), *body = buf_str(&a->body);

	if (a->status == 401)
		return true;
	for (const char *const *w = ways; *w != NULL; w++)
		if (strncasecmp(path, *w, strlen(*w)) == 0
		    && strchr("/?", path[strlen(*w)]) != NULL)
			return true;
	return init_has(body, a->body.len, "type=\"password\"") && strstr(body, "href=") == NULL;
}

static bool
is_html(const struct init_answer *a)
{
	struct tw_hop hop = init_hop(a);
	const char *type = hop_header(&hop, "content-type");

	return type == NULL || strcasestr(type, "html") != NULL;
}

bool
init_trouble(const struct init_answer *a, char why[INIT_WHY])
{
	struct tw_hop hop = init_hop(a);
	const char *wall = wall_name(&hop, buf_str(&a->body), a->body.len);

	if (wall != NULL)
		snprintf(why, INIT_WHY, "%.110s shows a wall (%s), not the shop; allow the user "
		    "agent \"tillwatch\" or this machine's address there, then try again",
		    a->url, wall);
	else if (is_login(a))
		snprintf(why, INIT_WHY, "%.120s asks for a login; tillwatch watches what every "
		    "customer sees: open the shop, then try again", a->url);
	else if (a->status == 403 || a->status == 429)
		snprintf(why, INIT_WHY, "%.110s answers %d: it refuses us; allow the user agent "
		    "\"tillwatch\" or this machine's address, then try again", a->url, a->status);
	else if (a->status == 503)
		snprintf(why, INIT_WHY, "%.120s answers 503: down, or under maintenance; try again "
		    "when it is up", a->url);
	else if (a->status / 100 != 2)
		snprintf(why, INIT_WHY, "%.150s answers %d, not a page", a->url, a->status);
	else if (!is_html(a))
		snprintf(why, INIT_WHY, "%.150s is not HTML; name the shop's home page", a->url);
	else
		return false;
	return true;
}

/* ---- targets ---- */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value at that share, the next larger one: of ten the 95 % are the largest. */
static double
at_share(const double *sorted, unsigned n, double share)
{
	unsigned rank = (unsigned)ceil(share * n);

	return sorted[rank > 0 ? rank - 1 : 0];
}

/* Up to 50 ms, so that nobody takes them for exact. */
static int64_t
round_up(double ms)
{
	return (int64_t)ceil(ms / 50) * 50;
}

void
init_propose(struct init_targets *t)
{
	double sorted[INIT_MEASURED], p95 = 0;

	if (t->n > 0) {
		memcpy(sorted, t->ms, sizeof(sorted));
		qsort(sorted, t->n, sizeof(sorted[0]), by_size);
		p95 = at_share(sorted, t->n, 0.95);
		t->median_ms = (int64_t)ceil(at_share(sorted, t->n, 0.5));
		t->p95_ms = (int64_t)ceil(p95);
	}
	t->warn_ms = (int64_t)fmax(800, (double)round_up(2 * p95));
	t->crit_ms = (int64_t)fmax(1800, (double)round_up(4 * p95));
}
