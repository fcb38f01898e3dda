/*
 * mapping.c - see mapping.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/mapping.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FACTOR_STEP 1e-3              /* factors are told apart by it */
#define CUT_MAX 24                    /* bytes that a key may have more */
#define CANDIDATES 32

/* ---- values ---- */

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The value that most of v have, within `step`, and how many do. v is sorted by it. */
static size_t
mode(double *v, size_t n, double step, double *value)
{
	size_t best = 0;

	qsort(v, n, sizeof(*v), by_value);
	for (size_t from = 0, to = 0; from < n; from++) {
		while (to < n && v[to] - v[from] <= step)
			to++;
		if (to - from > best) {
			best = to - from;
			*value = v[from + best / 2];
		}
	}
	return best;
}

/* What both sides show of the rows that differ: factors and distances. How many. */
static size_t
sample(const struct comparer *c, const struct rule *r, double *factors, double *distances)
{
	const int64_t *reference = table_column(c->table, r->reference_column),
		      *cells = table_column(c->table, r->column);
	uint32_t n_rows = table_rows(c->table), stride = n_rows / MAPPING_SAMPLE + 1;
	size_t n = 0;

	for (uint32_t row = 0; row < n_rows; row += stride) {
		struct range e;

		if (compare_judge(c, r, row) != DIFFERS || !value_is_amount(reference[row])
		    || !value_is_amount(cells[row]))
			continue;
		e = compare_expected(r, reference[row]);
		if (e.low == 0 || cells[row] == 0)
			continue;
		factors[n] = (double)cells[row] / (double)e.low;
		distances[n++] = (double)(cells[row] - e.low) / VALUE_SCALE;
	}
	return n;
}

static const char *
guess(double factor)
{
	double up = factor < 1 ? 1 / factor : factor;

	if (fabs(up - 100) < 1)
		return factor > 1 ? "cents? (units)" : "cents in the reference? (units)";
	if (up > 1.02 && up < 1.31)
		return factor > 1 ? "tax? (tax, on the reference)" : "tax? (tax)";
	return "another currency, or another unit?";
}

bool
mapping_of_values(const struct comparer *c, unsigned rule, char dst[MAPPING_TEXT])
{
	const struct rule *r = &c->rules[rule];
	uint64_t n_differ = c->tally[rule][DIFFERS], n_known = n_differ + c->tally[rule][SAME];
	double *factors, *distances, value = 0;
	size_t n = 0, alike;

	if (n_known < MAPPING_MIN || (double)n_differ < MAPPING_SHARE * (double)n_known)
		return false;
	factors = calloc(2 * (MAPPING_SAMPLE + 1), sizeof(*factors));
	distances = factors + MAPPING_SAMPLE + 1;
	if (factors != NULL)
		n = sample(c, r, factors, distances);
	dst[0] = '\0';
	if (n < MAPPING_MIN / 2) {
		free(factors);
		return false;
	}
	alike = mode(factors, n, FACTOR_STEP, &value);
	if ((double)alike >= MAPPING_SAME * (double)n)
		snprintf(dst, MAPPING_TEXT, "%.0f %% of %s in %s differ by x%.4g: %s",
		    100 * (double)n_differ / (double)n_known, r->field, r->system, value,
		    guess(value));
	else if ((double)mode(distances, n, 0, &value) >= MAPPING_SAME * (double)n)
		snprintf(dst, MAPPING_TEXT, "%.0f %% of %s in %s differ by %+.6g: %s",
		    100 * (double)n_differ / (double)n_known, r->field, r->system, value,
		    value < 0 ? "kept back? (buffer)" : "stock that is reserved, not taken off?");
	free(factors);
	return dst[0] != '\0';
}

/* ---- keys ---- */

struct candidate { char text[CUT_MAX + 1]; bool is_suffix; size_t n; };

static void
vote(struct candidate *list, size_t *n, const char *text, size_t len, bool is_suffix)
{
	size_t i = 0;

	while (i < *n && (list[i].is_suffix != is_suffix || strlen(list[i].text) != len
			     || memcmp(list[i].text, text, len) != 0))
		i++;
	if (i == CANDIDATES)
		return;
	if (i == *n) {
		memcpy(list[i].text, text, len);
		list[i].text[len] = '\0';
		list[i].is_suffix = is_suffix;
		list[(*n)++].n = 0;
	}
	list[i].n++;
}

static bool
has(const struct comparer *c, unsigned side, const char *key, size_t len)
{
	uint32_t row = table_find(c->table, key, len);

	return row != ROW_NONE && table_marks(c->table, side)[row] != 0;
}

/* Without which first or last bytes is the key one of the other side? */
static void
vote_for_key(const struct comparer *c, unsigned other, const char *key, struct candidate *list,
    size_t *n)
{
	size_t len = strlen(key);

	for (size_t cut = 1; cut < len && cut <= CUT_MAX; cut++) {
		if (has(c, other, key + cut, len - cut))
			vote(list, n, key, cut, false);
		if (has(c, other, key, len - cut))
			vote(list, n, key + len - cut, cut, true);
	}
}

/* Keys that `side` has and `other` has not: what have they more? */
static bool
find_affix(const struct comparer *c, unsigned side, unsigned other, char dst[MAPPING_TEXT])
{
	const uint8_t *ours = table_marks(c->table, side), *theirs = table_marks(c->table, other);
	struct candidate list[CANDIDATES];
	size_t n = 0, n_keys = 0, best = 0;

	for (uint32_t row = 0; row < table_rows(c->table) && n_keys < 500; row++)
		if (ours[row] != 0 && theirs[row] == 0) {
			n_keys++;
			vote_for_key(c, other, table_key(c->table, row), list, &n);
		}
	for (size_t i = 1; i < n; i++)
		if (list[i].n > list[best].n)
			best = i;
	if (n == 0 || (double)list[best].n < MAPPING_SAME * (double)n_keys)
		return false;
	snprintf(dst, MAPPING_TEXT, "keys of %s %s with \"%s\", those of %s do not: %s",
	    c->sides[side].name, list[best].is_suffix ? "end" : "begin", list[best].text,
	    c->sides[other].name, list[best].is_suffix ? "key_suffix" : "key_prefix");
	return true;
}

bool
mapping_of_keys(const struct comparer *c, unsigned rule, char dst[MAPPING_TEXT])
{
	const struct rule *r = &c->rules[rule];
	const uint8_t *reference = table_marks(c->table, r->reference),
		      *marks = table_marks(c->table, r->source);
	size_t n_reference = 0, n_system = 0, n_both = 0, n_least;

	if (!r->counts_keys || !compare_is_known(&c->sides[r->reference])
	    || !compare_is_known(&c->sides[r->source]))
		return false;
	for (uint32_t row = 0; row < table_rows(c->table); row++) {
		n_reference += reference[row] != 0;
		n_system += marks[row] != 0;
		n_both += reference[row] != 0 && marks[row] != 0;
	}
	n_least = n_reference < n_system ? n_reference : n_system;
	if (n_least < MAPPING_MIN || (double)n_both > (1 - MAPPING_SHARE) * (double)n_least)
		return false;
	if (find_affix(c, r->source, r->reference, dst)
	    || find_affix(c, r->reference, r->source, dst))
		return true;
	snprintf(dst, MAPPING_TEXT, "only %zu of %zu keys of %s are known to %s: the same key?",
	    n_both, n_system, c->sides[r->source].name, c->sides[r->reference].name);
	return true;
}
