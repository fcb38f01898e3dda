/*
 * value.c - see value.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECIMALS 4 /* of VALUE_SCALE */

/* ---- words ---- */

/* "https://schema.org/InStock", "in stock" and "IN_STOCK" are one word: letters and digits behind
 * the last slash. How long it is; 0: none, or too long. */
static size_t
fold(char dst[WORD_BYTES], const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '/')
			n = 0;
		else if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80)) {
			if (n == WORD_BYTES - 1)
				return 0;
			dst[n++] = c;
		}
	}
	dst[n] = '\0';
	return n;
}

static int
add_word(struct value_rules *r, const char *word, struct range range)
{
	struct word w = {.range = range};

	if (fold(w.text, word, strlen(word)) == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < r->n_words; i++)
		if (strcmp(r->words[i].text, w.text) == 0) {
			r->words[i] = w; /* the user's own goes before what we know */
			return 0;
		}
	if (r->n_words == WORDS_MAX)
		return -EINVAL;
	r->words[r->n_words++] = w;
	return 0;
}

void
value_default_words(struct value_rules *r)
{
	static const struct range none = {0, 0}, some = {VALUE_SCALE, VALUE_MAX}, any = {1, 0};
	static const struct { const char *word; const struct range *range; } known[] = {
	    {"in_stock", &some}, {"low_stock", &some}, {"limited_availability", &some},
	    {"in_store_only", &some}, {"online_only", &some}, {"available", &some},
	    {"yes", &some}, {"true", &some}, {"instock", &some},
	    {"out_of_stock", &none}, {"sold_out", &none}, {"discontinued", &none},
	    {"unavailable", &none}, {"no", &none}, {"false", &none}, {"reserved", &none},
	    {"back_order", &any}, {"on_backorder", &any}, {"pre_order", &any},
	    {"pre_sale", &any}, {"made_to_order", &any}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		(void)add_word(r, known[i].word, *known[i].range);
}

int
value_add_word(struct value_rules *r, const char *word, const char *amounts)
{
	struct range range;
	char *end;
	double low = strtod(amounts, &end), high;

	if (strcmp(amounts, "any") == 0)
		return add_word(r, word, (struct range){1, 0});
	if (end == amounts || !(fabs(low) < 1e12))
		return -EINVAL;
	high = low;
	if (*end == '-') {
		const char *from = end + 1;

		high = strtod(from, &end);
		if (end == from || !(high >= low) || !(high < 1e12))
			return -EINVAL;
	}
	range = (struct range){llround(low * VALUE_SCALE), llround(high * VALUE_SCALE)};
	if (strcmp(end, "+") == 0)
		range.high = VALUE_MAX;
	else if (*end != '\0')
		return -EINVAL;
	return add_word(r, word, range);
}

/* ---- numbers ---- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One comma or dot: does it end the whole part? With `decimal` it does; the other sign does so when
 * no group of three digits is behind it ("9,5", "9.95" where the comma is the decimal sign). */
static bool
is_decimal(const char *s, const char *end, char decimal)
{
	const char *c = s + 1;

	if (*s == decimal)
		return true;
	while (c < end && is_digit(*c))
		c++;
	return c - s != 4 && (c == end || (*c != '.' && *c != ','));
}

/* Digits with groups and a decimal sign, from s to end. NULL, or why not. */
static const char *
read_digits(const char *s, const char *end, char decimal, int64_t *amount)
{
	int behind = -1, n = 0;
	int64_t v = 0;
	bool rounds = false;

	for (; s < end; s++) {
		if ((*s == '.' || *s == ',') && behind < 0 && is_decimal(s, end, decimal)) {
			behind = 0;
		} else if (is_digit(*s)) {
			n++;
			if (behind == DECIMALS) {
				rounds = *s >= '5';
				behind = DECIMALS + 1;
			}
			if (behind > DECIMALS)
				continue;
			if (v > (VALUE_MAX - 9) / 10)
				return "is too large";
			v = v * 10 + (*s - '0');
			behind += behind >= 0;
		} else if ((*s != '.' && *s != ',' && *s != ' ' && *s != '\'') || behind >= 0
		    || n == 0) {
			return "is no number";
		}
	}
	if (n == 0)
		return "is no number";
	for (behind = behind < 0 ? 0 : behind; behind < DECIMALS; behind++) {
		if (v > VALUE_MAX / 10)
			return "is too large";
		v *= 10;
	}
	*amount = v + rounds;
	return NULL;
}

static bool
is_currency(const char *s)
{
	for (int i = 0; i < 3; i++)
		if (s[i] < 'A' || s[i] > 'Z')
			return false;
	return true;
}

/* A currency before or behind: three capitals, or a sign of its own (any bytes above ASCII, $). */
static void
take_currency(const char **s, const char **end, char currency[4])
{
	const char *from = *s, *to = *end;

	currency[0] = '\0';
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (from < to && (to[-1] == ' ' || to[-1] == '\t' || (to[-1] & 0x80) || to[-1] == '$'))
		to--;
	while (from < to && ((*from & 0x80) || *from == '$' || *from == ' '))
		from++;
	if (to - from > 3 && is_currency(from)) {
		memcpy(currency, from, 3);
		from += 3;
	} else if (to - from > 3 && is_currency(to - 3)) {
		memcpy(currency, to - 3, 3);
		to -= 3;
	}
	currency[3] = '\0';
	while (from < to && (*from == ' ' || (*from & 0x80)))
		from++;
	while (from < to && (to[-1] == ' ' || (to[-1] & 0x80)))
		to--;
	*s = from;
	*end = to;
}

static int64_t
scale(const struct value_rules *r, int64_t amount)
{
	double v = (double)amount;

	if (!r->is_cents && r->tax == 0)
		return amount;
	if (r->is_cents)
		v /= 100;
	return llround(v * (1 + r->tax));
}

/* What most feeds are full of: up to 12 digits with a dot among them, and nothing else. False: it
 * is something else, to be looked at closely. */
static bool
read_plain(const char *s, size_t len, int64_t *amount)
{
	int64_t v = 0, scale = VALUE_SCALE;
	size_t i = 0;

	if (len > 12)
		return false;
	for (; i < len && is_digit(s[i]); i++)
		v = v * 10 + (s[i] - '0');
	if (i == 0)
		return false;
	if (i < len && s[i] == '.' && i + 1 < len && len - i - 1 <= DECIMALS)
		for (i++; i < len && is_digit(s[i]); i++) {
			v = v * 10 + (s[i] - '0');
			scale /= 10;
		}
	*amount = v * scale;
	return i == len;
}

static const char *
read_text(const struct value_rules *r, const char *s, size_t len, int64_t *cell)
{
	const char *end = s + len, *from = s, *why;
	char folded[WORD_BYTES], currency[4];
	bool is_negative;
	int64_t amount;

	if (r->decimal != ',' && read_plain(s, len, &amount))
		return *cell = scale(r, amount), NULL;
	take_currency(&from, &end, currency);
	is_negative = from < end && *from == '-';
	from += is_negative || (from < end && *from == '+');
	if (from == end)
		return *cell = CELL_NULL, NULL;
	if (is_digit(*from)) {
		if ((why = read_digits(from, end, r->decimal != '\0' ? r->decimal : '.', &amount))
		    != NULL)
			return why;
		if (currency[0] != '\0' && r->currency[0] != '\0'
		    && strcmp(currency, r->currency) != 0)
			return "is of another currency";
		*cell = scale(r, is_negative ? -amount : amount);
		return NULL;
	}
	if (fold(folded, s, len) == 0)
		return "is no word that is known";
	for (uint32_t i = 0; i < r->n_words; i++)
		if (strcmp(r->words[i].text, folded) == 0)
			return *cell = CELL_WORD + i, NULL;
	if (len == 3 && is_currency(s))
		return *cell = CELL_CURRENCY + ((s[0] - 'A') * 26 + s[1] - 'A') * 26 + s[2] - 'A',
		       NULL;
	return "is no word that is known";
}

const char *
value_read(const struct value_rules *r, const struct tw_value *v, int64_t *cell)
{
	switch (v->type) {
	case TW_FIELD_NONE:
		*cell = CELL_NULL;
		return NULL;
	case TW_FIELD_TEXT:
		return read_text(r, v->as.text, v->len, cell);
	case TW_FIELD_REAL:
		if (!(fabs(v->as.real) < (double)VALUE_MAX / VALUE_SCALE))
			return "is too large";
		*cell = scale(r, llround(v->as.real * VALUE_SCALE));
		return NULL;
	default: /* TW_FIELD_INT, TW_FIELD_TIME_MS */
		if (v->as.integer > VALUE_MAX / VALUE_SCALE
		    || v->as.integer < -VALUE_MAX / VALUE_SCALE)
			return "is too large";
		*cell = scale(r, v->as.integer * VALUE_SCALE);
		return NULL;
	}
}

bool
value_is_amount(int64_t cell)
{
	return cell >= -VALUE_MAX;
}

bool
value_is_said(int64_t cell)
{
	return cell != CELL_ABSENT && cell != CELL_NULL && cell != CELL_GONE
	    && cell != CELL_UNREADABLE;
}

static bool
is_code(int64_t cell)
{
	return cell >= CELL_CURRENCY && cell < CELL_CURRENCY + 26 * 26 * 26;
}

struct range
value_range(const struct value_rules *r, int64_t cell)
{
	if (is_code(cell)) /* far from all amounts and from each other */
		return (struct range){VALUE_MAX + cell - INT64_MIN, VALUE_MAX + cell - INT64_MIN};
	if (value_is_amount(cell))
		return (struct range){cell, cell};
	if (cell >= CELL_WORD && cell < CELL_WORD + (int64_t)r->n_words)
		return r->words[cell - CELL_WORD].range;
	return (struct range){1, 0};
}

const char *
value_text(const struct value_rules *r, int64_t cell, char dst[VALUE_TEXT])
{
	if (cell == CELL_ABSENT || cell == CELL_GONE)
		snprintf(dst, VALUE_TEXT, "-");
	else if (is_code(cell))
		snprintf(dst, VALUE_TEXT, "%c%c%c", 'A' + (int)((cell - CELL_CURRENCY) / 676),
		    'A' + (int)((cell - CELL_CURRENCY) / 26 % 26),
		    'A' + (int)((cell - CELL_CURRENCY) % 26));
	else if (cell == CELL_NULL)
		snprintf(dst, VALUE_TEXT, "nothing");
	else if (cell == CELL_UNREADABLE)
		snprintf(dst, VALUE_TEXT, "unreadable");
	else if (!value_is_amount(cell))
		snprintf(dst, VALUE_TEXT, "%s",
		    cell < CELL_WORD + (int64_t)r->n_words ? r->words[cell - CELL_WORD].text : "?");
	else
		snprintf(dst, VALUE_TEXT, "%.15g", (double)cell / VALUE_SCALE);
	return dst;
}

int
value_tolerance(const char *text, int64_t *amount, double *share, bool *is_share)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || !(v >= 0) || !(v < 1e9))
		return -EINVAL;
	while (*end == ' ')
		end++;
	if ((*is_share = strcmp(end, "%") == 0)) {
		*share = v / 100;
		return *share < 1 ? 0 : -EINVAL;
	}
	*amount = llround(v * VALUE_SCALE);
	return *end == '\0' || (strlen(end) == 3 && *end >= 'A' && *end <= 'Z') ? 0 : -EINVAL;
}
