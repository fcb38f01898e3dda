/*
 * csv-parse.h - rows of a feed, as its bytes come: RFC 4180, and what shops make of it.
 *
 *    sku;name;"price"\r\n                cells: [sku] [name] [price]
 *    A-1;"Tea ""Earl""; 50 g";9,95\n            [A-1] [Tea "Earl"; 50 g] [9,95]
 *
 * DESIGN. Bytes are gathered until a row is whole, then cut in place: nothing is copied but the
 * rest of a row at the end of a piece. A quote that is never closed would swallow the feed: a row
 * of more than CSV_ROW_MAX bytes is rejected up to its first line end, and what follows is read
 * again. The delimiter is the commonest of , ; tab | in the first line, outside of quotes.
 *
 * Runs in: any thread; nothing blocks. Memory: CSV_BUFFER.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CSV_PARSE_H
#define PLUGINS_CSV_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_ROW_MAX 65536
#define CSV_BUFFER (4 * CSV_ROW_MAX)
#define CSV_CELLS_MAX 256             /* of a row; what is behind is not looked at */

struct csv_cell { char *text; size_t len; };

struct csv_parser {
	char delimiter;               /* '\0': found out in the first line */
	/* A row; the cells live until on_pause, which comes before they go. False ends the feed. */
	void (*on_pause)(void *arg);
	bool (*on_row)(void *arg, struct csv_cell *cells, size_t n);
	void (*on_reject)(void *arg, const char *why, const char *excerpt, size_t len);
	void *arg;
	/* its own */
	char *buffer;
	size_t n;
	uint64_t n_rows;              /* handed on, the first line too */
	bool is_started, is_over;
	bool is_utf16;                /* a feed that cannot be read at all */
};

int csv_init(struct csv_parser *p);   /* the words above are set; 0 or -ENOMEM */
void csv_clear(struct csv_parser *p);
bool csv_feed(struct csv_parser *p, const char *data, size_t len); /* false: it was ended */
/* The last line may lack its end: is_whole says whether one that does counts. */
void csv_end(struct csv_parser *p, bool is_whole);

#endif
