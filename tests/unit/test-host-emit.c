/*
 * test-host-emit.c - what a probe says, checked and kept: totals over restarts, ceilings, facts,
 * and the keyed state under them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/emit.h"

enum { UP, RUNS, SECONDS };
static struct metric metrics[] = {
    {.row = {"t_up", "", TW_GAUGE, 0, 1, "a,b", "x"}, .label = {"a", "b"}, .n_labels = 2},
    {.row = {"t_runs_total", "", TW_COUNTER, 0, 1, "a,b", "x"}, .label = {"a", "b"},
	.n_labels = 2},
    {.row = {"t_seconds", "seconds", TW_HISTOGRAM, 0, 0, "a", "x"}, .label = {"a"},
	.n_labels = 1}};
static const struct plugin plugin = {.metrics = metrics, .n_metrics = 3};

static const char *const *
labels(const char *a, const char *b)
{
	static const char *at[5];

	at[0] = "a";
	at[1] = a;
	at[2] = b != NULL ? "b" : NULL;
	at[3] = b;
	at[4] = NULL;
	return at;
}

static void
a_sample_once_a_stamp(void **state)
{
	struct emit e;

	(void)state;
	assert_int_equal(emit_init(&e, &plugin, "p"), 0);
	emit_value(&e, UP, 1, 1000, NULL);
	emit_value(&e, UP, 2, 1000, NULL);
	emit_value(&e, UP, 3, 2000, NULL);
	emit_value(&e, UP, 3, 0, NULL);
	assert_int_equal(e.n_samples, 2);
	assert_true(e.samples[0].v == 2 && e.samples[1].t_ms == 2000);
	assert_string_equal(e.samples[0].series->text, "t_up{probe=\"p\"}");
	assert_int_equal(e.n_refused, 1);
	emit_forget_run(&e);
	emit_value(&e, UP, 9, 1000, NULL);
	assert_int_equal(e.n_samples, 1);
	emit_clear(&e);
}

struct copy { struct emit *to; struct state *state; size_t pages; };

static void
carry_over(void *arg, const char *key, const void *data, size_t len)
{
	struct copy *c = arg;
	uint32_t page;

	assert_true(len <= STATE_VALUE_MAX);
	assert_int_equal(state_restore(c->state, key, data, len), 0);
	if (emit_is_page(key, &page)) {
		emit_restore(c->to, page, data, len);
		c->pages++;
	}
}

static double
total_of(struct emit *e, const char *text)
{
	struct emit_series *s;
	uint32_t at = 0;

	while ((s = index_next(&e->series, &at)) != NULL && strcmp(s->text, text) != 0)
		;
	if (s == NULL)
		fail_msg("no series %s", text);
	return s->hist != NULL ? s->hist->count : s->total;
}

/* More totals than a page holds: they go over several, each within its ceiling, and all come back.
 */
static void
totals_outlive_the_process(void **state)
{
	struct state st = {NULL, 0}, next_st = {NULL, 0};
	struct emit e, next;
	struct copy c = {&next, &next_st, 0};
	char a[200], b[200];
	struct emit_series *s;
	uint32_t at = 0;

	(void)state;
	assert_int_equal(emit_init(&e, &plugin, "p"), 0);
	assert_int_equal(emit_init(&next, &plugin, "p"), 0);
	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'b', sizeof(b) - 1);
	a[sizeof(a) - 1] = b[sizeof(b) - 1] = '\0';
	for (int i = 0; i < 400; i++) {
		a[0] = (char)('A' + i / 20);
		b[0] = (char)('A' + i % 20);
		emit_count(&e, RUNS, i + 1, labels(a, b));
	}
	for (int i = 1; i < 4000; i++)
		emit_observe(&e, SECONDS, i / 100.0, labels("x", NULL));
	emit_publish(&e, 5000);
	emit_save_totals(&e, &st);
	assert_int_equal(e.n_samples, 401);
	assert_int_equal(e.n_refused, 0);
	state_each_changed(&st, carry_over, &c);
	assert_true(c.pages > 2);
	assert_int_equal(next.series.n, 401);
	while ((s = index_next(&e.series, &at)) != NULL)
		assert_true(total_of(&next, s->text) == (s->hist ? 3999 : s->total));

	/* Only what changed is written again, and it goes on from where it was. */
	emit_observe(&next, SECONDS, 1, labels("x", NULL));
	emit_publish(&next, 6000);
	emit_save_totals(&next, &next_st);
	assert_true(total_of(&next, "t_seconds{a=\"x\", probe=\"p\"}") == 4000);
	emit_clear(&e);
	emit_clear(&next);
	state_clear(&st);
	state_clear(&next_st);
}

/* What was stored may be anything: cut, foreign, of another probe, no longer declared. */
static void
a_broken_page_gives_nothing(void **state)
{
	struct state st = {NULL, 0};
	struct emit e, other;
	const uint8_t *page;
	size_t len;

	(void)state;
	assert_int_equal(emit_init(&e, &plugin, "p"), 0);
	emit_count(&e, RUNS, 3, NULL);
	emit_observe(&e, SECONDS, 3, NULL);
	emit_publish(&e, 1000);
	emit_save_totals(&e, &st);
	page = state_get(&st, "tw.totals.0", &len);
	assert_non_null(page);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *bytes = malloc(cut + 1);

		memcpy(bytes, page, cut);
		assert_int_equal(emit_init(&other, &plugin, "p"), 0);
		emit_restore(&other, 0, bytes, cut);
		emit_clear(&other);
		free(bytes);
	}
	assert_int_equal(emit_init(&other, &plugin, "another"), 0);
	emit_restore(&other, 0, page, len);
	assert_int_equal(other.series.n, 0);
	emit_clear(&other);
	emit_clear(&e);
	state_clear(&st);
}

static void
facts_have_the_shape_of_their_paths(void **state)
{
	struct emit e;
	char *text, path[32];

	(void)state;
	assert_int_equal(emit_init(&e, &plugin, "p"), 0);
	emit_fact_text(&e, "hops/0/address", "192.0.2.1");
	emit_fact_real(&e, "hops/0/status", 200);
	emit_fact_real(&e, "hops/1/wait_s", 0.25);
	emit_fact_text(&e, "name", "a\x1b\"b");
	emit_fact_text(&e, "hops/5/hole", "x");
	emit_fact_text(&e, "name/below", "x");
	emit_fact_text(&e, "", "x");
	text = emit_facts_text(&e);
	assert_string_equal(text,
	    "{\"hops\":[{\"address\":\"192.0.2.1\",\"status\":200},{\"wait_s\":0.25}],"
	    "\"name\":\"a\302\267\\\"b\"}");
	assert_int_equal(e.n_refused, 3);
	free(text);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "many/f%d", i);
		emit_fact_real(&e, path, i);
	}
	assert_int_equal(e.n_facts, EMIT_FACTS_MAX);
	emit_clear(&e);
}

static void
state_has_ceilings(void **state)
{
	struct state s = {NULL, 0};
	char *big = calloc(1, STATE_VALUE_MAX + 1), key[32];
	size_t len;
	int n = 0;

	(void)state;
	assert_true(state_key_ok("position") && !state_key_ok("tw.mine") && !state_key_ok("")
	    && !state_key_ok("a b"));
	assert_true(state_put(&s, "k", big, STATE_VALUE_MAX + 1) != 0);
	assert_int_equal(state_put(&s, "k", "", 0), 0);
	assert_non_null(state_get(&s, "k", &len));
	assert_int_equal(state_put(&s, "k", NULL, 0), 0);
	assert_null(state_get(&s, "k", &len));
	do
		snprintf(key, sizeof(key), "key-%d", n++);
	while (state_put(&s, key, big, STATE_VALUE_MAX) == 0);
	assert_true(n > 60 && n < 66);
	state_clear(&s);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_sample_once_a_stamp),
	    cmocka_unit_test(totals_outlive_the_process),
	    cmocka_unit_test(a_broken_page_gives_nothing),
	    cmocka_unit_test(facts_have_the_shape_of_their_paths),
	    cmocka_unit_test(state_has_ceilings)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
