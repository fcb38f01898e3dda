/*
 * value.h - what systems write for the same thing, made comparable.
 *
 *    12.99            12.99 EUR          1 299 (units: cents)     10.92 (tax: 19%)
 *    IN_STOCK         in stock           https://schema.org/InStock
 *
 * DESIGN. A cell is one int64: an amount in ten thousandths, or one of the numbers below which no
 * amount is: the key is absent, the field says nothing, a word. A word stands for a range of
 * amounts ("in stock" for one and more), so that what is compared is always two ranges: a number is
 * a range of one. So a shop that only says IN_STOCK can be compared with a warehouse that counts.
 * Three capitals that are no known word are a currency, which is the same as itself alone.
 *
 * Runs in: any thread; nothing here keeps state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_VALUE_H
#define INVENTORY_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#define VALUE_SCALE 10000                  /* an amount of 1 */
#define VALUE_MAX (INT64_MAX / 8)          /* of an amount, either sign; also "no end" of a range */
#define WORDS_MAX 32
#define WORD_BYTES 40                      /* folded; a longer one is no word */

#define CELL_ABSENT INT64_MIN              /* the system has no such key */
#define CELL_NULL (INT64_MIN + 1)          /* it has, and says nothing of the field */
#define CELL_GONE (INT64_MIN + 2)          /* the system was asked for the key, and has it not */
#define CELL_UNREADABLE (INT64_MIN + 3)    /* it says something that nobody can read */
#define CELL_WORD (INT64_MIN + 16)         /* the first word; WORDS_MAX of them */
#define CELL_CURRENCY (INT64_MIN + 64)     /* AAA; 26 * 26 * 26 of them, in the alphabet's order */

struct range { int64_t low, high; };       /* amounts, both ends in it; low > high: anything goes */
struct word { char text[WORD_BYTES]; struct range range; };

/* How one system writes one field. */
struct value_rules {
	bool is_cents;                     /* integers of a hundredth */
	char decimal;                      /* '.' or ',' */
	double tax;                        /* a share that it leaves out: amounts times 1 + tax */
	char currency[4];                  /* "" = any; amounts of another one are refused */
	struct word words[WORDS_MAX];
	uint32_t n_words;
};

/* The words that schema.org, Google and the platforms use for availability. */
void value_default_words(struct value_rules *r);
/* A word of the user's own and its amounts: "0", "1+", "1-5", "any". 0 or -EINVAL. */
int value_add_word(struct value_rules *r, const char *word, const char *amounts);
/* "0.01 EUR", "0.5%", "2": *is_share tells which. 0 or -EINVAL. */
int value_tolerance(const char *text, int64_t *amount, double *share, bool *is_share);

/* What a record says, as a cell. NULL, or why not, as a short stable phrase. */
const char *value_read(const struct value_rules *r, const struct tw_value *v, int64_t *cell);
bool value_is_amount(int64_t cell);
bool value_is_said(int64_t cell);          /* it has the key, and says something of the field */
struct range value_range(const struct value_rules *r, int64_t cell); /* of an amount or a word */
/* For people: "12.5", "in_stock", "-" when absent. */
#define VALUE_TEXT 48
const char *value_text(const struct value_rules *r, int64_t cell, char dst[VALUE_TEXT]);

#endif
