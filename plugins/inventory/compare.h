/*
 * compare.h - the comparer: of which keys do systems say different things, and since when?
 *
 *      records of sources            differences
 *   wms   --> cells --+    open ----- older than grace ----> asked (both sides read again)
 *   feed  --> cells --+--> judge        ^   |                    |
 *                           |           |   +-- equal again: closed, its lag told
 *                           +-- equal --+                        +--> confirmed: it counts
 *
 * DESIGN. Two systems are never read at the same instant, so a difference is no error yet. It is
 * open `since` the moment from which what the system shows is not explained by what the reference
 * has said: a system that shows what the reference said two minutes ago is two minutes behind, even
 * while both move on; a value that the system has just changed is as old as that change. Once it is
 * older than its rule's grace, both sides are read again, one right after the other; what differs
 * still is confirmed. Nothing is missing before a scan has come to its end. A sampled side
 * (TW_BATCH_SAMPLE) is never whole: what it has shown is judged, and what it was not seen to show
 * is neither missing nor confirmed; a key is missing there when it was told to be gone.
 *
 * What a record costs does not depend on how many keys there are; neither does a round, only on how
 * many differ. Past OPEN_MAX differences only their number is known. What has to do with all keys,
 * at the end of a scan, is done in pieces, so that nobody waits for it as long as that takes.
 *
 * Runs in: whoever holds the host's lock (on_records, probe and their kin); nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_COMPARE_H
#define INVENTORY_COMPARE_H

#include "plugins/inventory/table.h"
#include "plugins/inventory/value.h"

#define OPEN_MAX 50000
#define PAST_MAX 6                    /* values of the reference that a difference remembers */
#define RULES_MAX 64
#define SOURCES_MAX 16
#define COLUMNS_MAX 128
#define ALL_ROWS UINT32_MAX
#define SETTLE_ROWS 2048              /* of a piece of what a whole scan has shown: 1 ms at most */

enum state {
	NOT_COMPARED,                 /* a side is not known yet, or says nothing */
	SAME,
	DIFFERS,
	MISSING,                      /* in the reference, not in the system */
	GHOST,                        /* in the system, not in the reference */
	STATE_N
};

struct rule {                         /* one field of one system, against its reference */
	const char *field, *system;   /* system: the name of its source */
	unsigned reference, source;   /* their places */
	unsigned reference_column, column;
	const struct value_rules *reference_rules, *rules;
	bool is_quantity;             /* below 0 is 0; a system may leave out what has none */
	bool counts_keys;             /* the first rule of these two: it tells missing and ghost */
	int64_t buffer;               /* amount that the system keeps back */
	int64_t tolerance;            /* amount */
	double share;                 /* or a share of the reference's amount */
	int64_t grace_ms;
	/* made by the comparer */
	uint32_t judged;              /* rows before it are; ALL_ROWS: those to come too */
};

struct side {                         /* a source */
	const char *name;
	uint8_t scan;                 /* number of the newest scan, 1..SCANS; 0 = none yet */
	uint8_t whole_scan;           /* and of the newest whole one */
	uint32_t swept;               /* rows before it that scan did see, or they are gone */
	bool is_scanning, is_whole;   /* whole: a scan has come to its end */
	bool is_sampled;              /* it shows some keys of many, and is never whole */
	int64_t scan_ms;              /* the newest time that all of it was known */
	int64_t began_ms, whole_ms;   /* when the newest scan began, and the newest whole one */
	int64_t read_ms;              /* the newest read */
	int64_t all_ms, before_ms;    /* the newest read that was of all; the one before */
	int64_t newest_ms;            /* the newest time that a record said */
	int64_t changed_ms;           /* when a cell of it changed last, as we saw it */
	uint64_t scan_rows, n_duplicates, n_negative; /* of the scan under way, or the last */
	uint64_t whole_rows;
	uint64_t n_rows;              /* that it has, as far as is known */
	uint64_t n_before, n_again;   /* of them when the scan began, and seen again by it */
	uint64_t n_holes;             /* records of the scan that nobody can read */
	bool is_asked, is_answered;   /* keys are read again: the answer is whole */
	bool is_answer;               /* the scan under way began when it was asked for */
};

struct difference;                    /* see compare-open.h */

struct comparer {
	struct table *table;
	struct side sides[SOURCES_MAX];
	unsigned n_sides, n_columns;
	unsigned side_of[COLUMNS_MAX]; /* the columns of a side lie together */
	uint64_t rules_of[COLUMNS_MAX]; /* a bit each; made by compare_init */
	struct rule rules[RULES_MAX];
	unsigned n_rules;
	uint64_t tally[RULES_MAX][STATE_N]; /* rows by state, but for what is not compared */
	struct difference *open;      /* hash by row and rule */
	uint32_t n_open;
	bool is_too_many;             /* more differ than OPEN_MAX */
	uint32_t *asked;              /* rows whose keys are read again */
	size_t n_asked;
	/* A change of the reference reached the system after so many ms at most. May be NULL. */
	void (*on_lag)(void *arg, const struct rule *rule, int64_t ms);
	/* A cell of a key that the side had has become another one. May be NULL. */
	void (*on_change)(void *arg, unsigned column, uint32_t row);
	/* A difference begins: since when was it open before a restart? 0: it was not. */
	int64_t (*was_open)(void *arg, const struct comparer *c, uint32_t row, unsigned rule);
	void *arg;
};

/* Both sides are known, and so is of all rows what the rule says of them. */
static inline bool
rule_is_known(const struct rule *r)
{
	return r->judged == ALL_ROWS;
}

/* sides, rules, columns are filled in by the caller before. 0 or -ENOMEM. */
int compare_init(struct comparer *c);
void compare_clear(struct comparer *c);

/* A batch begins: a scan's first one starts a scan. */
void compare_batch(struct comparer *c, unsigned side, uint32_t batch_flags, int64_t read_ms);
/* What a side says of a key: a cell for each of its columns, in their order. time_ms: the record's
 * own, 0 = none. False: no room for the key. */
bool compare_record(struct comparer *c, unsigned side, const char *key, size_t len,
    const int64_t *cells, int64_t time_ms);
/* So many records of the scan could not be read: as many keys may be among them that it seems to
 * lack, and these are not gone. */
void compare_holes(struct comparer *c, unsigned side, uint64_t n);
/* It says that it has no such key. False: no room for it. */
bool compare_gone(struct comparer *c, unsigned side, const char *key, size_t len);
/* The batch is over: after a scan's last one, what it did not say is gone, and when both sides have
 * become known all their rows are judged: SETTLE_ROWS at once, the others by compare_settle. */
void compare_batch_end(struct comparer *c, unsigned side, uint32_t batch_flags);
/* At most n more rows of that. False: all is done. */
bool compare_settle(struct comparer *c, uint32_t n);

/* Differences that are to be read again, at most n keys of `bytes` together: those past their
 * grace, longest unchecked first. How many rows c->asked holds. */
size_t compare_ask(struct comparer *c, int64_t now_ms, size_t n, size_t bytes);
void compare_ask_side(struct comparer *c, unsigned side);    /* its keys are about to be read */
void compare_asked_side(struct comparer *c, unsigned side);  /* the reading is over */
/* Both sides have been asked: what differs still is confirmed. So is what a whole scan has shown
 * that began when it was past its grace. */
void compare_confirm(struct comparer *c, int64_t now_ms);

bool compare_is_known(const struct side *s);  /* what it shows can be judged */
enum state compare_judge(const struct comparer *c, const struct rule *r, uint32_t row);
/* What the system should show, of what the reference says. */
struct range compare_expected(const struct rule *r, int64_t cell);
/* Does what the system shows agree with what the reference says? Both have the key. */
bool compare_agrees(const struct rule *r, int64_t reference, int64_t cell);

/* Of a rule, now. */
struct totals {
	uint64_t n_compared, n_same;
	uint64_t n_open;              /* differences, confirmed or not */
	uint64_t n_drift;             /* confirmed values that differ */
	uint64_t n_missing, n_ghost;  /* confirmed */
	double units;                 /* by how much the confirmed ones differ, together */
	int64_t age_ms[3];            /* of the confirmed ones: median, 95th percentile, oldest */
};
/* Of all rules, in their order. 0 or -ENOMEM. */
int compare_totals(struct comparer *c, int64_t now_ms, struct totals *t);

#endif
