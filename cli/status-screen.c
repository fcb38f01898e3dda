/*
 * status-screen.c - see status.h: the shop in one screen.
 *
 *     crit  storefront  1 of 4 is not well
 *             crit product-page: the body lacks "Add to cart" (3m ago)
 *     ok    checkout    3 probes
 *     ok    sources     edge_log
 *     firing ProductPageDown since ...
 *     learning order-rate: 3.0 of 28 days, until 12-24
 *     receiver oncall: 1 delivered, 0 waiting
 *
 * On a terminal a line ends where its edge is; into a pipe it is whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/status.h"
#include "lib/buf.h"
#include "lib/sanitize.h"
#include "lib/xmalloc.h"

#define ALERTS_MAX 5
#define LEARNING_MAX 3
#define RECEIVERS_MAX 3
#define FAMILIES_MAX 16
#define TEXT_MAX 1024

/* In the order of a shop's day; what is none of them comes behind. */
static const char *const families[] = {"storefront", "checkout", "api", "inventory"};
static const char *const sources[] = {"access_log", "sql", "http_json", "csv", "webhook"};
#define N_OF(list) (sizeof(list) / sizeof((list)[0]))

struct family {
	const char *name;
	const json_t **probes;
	size_t n, n_bad, n_pending;
};
struct screen {
	const struct cli *cli;
	int lines_left;                 /* for probes that are not well */
	int columns;                    /* 0 = no edge */
	struct family families[FAMILIES_MAX];
	size_t n_families;
};

/* ---- lines ---- */

/* The rest of a line whose first `used` columns are there; cut at the edge. */
static void
rest(const struct screen *s, int used, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void
rest(const struct screen *s, int used, const char *fmt, ...)
{
	char raw[TEXT_MAX], text[4 * TEXT_MAX];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	len = text_sanitize(text, sizeof(text), raw, strlen(raw));
	while (s->columns > 0 && len > 0
	    && (text_width(text, len) > s->columns - used || (text[len] & 0xc0) == 0x80))
		len--;
	printf("%.*s", (int)len, text);
	putchar('\n');
}

static int
columns_of_terminal(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col
										      : 0;
}

/* ---- families ---- */

static bool
is_in(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

static struct family *
family_named(struct screen *s, const char *name, size_t n_probes)
{
	for (size_t i = 0; i < s->n_families; i++)
		if (strcmp(s->families[i].name, name) == 0 || i == FAMILIES_MAX - 1)
			return &s->families[i];
	s->families[s->n_families] = (struct family){
	    .name = name, .probes = xcalloc(n_probes + 1, sizeof(json_t *))};
	return &s->families[s->n_families++];
}

/* Ours first, then other plugins by their names, sources last. Probes come worst first. */
static void
sort_into_families(struct screen *s, json_t *const *probes, size_t n)
{
	for (size_t i = 0; i < N_OF(families); i++)
		(void)family_named(s, families[i], n);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++) {
			const char *plugin = member_text(probes[i], "plugin");
			bool is_source = is_in(sources, N_OF(sources), plugin);
			struct family *f;

			if (is_source != (pass == 1))
				continue;
			f = family_named(s, is_source ? "sources" : plugin, n);
			f->probes[f->n++] = probes[i];
			f->n_bad += status_rank(probes[i]) < 4;
			f->n_pending += status_rank(probes[i]) == 4;
		}
}

static void
print_bad(struct screen *s, const json_t *p)
{
	const char *verdict = status_verdict(p), *name = member_text(p, "name");
	char ago[SHORT_TEXT];

	fputs("        ", stdout);
	print_tint(s->cli, tint_of_verdict(verdict), verdict);
	putchar(' ');
	rest(s, 9 + (int)strlen(verdict), "%s: %s%s (%s)", name,
	    member_text(p, "reason")[0] != '\0' ? member_text(p, "reason") : "it did not run",
	    member_true(p, "late") ? " (late)" : "", short_ago(member_number(p, "since"), ago));
}

static void
print_names(const struct screen *s, const struct family *f, int used)
{
	struct buf names;

	buf_init(&names, TEXT_MAX - 1);
	for (size_t i = 0; i < f->n; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", member_text(f->probes[i], "name"));
	rest(s, used, "%s", buf_str(&names));
	buf_free(&names);
}

/* share: how many of the lines this family may have for what is not well. */
static void
print_family(struct screen *s, const struct family *f, int share)
{
	const char *verdict = status_verdict(f->probes[0]);
	size_t shown = f->n_bad;
	int used = 8;

	if ((int)shown > share)
		shown = share > 1 ? (size_t)share - 1 : 0;
	print_tint(s->cli, tint_of_verdict(verdict), verdict);
	printf("%*s", used - (int)strlen(verdict), "");
	used += printf("%-10s ", f->name);
	if (f->n_bad > 0)
		rest(s, used, "%zu of %zu not well%s", f->n_bad, f->n,
		    shown == 0 ? ": tillwatch status --all" : "");
	else if (f->n_pending > 0)
		rest(s, used, "%zu of %zu wait for the first run", f->n_pending, f->n);
	else
		print_names(s, f, used);
	for (size_t i = 0; i < shown; i++)
		print_bad(s, f->probes[i]);
	if (shown > 0 && shown < f->n_bad)
		rest(s, 0, "        and %zu more: tillwatch status --all", f->n_bad - shown);
}

static void
print_families(struct screen *s)
{
	size_t n_bad = 0, n_ill = 0;

	for (size_t i = 0; i < s->n_families; i++) {
		n_bad += s->families[i].n_bad;
		n_ill += s->families[i].n_bad > 0;
		s->lines_left -= s->families[i].n > 0;
	}
	for (size_t i = 0; i < s->n_families; i++) {
		const struct family *f = &s->families[i];
		int share;

		if (f->n == 0)
			continue;
		/* All, where all have room; else the families share it. */
		share = (int)n_bad <= s->lines_left ? (int)f->n_bad
						    : s->lines_left / (int)(n_ill > 0 ? n_ill : 1);
		print_family(s, f, share > 0 ? share : 0);
	}
}

/* ---- below them ---- */

static int
min_int(size_t a, int b)
{
	return (int)a < b ? (int)a : b;
}

static size_t
count_firing(const json_t *alerts)
{
	const json_t *a;
	size_t i, n = 0;

	json_array_foreach(alerts, i, a)
		n += strcmp(member_text(a, "state"), "firing") == 0;
	return n;
}

static void
print_alerts(const struct screen *s, const json_t *alerts)
{
	size_t i, shown = 0, firing = count_firing(alerts);
	const json_t *a;

	json_array_foreach(alerts, i, a) {
		const json_t *labels = json_object_get(a, "labels"),
			     *notes = json_object_get(a, "annotations");

		if (strcmp(member_text(a, "state"), "firing") != 0 || shown == ALERTS_MAX)
			continue;
		shown++;
		print_tint(s->cli, TINT_CRIT, "firing ");
		if (shown == ALERTS_MAX && firing > ALERTS_MAX)
			rest(s, 7, "%zu more: tillwatch alerts", firing - shown + 1);
		else
			rest(s, 7, "%s since %.19s  %s", member_text(labels, "alertname"),
			    member_text(a, "activeAt"), member_text(notes, "summary"));
	}
}

static void
print_learning(const struct screen *s, const json_t *learning)
{
	size_t i, n = json_array_size(learning);
	const json_t *l;

	json_array_foreach(learning, i, l) {
		time_t until = (time_t)member_number(l, "until");
		char day[16] = "";
		struct tm tm;

		if (i == LEARNING_MAX)
			return;
		if (localtime_r(&until, &tm) != NULL)
			strftime(day, sizeof(day), "%Y-%m-%d", &tm);
		print_tint(s->cli, TINT_DIM, "learning ");
		if (i == LEARNING_MAX - 1 && n > LEARNING_MAX)
			rest(s, 9, "%zu more: checkout_history_days", n - i);
		else
			rest(s, 9, "%s: %.0f of %.0f days, until %s", member_text(l, "probe"),
			    floor(member_number(l, "days")), member_number(l, "target_days"), day);
	}
}

static void
print_receivers(const struct screen *s, const json_t *receivers)
{
	size_t i, n = json_array_size(receivers);
	const json_t *r;

	json_array_foreach(receivers, i, r) {
		if (i == RECEIVERS_MAX)
			return;
		if (i == RECEIVERS_MAX - 1 && n > RECEIVERS_MAX) {
			rest(s, 0, "%zu receivers more: tillwatch notify", n - i);
			continue;
		}
		rest(s, 0, "receiver %s: %.0f delivered, %.0f waiting%s", member_text(r, "name"),
		    member_number(r, "delivered"), member_number(r, "pending"),
		    member_number(r, "dead") > 0
			? ", some could not be delivered (tillwatch notify)" : "");
	}
}

void
status_screen(const struct cli *cli, const struct status *st, int lines_left)
{
	size_t n = json_array_size(st->probes);
	json_t **sorted = xcalloc(n + 1, sizeof(*sorted));
	struct screen s = {.cli = cli, .columns = columns_of_terminal()};

	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(st->probes, i);
	qsort(sorted, n, sizeof(*sorted), status_compare);
	sort_into_families(&s, sorted, n);
	s.lines_left = lines_left - min_int(count_firing(st->alerts), ALERTS_MAX)
	    - min_int(json_array_size(st->learning), LEARNING_MAX)
	    - min_int(json_array_size(st->receivers), RECEIVERS_MAX);
	print_families(&s);
	print_alerts(&s, st->alerts);
	print_learning(&s, st->learning);
	print_receivers(&s, st->receivers);
	for (size_t i = 0; i < s.n_families; i++)
		free(s.families[i].probes);
	free(sorted);
}
