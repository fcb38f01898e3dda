/*
 * table.h - what all systems say of all keys: a row a key, in it a cell a system and field.
 *
 *     slots (open addressing)          rows, in the order they came
 *     +--------------+                 key offset | cells, one a column   | marks, one a source
 *     | hash:32 row:32|  ----------->      0      | 120000  CELL_WORD+1   |   3  3
 *     |  empty        |                    12     |  50000  CELL_ABSENT   |   3  0
 *     +--------------+                     ...
 *     keys: text, each NUL-terminated, in one piece
 *
 * DESIGN. What a look-up takes is the way to the memory: a slot, a row, a key, each in a place of
 * its own. So a row lies together and is small, and whoever has many keys says so before
 * (table_expect). A cell takes 4 bytes, which hold any word and amounts up to 214,748; when a
 * larger one comes, all are made 8 bytes wide, once. The arrays grow without a copy beside them
 * (realloc of what is mapped); slots are in parts that grow one by one, so that nobody waits for
 * all of them. The hash has a secret of the process (keys come from outside), and the whole key is
 * compared: no two keys are ever taken for one.
 * A mark is the number of the scan that saw the key last in a source: behind the end of a scan the
 * rows with another mark are what the source no longer has.
 *
 * Ceilings: TABLE_ROWS_MAX rows, 4 GiB of keys. A key costs about 11 bytes of slots, its text and 5
 * bytes, and 1 a source and 4 a column.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_TABLE_H
#define INVENTORY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_ROWS_MAX 20000000
#define TABLE_KEY_MAX 512             /* bytes; a longer key is refused */
#define ROW_NONE UINT32_MAX

#define TABLE_EXPECT_MAX 64           /* keys; of more only the first ones are fetched */

struct table;
struct table_text { const char *text; size_t len; };

struct table *table_new(unsigned n_columns, unsigned n_sources); /* NULL: no memory */
void table_free(struct table *t);
uint32_t table_rows(const struct table *t);
size_t table_bytes(const struct table *t);
/* The row of a key. ROW_NONE: there is none (or, with is_new, no room for it). */
uint32_t table_find(const struct table *t, const char *key, size_t len);
uint32_t table_add(struct table *t, const char *key, size_t len);
/* These keys are looked up soon: what it takes is fetched from memory meanwhile. */
void table_expect(const struct table *t, const struct table_text *keys, size_t n);
const char *table_key(const struct table *t, uint32_t row); /* until the next table_add */
int64_t table_cell(const struct table *t, unsigned column, uint32_t row);
/* False: no memory for a wider column; the cell is as it was. */
bool table_put(struct table *t, unsigned column, uint32_t row, int64_t cell);
uint8_t *table_mark(const struct table *t, unsigned source, uint32_t row); /* also until then */

#endif
