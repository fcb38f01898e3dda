/*
 * test-ingest.c - frames become committed samples: what a host sends is staged, checked, committed
 * and only then known; what it should not send is refused, and costs nobody anything.
 *
 * The wall clock is the test's; the writer's thread is waited for: see ingest-help.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "tests/unit/ingest-help.h"

static void
a_run_commits_as_one_and_is_known_after_it(void **state)
{
	struct wire_sample in_result = {1, T0, 42};
	struct msg_result m = {.slot_ms = T0,
	    .verdict = 2,
	    .flags = RESULT_LATE,
	    .samples = &in_result,
	    .n_samples = 1};
	struct fixture *f = *state;
	struct series_set set;
	char text[256] = "";

	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up{probe=\"x\",shop=\"y\",z=\"1\"}"), 0);
	assert_int_equal(series(f, 1, STORE_COUNTER, "t_all_total"), 0);
	assert_int_equal(series(f, 2, STORE_HISTOGRAM, "t_seconds"), 0);
	assert_int_equal(sample(f, 0, T0, 1), 0);
	assert_int_equal(hist(f, 2, T0, 0.25), 0);
	assert_int_equal(blob(f, "position", "77", 2), 0);
	assert_int_equal(result_of(f, m, "status", "status 500", "{\"a\":[1]}"), 0);
	assert_int_equal(status(f).verdict, PROBE_PENDING);
	assert_int_equal(f->results, 0);
	until_runs(f, 1);
	assert_int_equal(f->results, 1);
	assert_int_equal(f->last.verdict, PROBE_CRIT);
	assert_int_equal(f->last.before, PROBE_PENDING);
	assert_int_equal(f->last.asked, 0);
	assert_int_equal(status(f).verdict, PROBE_CRIT);
	assert_true(status(f).late);
	assert_int_equal(status(f).since_ms, T0);
	assert_int_equal(ingest_last_slot_ms(f->in, f->probe), T0);
	/* What the plugin says of `probe` and `shop` loses. */
	assert_int_equal(count_samples(f, "t_up", "shop", "tea", &set), 1);
	assert_string_equal(labels_get(set.at[0].labels, "probe"), "p");
	assert_string_equal(labels_get(set.at[0].labels, "team"), "web");
	assert_string_equal(labels_get(set.at[0].labels, "country"), "de");
	assert_string_equal(labels_get(set.at[0].labels, "z"), "1");
	series_set_clear(&set);
	assert_int_equal(stored(f, "t_all_total"), 1);
	assert_int_equal(stored(f, "t_seconds"), 1);
	assert_true(newest(f, "tillwatch_probe_verdict", NULL) == 2);
	assert_true(newest(f, "tillwatch_probe_failed", NULL) == 1);
	assert_string_equal(runs(f, STORE_RUNS_ALL).facts, "{\"a\":[1]}");
	assert_int_equal(ingest_restore(f->in, f->probe, see_state, text), 0);
	assert_string_equal(text, "position=77;");
}

static void
without_a_result_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";

	f->store.now = T0 + 1000;
	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up"), 0);
	assert_int_equal(sample(f, 0, T0, 1), 0);
	assert_int_equal(blob(f, "position", "77", 2), 0);
	ingest_host_gone(f->host, &f->probe, 1, "aborted", "the host ended");
	f->host = NULL;
	until_runs(f, 1);
	assert_int_equal(stored(f, "t_up"), 0);
	assert_int_equal(ingest_restore(f->in, f->probe, see_state, text), 0);
	assert_string_equal(text, "");
	/* The slot that was in flight is unknown, and says why. */
	assert_int_equal(f->last.verdict, PROBE_UNKNOWN);
	assert_int_equal(f->last.slot_ms, T0);
	assert_string_equal(runs(f, STORE_RUNS_ALL).cause, "aborted");
}

static void
a_slot_that_was_answered_is_not_aborted(void **state)
{
	struct fixture *f = *state;

	f->store.now = T0 + 1000;
	assert_int_equal(result(f, T0, 0, ""), 0);
	ingest_host_gone(f->host, &f->probe, 1, "aborted", "the host ended");
	f->host = NULL;
	until_runs(f, 1);
	assert_int_equal(f->last.verdict, PROBE_OK);
}

static void
numbers_nobody_declared_kill_the_host(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sample(f, 0, T0, 1), -EBADMSG);
	assert_int_equal(hist(f, 0, T0, 1), -EBADMSG);
	assert_int_equal(series(f, 1, STORE_GAUGE, "t_up"), -EBADMSG); /* a gap */
	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up"), 0);
	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up"), -EBADMSG); /* twice */
	assert_int_equal(series(f, 1, STORE_GAUGE, "t_up{"), -EBADMSG);
	assert_int_equal(series(f, 1, STORE_GAUGE, "t_up{a=\"1\",a=\"2\"}"), -EBADMSG);
	assert_int_equal(series(f, 1, (enum store_kind)9, "t_x"), -EBADMSG);
	assert_int_equal(sample(f, 1, T0, 1), -EBADMSG);
	assert_int_equal(sample(f, 0, T0, 1), 0);
}

static void
frames_of_nobody_kill_the_host(void **state)
{
	struct msg_result m = {.slot_ms = T0, .verdict = 4};
	struct fixture *f = *state;

	f->probe++;
	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up"), -EBADMSG);
	assert_int_equal(result(f, T0, 0, ""), -EBADMSG);
	f->probe = UINT32_MAX;
	assert_int_equal(result(f, T0, 0, ""), -EBADMSG);
	f->probe = 0;
	assert_int_equal(take(f, msg_empty_encode(f->bytes, FRAME_RUN, 0, 1)), -EBADMSG);
	assert_int_equal(take(f, msg_empty_encode(f->bytes, 200, 0, 1)), -EBADMSG);
	assert_int_equal(take(f, msg_empty_encode(f->bytes, FRAME_RESULT, 0, 1)), -EBADMSG);
	assert_int_equal(result_of(f, m, "", "", "{}"), -EBADMSG);
	assert_int_equal(result(f, 0, 0, ""), -EBADMSG);
	assert_int_equal(result(f, -T0, 0, ""), -EBADMSG);
	assert_int_equal(result(f, T0 + 300001, 0, ""), -EBADMSG);
	assert_int_equal(result(f, INT64_MAX, 0, ""), -EBADMSG);
	assert_int_equal(f->in->probes[0].last_slot_ms, 0);
}

static void
a_removed_probe_takes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up"), 0);
	assert_int_equal(sample(f, 0, T0, 1), 0);
	assert_int_equal(result(f, T0, 0, ""), 0);
	f->store.now = T0 + 5000;
	ingest_probe_remove(f->in, f->probe);
	assert_int_equal(sample(f, 0, T0 + 5000, 2), 0);
	assert_int_equal(result(f, T0 + 10000, 0, ""), 0);
	assert_int_equal(series(f, 1, STORE_GAUGE, "t_new"), 0);
	until_runs(f, 2); /* the run, and the end of its series */
	assert_int_equal(stored(f, "t_up"), 2);
	assert_true(is_stale(newest(f, "t_up", NULL)));
	assert_int_equal(ingest_probe_find(f->in, "p"), INGEST_NO_PROBE);
	/* The same name again is the same probe; another name never gets its number. */
	assert_int_not_equal(add_probe(f, "q", 10000), f->probe);
	assert_int_equal(add_probe(f, "p", 10000), f->probe);
	assert_int_equal(sample(f, 1, T0 + 5000, 2), 0); /* declared while nobody was there */
	assert_int_equal(stats(f).refused, 1);
}

static void
what_a_clock_cannot_have_said_is_counted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up"), 0);
	assert_int_equal(sample(f, 0, T0 + 300001, 1), 0);
	assert_int_equal(sample(f, 0, INT64_MAX, 1), 0);
	assert_int_equal(sample(f, 0, 0, 1), 0);
	assert_int_equal(sample(f, 0, INT64_MIN, 1), 0);
	assert_int_equal(hist(f, 0, INT64_MAX, 1), 0);
	assert_int_equal(stats(f).refused, 5);
	assert_int_equal(sample(f, 0, T0 + 1, 1), 0);
	assert_int_equal(sample(f, 0, T0 - STORE_LATE_MS - 1, 1), 0);
	assert_int_equal(sample(f, 0, T0 + 1, 2), 0);
	assert_int_equal(result(f, T0, 0, ""), 0);
	until_runs(f, 1);
	assert_int_equal(stats(f).too_old, 1);
	assert_int_equal(stats(f).duplicate, 1);
	assert_int_equal(stored(f, "t_up"), 1);
}

/* A counter's total that comes as a histogram, and the other way round: stored or refused, never
 * anybody's end. */
static void
the_wrong_kind_harms_nobody(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(series(f, 0, STORE_COUNTER, "t_all_total"), 0);
	assert_int_equal(series(f, 1, STORE_HISTOGRAM, "t_seconds"), 0);
	assert_int_equal(series(f, 2, STORE_HISTOGRAM, "t_all_total"), 0); /* known otherwise */
	assert_int_equal(hist(f, 0, T0, 0.5), 0);
	assert_int_equal(sample(f, 1, T0, 3), 0);
	assert_int_equal(sample(f, 2, T0 + 1, 3), 0);
	assert_int_equal(sample(f, 0, T0 + 2, NAN), 0);
	assert_int_equal(result(f, T0, 0, ""), 0);
	until_runs(f, 1);
	assert_int_equal(f->results, 1);
	(void)stored(f, "t_all_total");
	(void)stored(f, "t_seconds");
}

static void
too_many_series_are_refused_one_by_one(void **state)
{
	struct fixture *f = *state;
	size_t n;

	assert_int_equal(series(f, 0, STORE_GAUGE, "t_up"), 0);
	assert_int_equal(sample(f, 0, T0, 1), 0);
	assert_int_equal(result(f, T0, 0, ""), 0); /* the probe's own series are there now */
	until_runs(f, 1);
	n = f->in->series.n;
	f->in->series.n = INGEST_SERIES_MAX;
	assert_int_equal(series(f, 1, STORE_GAUGE, "t_up{a=\"new\"}"), 0);
	assert_int_equal(series(f, 2, STORE_GAUGE, "t_up"), 0); /* known: still there */
	assert_int_equal(sample(f, 1, T0 + 10000, 1), 0);
	assert_int_equal(sample(f, 2, T0 + 10000, 2), 0);
	f->store.now = T0 + 10000;
	assert_int_equal(result(f, T0 + 10000, 0, ""), 0);
	until_runs(f, 2);
	f->in->series.n = n;
	assert_int_equal(stats(f).refused, 1);
	assert_int_equal(stored(f, "t_up"), 2);
}

static void
a_set_too_large_with_our_labels_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[8192] = "t_up{";

	for (int i = 0; i < LABELS_MAX - 1; i++) {
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, "l%d=\"v\",", i);
	}
	strncat(text, "}", sizeof(text) - strlen(text) - 1);
	assert_int_equal(series(f, 0, STORE_GAUGE, text), 0);
	assert_int_equal(sample(f, 0, T0, 1), 0);
	assert_int_equal(stats(f).refused, 1);
}

static void
a_run_has_a_ceiling(void **state)
{
	enum { BLOB = 64 * 1024 };
	struct fixture *f = *state;
	char key[16], *data = xcalloc(1, BLOB);
	int rc = 0, i;

	for (i = 0; i < 200 && rc == 0; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		rc = blob(f, key, data, BLOB);
	}
	assert_int_equal(rc, -EBADMSG);
	assert_true((size_t)i * BLOB > INGEST_RUN_BYTES - 2 * BLOB);
	assert_true((size_t)(i - 1) * BLOB <= INGEST_RUN_BYTES);
	free(data);
	/* The next host, the same probe: nothing of it is left. */
	ingest_host_gone(f->host, NULL, 0, "", "");
	f->host = ingest_host_new(f->in, NULL);
	assert_int_equal(blob(f, "k", "1", 1), 0);
	assert_int_equal(result(f, T0, 0, ""), 0);
	until_runs(f, 1);
}

/* What a run says is text of strangers: no control gets through, no length matters. */
static void
texts_are_cleaned(void **state)
{
	struct msg_result m = {.slot_ms = T0, .verdict = 3};
	struct fixture *f = *state;
	char *reason = xcalloc(1, 30001);
	struct seen s;

	for (size_t i = 0; i < 30000; i++)
		reason[i] = (char)(i % 3 == 0 ? 0x1b : i % 3 == 1 ? 0xff : '\n');
	assert_int_equal(result_of(f, m, "a\x1b]52;\x07" "b", reason, "{}"), 0);
	until_runs(f, 1);
	s = runs(f, STORE_RUNS_ALL);
	assert_int_equal(s.n, 1);
	for (const char *p = s.reason; *p != '\0'; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	assert_null(strpbrk(s.cause, "\x1b\x07"));
	free(reason);
}

/* Facts go into the answers of the API as they are: they must be a JSON object. */
static void
facts_that_are_no_object_kill_the_host(void **state)
{
	static const char *const bad[] = {"{", "[]", "1", "{}x", "{\"a\":1}}", "{\"a\":1,\"a\":2}",
	    "{\"a\":\"\xff\"}", "{},\"id\":7,\"facts\":{}", "nonsense"};
	struct msg_result m = {.slot_ms = T0};
	struct fixture *f = *state;
	char deep[1024] = "";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (result_of(f, m, "", "", bad[i]) != -EBADMSG)
			fail_msg("%s was taken", bad[i]);
	for (int i = 0; i < 100; i++)
		strncat(deep, "{\"a\":", sizeof(deep) - strlen(deep) - 1);
	assert_int_equal(result_of(f, m, "", "", deep), -EBADMSG);
	assert_int_equal(result_of(f, m, "", "", ""), 0);
	until_runs(f, 1);
	assert_string_equal(runs(f, STORE_RUNS_ALL).facts, "{}");
}

static void
an_asked_run_repeats_its_number_and_has_no_slot(void **state)
{
	struct msg_result m = {.slot_ms = T0 + 123, .flags = RESULT_ASKED};
	struct fixture *f = *state;

	assert_int_equal(result_of(f, m, "", "", "{}"), 0);
	until_runs(f, 1);
	assert_int_equal(f->last.asked, GENERATION);
	assert_int_equal(ingest_last_slot_ms(f->in, f->probe), 0);
}

static void
an_asked_run_that_was_none_says_why(void **state)
{
	struct msg_result m = {
	    .slot_ms = T0 + 123, .flags = RESULT_ASKED | RESULT_SKIPPED, .verdict = 3};
	struct fixture *f = *state;

	assert_int_equal(result(f, T0, 0, ""), 0);
	until_runs(f, 1);
	assert_int_equal(result_of(f, m, "overrun", "", "{}"), 0);
	until_runs(f, 2);
	assert_int_equal(f->last.asked, GENERATION);
	assert_true(f->last.is_skipped);
	assert_string_equal(f->last.cause, "overrun");
	assert_int_equal(status(f).verdict, PROBE_OK);
	assert_int_equal(status(f).runs, 1);
}

static void
a_skipped_slot_is_counted_and_judges_nothing(void **state)
{
	struct msg_result m = {.slot_ms = T0 + 10000, .flags = RESULT_SKIPPED, .verdict = 3};
	struct fixture *f = *state;

	assert_int_equal(result(f, T0, 0, ""), 0);
	f->store.now = T0 + 10000;
	assert_int_equal(result_of(f, m, "", "", "{}"), 0);
	until_runs(f, 2);
	assert_int_equal(f->results, 1);
	assert_int_equal(status(f).verdict, PROBE_OK);
	assert_int_equal(ingest_last_slot_ms(f->in, f->probe), T0 + 10000);
	assert_true(newest(f, "tillwatch_probe_skipped_total", NULL) == 1);
	assert_int_equal(stored(f, "tillwatch_probe_verdict"), 1);
}

static void
what_a_run_no_longer_gives_goes_stale(void **state)
{
	struct fixture *f = *state;
	int64_t t;

	assert_int_equal(series(f, 0, STORE_GAUGE, "t_a"), 0);
	assert_int_equal(series(f, 1, STORE_GAUGE, "t_b"), 0);
	assert_int_equal(sample(f, 0, T0, 1), 0);
	assert_int_equal(sample(f, 1, T0, 1), 0);
	assert_int_equal(result(f, T0, 0, ""), 0);
	f->store.now = T0 + 10000;
	assert_int_equal(sample(f, 0, T0 + 10000, 2), 0);
	assert_int_equal(result(f, T0 + 10000, 0, ""), 0);
	f->store.now = T0 + 20000;
	assert_int_equal(sample(f, 0, T0 + 20000, 3), 0);
	assert_int_equal(result(f, T0 + 20000, 0, ""), 0);
	until_runs(f, 3);
	assert_true(newest(f, "t_a", NULL) == 3);
	assert_true(is_stale(newest(f, "t_b", &t)));
	assert_int_equal(t, T0 + 10000);
	assert_int_equal(stored(f, "t_b"), 2); /* one marker, not one a run */
}

static void
silence_is_stale_once_and_a_run_ends_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(series(f, 0, STORE_GAUGE, "t_a"), 0);
	assert_int_equal(sample(f, 0, T0, 1), 0);
	assert_int_equal(result(f, T0, 0, ""), 0);
	until_runs(f, 1);
	f->store.now = T0 + 10000 + 5000 + INGEST_GRACE_MS;
	ingest_tick(f->in);
	assert_false(status(f).stale);
	f->store.now++;
	ingest_tick(f->in);
	ingest_tick(f->in);
	until_runs(f, 2);
	assert_true(status(f).stale);
	assert_true(is_stale(newest(f, "t_a", NULL)));
	assert_int_equal(stored(f, "t_a"), 2);
	f->store.now = T0 + 20000;
	assert_int_equal(sample(f, 0, T0 + 20000, 5), 0);
	assert_int_equal(result(f, T0 + 20000, 0, ""), 0);
	until_runs(f, 3);
	assert_false(status(f).stale);
	assert_true(newest(f, "t_a", NULL) == 5);
}

static void
a_rare_probe_is_republished_until_it_is_due(void **state)
{
	struct fixture *f = *state;
	int64_t t;

	f->probe = add_probe(f, "p", 600000);
	assert_int_equal(series(f, 0, STORE_GAUGE, "t_a"), 0);
	assert_int_equal(series(f, 1, STORE_HISTOGRAM, "t_h"), 0);
	assert_int_equal(sample(f, 0, T0, 4), 0);
	assert_int_equal(hist(f, 1, T0, 4), 0);
	assert_int_equal(result(f, T0, 2, "status"), 0);
	for (int64_t ms = 1000; ms < 600000; ms += 1000) {
		f->store.now = T0 + ms;
		ingest_tick(f->in);
	}
	until_runs(f, 10); /* the run, and nine times what it said */
	assert_int_equal(stored(f, "t_a"), 10);
	assert_true(newest(f, "t_a", &t) == 4);
	assert_int_equal(t, T0 + 540000);
	assert_int_equal(stored(f, "t_h"), 1);
	/* Rules count runs by it: one sample a run. */
	assert_int_equal(stored(f, "tillwatch_probe_failed"), 1);
}

static void
blind_begins_and_ends_with_what_runs_say(void **state)
{
	struct fixture *f = *state;
	int64_t since;

	assert_int_equal(result(f, T0 - 20000, 3, "blind"), 0);
	until_runs(f, 1);
	assert_true(ingest_blind(f->in, &since));
	assert_int_equal(since, T0 - 20000);
	assert_int_equal(result(f, T0 - 10000, 3, "aborted"), 0); /* says nothing of the world */
	until_runs(f, 2);
	assert_true(ingest_blind(f->in, NULL));
	assert_int_equal(result(f, T0, 2, "status"), 0);
	until_runs(f, 3);
	assert_false(ingest_blind(f->in, NULL));
}

static void
three_failures_of_a_cause_and_hour_are_kept(void **state)
{
	int64_t hour = T0 - T0 % 3600000;
	struct fixture *f = *state;
	int64_t waited = 0;

	for (int i = 0; i <= 9; i++) {
		bool good = i == 0 || i == 9;
		struct msg_result m = {.slot_ms = hour + i * 10000,
		    .verdict = good ? 0 : 2,
		    .duration_us = -1}; /* nobody is the slowest */

		assert_int_equal(
		    result_of(f, m, good ? "" : i <= 6 ? "status" : "dns", "", "{}"), 0);
	}
	until_runs(f, 10);
	/* Three of six, and both of the other cause; the rest goes in the next minute. */
	f->store.now += 60000;
	while (runs(f, STORE_RUNS_FAILED).n > 5)
		wait_a_bit(&waited);
	assert_int_equal(runs(f, STORE_RUNS_FAILED).n, 5);
}

/* A store that cannot commit: runs wait, the oldest go first, each is counted. */
static void
what_cannot_be_stored_waits_and_has_a_ceiling(void **state)
{
	enum { BLOB = 60 * 1024, BLOBS = 64 };
	struct ingest_opts opts = {
	    .shop = "tea", .now_ms = now_ms, .wake = on_wake, .on_result = on_result};
	struct fixture *f = *state;
	char key[16], *data = xcalloc(1, BLOB);
	int64_t waited = 0;

	ingest_host_gone(f->host, NULL, 0, "", "");
	ingest_free(f->in);
	f->store.opts.readonly = true;
	help_reopen(&f->store);
	opts.store = f->store.s;
	opts.now_arg = opts.on_result_arg = f;
	f->in = ingest_new(&opts);
	f->probe = add_probe(f, "p", 10000);
	f->host = ingest_host_new(f->in, NULL);
	for (int run = 0; run < 20; run++) {
		for (int i = 0; i < BLOBS; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			assert_int_equal(blob(f, key, data, BLOB), 0);
		}
		assert_int_equal(result(f, T0 + run, 0, ""), 0);
		assert_true(stats(f).queued_bytes <= INGEST_QUEUE_BYTES);
	}
	free(data);
	while (stats(f).commit_errors == 0
	       || stats(f).dropped_runs < 20 - INGEST_QUEUE_BYTES / (BLOBS * BLOB) - 1)
		wait_a_bit(&waited);
	assert_int_equal(stats(f).runs, 0);
	assert_true(stats(f).dropped_runs >= 20 - INGEST_QUEUE_BYTES / (BLOBS * BLOB) - 1);
	ingest_committed(f->in);
	assert_int_equal(f->results, 0);
	assert_int_equal(status(f).verdict, PROBE_PENDING);
}

static void
our_own_samples_get_the_shop(void **state)
{
	static const char *const labels[] = {"host", "a", NULL};
	struct ingest_own own[] = {{"tillwatch_x", STORE_GAUGE, labels, 3},
	    {"tillwatch_y", STORE_GAUGE, NULL, NAN}};
	struct fixture *f = *state;
	struct series_set set;

	ingest_own(f->in, own, 2, T0);
	until_runs(f, 1);
	assert_int_equal(count_samples(f, "tillwatch_x", "shop", "tea", &set), 1);
	assert_string_equal(labels_get(set.at[0].labels, "host"), "a");
	series_set_clear(&set);
	assert_int_equal(count_samples(f, "tillwatch_y", "shop", "tea", &set), 0);
	series_set_clear(&set);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {T(a_run_commits_as_one_and_is_known_after_it),
	    T(without_a_result_nothing_is_left), T(a_slot_that_was_answered_is_not_aborted),
	    T(numbers_nobody_declared_kill_the_host), T(frames_of_nobody_kill_the_host),
	    T(a_removed_probe_takes_nothing), T(what_a_clock_cannot_have_said_is_counted),
	    T(the_wrong_kind_harms_nobody), T(too_many_series_are_refused_one_by_one),
	    T(a_set_too_large_with_our_labels_is_refused), T(a_run_has_a_ceiling),
	    T(texts_are_cleaned), T(facts_that_are_no_object_kill_the_host),
	    T(an_asked_run_repeats_its_number_and_has_no_slot),
	    T(an_asked_run_that_was_none_says_why),
	    T(a_skipped_slot_is_counted_and_judges_nothing),
	    T(what_a_run_no_longer_gives_goes_stale), T(silence_is_stale_once_and_a_run_ends_it),
	    T(a_rare_probe_is_republished_until_it_is_due),
	    T(blind_begins_and_ends_with_what_runs_say),
	    T(three_failures_of_a_cause_and_hour_are_kept),
	    T(what_cannot_be_stored_waits_and_has_a_ceiling), T(our_own_samples_get_the_shop)};

	return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
