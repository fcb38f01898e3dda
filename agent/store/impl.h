/*
 * impl.h - what the files of the store share; nobody outside agent/store and its tests includes
 * this.
 *
 *   store_commit --> frame (live.db) --> head (memory)
 *                                          --seal--> chunk (live.db) --close--> d-YYYYMMDD[.N].db
 *
 * THREADS. One writer thread owns `db`, the statements and everything without another word.
 * Readers take `lock` for reading to see series, heads and chunk references, and a connection of
 * their own for bytes. A sample moves head -> chunk -> day file, and is shown at its new place
 * before it leaves the old one; a reader looks in the same order, so it sees each sample at least
 * once and keeps the one stored first.
 *
 * FRAMES. A frame is the log of one commit. Each chunk row carries the id of the last frame that
 * it covers (`frame`): on start, samples of a series in frames up to it are sealed already and
 * skipped. A frame goes when all its samples are sealed; chunk rows leave for a day file only
 * after the frames they cover are gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_IMPL_H
#define AGENT_STORE_IMPL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "agent/store/samples.h"
#include "agent/store/store.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/index.h"

#define DAY_MS INT64_C(86400000)
#define CLOSE_AFTER_MS (2 * 3600 * INT64_C(1000)) /* after midnight UTC a day waits this long */
#define FUTURE_MS (5 * 60 * INT64_C(1000))
#define SERIES_MAX (1u << 20)
#define SERIES_PAGE 256u
#define TAIL_MAX 8u /* plain samples a series; older ones wait compressed */
#define FRAME_BYTES_MAX (512u << 20)
#define MAINTAIN_US 15000 /* when a call stops taking more work */
#define READERS_MAX 16u   /* connections kept for reuse */
#define DAYS_OPEN_MAX 96u /* day files with an open handle */

struct block { /* a compressed stretch of a head: a chunk that is only in memory */
	struct block *next;
	int64_t t0, t1;
	uint32_t n, len;
	uint8_t bytes[];
};

struct chunk_ref {
	int64_t id, t0, t1;
};

struct hseries { /* a series: its name, its head, and where its chunks in live.db are */
	struct labels *labels;
	double resolution;
	uint32_t sid;
	uint8_t kind;
	bool persisted;       /* writer: its row is committed */
	bool seen;            /* a sample of it was committed, now or once */
	uint32_t n_head;      /* samples in blocks and tail */
	struct block *blocks; /* ascending in time, before the tail */
	struct samples tail;
	int64_t last_ms;   /* newest stamp known */
	int64_t opened_ms; /* when the oldest unsealed sample came */
	int64_t
	    first_frame; /* the frame of the oldest unsealed sample; meaningful while n_head > 0 */
	int64_t sealed_frame;     /* samples of frames up to it are in chunks */
	struct chunk_ref *chunks; /* ascending id */
	uint32_t n_chunks, cap_chunks;
	uint32_t pend_last;   /* writer: the chain of this commit's samples, index + 1 */
	uint64_t pend_commit; /* writer: the commit it belongs to */
	int64_t pend_max;
};

struct posting { /* the series that have one name=value pair (or another pair of the same hash) */
	uint64_t hash;
	uint32_t *sids;
	uint32_t n, cap;
};

struct registry { /* under store.lock; adding takes it for writing */
	struct hseries *page[SERIES_MAX / SERIES_PAGE]; /* by sid; free places have no labels */
	uint32_t top;        /* the highest sid */
	struct index by_labels;
	struct posting *postings;
	uint32_t n_postings, cap_postings;
};

struct pending {
	struct hseries *hs;
	int64_t t_ms;
	double v;
	const struct hist *h;
	uint32_t prev;
};

struct day_series {
	uint32_t sid, local; /* ours and the file's */
};

struct dayfile {
	int64_t day; /* days since 1970 */
	uint32_t gen;
	char *path;
	int64_t bytes;
	unsigned refs;      /* under store.days_mu */
	bool gone;          /* unlinked: freed with the last reference */
	pthread_mutex_t mu; /* guards what follows; one reader at a time */
	sqlite3 *db;
	sqlite3_stmt *range;
	bool mapped, bad;
	uint64_t used;
	struct day_series *map; /* ascending sid; only once mapped, then constant */
	uint32_t n_map;
	int64_t *damaged; /* ids of chunks that were found broken and said */
	uint32_t n_damaged;
};

struct day_set { /* a snapshot with references */
	struct dayfile **at;
	size_t n;
	uint64_t version;
};

struct reader_conn {
	sqlite3 *db;
	sqlite3_stmt *chunk;
	unsigned epoch;
};

struct run_meta {
	int64_t id, at_ms;
	int64_t duration_us;
	uint32_t probe, bytes;
	uint8_t verdict, keep;
	bool dead; /* deleted from the table */
};

struct run_probe {
	char *name;
	bool persisted, staged;    /* its row is committed; is part of the transaction in work */
	int64_t newest, newest_ms; /* id and slot of its newest run */
	int64_t bucket;            /* scratch of thinning */
	size_t best;
};

struct runs { /* see runs.c; under mu, changed by the writer alone */
	pthread_mutex_t mu;
	struct run_meta *at; /* ascending id */
	size_t n, cap;
	size_t n_staged;          /* at the end of `at`: of the transaction in work, not shown */
	struct run_probe *probes; /* probe id = index + 1 */
	uint32_t n_probes, cap_probes;
	uint32_t *by_name, cap_names; /* open addressing: index + 1, or 0 */
	int64_t next_id, bytes;
	int64_t thinned_minute; /* when `at` was last judged */
	int64_t *drop;          /* ids judged and not yet deleted */
	size_t n_drop, cap_drop;
};

enum closing_step { CLOSING_NONE, CLOSING_FLUSH, CLOSING_PICK, CLOSING_BUILD, CLOSING_DROP };

struct closing { /* see close.c */
	enum closing_step step;
	int64_t until_day;   /* days before it are due */
	int64_t flush_frame; /* everything up to this frame is sealed first */
	int64_t day, upto;   /* the day in work; chunks with an id up to it go */
	uint32_t gen, cursor;
	char *tmp, *final;
	sqlite3 *db;
	sqlite3_stmt *put_chunk, *put_series;
	uint64_t n_chunks;
};

struct scrub {              /* see rescue.c: the check after an unclean stop, and salvage */
	bool wanted, hurry; /* check; live.db is known to be damaged */
	int table;          /* in work, of the check or the salvage */
	int64_t cursor;     /* the next key */
	sqlite3 *bad;       /* the damaged file that rows are fetched from */
	int64_t step;       /* how far to jump over what cannot be read */
	unsigned misses;
	uint64_t saved, skipped;
};

enum stmt {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_SERIES,
	ST_FRAME,
	ST_FRAME_DROP,
	ST_CHUNK,
	ST_CHUNK_GET,
	ST_CHUNK_DROP,
	ST_STATE_PUT,
	ST_STATE_DROP,
	ST_PROBE,
	ST_RUN,
	ST_RUN_BODY,
	ST_RUN_DROP,
	ST_RUN_BODY_DROP,
	ST_META,
	ST_COUNT
};

struct store {
	struct store_opts opts;
	char *dir, *live;
	int lock_fd, dir_fd;
	sqlite3 *db;
	sqlite3_stmt *st[ST_COUNT];
	pthread_rwlock_t lock;
	struct registry reg;
	struct pending *pend;
	size_t n_pend, cap_pend;
	uint64_t commit_no;
	uint32_t *fresh; /* sids without a row, under lock */
	size_t n_fresh, cap_fresh;
	int64_t next_frame, first_frame, next_chunk;
	uint32_t seal_cursor;
	uint32_t n_resealed;      /* series sealed since horizon was looked up */
	int64_t horizon;          /* frames before it are sealed wholly */
	unsigned first_step; /* of maintenance */
	struct buf frame;

	pthread_mutex_t readers_mu;
	struct reader_conn *readers[READERS_MAX];
	size_t n_readers;
	pthread_rwlock_t gate; /* readers of live.db hold it; a rescue takes it for writing */
	atomic_uint epoch;     /* counts the lives of live.db */

	pthread_mutex_t days_mu;
	struct dayfile **days; /* by day, then generation */
	size_t n_days;
	uint64_t days_version, days_clock;
	int64_t closed_until, retention_at_ms;

	struct runs runs;
	struct closing closing;
	struct scrub scrub;
	atomic_bool suspect;  /* a reader met a page that it could not read */
	int64_t data_version; /* read-only: of live.db when it was loaded */

	atomic_ullong n_series, n_head, n_chunks, n_commits, n_samples, n_damaged, n_salvaged;
	atomic_llong oldest_ms, newest_ms, last_commit_us;
};

/* --- db.c: SQLite, in our words --- */
enum db_mode {
	DB_OWN,
	DB_READ,
	DB_FROZEN
}; /* read and write; read; read a file that never changes */
int db_open(sqlite3 **out, const char *path, enum db_mode mode);
int db_errno(sqlite3 *db, int rc); /* 0 or a negative errno; -EUCLEAN = damaged */
int db_exec(sqlite3 *db, const char *sql);
int db_run(sqlite3_stmt *st); /* one step to the end, reset, bindings cleared */
int db_prepare(sqlite3 *db, sqlite3_stmt **st, const char *sql);
int db_int(
    sqlite3 *db, const char *sql, int64_t *out); /* first column of the first row; -ENOENT: none */
int live_create(sqlite3 *db);                    /* the schema of live.db */
int live_setup(struct store *s);                 /* pragmas and statements of the writer */
void live_teardown(struct store *s);
int txn_begin(struct store *s);
int txn_end(
    struct store *s, int rc); /* commits when rc is 0, else rolls back; returns the verdict */
int meta_put(struct store *s, const char *key, int64_t a, int64_t b, int64_t c);
int meta_get(struct store *s, const char *key, int64_t abc[3]); /* -ENOENT */
int reader_get(struct store *s, struct reader_conn **out); /* holds the gate until reader_put */
void reader_put(struct store *s, struct reader_conn *c);
void readers_close(struct store *s);

/* --- registry.c: series by labels --- */
struct hseries *series_at(const struct store *s, uint32_t sid); /* NULL: none. Lock held */
/* Lock held for writing. A new one has the next free sid when sid is 0. NULL: full. */
struct hseries *series_add(struct store *s, const struct labels *l, uint32_t sid);
struct hseries *series_find(const struct store *s, const struct labels *l);
/* The sids of series that match, ascending. Lock held. *out is the caller's. */
size_t series_match(const struct store *s, const struct matcher *m, size_t n, uint32_t **out);
void registry_clear(struct store *s);
void chunk_ref_add(struct hseries *hs, int64_t id, int64_t t0, int64_t t1);

/* --- head.c: unsealed samples of one series --- */
bool head_has(const struct hseries *hs, int64_t t_ms);
void head_add(struct hseries *hs, int64_t t_ms, double v, const struct hist *h); /* not yet there */
/* Appends those in [from, to] to out, in order. */
void head_copy(const struct hseries *hs, int64_t from_ms, int64_t to_ms, struct samples *out);
void head_clear(struct hseries *hs);

/* --- commit.c --- */
int series_put_row(struct store *s, const struct hseries *hs);

/* --- seal.c --- */
int seal_slice(struct store *s, int64_t force_frame, int max); /* series sealed, or an error */
int frames_drop(struct store *s);        /* 1 when more is left, 0, or an error */

/* --- close.c, days.c --- */
int close_slice(struct store *s);   /* 1 = more to do, 0, or an error */
int close_recover(struct store *s); /* finishes what a crash cut short */
void close_abandon(struct store *s);
void day_name(char *dst, size_t cap, int64_t day, uint32_t gen);
int days_scan(struct store *s); /* the list of files in the directory */
int days_add(struct store *s, int64_t day, uint32_t gen);
uint32_t days_next_gen(struct store *s, int64_t day);
void days_snapshot(struct store *s, int64_t from_ms, int64_t to_ms, struct day_set *out);
bool days_changed(struct store *s, const struct day_set *set);
void days_release(struct store *s, struct day_set *set);
void days_map(struct store *s, struct day_set *set); /* makes their series known */
int day_read(struct store *s, struct dayfile *d, uint32_t sid, int64_t from_ms, int64_t to_ms,
    struct samples *out);
bool day_has(struct dayfile *d, uint32_t sid);
int64_t days_bytes(struct store *s, uint32_t *files);
int retention_slice(struct store *s);
void days_clear(struct store *s);

/* --- runs.c, probe-state.c --- */
int runs_load(struct store *s, sqlite3 *db);
int runs_stage(struct store *s, const struct store_run *r); /* inside the transaction */
void runs_publish(struct store *s, bool committed);
int runs_slice(struct store *s); /* thinning and the ceiling; 1 = more, 0, or an error */
void runs_clear(struct store *s);
int pstate_put(struct store *s, const struct store_state *st);

/* --- rescue.c --- */
int salvage_resume(struct store *s); /* goes on with what an earlier life began */
int scrub_slice(struct store *s);
int rescue_open(
    struct store *s, const char *why); /* at open: live.db aside, a new one, rows that count */
int rescue_cut_short(struct store *s); /* -ENOENT: no rescue was; else as rescue_open */
int rescue_running(struct store *s, const char *why);
void scrub_close(struct store *s);

/* --- select.c --- */
void live_damaged(
    struct store *s, struct hseries *hs, int64_t id); /* counted and said once, then left out */

/* --- store.c --- */
int64_t store_now(const struct store *s);
void store_say(const struct store *s, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int live_load(struct store *s);     /* series, chunk references, frames -> memory. -EUCLEAN */
int store_refresh(struct store *s); /* read-only: loads again when another process has written */

static inline int64_t
day_of(int64_t t_ms)
{
	return t_ms / DAY_MS;
}

#endif
