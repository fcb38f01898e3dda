/*
 * test-alert.c - the life of alerts under a clock of the test's own, down to the rows of the outbox
 * and the webhook.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/alert/alert.h"
#include "agent/alert/internal.h"
#include "agent/notify/notify.h"
#include "lib/clock.h"
#include "tests/unit/http-sink.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define START INT64_C(1767268800000) /* 2026-01-01 12:00:00 UTC, a Thursday */

struct bench {
	char dir[64], path[96];
	int64_t now;
	struct state *state;
	struct alert_engine *engine;
	struct alert_config config;
	struct receiver receivers[2];
	bool blind, failing;
	bool true_[3]; /* whether series "a", "b", "c" of rule Down are in its result */
	const char *severity;
};

static const char *const by_name[] = {"alertname"};

static int64_t
bench_now(void *arg)
{
	return ((struct bench *)arg)->now;
}

static int
query(void *ctx, struct rule *r, int64_t t_ms, struct rule_vector *out, char *err, size_t cap)
{
	static const char *const probes[] = {"a", "b", "c"};
	struct bench *b = ctx;

	(void)t_ms;
	if (b->failing) {
		snprintf(err, cap, "cannot");
		return -EIO;
	}
	for (size_t i = 0; i < 3; i++) {
		struct label pairs[] = {{"__name__", "x"}, {"probe", probes[i]}, {"shop", "acme"}};
		struct labels *l;

		if (!b->true_[i] || strcmp(r->name, "Down") != 0)
			continue;
		assert_int_equal(labels_new(&l, pairs, 3), 0);
		assert_int_equal(rule_vector_add(out, l, 3), 0);
		labels_unref(l);
	}
	return 0;
}

static bool
is_blind(void *ctx, int64_t *since_ms)
{
	*since_ms = 0;
	return ((struct bench *)ctx)->blind;
}

static void
make_rules(struct bench *b, struct rule_set *s, int64_t for_ms)
{
	struct rule_group *g = rule_group_add(s, "g", "f");
	struct rule *r;

	g->interval_ms = 10000;
	r = rule_add(s, "Down", "x");
	r->for_ms = for_ms;
	r->hold_ms = 60000;
	assert_int_equal(rule_label(r, "severity", b->severity), 0);
	assert_int_equal(rule_annotation(r, "summary", "{{ $labels.probe }} {{ $value }}"), 0);
	g = rule_group_add(s, "tillwatch", "");
	g->interval_ms = 10000;
	r = rule_add(s, "AgentBlind", "tillwatch_agent_blind == 1");
	r->about_agent = true;
	r->keep_firing_ms = 60000;
	assert_int_equal(rule_label(r, "severity", "page"), 0);
}

static void
start(struct bench *b, int64_t for_ms)
{
	struct alert_opts opts = {.state = b->state,
	    .now_ms = bench_now,
	    .now_arg = b,
	    .ctx = b,
	    .query = query,
	    .blind = is_blind};
	struct rule_set s = {0};
	char err[256] = "";

	make_rules(b, &s, for_ms);
	if (alert_engine_new(&b->engine, &opts, &b->config, &s, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

static void
open_state(struct bench *b)
{
	struct state_error err;

	if (state_open(&b->state, b->path, false, &err) != 0)
		fail_msg("%s", err.text);
}

static void
restart(struct bench *b, int64_t for_ms)
{
	alert_engine_free(b->engine);
	state_close(b->state);
	open_state(b);
	start(b, for_ms);
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->now = START;
	b->severity = "page";
	snprintf(b->dir, sizeof(b->dir), "/tmp/test-alert.XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	snprintf(b->path, sizeof(b->path), "%s/state.db", b->dir);
	b->receivers[0] =
	    (struct receiver){.name = "ops", .type = "webhook", .url = "http://127.0.0.1:1/"};
	b->receivers[1] =
	    (struct receiver){.name = "oncall", .type = "webhook", .url = "http://127.0.0.1:1/"};
	b->config = (struct alert_config){.receivers = b->receivers,
	    .n_receivers = 2,
	    .route = {.receiver = "ops",
		.group_by = by_name,
		.n_group_by = 1,
		.group_wait_ms = 0,
		.group_interval_ms = 20000,
		.repeat_interval_ms = 3600000}};
	open_state(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;
	pid_t pid;

	alert_engine_free(b->engine);
	state_close(b->state);
	if ((pid = fork()) == 0) {
		execlp("rm", "rm", "-r", b->dir, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	free(b);
	return 0;
}

/* Lets time pass, a tick each second. */
static void
run(struct bench *b, int seconds)
{
	for (int i = 0; i < seconds; i++) {
		b->now += 1000;
		(void)alert_engine_tick(b->engine, b->now);
	}
}

struct rows {
	int n, firing, resolved, reminders;
	char last[4096], receivers[256];
};

static void
count_row(void *arg, const struct outbox_row *row)
{
	struct rows *r = arg;

	if (r->n++ == 0)
		snprintf(r->last, sizeof(r->last), "%s", row->message);
	r->firing += strcmp(row->kind, "firing") == 0;
	r->resolved += strcmp(row->kind, "resolved") == 0;
	r->reminders += strcmp(row->kind, "reminder") == 0;
	strncat(r->receivers, row->receiver, sizeof(r->receivers) - strlen(r->receivers) - 2);
}

static struct rows
rows(struct bench *b)
{
	struct rows r = {0};

	assert_int_equal(outbox_each(b->state, NULL, OUTBOX_ALL, 10000, count_row, &r), 0);
	return r;
}

static void
fires_after_for_and_resolves(void **state)
{
	struct bench *b = *state;
	struct alert_stats stats;

	start(b, 30000);
	run(b, 130); /* past the hold after a start */
	b->true_[0] = true;
	run(b, 25);
	alert_stats(b->engine, &stats);
	assert_int_equal(stats.pending, 1);
	assert_int_equal(rows(b).n, 0);
	run(b, 20);
	assert_int_equal(rows(b).firing, 1);
	assert_non_null(strstr(rows(b).last, "\"summary\":\"a 3\""));
	assert_non_null(strstr(rows(b).last, "\"groupKey\":\"{}:{alertname=\\\"Down\\\"}\""));
	run(b, 600);
	assert_int_equal(rows(b).n, 1);
	b->true_[0] = false;
	run(b, 40);
	assert_int_equal(rows(b).resolved, 1);
	assert_int_equal(rows(b).n, 2);
	run(b, 1000); /* forgotten */
	alert_stats(b->engine, &stats);
	assert_int_equal(stats.pending + stats.firing + stats.resolved + stats.groups, 0);
}

static void
flicker_below_for_is_nothing(void **state)
{
	struct bench *b = *state;

	start(b, 30000);
	run(b, 130);
	for (int i = 0; i < 10; i++) {
		b->true_[0] = !b->true_[0];
		run(b, 20);
	}
	assert_int_equal(rows(b).n, 0);
}

static void
groups_and_repeats(void **state)
{
	struct bench *b = *state;

	b->config.route.group_wait_ms = 15000;
	start(b, 0);
	run(b, 130);
	b->true_[0] = b->true_[1] = true;
	run(b, 40);
	assert_int_equal(rows(b).n, 1); /* both in one */
	assert_non_null(strstr(rows(b).last, "\"probe\":\"a\""));
	assert_non_null(strstr(rows(b).last, "\"probe\":\"b\""));
	b->true_[2] = true;
	run(b, 40);
	assert_int_equal(rows(b).n, 2);
	b->true_[0] = false;
	run(b, 40);
	assert_int_equal(rows(b).n, 3);
	assert_non_null(strstr(rows(b).last, "\"status\":\"resolved\""));
	run(b, 3700);
	assert_int_equal(rows(b).reminders, 1);
}

/* What is silenced is not told; what was told resolves in spite of a silence. */
static void
resolve_passes_a_silence(void **state)
{
	struct bench *b = *state;
	const char *all[] = {"alertname=\"Down\""};
	struct alert_silence silence = {
	    .matchers = all, .n_matchers = 1, .created_by = "me", .comment = "x"};
	char id[37], err[200];

	start(b, 0);
	run(b, 130);
	b->true_[0] = true;
	run(b, 15);
	assert_int_equal(rows(b).n, 1);
	silence.starts_ms = b->now;
	silence.ends_ms = b->now + 600000;
	assert_int_equal(alert_silence_add(b->engine, &silence, id, err, sizeof(err)), 0);
	restart(b, 0); /* it is kept */
	b->true_[1] = true;
	run(b, 130);
	assert_int_equal(rows(b).n, 1);
	b->true_[0] = b->true_[1] = false;
	run(b, 60);
	assert_int_equal(rows(b).n, 2);
	assert_non_null(strstr(rows(b).last, "\"probe\":\"a\""));
	assert_null(
	    strstr(rows(b).last, "\"probe\":\"b\"")); /* never told, so its end is not either */
	b->true_[2] = true;
	run(b, 60);
	assert_int_equal(rows(b).n, 2);
	assert_int_equal(alert_silence_expire(b->engine, id), 0);
	run(b, 60);
	assert_int_equal(rows(b).n, 3);
	assert_int_equal(alert_silence_expire(b->engine, id), -ENOENT);
}

/* The agent's network is cut for ten minutes; an outage begins meanwhile and outlasts it. */
static void
blind_is_one_page(void **state)
{
	struct bench *b = *state;

	start(b, 0);
	run(b, 130);
	b->blind = true;
	b->true_[0] = b->true_[1] = true; /* whatever the rules see now */
	run(b, 600);
	assert_int_equal(rows(b).n, 1);
	assert_non_null(strstr(rows(b).last, "AgentBlind"));
	b->true_[1] = false;
	b->blind = false;
	run(b, 15);
	assert_int_equal(rows(b).n, 2);
	assert_non_null(strstr(rows(b).last, "\"probe\":\"a\""));
	assert_null(strstr(rows(b).last, "\"probe\":\"b\""));
	run(b, 120);
	assert_int_equal(rows(b).resolved, 1); /* of AgentBlind */
	assert_int_equal(rows(b).n, 3);
}

/* What fired before stays as it is while nothing can be known. */
static void
blind_resolves_nothing(void **state)
{
	struct bench *b = *state;

	start(b, 0);
	run(b, 130);
	b->true_[0] = true;
	run(b, 30);
	b->blind = true;
	b->true_[0] = false;
	run(b, 300);
	b->blind = false;
	run(b, 30); /* the rule has not seen enough yet */
	b->true_[0] = true;
	run(b, 200);
	assert_int_equal(rows(b).firing, 2);   /* Down, AgentBlind */
	assert_int_equal(rows(b).resolved, 1); /* AgentBlind */
}

static void
restart_keeps_everything(void **state)
{
	struct bench *b = *state;

	start(b, 60000);
	run(b, 130);
	b->true_[0] = true;
	run(b, 45);       /* pending for 40 s or so */
	b->now += 600000; /* down for ten minutes */
	restart(b, 60000);
	run(b, 5);
	assert_int_equal(rows(b).n, 0); /* the time away does not count */
	run(b, 45);
	assert_int_equal(rows(b).firing, 1);
	restart(b, 60000);
	run(b, 100);
	assert_int_equal(rows(b).n, 1); /* not told again */
	b->true_[0] = false;
	restart(b, 60000);
	run(b, 30); /* held: the start proves nothing */
	assert_int_equal(rows(b).n, 1);
	run(b, 100);
	assert_int_equal(rows(b).resolved, 1);
}

/* What a reader of the file finds; the first number of the statement's result. */
static int
on_disk(struct bench *b, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	int n = 0;

	assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	sqlite3_close(db);
	return n;
}

/* A change of state and its message are on the disk both or not at all, whichever of the two the
 * disk refuses; and when it takes them again, each is there once. */
static void
a_change_and_its_message_are_one(void **state)
{
	static const char *const refused[] = {"INSERT ON outbox", "INSERT ON event",
	    "INSERT ON alert", "INSERT ON grp"};
	static const char firing[] = "SELECT count(*) FROM alert WHERE fired_ms > 0",
			  events[] = "SELECT count(*) FROM event WHERE kind = 'firing'",
			  messages[] = "SELECT count(*) FROM outbox";
	struct bench *b = *state;
	char sql[128];

	start(b, 0);
	run(b, 130);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		int n = (int)i;

		snprintf(sql, sizeof(sql),
		    "CREATE TRIGGER no BEFORE %s BEGIN SELECT RAISE(ABORT, 'no'); END", refused[i]);
		(void)on_disk(b, sql);
		b->true_[0] = true;
		run(b, 30);
		assert_int_equal(on_disk(b, firing), 0);
		assert_int_equal(on_disk(b, events), n);
		assert_int_equal(on_disk(b, messages), 2 * n);
		(void)on_disk(b, "DROP TRIGGER no");
		run(b, 90);
		assert_int_equal(on_disk(b, firing), 1);
		assert_int_equal(on_disk(b, events), n + 1);
		assert_int_equal(on_disk(b, messages), 2 * n + 1);
		b->true_[0] = false;
		run(b, 1000); /* resolved, told, forgotten */
		assert_int_equal(on_disk(b, firing), 0);
	}
}

static void
failing_rule_changes_nothing(void **state)
{
	struct bench *b = *state;

	start(b, 0);
	run(b, 130);
	b->true_[0] = true;
	run(b, 30);
	b->failing = true;
	run(b, 300);
	assert_int_equal(rows(b).n, 1);
	b->failing = b->true_[0] = false;
	run(b, 60);
	assert_int_equal(rows(b).resolved, 1);
}

static void
removed_rule_resolves(void **state)
{
	struct bench *b = *state;
	struct rule_set none = {0};
	char err[200];

	start(b, 0);
	run(b, 130);
	b->true_[0] = true;
	run(b, 30);
	assert_int_equal(alert_engine_configure(b->engine, &b->config, &none, err, sizeof(err)), 0);
	run(b, 60);
	assert_int_equal(rows(b).resolved, 1);
}

static void
routes_inhibits_and_times(void **state)
{
	static const char *const page[] = {"severity=\"page\"", "probe=~\"a|c\""}, *const noon[] = {
										       "noon"};
	static const char *const source[] = {"probe=\"a\""}, *const target[] = {"probe=\"b\""},
				 *const equal[] = {"shop"};
	const struct alert_route children[] = {
	    {.receiver = "oncall",
		.matchers = page,
		.n_matchers = 2,
		.continue_ = true,
		.group_wait_ms = -1,
		.group_interval_ms = -1,
		.repeat_interval_ms = -1},
	    {.receiver = "ops",
		.group_wait_ms = -1,
		.group_interval_ms = -1,
		.repeat_interval_ms = -1,
		.mute = noon,
		.n_mute = 1},
	};
	const struct alert_inhibit inhibit = {source, target, equal, 1, 1, 1};
	const struct alert_times times = {.minutes = {{720, 730}},
	    .n_minutes = 1,
	    .weekdays = {{4, 4}},
	    .n_weekdays = 1,
	    .days = {{1, 1}},
	    .n_days = 1,
	    .months = {{1, 1}},
	    .n_months = 1};
	const struct alert_interval interval = {"noon", &times, 1};
	struct bench *b = *state;
	struct rows r;

	b->config.route.routes = children;
	b->config.route.n_routes = 2;
	b->config.inhibit = &inhibit;
	b->config.n_inhibit = 1;
	b->config.intervals = &interval;
	b->config.n_intervals = 1;
	start(b, 0);
	run(b, 130);
	b->true_[0] = b->true_[1] = true;
	run(b, 60);
	r = rows(b);
	assert_string_equal(
	    r.receivers, "oncall"); /* ops is mute until 12:10, b is inhibited by a */
	assert_null(strstr(r.last, "\"probe\":\"b\""));
	run(b, 480);
	r = rows(b);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.receivers, "opsoncall");
	b->true_[0] = false;
	run(b, 60);
	assert_non_null(strstr(rows(b).last, "\"probe\":\"b\""));
}

static void
bad_routing_has_a_place(void **state)
{
	static const char *const broken[] = {"severity"}, *const regex[] = {"a=~\"(\""},
				 *const night[] = {"night"};
#define INHERIT .group_wait_ms = -1, .group_interval_ms = -1, .repeat_interval_ms = -1
	const struct alert_route child[] = {{.matchers = broken, .n_matchers = 1, INHERIT},
	    {.receiver = "nobody", INHERIT}, {.matchers = regex, .n_matchers = 1, INHERIT},
	    {.mute = night, .n_mute = 1, INHERIT}};
	static const char *const says[] = {"route.routes[0].matchers[0]",
	    "route.routes[0].receiver", "route.routes[0].matchers[0]",
	    "route.routes[0].mute_time_intervals[0]"};
	const struct alert_times paris = {.location = "Europe/Paris"};
	const struct alert_interval interval = {"night", &paris, 1};
	struct bench *b = *state;
	char err[256];

	for (size_t i = 0; i < 4; i++) {
		b->config.route.routes = &child[i];
		b->config.route.n_routes = 1;
		assert_int_equal(alert_config_check(&b->config, err, sizeof(err)), -EINVAL);
		if (strstr(err, says[i]) != err)
			fail_msg("%s", err);
	}
	b->config.route.n_routes = 0;
	b->config.intervals = &interval;
	b->config.n_intervals = 1;
	assert_int_equal(alert_config_check(&b->config, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "UTC"));
}

static void
lives_without_receivers(void **state)
{
	struct bench *b = *state;
	struct alert_stats stats;

	b->config = (struct alert_config){.route.group_wait_ms = -1};
	start(b, 0);
	run(b, 130);
	b->true_[0] = true;
	run(b, 30);
	alert_stats(b->engine, &stats);
	assert_int_equal(stats.firing, 1);
	assert_int_equal(rows(b).n, 0);
}

static void
fingerprint_is_prometheus(void **state)
{
	struct labels *l;

	(void)state;
	assert_int_equal(labels_new(&l, NULL, 0), 0);
	assert_true(alert_fingerprint(l) == UINT64_C(14695981039346656037));
	labels_unref(l);
}

/* The whole way: rule, state, outbox, sender, signature. */
static void
arrives_signed(void **state)
{
	struct bench *b = *state;
	struct notify_opts opts = {.state = b->state};
	struct webhook_key key;
	struct notify *n;
	struct sink sink;
	char err[200];

	sink_start(&sink);
	b->receivers[0].url = sink.url;
	b->receivers[0].secret = SECRET;
	assert_int_equal(webhook_key_parse(&key, SECRET), 0);
	assert_int_equal(notify_start(&n, &opts, b->receivers, 2, err, sizeof(err)), 0);
	b->now = wall_now().ms - 165000;
	start(b, 0);
	run(b, 130);
	b->true_[0] = true;
	run(b, 20);
	notify_wake(n);
	assert_true(sink_wait(&sink, 1));
	b->true_[0] = false;
	run(b, 40);
	notify_wake(n);
	assert_true(sink_wait(&sink, 2));
	notify_stop(n);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(webhook_verify(&key, 1, sink.posts[i].id, sink.posts[i].timestamp,
				     sink.posts[i].signature, sink.posts[i].body,
				     strlen(sink.posts[i].body), wall_now().ms / 1000),
		    0);
	assert_non_null(strstr(sink.posts[0].body, "\"status\":\"firing\""));
	assert_non_null(strstr(sink.posts[1].body, "\"status\":\"resolved\""));
	sink_stop(&sink);
}

static void
count_event(void *arg, const struct alert_event *ev)
{
	int *n = arg;

	n[0] += strcmp(ev->kind, "firing") == 0;
	n[1] += strcmp(ev->kind, "resolved") == 0;
}

/* Killed at any point, history and outbox tell the same story: they commit together. */
static void
kill9_keeps_history_and_outbox_together(void **state)
{
	struct bench *b = *state;
	int events[2] = {0}, pipes[2];
	struct rows r;
	char tick;
	pid_t pid;

	b->config.route.group_interval_ms = 1;
	state_close(b->state);
	b->state = NULL;
	srand(42);
	for (int round = 0; round < 10; round++) {
		b->now = START + round * INT64_C(3600000);
		assert_int_equal(pipe(pipes), 0);
		if ((pid = fork()) == 0) {
			signal(SIGPIPE, SIG_IGN);
			open_state(b);
			start(b, 0);
			run(b, 130);
			for (;;) {
				b->true_[0] = !b->true_[0];
				run(b, 10);
				(void)!write(pipes[1], "x", 1);
			}
		}
		close(pipes[1]);
		for (int lives = 2 + rand() % 20; lives > 0; lives--)
			assert_int_equal(read(pipes[0], &tick, 1), 1);
		close(pipes[0]);
		usleep((useconds_t)(rand() % 3000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	open_state(b);
	b->now = START + INT64_C(36000000);
	b->true_[0] = false;
	start(b, 0);
	run(b, 200);
	assert_int_equal(
	    alert_events_each(b->engine, 0, INT64_MAX, 100000, count_event, events), 0);
	r = rows(b);
	assert_true(events[0] > 10);
	assert_int_equal(events[0], events[1]);
	assert_int_equal(r.firing, events[0]);
	assert_int_equal(r.resolved, events[1]);
	print_message(
	    "kill -9: %d firings, %d resolves, each with its message\n", events[0], events[1]);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(fires_after_for_and_resolves),
	    T(flicker_below_for_is_nothing),
	    T(groups_and_repeats),
	    T(resolve_passes_a_silence),
	    T(blind_is_one_page),
	    T(blind_resolves_nothing),
	    T(restart_keeps_everything),
	    T(a_change_and_its_message_are_one),
	    T(failing_rule_changes_nothing),
	    T(removed_rule_resolves),
	    T(routes_inhibits_and_times),
	    T(bad_routing_has_a_place), T(lives_without_receivers),
	    cmocka_unit_test(fingerprint_is_prometheus),
	    T(arrives_signed),
	    T(kill9_keeps_history_and_outbox_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
