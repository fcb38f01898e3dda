/*
 * options.h - options in their normal form (JSON), and from there into a plugin's struct.
 *
 * The agent checks what a user wrote against the plugin's rows and writes the normal form; the
 * host, which never sees YAML, fills the plugin's struct from it. Every option that has a value
 * stands in it, defaults too:
 *
 *     string url secret path host_port regex   "text"            int, bytes        17
 *     duration (microseconds)                  2500000           real, share       0.995
 *     bool                                     true              choice            "GET"
 *     set, strings                             ["cold","warm"]   ranges [[200,200],[500,599]] pairs
 * (in written order)                 [["name","value"]] tree             any value map {...} maps
 * [{...}] named                                    [["name",{...}]]
 * many (TW_MANY) of a scalar                         [value, ...]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_OPTIONS_H
#define LIB_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <tillwatch/plugin.h>

/* Pieces of memory that live and die together; wiped before they are freed, because they may hold
 * secrets. */
struct heap {
	struct heap_block *first;
};
void *heap_alloc(struct heap *h, size_t bytes);             /* zeroed; NULL: out of memory */
char *heap_text(struct heap *h, const char *text, size_t len);
void heap_free(struct heap *h);

/* Row i of a table whose rows may be larger than ours (a newer plugin) or smaller (an older one): a
 * copy. */
struct tw_option option_row(const struct tw_table *t, uint32_t i);

/* Fills self (zeroed by the caller) from the normal form. What lists and texts need comes from
 * heap. 0, -ENOMEM, or -EINVAL with the option's path in err ("assert/0/status: no list"): the two
 * sides disagree about the table. */
int options_fill(const struct tw_table *rows, void *self, const json_t *values, struct heap *heap,
    char *err, size_t err_cap);

/* The word that choices ("a|b|c") has at index i, into dst; false past the end. And the index of a
 * word, or -1. */
bool choice_word(const char *choices, uint32_t i, char *dst, size_t cap);
int choice_index(const char *choices, const char *word);

#endif
