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

#define FACTOR_STEP 1e-3              /* a share; factors are told apart by it */
#define ROUNDED (10 * VALUE_SCALE)    /* below it, rounding to cents hides a factor */
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

/* What both sides show of the rows that differ. */
struct sample {
	double factors[MAPPING_SAMPLE], distances[MAPPING_SAMPLE]; /* factors: their logarithms */
	size_t n, n_factors;                /* amounts; factors: only of `least` and more */
	size_t n_below_zero;                /* in one of the two, while the other says 0 */
	size_t n_rows;
	size_t words[2][WORDS_MAX];         /* of the reference, of the system */
};

static void
add_cell(size_t words[WORDS_MAX], int64_t cell)
{
	if (cell >= CELL_WORD && cell < CELL_WORD + WORDS_MAX)
		words[cell - CELL_WORD]++;
}

static void
add_amounts(struct sample *s, const struct rule *r, int64_t reference, int64_t cell, int64_t least)
{
	int64_t expected = compare_expected(r, reference).low;

	s->n_below_zero += (reference < 0 && cell == 0) || (reference == 0 && cell < 0);
	if (expected == 0 || cell == 0)
		return;
	s->distances[s->n++] = (double)(cell - expected) / VALUE_SCALE;
	if (llabs(expected) >= least && llabs(cell) >= least && (expected < 0) == (cell < 0))
		s->factors[s->n_factors++] = log((double)cell / (double)expected);
}

static void
take_sample(const struct comparer *c, const struct rule *r, int64_t least, struct sample *s)
{
	uint32_t n_rows = table_rows(c->table), stride = n_rows / MAPPING_SAMPLE + 1;

	memset(s, 0, sizeof(*s));
	for (uint32_t row = 0; row < n_rows; row += stride) {
		int64_t reference = table_cell(c->table, r->reference_column, row),
			cell = table_cell(c->table, r->column, row);

		if (compare_judge(c, r, row) != DIFFERS)
			continue;
		s->n_rows++;
		add_cell(s->words[0], reference);
		add_cell(s->words[1], cell);
		if (value_is_amount(reference) && value_is_amount(cell))
			add_amounts(s, r, reference, cell, least);
	}
}

/* Shares that are taxes somewhere; whole ones from 3 to 27 % are, too. */
static bool
is_tax(double factor)
{
	static const double broken[] = {2.1, 2.5, 2.6, 3.8, 5.5, 7.7, 8.1, 13.5, 25.5};
	double percent = (factor - 1) * 100;

	if (percent > 2.9 && percent < 27.1 && fabs(percent - round(percent)) < 0.1)
		return true;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		if (fabs(percent - broken[i]) < 0.1)
			return true;
	return false;
}

static const char *
guess(double factor)
{
	double up = factor < 1 ? 1 / factor : factor;

	if (fabs(up - 100) < 1)
		return factor > 1 ? "cents? (units)" : "cents in the reference? (units)";
	if (fabs(up - 1000) < 1)
		return "the decimal sign? (decimal)";
	if (is_tax(up))
		return factor > 1 ? "tax? (tax, on the reference)" : "tax? (tax)";
	if (up > 2 && (is_tax(up / 100) || is_tax(100 / up)))
		return "cents, and tax? (units, tax)";
	return "another currency, or another unit?";
}

/* Nearly all that differ show one word: what it stands for is wrong. */
static bool
find_word(const struct comparer *c, const struct rule *r, const struct sample *s, double share,
    char dst[MAPPING_TEXT])
{
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < WORDS_MAX; i++) {
			const struct value_rules *rules = k == 0 ? r->reference_rules : r->rules;
			char text[VALUE_TEXT];

			if ((double)s->words[k][i] < MAPPING_SAME * (double)s->n_rows)
				continue;
			snprintf(dst, MAPPING_TEXT,
			    "%.0f %% of %s in %s differ where %s says \"%s\": what does it stand "
			    "for? (states)", 100 * share, r->field, r->system,
			    c->sides[k == 0 ? r->reference : r->source].name,
			    value_text(rules, CELL_WORD + i, text));
			return true;
		}
	return false;
}

static bool
find_amounts(const struct rule *r, struct sample *s, double share, char dst[MAPPING_TEXT])
{
	double value = 0;

	if (s->n_factors >= MAPPING_MIN / 2
	    && (double)mode(s->factors, s->n_factors, FACTOR_STEP, &value)
		>= MAPPING_SAME * (double)s->n_factors)
		snprintf(dst, MAPPING_TEXT, "%.0f %% of %s in %s differ by x%.4g: %s", 100 * share,
		    r->field, r->system, exp(value), guess(exp(value)));
	else if (s->n >= MAPPING_MIN / 2
	    && (double)mode(s->distances, s->n, 0, &value) >= MAPPING_SAME * (double)s->n)
		snprintf(dst, MAPPING_TEXT, "%.0f %% of %s in %s differ by %+.6g: %s", 100 * share,
		    r->field, r->system, value,
		    value < 0 ? "kept back? (buffer)" : "stock that is reserved, not taken off?");
	else if (s->n_below_zero >= MAPPING_MIN / 2
	    && (double)s->n_below_zero >= MAPPING_SAME * (double)s->n_rows)
		snprintf(dst, MAPPING_TEXT,
		    "%.0f %% of %s in %s differ where one is below zero and the other 0: "
		    "a quantity? (kind)",
		    100 * share, r->field, r->system);
	else
		return false;
	return true;
}

bool
mapping_of_values(const struct comparer *c, unsigned rule, char dst[MAPPING_TEXT])
{
	const struct rule *r = &c->rules[rule];
	uint64_t n_differ = c->tally[rule][DIFFERS], n_known = n_differ + c->tally[rule][SAME];
	double share = (double)n_differ / (double)(n_known > 0 ? n_known : 1);
	struct sample *s;
	bool is_found;

	if (n_known < MAPPING_MIN || share < MAPPING_SHARE || (s = malloc(sizeof(*s))) == NULL)
		return false;
	take_sample(c, r, r->is_quantity ? 0 : ROUNDED, s);
	if (s->n_factors < MAPPING_MIN / 2) /* all are small, or one side's */
		take_sample(c, r, 0, s);
	is_found = find_word(c, r, s, share, dst) || find_amounts(r, s, share, dst);
	free(s);
	return is_found;
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

	return row != ROW_NONE && *table_mark(c->table, side, row) != 0;
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
	struct candidate list[CANDIDATES];
	size_t n = 0, n_keys = 0, best = 0;

	for (uint32_t row = 0; row < table_rows(c->table) && n_keys < 500; row++)
		if (*table_mark(c->table, side, row) != 0
		    && *table_mark(c->table, other, row) == 0) {
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
	uint32_t n_rows = table_rows(c->table), stride = n_rows / MAPPING_SAMPLE + 1;
	size_t n_reference = 0, n_system = 0, n_both = 0, n_least;

	if (!r->counts_keys || !compare_is_known(&c->sides[r->reference])
	    || !compare_is_known(&c->sides[r->source]))
		return false;
	for (uint32_t row = 0; row < n_rows; row += stride) {
		bool is_reference = *table_mark(c->table, r->reference, row) != 0,
		     is_system = *table_mark(c->table, r->source, row) != 0;

		n_reference += is_reference;
		n_system += is_system;
		n_both += is_reference && is_system;
	}
	n_least = n_reference < n_system ? n_reference : n_system;
	if (n_least < MAPPING_MIN || (double)n_both > (1 - MAPPING_SHARE) * (double)n_least)
		return false;
	if (find_affix(c, r->source, r->reference, dst)
	    || find_affix(c, r->reference, r->source, dst))
		return true;
	snprintf(dst, MAPPING_TEXT, "only %.2g %% of the keys of %s are known to %s: the same key?",
	    100 * (double)n_both / (double)n_system, c->sides[r->source].name,
	    c->sides[r->reference].name);
	return true;
}
