/*
 * state.c - rows that say what is: stock, prices, states of orders, a key each. See sql.h.
 *
 * A row is handed on each time it is read, whatever was handed on before: who compares knows what
 * is new. So there is no position; after a restart everything is read once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/sql/sql.h"

static void
hand_on(struct sql_reader *r, uint32_t flags, uint64_t n_unread)
{
	struct tw_batch b = {.size = sizeof(b), .flags = flags, .read_ms = r->read_ms,
	    .complete_ms = r->read_ms - r->lateness_ms,
	    .n_unread = (uint32_t)(n_unread & UINT32_MAX)};

	sql_rows_point(r, r->n_records);
	for (size_t i = 0; i < r->n_records; i++)
		r->n[r->records[i].flags & TW_RECORD_SYNTHETIC ? SQL_R_SYNTHETIC : SQL_R_OK]++;
	r->sink.batch(r->sink.arg, &b, r->records, r->n_records);
	r->n_handed_on += r->n_records;
	sql_rows_empty(r);
}

static void
take_row(struct sql_reader *r, const struct sql_db *db)
{
	uint32_t flags = 0;
	int64_t ms;

	if (r->ranges != NULL)
		sql_ranges_note(r->ranges, db);
	if (!sql_rows_take(r, db, &flags, &ms))
		return;
	r->records[r->n_records++] = (struct tw_record){
	    .size = sizeof(struct tw_record), .flags = flags, .time_ms = ms};
	if (ms > r->newest_ms && ms <= r->read_ms) /* a clock ahead of ours must not hide rows */
		r->newest_ms = ms;
}

void
sql_state_unchanged(struct sql_reader *r, int64_t read_ms)
{
	r->read_ms = read_ms;
	hand_on(r, TW_BATCH_SCAN | TW_BATCH_FIRST | TW_BATCH_LAST | TW_BATCH_UNCHANGED, 0);
}

int
sql_state_run(struct sql_reader *r, struct sql_db *db, int64_t read_ms, uint32_t flags)
{
	int64_t from_ms =
	    flags & (TW_BATCH_SCAN | TW_BATCH_KEYS) ? 0 : r->newest_ms - r->overlap_ms;
	uint32_t kind = flags & (TW_BATCH_SCAN | TW_BATCH_KEYS), first = flags & TW_BATCH_FIRST;
	uint64_t n_rejected = r->n[SQL_R_REJECTED];
	int rc;

	db->watermark = sql_watermark_at(r->zone, from_ms > 0 ? from_ms : 0, read_ms);
	if ((rc = sql_rows_begin(r, db, read_ms, false)) != 0)
		return rc;
	while ((rc = db->driver->row(db)) > 0) {
		if (r->n_records == SQL_BATCH) {
			hand_on(r, kind | first, 0);
			first = 0;
		}
		take_row(r, db);
	}
	hand_on(r, kind | first | (rc == 0 ? flags & TW_BATCH_LAST : 0),
	    r->n[SQL_R_REJECTED] - n_rejected);
	return rc;
}
