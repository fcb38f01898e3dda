/*
 * ingest-help.h - an ingest with its store, one probe "p" and a host that says what the test wants;
 * and what has become of it.
 *
 * The wall clock is the test's; the writer's thread is waited for by what it has done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_INGEST_HELP_H
#define TESTS_UNIT_INGEST_HELP_H

#include <stddef.h>
#include <stdint.h>

#include "agent/ingest/internal.h"
#include "tests/unit/store-help.h"

#define T0 INT64_C(1700000000000)
#define GENERATION 7

struct fixture {
	struct help store;
	struct ingest *in;
	struct ingest_host *host;
	uint32_t probe;
	unsigned results;
	struct {
		enum probe_verdict verdict, before;
		int64_t slot_ms;
		uint32_t asked;
		bool is_skipped;
		char cause[32];
	} last;
	uint8_t bytes[FRAME_MAX];
};

int set_up(void **state);
int tear_down(void **state);
/* The number of a probe of the shop, with a label of its own: team="web". */
uint32_t add_probe(struct fixture *f, const char *name, int64_t interval_ms);

/* What an ingest is told to call; the argument is the fixture. */
int64_t now_ms(void *arg);
void on_wake(void *arg);
void on_result(void *arg, const struct ingest_result *r);

/* ---- what a host sends: what ingest_frame says to it ---- */

/* The n bytes in f->bytes. */
int take(struct fixture *f, ptrdiff_t n);
int series(struct fixture *f, uint32_t id, enum store_kind kind, const char *labels);
int sample(struct fixture *f, uint32_t id, int64_t t_ms, double v);
/* A histogram of the one value. */
int hist(struct fixture *f, uint32_t id, int64_t t_ms, double v);
/* A piece of the plugin's state. */
int blob(struct fixture *f, const char *key, const void *data, size_t len);
/* `m` with these texts; without a duration it gets one. */
int result_of(struct fixture *f, struct msg_result m, const char *cause, const char *reason,
    const char *facts);
int result(struct fixture *f, int64_t slot_ms, uint8_t verdict, const char *cause);

/* ---- what has become of it ---- */

struct seen {
	size_t n;
	char cause[64], reason[256], facts[256]; /* of the first */
};

struct ingest_stats stats(struct fixture *f);
/* Sleeps, and counts how long already; fails the test when that is too long. */
void wait_a_bit(int64_t *waited_ms);
/* Waits until n runs, and no more, are committed and known. */
void until_runs(struct fixture *f, uint64_t n);
/* How many samples the series of this name and label have; the caller clears the set. */
size_t count_samples(struct fixture *f, const char *name, const char *label, const char *value,
    struct series_set *set);
/* As count_samples, of the probe "p". */
size_t stored(struct fixture *f, const char *name);
/* The newest value of the one series of "p" that has this name; its time, unless t_ms is NULL. */
double newest(struct fixture *f, const char *name, int64_t *t_ms);
/* The runs of "p" that are kept. */
struct seen runs(struct fixture *f, enum store_runs_kind kind);
/* Of "p"; its texts are not looked at. */
struct probe_status status(struct fixture *f);
/* For ingest_restore: appends "KEY=DATA;" to the text `arg`, of 256 bytes. */
void see_state(void *arg, const char *key, const void *data, size_t len);

#endif
