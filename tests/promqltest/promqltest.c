/*
 * promqltest.c - judges our PromQL by Prometheus' own test scripts: promqltest [-v] [FILE...].
 *
 * Without files: all of scripts/. Prints "N passed, N failed, N skipped"; with -v each failing case
 * with file:line, query, expected and got. A ratchet: exits 1 when a file passes fewer cases than
 * the file `floor` asks for. Skipped are the functions behind an experimental flag that we do not
 * have, listed below. One process, one thread; the storage is memory (memory.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/promql/promql.h"
#include "tests/promqltest/points.h"

static const char *const skipped[] = {"histogram_quantiles(", "info(", "limit_ratio(", "limitk("};

struct expected {
	struct labels *labels;  /* NULL: a bare number */
	struct points points;
	bool seen;
};

enum wanted_note { NOTE_ANY, NOTE_SOME, NOTE_NONE };

struct test {
	int line;
	bool range, fails, ordered, matrix;
	char *query, *string;
	const char *fail_text;          /* into the script */
	enum wanted_note warn, info;
	int64_t start, end, step, from, by;
	struct expected *want;
	size_t n;
};

struct script {
	const char *path, *name;
	char *text, *next;
	int line;
	bool verbose;
	struct memory memory;
	int passed, failed, skips;
};

/* ---- lines ------------------------------------------------------------------------------------
 */

/* The next line, without its end; NULL at the end of the script. */
static char *
next_line(struct script *s)
{
	char *line = s->next, *end;

	if (line == NULL || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	s->next = end != NULL ? end + 1 : line + strlen(line);
	if (end != NULL)
		*end = '\0';
	s->line++;
	for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	return line;
}

static bool
is_indented(const struct script *s)
{
	const char *at = s->next;

	if (at == NULL || (*at != ' ' && *at != '\t'))
		return false;
	at += strspn(at, " \t\r");
	return *at != '\n' && *at != '\0';
}

static void
bad_script(const struct script *s, const char *line)
{
	fprintf(stderr, "%s:%d: not understood: %s\n", s->path, s->line, line);
	exit(2);
}

static bool
skip_word(const char **at, const char *word)
{
	size_t n = strlen(word);
	const char *here = *at + strspn(*at, " \t");

	if (strncmp(here, word, n) != 0
	    || (here[n] != '\0' && here[n] != ' ' && here[n] != '\t' && here[n] != ':'))
		return false;
	*at = here + n;
	*at += strspn(*at, " \t");
	return true;
}

/* ---- load -------------------------------------------------------------------------------------
 */

static void
load(struct script *s, const char *at, bool nhcb)
{
	int64_t step;

	if (!points_time(&at, &step))
		bad_script(s, at);
	while (is_indented(s)) {
		const char *line = next_line(s), *rest = line + strspn(line, " \t");
		struct points p = {0};
		struct labels *l;

		if (*rest == '#')
			continue;
		if (points_series(&rest, &l) != 0 || points_values(&rest, &p) != 0)
			bad_script(s, line);
		for (size_t i = 0; i < p.n; i++)
			if (p.at[i].there)
				memory_add(&s->memory, l, (int64_t)i * step, p.at[i].v, p.at[i].h);
		labels_unref(l);
		points_clear(&p);
	}
	if (nhcb && memory_add_nhcb(&s->memory) != 0)
		bad_script(s, "load_with_nhcb");
}

/* ---- expectations ------------------------------------------------------------------------------
 */

static void
expect_word(struct script *s, struct test *t, const char *at)
{
	if (skip_word(&at, "ordered")) {
		t->ordered = true;
	} else if (skip_word(&at, "fail")) {
		t->fails = true;
		t->fail_text = at;
	} else if (skip_word(&at, "warn")) {
		t->warn = NOTE_SOME;
	} else if (skip_word(&at, "info")) {
		t->info = NOTE_SOME;
	} else if (skip_word(&at, "no_warn")) {
		t->warn = NOTE_NONE;
	} else if (skip_word(&at, "no_info")) {
		t->info = NOTE_NONE;
	} else if (skip_word(&at, "string")) {
		t->string = strndup(at + 1, strlen(at) - 2);
	} else if (skip_word(&at, "range") && skip_word(&at, "vector") && skip_word(&at, "from")) {
		int64_t to;

		t->matrix = points_time(&at, &t->from) && skip_word(&at, "to")
			    && points_time(&at, &to) && skip_word(&at, "step")
			    && points_time(&at, &t->by);
	} else {
		bad_script(s, at);
	}
}

static void
expect_line(struct script *s, struct test *t, const char *line)
{
	struct expected *e = reallocarray(t->want, t->n + 1, sizeof(*e)), *last;
	const char *at = line + strspn(line, " \t"), *number = at;
	double v;

	if (e == NULL)
		exit(2);
	t->want = e;
	last = &e[t->n];
	*last = (struct expected){0};
	if (!points_number(&number, &v) || *number != '\0') {
		if (points_series(&at, &last->labels) != 0)
			bad_script(s, line);
	}
	if (points_values(&at, &last->points) != 0)
		bad_script(s, line);
	t->n++;
}

static void
read_expectations(struct script *s, struct test *t)
{
	while (is_indented(s)) {
		const char *line = next_line(s), *at = line;

		if (line[strspn(line, " \t")] == '#')
			continue;
		if (skip_word(&at, "expect"))
			expect_word(s, t, at);
		else if (skip_word(&at, "expected_fail_message")
			 || skip_word(&at, "expected_fail_regexp"))
			t->fail_text = at;
		else
			expect_line(s, t, line);
	}
}

/* ---- judgement ----------------------------------------------------------------------------------
 */

static bool
close_enough(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	return a == b || fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

static bool
same_side(const struct hist_bucket *a, uint32_t n, const struct hist_bucket *b, uint32_t m)
{
	uint32_t i = 0, k = 0;

	/* An empty bucket and none are the same. */
	for (;;) {
		while (i < n && a[i].count == 0)
			i++;
		while (k < m && b[k].count == 0)
			k++;
		if (i == n || k == m)
			return i == n && k == m;
		if (a[i].idx != b[k].idx || !close_enough(a[i].count, b[k].count))
			return false;
		i++;
		k++;
	}
}

static bool
same_hist(const struct hist *want, const struct hist *got)
{
	if (want->schema != got->schema || want->n_bounds != got->n_bounds
	    || !close_enough(want->sum, got->sum) || !close_enough(want->count, got->count)
	    || !close_enough(want->zero_count, got->zero_count)
	    || !close_enough(want->zero_threshold, got->zero_threshold)
	    || (want->reset != HIST_UNKNOWN && want->reset != got->reset))
		return false;
	for (uint32_t i = 0; i < want->n_bounds; i++)
		if (!close_enough(want->bounds[i], got->bounds[i]))
			return false;
	return same_side(want->pos, want->n_pos, got->pos, got->n_pos)
	       && same_side(want->neg, want->n_neg, got->neg, got->n_neg);
}

static bool
same_sample(const struct point *want, const struct series *got, size_t i)
{
	const struct hist *h = got->h != NULL ? got->h[i] : NULL;

	if ((want->h != NULL) != (h != NULL))
		return false;
	return h != NULL ? same_hist(want->h, h) : close_enough(want->v, got->v[i]);
}

static bool
same_points(const struct test *t, const struct points *want, const struct series *got)
{
	int64_t start = t->matrix ? t->from : t->start, step = t->matrix ? t->by : t->step;
	size_t k = 0;

	for (size_t i = 0; i < want->n; i++) {
		int64_t at = start + (int64_t)i * step;

		if (!want->at[i].there)
			continue;
		if (k == got->n || got->t_ms[k] != at || !same_sample(&want->at[i], got, k))
			return false;
		k++;
	}
	return k == got->n;
}

static bool
same_set(const struct test *t, const struct series_set *got)
{
	if (got->n != t->n)
		return false;
	for (size_t i = 0; i < got->n; i++) {
		bool found = false;

		for (size_t k = 0; k < t->n && !found; k++) {
			struct expected *e = &t->want[k];

			if (e->seen || !labels_equal(e->labels, got->at[i].labels)
			    || (t->ordered && k != i))
				continue;
			found = e->seen = same_points(t, &e->points, &got->at[i]);
		}
		if (!found)
			return false;
	}
	return true;
}

static bool
same_notes(const struct test *t, const struct promql_result *r)
{
	int warns = 0, infos = 0;

	for (size_t i = 0; i < r->n_notes; i++)
		*(r->notes[i].is_warning ? &warns : &infos) += 1;
	return (t->warn == NOTE_ANY || (t->warn == NOTE_SOME) == (warns > 0))
	       && (t->info == NOTE_ANY || (t->info == NOTE_SOME) == (infos > 0));
}

/* "msg: exact" is asked for literally; "regex:" only that it fails. */
static bool
same_error(const struct test *t, const char *got)
{
	const char *at = t->fail_text;

	if (at == NULL || strncmp(at, "msg:", 4) != 0)
		return true;
	at += 4;
	at += strspn(at, " \t");
	return strstr(got, at) != NULL;
}

static bool
judge(const struct test *t, int rc, const struct promql_result *r, const char *error)
{
	if (t->fails)
		return rc != 0 && same_error(t, error);
	if (rc != 0 || !same_notes(t, r))
		return false;
	if (t->string != NULL)
		return r->type == PROMQL_STRING && strcmp(r->string, t->string) == 0;
	if (r->type == PROMQL_SCALAR)
		return t->n == 1 && t->want[0].labels == NULL && t->want[0].points.n == 1
		       && close_enough(t->want[0].points.at[0].v, r->scalar);
	return same_set(t, &r->set);
}

/* ---- showing ---- */

static void
show_sample(const struct hist *h, double v)
{
	if (h == NULL) {
		printf(" %.9g", v);
		return;
	}
	printf(" {{schema:%d reset:%d count:%g sum:%g z:%g/%g bounds:[", h->schema, (int)h->reset,
	    h->count, h->sum, h->zero_count, h->zero_threshold);
	for (uint32_t i = 0; i < h->n_bounds; i++)
		printf(" %g", h->bounds[i]);
	printf("] pos:[");
	for (uint32_t i = 0; i < h->n_pos; i++)
		printf(" %d:%g", h->pos[i].idx, h->pos[i].count);
	printf("] neg:[");
	for (uint32_t i = 0; i < h->n_neg; i++)
		printf(" %d:%g", h->neg[i].idx, h->neg[i].count);
	printf("]}}");
}

static void
show_labels(const struct labels *l)
{
	char text[1024];

	labels_format(l, text, sizeof(text));
	printf("      %s", l != NULL ? text : "(scalar)");
}

static void
show(const struct script *s, const struct test *t, int rc, const struct promql_result *r,
    const char *error)
{
	printf(
	    "%s:%d: %s\n    expected:%s\n", s->path, t->line, t->query, t->fails ? " failure" : "");
	for (size_t i = 0; i < t->n; i++) {
		show_labels(t->want[i].labels);
		for (size_t k = 0; k < t->want[i].points.n && k < 12; k++)
			show_sample(t->want[i].points.at[k].h,
			    t->want[i].points.at[k].there ? t->want[i].points.at[k].v : -0.0);
		printf("\n");
	}
	if (t->warn != NOTE_ANY || t->info != NOTE_ANY)
		printf("      notes: warn %d info %d (1 some, 2 none)\n", t->warn, t->info);
	printf("    got: %s\n", rc != 0 ? error : r->type == PROMQL_STRING ? r->string : "");
	if (rc == 0 && r->type == PROMQL_SCALAR)
		printf("      scalar %.9g\n", r->scalar);
	for (size_t i = 0; i < r->set.n && rc == 0; i++) {
		show_labels(r->set.at[i].labels);
		for (size_t k = 0; k < r->set.at[i].n && k < 12; k++)
			show_sample(
			    r->set.at[i].h != NULL ? r->set.at[i].h[k] : NULL, r->set.at[i].v[k]);
		printf("\n");
	}
	for (size_t i = 0; i < r->n_notes; i++)
		printf("      %s: %s\n", r->notes[i].is_warning ? "warning" : "info",
		    r->notes[i].text);
}

/* ---- a case ---- */

static void
run(struct script *s, struct test *t)
{
	struct promql_opts opts = {0};
	struct querier q = memory_querier(&s->memory);
	struct promql_result r = {0};
	struct promql_error err = {0};
	struct promql_expr *e = NULL;
	bool ok;
	int rc;

	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
		const char *at = strstr(t->query, skipped[i]);

		if (at != NULL
		    && (at == t->query || !(isalnum((unsigned char)at[-1]) || at[-1] == '_'))) {
			s->skips++;
			return;
		}
	}
	rc = promql_parse(&e, t->query, strlen(t->query), &err);
	if (rc == 0)
		rc = promql_eval(&opts, &q, e, t->start, t->end, t->range ? t->step : 0, &r, &err);
	ok = judge(t, rc, &r, err.text);
	*(ok ? &s->passed : &s->failed) += 1;
	if (!ok && s->verbose)
		show(s, t, rc, &r, err.text);
	promql_result_clear(&r);
	promql_free(e);
}

static void
eval(struct script *s, const char *at, const char *kind)
{
	struct test t = {.line = s->line, .fails = strcmp(kind, "eval_fail") == 0,
	    .ordered = strcmp(kind, "eval_ordered") == 0};
	const char *line = at;
	bool ok;

	if (strcmp(kind, "eval_warn") == 0 || strcmp(kind, "eval_info") == 0)
		*(kind[5] == 'w' ? &t.warn : &t.info) = NOTE_SOME;
	t.range = skip_word(&at, "range");
	if (t.range)
		ok = skip_word(&at, "from") && points_time(&at, &t.start) && skip_word(&at, "to")
		     && points_time(&at, &t.end) && skip_word(&at, "step")
		     && points_time(&at, &t.step);
	else
		ok =
		    skip_word(&at, "instant") && skip_word(&at, "at") && points_time(&at, &t.start);
	if (!ok)
		bad_script(s, line);
	if (!t.range)
		t.end = t.start;
	t.query = strdup(at + strspn(at, " \t"));
	read_expectations(s, &t);
	run(s, &t);
	for (size_t i = 0; i < t.n; i++) {
		labels_unref(t.want[i].labels);
		points_clear(&t.want[i].points);
	}
	free(t.want);
	free(t.query);
	free(t.string);
}

static void
command(struct script *s, const char *line)
{
	static const char *const evals[] = {
	    "eval", "eval_fail", "eval_ordered", "eval_warn", "eval_info"};
	const char *at = line;

	at += strspn(at, " \t");
	if (*at == '\0' || *at == '#')
		return;
	if (skip_word(&at, "clear")) {
		memory_clear(&s->memory);
		return;
	}
	if (skip_word(&at, "load") || skip_word(&at, "load_with_nhcb")) {
		load(s, at, strstr(line, "load_with_nhcb") != NULL);
		return;
	}
	for (size_t i = 0; i < sizeof(evals) / sizeof(evals[0]); i++)
		if (skip_word(&at, evals[i])) {
			eval(s, at, evals[i]);
			return;
		}
	bad_script(s, line);
}

static char *
read_all(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (f == NULL || text == NULL || fread(text, 1, (1 << 20) - 1, f) == 0) {
		perror(path);
		exit(2);
	}
	fclose(f);
	return text;
}

/* How many cases of this script must pass, from lines "NAME COUNT". */
static int
floor_of(const char *floors, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = floors; at != NULL && *at != '\0';
	     at = strchr(at, '\n'), at += at != NULL)
		if (strncmp(at, name, n) == 0 && at[n] == ' ')
			return (int)strtol(at + n, NULL, 10);
	return 0;
}

static bool
run_file(const char *path, const char *floors, bool verbose, int total[3])
{
	struct script s = {.path = path, .verbose = verbose};
	const char *slash = strrchr(path, '/');
	char *line;
	int least;

	s.name = slash != NULL ? slash + 1 : path;
	s.next = s.text = read_all(path);
	while ((line = next_line(&s)) != NULL)
		command(&s, line);
	memory_clear(&s.memory);
	free(s.text);
	least = floor_of(floors, s.name);
	printf("%-28s %4d passed, %3d failed, %3d skipped%s\n", s.name, s.passed, s.failed, s.skips,
	    s.passed < least ? "  BELOW THE FLOOR" : "");
	total[0] += s.passed;
	total[1] += s.failed;
	total[2] += s.skips;
	return s.passed >= least;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0, ok = true;
	int total[3] = {0};
	char path[1024], *floors;
	glob_t files = {0};

	snprintf(path, sizeof(path), "%s/tests/promqltest/floor", top != NULL ? top : ".");
	floors = read_all(path);
	snprintf(path, sizeof(path), "%s/tests/promqltest/scripts/*.test", top != NULL ? top : ".");
	if (argc > 1 + verbose) {
		for (int i = 1 + verbose; i < argc; i++)
			ok &= run_file(argv[i], floors, verbose, total);
	} else if (glob(path, 0, NULL, &files) == 0) {
		for (size_t i = 0; i < files.gl_pathc; i++)
			ok &= run_file(files.gl_pathv[i], floors, verbose, total);
	}
	globfree(&files);
	free(floors);
	printf("%d passed, %d failed, %d skipped\n", total[0], total[1], total[2]);
	return ok && total[0] > 0 ? 0 : 1;
}
