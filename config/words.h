/*
 * words.h - words that were: what an earlier version called otherwise is taken as what it is called
 * now, and told.
 *
 *     shop.yaml:12:5: synthetic.header is now "headers"; 'tillwatch config upgrade' rewrites it
 *
 * DESIGN. A row is a struct tw_word (plugin.h): the core's stand in word-table.c, a plugin's come
 * with its description. What a row does follows from its two paths:
 *
 *     "canary/every"  "canary/interval"   renamed where it stands
 *     "robots=heed"   "robots=obey"       a value, alone or in a list
 *     "sku/units"     "normalize/units"   moved: taken, but the file is changed by hand
 *     "units"         "/probes[].units"   of another map now: refused, with that place
 *
 * It is done on the tree, before anything is checked, so that nobody behind it knows an old word. A
 * tree that was read is never changed: an anchor may stand in several places, and the word was in
 * one of them. What a row changes is copied, from the top down to it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_WORDS_H
#define CONFIG_WORDS_H

#include "config/errors.h"
#include "lib/options.h"

struct word_use { /* an old word that stands in a file */
	struct yaml_place place;
	struct yaml_span span; /* of the key, or of the value */
	const char *path;      /* "probes[0].canary.every" */
	const char *was, *now; /* as they are written; of a move: the paths from `base` */
	const char *since;
	const char *base;              /* of a move: "probes[0]", what both paths start from */
	const struct yaml_node *value; /* of a move: what has to go there; else NULL */
	bool is_value;
	bool is_by_hand; /* nobody but its writer can change it */
};

struct words {
	struct heap *heap; /* of copies and texts; the caller's */
	struct errors *errors;
	struct word_use *uses; /* found so far; freed by words_clear */
	size_t n, cap;
};

/* Row i of a table of words, whose rows may be larger or smaller than ours: a copy. */
struct tw_word word_row(const struct tw_table *t, uint32_t i);
/* root, or a copy of it in which the words of `rows` (struct tw_word) are those of today. path: of
 * root, "probes[2]" or "". Old and new in one place is an error. */
struct yaml_node *words_take(
    struct words *w, const struct tw_table *rows, struct yaml_node *root, const char *path);
/* Puts the uses in the order of their places, each once. */
void words_sort(struct words *w);
/* A line a use, for people: what it is now. */
void words_tell(const struct words *w, struct errors *out);
void words_clear(struct words *w);

extern const struct tw_table config_words; /* word-table.c: the core's */

#endif
