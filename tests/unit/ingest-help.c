/*
 * ingest-help.c - see ingest-help.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/ingest-help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xmalloc.h"

#define PATIENCE_MS 60000

int64_t
now_ms(void *arg)
{
	return ((struct fixture *)arg)->store.now;
}

void
on_wake(void *arg)
{
	(void)arg; /* from the writer's thread; the test looks for itself */
}

void
on_result(void *arg, const struct ingest_result *r)
{
	struct fixture *f = arg;

	f->results++;
	f->last.verdict = r->verdict;
	f->last.before = r->before;
	f->last.slot_ms = r->slot_ms;
	f->last.asked = r->asked;
	f->last.is_skipped = r->is_skipped;
	snprintf(f->last.cause, sizeof(f->last.cause), "%s", r->cause);
}

uint32_t
add_probe(struct fixture *f, const char *name, int64_t interval_ms)
{
	static const struct label extra[] = {{"team", "web"}};
	struct ingest_probe p = {.name = name,
	    .plugin = "test",
	    .system = "shop",
	    .interval_ms = interval_ms,
	    .timeout_ms = 5000,
	    .labels = extra,
	    .n_labels = 1};

	return ingest_probe_add(f->in, &p);
}

int
set_up(void **state)
{
	static const struct label shop_labels[] = {{"country", "de"}};
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct ingest_opts opts = {.shop = "tea",
	    .labels = shop_labels,
	    .n_labels = 1,
	    .now_ms = now_ms,
	    .now_arg = f,
	    .wake = on_wake,
	    .on_result = on_result,
	    .on_result_arg = f};

	help_init(&f->store, T0);
	help_open(&f->store);
	opts.store = f->store.s;
	f->in = ingest_new(&opts);
	f->probe = add_probe(f, "p", 10000);
	f->host = ingest_host_new(f->in, NULL);
	*state = f;
	return 0;
}

int
tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->host != NULL)
		ingest_host_gone(f->host, NULL, 0, "", "");
	ingest_free(f->in);
	help_done(&f->store);
	free(f);
	return 0;
}

/* ---- what a host sends ---- */

int
take(struct fixture *f, ptrdiff_t n)
{
	struct frame frame;

	assert_true(n > 0);
	assert_int_equal(frame_parse(&frame, f->bytes, (size_t)n), n);
	return ingest_frame(f->host, &frame);
}

int
series(struct fixture *f, uint32_t id, enum store_kind kind, const char *labels)
{
	char *text = xstrdup(labels);
	struct msg_series m = {.id = id, .kind = (uint8_t)kind, .labels = text};
	int rc = take(f, msg_series_encode(f->bytes, f->probe, GENERATION, &m));

	free(text);
	return rc;
}

int
sample(struct fixture *f, uint32_t id, int64_t t_ms, double v)
{
	struct wire_sample s = {id, t_ms, v};

	return take(f, msg_samples_encode(f->bytes, f->probe, GENERATION, &s, 1));
}

int
hist(struct fixture *f, uint32_t id, int64_t t_ms, double v)
{
	struct hist h;
	int rc;

	hist_init(&h);
	assert_int_equal(hist_observe(&h, v), 0);
	rc = take(f, msg_hist_encode(f->bytes, f->probe, GENERATION, id, t_ms, &h));
	hist_clear(&h);
	return rc;
}

int
blob(struct fixture *f, const char *key, const void *data, size_t len)
{
	char *text = xstrdup(key);
	struct msg_state m = {.key = text, .blob = data, .len = len};
	int rc = take(f, msg_state_encode(f->bytes, FRAME_STATE, f->probe, GENERATION, &m));

	free(text);
	return rc;
}

int
result_of(struct fixture *f, struct msg_result m, const char *cause, const char *reason,
    const char *facts)
{
	char *c = xstrdup(cause), *r = xstrdup(reason), *t = xstrdup(facts);
	int rc;

	m.cause = c;
	m.reason = r;
	m.facts = t;
	if (m.duration_us == 0)
		m.duration_us = 1500;
	rc = take(f, msg_result_encode(f->bytes, f->probe, GENERATION, &m));
	free(c);
	free(r);
	free(t);
	return rc;
}

int
result(struct fixture *f, int64_t slot_ms, uint8_t verdict, const char *cause)
{
	struct msg_result m = {.slot_ms = slot_ms, .verdict = verdict};

	return result_of(f, m, cause, "a sentence", "{\"a\":1}");
}

/* ---- what has become of it ---- */

struct ingest_stats
stats(struct fixture *f)
{
	struct ingest_stats s;

	ingest_stats(f->in, &s);
	return s;
}

void
wait_a_bit(int64_t *waited_ms)
{
	struct timespec ts = {0, 2000000};

	nanosleep(&ts, NULL);
	if ((*waited_ms += 2) > PATIENCE_MS)
		fail_msg("the writer has not done it");
}

void
until_runs(struct fixture *f, uint64_t n)
{
	int64_t waited = 0;

	while (stats(f).runs < n)
		wait_a_bit(&waited);
	assert_int_equal(stats(f).runs, n);
	/* The counter moves within the commit; the runs are handed back just behind it. */
	for (int i = 0; i < 40; i++) /* each returns at once when they are */
		writer_settle(f->in->writer);
	ingest_committed(f->in);
}

size_t
count_samples(struct fixture *f, const char *name, const char *label, const char *value,
    struct series_set *set)
{
	struct querier q = store_querier(f->store.s);
	struct matcher m[2];
	int rc;

	memset(set, 0, sizeof(*set));
	assert_int_equal(matcher_init(&m[0], MATCH_EQ, LABEL_NAME, name, NULL, 0), 0);
	assert_int_equal(matcher_init(&m[1], MATCH_EQ, label, value, NULL, 0), 0);
	rc = q.select(q.ctx, m, 2, 0, INT64_MAX / 4, SIZE_MAX, NULL, NULL, set);
	assert_int_equal(rc, 0);
	matcher_clear(&m[0]);
	matcher_clear(&m[1]);
	return set->samples;
}

size_t
stored(struct fixture *f, const char *name)
{
	struct series_set set;
	size_t n = count_samples(f, name, "probe", "p", &set);

	series_set_clear(&set);
	return n;
}

double
newest(struct fixture *f, const char *name, int64_t *t_ms)
{
	struct series_set set;
	double v;

	(void)count_samples(f, name, "probe", "p", &set);
	assert_int_equal(set.n, 1);
	assert_true(set.at[0].n > 0);
	v = set.at[0].v[set.at[0].n - 1];
	if (t_ms != NULL)
		*t_ms = set.at[0].t_ms[set.at[0].n - 1];
	series_set_clear(&set);
	return v;
}

static void
see_run(void *arg, const struct store_run_row *row)
{
	struct seen *s = arg;

	if (s->n++ > 0)
		return;
	snprintf(s->cause, sizeof(s->cause), "%s", row->run.cause);
	snprintf(s->reason, sizeof(s->reason), "%s", row->run.reason);
	snprintf(s->facts, sizeof(s->facts), "%s", row->run.facts);
}

struct seen
runs(struct fixture *f, enum store_runs_kind kind)
{
	struct seen s = {0};

	assert_int_equal(
	    store_runs_each(f->store.s, "p", kind, 0, INT64_MAX, 100, see_run, &s), 0);
	return s;
}

static void
see_status(void *arg, const struct probe_status *s)
{
	struct probe_status *out = arg;

	if (strcmp(s->name, "p") == 0)
		*out = *s; /* its texts are not looked at */
}

struct probe_status
status(struct fixture *f)
{
	struct probe_status s = {0};

	ingest_status_each(f->in, see_status, &s);
	return s;
}

void
see_state(void *arg, const char *key, const void *data, size_t len)
{
	char *text = arg;
	size_t at = strlen(text);

	snprintf(text + at, 256 - at, "%s=%.*s;", key, (int)len, (const char *)data);
}
