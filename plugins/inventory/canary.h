/*
 * canary.h - a value of our own goes from system to system: how long does it take?
 *
 *     value      100   101   102 ...          (or 0, high, 0, high: where a system only says words)
 *                 |     |
 *     written ----+-----+-----------------> time
 *     wms shows   .+    .+
 *     shop shows      +----------+          each shows it: its lag; until then it is pending
 *
 * DESIGN. A value is a number in a sequence, so what a system shows tells which write has reached
 * it. A lag begins before the request of the write is sent, and ends when an answer that shows the
 * value has been read: at most the true one and a step. A write that another one has overtaken
 * counts as seen with that one, and until then a system waits for the oldest it has not shown.
 * What a write has come to is told apart: only what is known to be written (it was answered so, or
 * a system shows it) is waited for as lag; a refused one is nobody's lag.
 * A system that only says words cannot show a number: from the first word on all values are 0 and
 * `high` in turn, and none is written while another is on its way.
 *
 *     saved: version u32, words u32, of u64, newest u64,
 *            8 x { number u64, value i64, sent_ms i64, slot_ms i64, result i64, status i64 },
 *            n u64, n x { name's hash u64, seen u64, seen_ms i64, lag_ms i64 }
 *
 * Runs in: whoever holds the host's lock; knows no host, reads no clock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_CANARY_H
#define INVENTORY_CANARY_H

#include "plugins/inventory/compare.h"

#define CANARY_WRITES 8               /* the newest, which systems may still show */
#define CANARY_GIVE_UP 4              /* times max_lag: then the next value is written */
#define CANARY_SAVED_MAX 2048

enum canary_result {
	CANARY_UNSURE,                /* intended, or sent without an answer: it may be written */
	CANARY_OK,
	CANARY_FAILED                 /* the answer said no */
};
struct canary_write {
	uint64_t number;              /* 1, 2, ...; 0 = none */
	int64_t value;                /* units */
	int64_t sent_ms;              /* just before the request went */
	int64_t slot_ms;              /* of the run that wrote it */
	int64_t result, status;       /* enum canary_result; the answer's status, 0 = none */
};
struct canary_side {                  /* a system; the first one is the reference */
	const char *name;
	const struct rule *rule;      /* NULL: the reference */
	const struct value_rules *rules;
	int64_t cell;                 /* what it showed last; CELL_NULL = not known */
	uint64_t seen;                /* number of the newest write that is not waited for */
	int64_t seen_ms;
	int64_t lag_ms;               /* of the newest that was seen; -1 = none yet */
};
struct canary {
	int64_t low, high, stride;    /* values; from one to the next */
	int64_t every_ms, max_lag_ms;
	uint64_t of;                  /* hash of key and field: another one's state is none */
	bool is_words;
	bool is_disturbed;            /* somebody else has changed the newest value */
	uint64_t newest;              /* number */
	struct canary_write writes[CANARY_WRITES]; /* at number % CANARY_WRITES */
	struct canary_side sides[SOURCES_MAX];
	unsigned n_sides;
};

/* The newest write, or NULL. */
struct canary_write *canary_newest(struct canary *c);
bool canary_is_due(const struct canary *c, int64_t slot_ms, int64_t now_ms);
/* The next value: no system shows it yet, as far as is known. */
int64_t canary_next(const struct canary *c);
/* It is about to be sent; CANARY_UNSURE until something is known. */
struct canary_write *canary_intend(
    struct canary *c, int64_t value, int64_t slot_ms, int64_t now_ms);
/* A system shows this cell (CELL_ABSENT: it has no such key), of a reading that was asked for at
 * read_ms and is here at now_ms. */
void canary_shows(struct canary *c, unsigned side, int64_t cell, int64_t read_ms, int64_t now_ms);

/* How long the oldest write that the side has not shown is known to be written; 0: it shows all. */
int64_t canary_pending_ms(const struct canary *c, unsigned side, int64_t now_ms);
/* May reading it bring something new? */
bool canary_is_waiting(const struct canary *c, unsigned side, int64_t now_ms);
bool canary_is_late(const struct canary *c, unsigned side, int64_t now_ms);

size_t canary_save(const struct canary *c, void *dst, size_t cap);
/* 0; -EINVAL: damaged, or another canary's; then nothing has changed. */
int canary_restore(struct canary *c, const void *src, size_t len);

#endif
