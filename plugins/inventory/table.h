/*
 * table.h - what all systems say of all keys: a row a key, a column of cells a system and field.
 *
 *     slots (open addressing)          rows, dense, in the order they came
 *     +--------------+                 key offset | marks, one a source | cells, one a column
 *     | hash:32 row:32|  ----------->      0      |   3  3              | 120000  CELL_WORD+1
 *     |  empty        |                    12     |   3  0              |  50000  CELL_ABSENT
 *     +--------------+                     ...
 *     keys: text, each NUL-terminated, in one piece
 *
 * DESIGN. Dense columns instead of rows of structs: a million keys of two systems are 16 MiB of
 * slots and 8 bytes a column and key, and grow without a copy beside them (realloc of what is
 * mapped). The hash has a secret of the process (keys come from outside), and the whole key is
 * compared: no two keys are ever taken for one.
 * A mark is the number of the scan that saw the key last in a source: behind the end of a scan the
 * rows with another mark are what the source no longer has.
 *
 * Ceilings: TABLE_ROWS_MAX rows, 4 GiB of keys. Cost: about 60 ns a record at a million rows.
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

struct table;

struct table *table_new(unsigned n_columns, unsigned n_sources); /* NULL: no memory */
void table_free(struct table *t);
uint32_t table_rows(const struct table *t);
size_t table_bytes(const struct table *t);
/* The row of a key. ROW_NONE: there is none (or, with is_new, no room for it). */
uint32_t table_find(const struct table *t, const char *key, size_t len);
uint32_t table_add(struct table *t, const char *key, size_t len);
const char *table_key(const struct table *t, uint32_t row); /* until the next table_add */
/* Of all rows; until the next table_add. */
int64_t *table_column(struct table *t, unsigned column);
uint8_t *table_marks(struct table *t, unsigned source);

#endif
