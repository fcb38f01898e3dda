/*
 * map-draw.c - see map.h: systems, then flows, in 80 columns, readable without colour.
 *
 *     warehouse -> shop   lag p95 38 s <=2m   drift 12 keys 41 units, oldest 41m12s
 *                         coherence 99.2 % (98.9..99.5)   owner logistics
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/map.h"
#include "lib/sanitize.h"
#include "lib/units.h"

#define HEAD_MAX 34                   /* a longer one has its line to itself */
#define MARGIN 2
#define GAP 3                         /* between two parts */
#define PART_MAX 512

/* A line of parts that goes on below when it is full. */
struct line {
	const struct cli *cli;
	int column, indent;
};

static void
blanks(int n)
{
	while (n-- > 0)
		putchar(' ');
}

static int
width_of(const char *text)
{
	char clean[2 * PART_MAX + 1];

	text_sanitize(clean, sizeof(clean), text, strlen(text));
	return text_width(clean, strlen(clean));
}

static void part(struct line *l, enum tint tint, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
part(struct line *l, enum tint tint, const char *fmt, ...)
{
	char text[PART_MAX];
	va_list ap;
	int width;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	width = width_of(text);
	if (l->column > l->indent && l->column + GAP + width > MAP_COLUMNS) {
		putchar('\n');
		blanks(l->indent);
		l->column = l->indent;
	} else if (l->column > l->indent) {
		blanks(GAP);
		l->column += GAP;
	}
	print_tint(l->cli, tint, text);
	l->column += width;
}

/* What the line is of; parts follow in one column. */
static struct line
line_begin(const struct cli *cli, const char *head, int column)
{
	struct line l = {cli, MARGIN + column + GAP, MARGIN + column + GAP};
	int width = width_of(head);

	blanks(MARGIN);
	print_tint(cli, TINT_BOLD, head);
	if (width > column) {
		putchar('\n');
		blanks(l.indent);
	} else {
		blanks(column - width + GAP);
	}
	return l;
}

void
map_wrap(const char *text, int indent)
{
	int column = indent;
	char word[PART_MAX];

	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		if (column > indent && column + 1 + width_of(word) > MAP_COLUMNS) {
			putchar('\n');
			blanks(indent);
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		print_text(word);
		column += width_of(word);
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

const char *
map_share(double share, char dst[SHORT_TEXT])
{
	double percent = share * 100;

	/* 99.996 is no 100. */
	snprintf(dst, SHORT_TEXT, "%.4g", percent < 100 ? floor(percent * 100 + 1e-6) / 100 : 100);
	return dst;
}

/* ---- systems ---- */

static const char *
plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void
draw_system(const struct cli *cli, const json_t *s, int column, bool is_live)
{
	size_t n_probes = json_array_size(json_object_get(s, "probes"));
	size_t n_sources = json_array_size(json_object_get(s, "sources"));
	const char *verdict = member_text(s, "verdict"), *title = member_text(s, "title"),
		   *owner = member_text(s, "owner");
	struct line l = line_begin(cli, member_text(s, "name"), column);
	double errors = member_number(s, "error_share");
	char text[SHORT_TEXT];

	if (is_live)
		part(&l, *verdict != '\0' ? tint_of_verdict(verdict) : TINT_DIM, "%-7s",
		    *verdict != '\0' ? verdict : "-");
	if (n_probes + n_sources == 0)
		part(&l, TINT_WARN, "not watched");
	else
		part(&l, TINT_NONE, "%zu probe%s, %zu source%s", n_probes, plural(n_probes),
		    n_sources, plural(n_sources));
	if (isfinite(errors))
		part(&l, errors > 0 ? TINT_WARN : TINT_NONE, "errors %s %%",
		    map_share(errors, text));
	if (*title != '\0')
		part(&l, TINT_NONE, "%s", title);
	if (*owner != '\0')
		part(&l, TINT_DIM, "owner %s", owner);
	else
		part(&l, TINT_WARN, "no owner");
	putchar('\n');
}

/* ---- flows ---- */

/* The worst of a figure over all compares that measure a flow; NaN without any. */
static double
highest(const json_t *compares, const char *figure)
{
	const json_t *c;
	double v = NAN;
	size_t i;

	json_array_foreach(compares, i, c)
		v = fmax(v, member_number(c, figure)); /* of a number and NaN, the number */
	return v;
}

static void
draw_lag(struct line *l, const json_t *flow, const json_t *compares, bool is_live)
{
	double lag = highest(compares, "lag_p95_s"), max = member_number(flow, "max_lag_s"),
	       canary = highest(compares, "canary_lag_s");
	bool has_limit = isfinite(max);
	char limit[32] = "", text[SHORT_TEXT];

	if (has_limit)
		duration_format((int64_t)llround(max * 1e6), limit);
	if (json_array_size(compares) == 0)
		part(l, TINT_WARN, "not measured");
	if (isfinite(lag) && has_limit)
		part(l, lag > max ? TINT_CRIT : TINT_OK, "lag p95 %s %s%s",
		    short_duration(lag, text), lag > max ? "late: >" : "<=", limit);
	else if (isfinite(lag))
		part(l, TINT_NONE, "lag p95 %s", short_duration(lag, text));
	else if (has_limit)
		part(l, TINT_NONE, "max_lag %s", limit);
	if (!isfinite(lag) && is_live && json_array_size(compares) > 0)
		part(l, TINT_DIM, "no change seen in 1h");
	if (!has_limit)
		part(l, TINT_WARN, "no max_lag");
	if (isfinite(canary))
		part(l, has_limit && canary > max ? TINT_CRIT : TINT_OK, "canary %s",
		    short_duration(canary, text));
}

/* "available " before a figure when several fields flow there. */
static const char *
field_of(const json_t *compare, const json_t *compares, char dst[SHORT_TEXT])
{
	const char *field = member_text(compare, "field");

	snprintf(dst, SHORT_TEXT, "%s%s", json_array_size(compares) > 1 ? field : "",
	    json_array_size(compares) > 1 && *field != '\0' ? " " : "");
	return dst;
}

static void
draw_drift(struct line *l, const json_t *compares)
{
	double missing = highest(compares, "missing_keys");
	char field[SHORT_TEXT], age[SHORT_TEXT];
	const json_t *c;
	size_t i;

	json_array_foreach(compares, i, c) {
		double keys = member_number(c, "drift_keys"),
		       units = member_number(c, "drift_units"),
		       oldest = member_number(c, "drift_age_s");

		if (!(keys > 0))
			continue;
		part(l, TINT_CRIT, "drift %s%.0f key%s%s%.10g%s%s%s", field_of(c, compares, field),
		    keys, plural((size_t)keys), isfinite(units) ? " " : "",
		    isfinite(units) ? round(units * 100) / 100 : 0,
		    isfinite(units) ? " units" : "", isfinite(oldest) ? ", oldest " : "",
		    isfinite(oldest) ? short_duration(oldest, age) : "");
	}
	if (highest(compares, "drift_keys") == 0)
		part(l, TINT_OK, "no drift");
	if (missing > 0)
		part(l, TINT_CRIT, "%.0f missing", missing);
}

/* Of the field that agrees least. */
static void
draw_coherence(struct line *l, const json_t *compares)
{
	char field[SHORT_TEXT], mid[SHORT_TEXT], low[SHORT_TEXT], high[SHORT_TEXT];
	const json_t *c, *least = NULL;
	size_t i;

	json_array_foreach(compares, i, c)
		if (isfinite(member_number(c, "coherence"))
		    && (least == NULL
			|| member_number(c, "coherence") < member_number(least, "coherence")))
			least = c;
	if (least == NULL)
		return;
	part(l, member_number(least, "coherence") < 1 ? TINT_WARN : TINT_OK,
	    "coherence %s%s %% (%s..%s)", field_of(least, compares, field),
	    map_share(member_number(least, "coherence"), mid),
	    map_share(member_number(least, "coherence_low"), low),
	    map_share(member_number(least, "coherence_high"), high));
}

static void
flow_head(const json_t *flow, char dst[PART_MAX])
{
	snprintf(dst, PART_MAX, "%.200s -> %.200s", member_text(flow, "from"),
	    member_text(flow, "to"));
}

static void
draw_flow(const struct cli *cli, const json_t *flow, int column, bool is_live)
{
	const json_t *compares = json_object_get(flow, "measured_by");
	const char *title = member_text(flow, "title"), *owner = member_text(flow, "owner");
	const json_t *system;
	char head[PART_MAX];
	struct line l;
	size_t i;

	flow_head(flow, head);
	l = line_begin(cli, head, column);
	draw_lag(&l, flow, compares, is_live);
	draw_drift(&l, compares);
	draw_coherence(&l, compares);
	if (*title != '\0')
		part(&l, TINT_NONE, "%s", title);
	json_array_foreach(json_object_get(flow, "via"), i, system)
		part(&l, TINT_DIM, "via %s", json_string_value(system));
	if (*owner != '\0')
		part(&l, TINT_DIM, "owner %s", owner);
	else
		part(&l, TINT_WARN, "no owner");
	putchar('\n');
}

static int
wider(int column, const char *text)
{
	int width = width_of(text);

	return width > column && width <= HEAD_MAX ? width : column;
}

void
map_print(const struct cli *cli, const json_t *map)
{
	const json_t *systems = json_object_get(map, "systems"),
		     *flows = json_object_get(map, "flows"), *o;
	bool is_live = json_object_get(map, "now") != NULL;
	char head[PART_MAX];
	int column = 0;
	size_t i;

	json_array_foreach(systems, i, o)
		column = wider(column, member_text(o, "name"));
	print_tint(cli, TINT_DIM, "systems");
	putchar('\n');
	json_array_foreach(systems, i, o)
		draw_system(cli, o, column, is_live);
	column = 0;
	json_array_foreach(flows, i, o) {
		flow_head(o, head);
		column = wider(column, head);
	}
	print_tint(cli, TINT_DIM, "flows");
	putchar('\n');
	json_array_foreach(flows, i, o)
		draw_flow(cli, o, column, is_live);
}
