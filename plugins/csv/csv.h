/*
 * csv.h - the inside of the csv source: a feed file, here or elsewhere, whose rows become records.
 *
 *   csv.c          options, metrics, alerts; what is kept over restarts; the verdict
 *   feed.c         bytes: a file, http, https, sftp; gzip; is it the same as before?
 *   rows.c         rows -> records: columns by name, time, batches
 *   csv-parse.c    bytes -> rows
 *
 * DESIGN. A feed is read whole or not at all: each reading is a scan. One whose file has not
 * changed (inode, size and time; ETag or Last-Modified) is told as unchanged without being read.
 * What is cut off (fewer rows than `min_rows` of what is usual, a file that changes while it is
 * read, a transfer that breaks off) is never told as whole: its rows count, but nothing is missing
 * for want of them.
 *
 * Runs in: start() on the loop, everything else in the source's own thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CSV_CSV_H
#define PLUGINS_CSV_CSV_H

#include <tillwatch/plugin.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "lib/clock.h"
#include "plugins/common/fetch.h"
#include "plugins/csv/csv-parse.h"

#define CSV_FIELDS_MAX 48
#define CSV_BATCH 256
#define CSV_ROWS_KEPT 7               /* counts of rows that say what is usual */
#define CSV_ERR 256

/* What tells a feed from another one without reading it. */
struct feed_mark {
	uint64_t device, inode, size;
	int64_t mtime_ns;
	char etag[FETCH_TEXT], modified[FETCH_TEXT];
};

struct csv {
	/* options */
	const char *path, *url, *user, *password, *private_key, *host_key, *ca_file, *delimiter,
	    *time;
	uint8_t has_header;
	struct tw_list headers, fields;
	double min_rows;
	int64_t max_age, frozen_after, max_size;

	/* made by start */
	struct fetcher *fetcher;
	struct csv_parser parser;
	struct feed_mark mark;        /* of what was handed on last, whole */
	bool has_mark;
	uint32_t rows_kept[CSV_ROWS_KEPT]; /* of the newest feeds, newest first; 0 = none */
	uint64_t columns_hash;        /* of the first line, as it was last; 0 = not known */
	uint64_t checksum;
	int64_t checksum_ms;          /* since when the content is the same */

	/* a reading */
	struct tw_ctx *ctx;
	int at[CSV_FIELDS_MAX];       /* column of a field; -1: not there */
	int time_at;
	bool has_names, is_first_batch, has_new_columns;
	char err[CSV_ERR];
	const char *cause;            /* of err; NULL = none */
	uint64_t n_rows, n_rejected, n_told_rejected;
	int64_t modified_ms;          /* of the feed, as far as it says; 0 = not known */
	int64_t read_ms;
	XXH3_state_t *hash;
	struct tw_record records[CSV_BATCH];
	struct tw_value values[CSV_BATCH][CSV_FIELDS_MAX];
	size_t n_records;
};

/* feed.c: the feed's bytes to csv_feed. 0: whole; 1: unchanged, nothing was read; -1: s->cause. */
int feed_read(struct csv *s, struct feed_mark *mark);
void feed_fail(struct csv *s, const char *cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* rows.c */
bool rows_take(void *arg, struct csv_cell *cells, size_t n);
void rows_pause(void *arg);
void rows_reject(void *arg, const char *why, const char *excerpt, size_t len);
void rows_begin(struct csv *s);
/* The last batch: with it the scan is whole. */
void rows_end(struct csv *s, bool is_whole);

#endif
