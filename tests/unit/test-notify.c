/*
 * test-notify.c - the sender against a receiver that answers by script, with a clock of the test's
 * own; and kill -9.
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
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/notify/notice.h"
#include "agent/notify/notify.h"
#include "agent/notify/schedule.h"
#include "lib/clock.h"
#include "tests/unit/http-sink.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define PAGE OUTBOX_PAGE

struct bench {
	char dir[64], path[96];
	int64_t now; /* atomic */
	struct state *state;
	struct notify *notify;
	struct sink sink, second;
	struct receiver receivers[2];
};

static int64_t
bench_now(void *arg)
{
	return __atomic_load_n((int64_t *)arg, __ATOMIC_ACQUIRE);
}

static void
advance(struct bench *b, int64_t ms)
{
	__atomic_add_fetch(&b->now, ms, __ATOMIC_ACQ_REL);
	if (b->notify != NULL)
		notify_wake(b->notify);
}

static void
start(struct bench *b)
{
	struct notify_opts opts = {
	    .state = b->state, .now_ms = bench_now, .now_arg = &b->now, .seed = 7, .poll_ms = 5};
	char err[200] = "";

	if (notify_start(&b->notify, &opts, b->receivers, 2, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct state_error err;

	b->now = wall_now().ms;
	snprintf(b->dir, sizeof(b->dir), "/tmp/test-notify.XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	snprintf(b->path, sizeof(b->path), "%s/state.db", b->dir);
	sink_start(&b->sink);
	sink_start(&b->second);
	b->receivers[0] = (struct receiver){.name = "oncall",
	    .type = "webhook",
	    .url = b->sink.url,
	    .secret = SECRET,
	    .fallback = "ops"};
	b->receivers[1] = (struct receiver){.name = "ops", .type = "webhook", .url = b->second.url};
	*state = b;
	return state_open(&b->state, b->path, false, &err);
}

static int
teardown(void **state)
{
	struct bench *b = *state;
	pid_t pid;

	notify_stop(b->notify);
	state_close(b->state);
	sink_stop(&b->sink);
	sink_stop(&b->second);
	if ((pid = fork()) == 0) {
		execlp("rm", "rm", "-r", b->dir, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	free(b);
	return 0;
}

/* A row for oncall: alert `name` of group `group`, firing or over. */
static int64_t
add_row(struct bench *b, const char *group, const char *name, bool firing)
{
	struct label pair = {"alertname", name};
	struct labels *l;
	struct notice_alert alert = {.firing = firing,
	    .starts_ms = bench_now(&b->now) - 1000,
	    .ends_ms = bench_now(&b->now),
	    .fingerprint = name};
	struct notice notice = {.receiver = "oncall",
	    .group_key = group,
	    .reason = firing ? "firing" : "resolved",
	    .alerts = &alert,
	    .n = 1};
	struct outbox_new row = {
	    .receiver = "oncall", .group_key = group, .kind = notice.reason, .class = PAGE};
	struct buf text;
	int64_t id = 0;

	assert_int_equal(labels_new(&l, &pair, 1), 0);
	alert.labels = l;
	buf_init(&text, NOTICE_MAX_BYTES);
	assert_int_equal(notice_write(&text, &notice), 0);
	row.message = buf_str(&text);
	assert_int_equal(outbox_add(b->state, &row, bench_now(&b->now), &id), 0);
	buf_free(&text);
	labels_unref(l);
	if (b->notify != NULL)
		notify_wake(b->notify);
	return id;
}

struct found {
	int64_t id;
	struct outbox_row row;
	char error[256];
};

static void
find_row(void *arg, const struct outbox_row *row)
{
	struct found *f = arg;

	if (row->id != f->id)
		return;
	f->row = *row;
	snprintf(f->error, sizeof(f->error), "%s", row->error);
}

static struct found
row_of(struct bench *b, int64_t id)
{
	struct found f = {.id = id};

	assert_int_equal(outbox_each(b->state, NULL, OUTBOX_ALL, 10000, find_row, &f), 0);
	return f;
}

/* Waits until a row has that state. */
static void
wait_state(struct bench *b, int64_t id, enum outbox_state want)
{
	struct found f = {0};

	for (int i = 0; i < 2000; i++, usleep(5000))
		if ((f = row_of(b, id)).row.state == want)
			return;
	fail_msg("row %lld is %s, not %s (%s)", (long long)id, outbox_state_name(f.row.state),
	    outbox_state_name(want), f.error);
}

static void
wait_attempts(struct bench *b, int64_t id, int attempts)
{
	struct found f = {0};

	for (int i = 0; i < 2000; i++, usleep(5000)) {
		f = row_of(b, id);
		if (f.row.attempts >= attempts && f.row.state == OUTBOX_PENDING)
			return;
	}
	fail_msg("row %lld: %d attempts, %s", (long long)id, f.row.attempts,
	    outbox_state_name(f.row.state));
}

static void
delivers_signed(void **state)
{
	struct bench *b = *state;
	struct webhook_key key;
	int64_t id = add_row(b, "{}:{a}", "Down", true);
	const struct sink_post *p;
	json_t *body;

	start(b);
	wait_state(b, id, OUTBOX_DELIVERED);
	assert_int_equal(sink_count(&b->sink), 1);
	p = &b->sink.posts[0];
	assert_int_equal(webhook_key_parse(&key, SECRET), 0);
	assert_int_equal(webhook_verify(&key, 1, p->id, p->timestamp, p->signature, p->body,
			     strlen(p->body), b->now / 1000),
	    0);
	assert_int_equal(strncmp(p->id, "msg_", 4), 0);
	assert_int_equal(strlen(p->id), 30);
	body = json_loads(p->body, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(body, "version")), "4");
	assert_string_equal(json_string_value(json_object_get(body, "status")), "firing");
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(body, "alerts"), 0), "endsAt")),
	    "0001-01-01T00:00:00Z");
	json_decref(body);
}

static void
retries_with_the_same_id_and_in_order(void **state)
{
	struct bench *b = *state;
	int64_t first, second;

	sink_answer(&b->sink, 503, NULL);
	start(b);
	first = add_row(b, "{}:{a}", "Down", true);
	second = add_row(b, "{}:{a}", "Down", false);
	wait_attempts(b, first, 1);
	advance(b, 3000);
	wait_attempts(b, first, 2);
	assert_int_equal(row_of(b, second).row.attempts, 0);
	sink_answer(&b->sink, 204, NULL);
	advance(b, 5000);
	wait_state(b, second, OUTBOX_DELIVERED);
	assert_int_equal(sink_count(&b->sink), 4);
	assert_string_equal(b->sink.posts[0].id, b->sink.posts[1].id);
	assert_string_equal(b->sink.posts[0].id, b->sink.posts[2].id);
	assert_string_equal(b->sink.posts[0].body, b->sink.posts[2].body);
	assert_string_not_equal(b->sink.posts[2].id, b->sink.posts[3].id);
	assert_non_null(strstr(b->sink.posts[3].body, "\"status\":\"resolved\""));
}

static void
retry_after_is_obeyed(void **state)
{
	struct bench *b = *state;
	int64_t id;

	sink_answer(&b->sink, 429, "Retry-After: 120\r\n");
	start(b);
	id = add_row(b, "{}:{a}", "Down", true);
	wait_attempts(b, id, 1);
	assert_true(row_of(b, id).row.next_ms >= b->now + 119000);
	sink_answer(&b->sink, 200, NULL);
	advance(b, 60000);
	usleep(100000);
	assert_int_equal(sink_count(&b->sink), 1);
	advance(b, 61000);
	wait_state(b, id, OUTBOX_DELIVERED);
}

static void
refusal_is_a_dead_letter_and_goes_to_the_fallback(void **state)
{
	struct bench *b = *state;
	int64_t id;

	sink_answer(&b->sink, 404, NULL);
	start(b);
	id = add_row(b, "{}:{a}", "Down", true);
	wait_state(b, id, OUTBOX_DEAD);
	assert_true(sink_wait(&b->second, 1));
	assert_non_null(strstr(b->second.posts[0].body, "\"tillwatch_fallback_for\":\"oncall\""));
	assert_non_null(strstr(b->second.posts[0].body, "\"receiver\":\"ops\""));
	/* By hand, once the receiver is mended. */
	sink_answer(&b->sink, 200, NULL);
	assert_int_equal(notify_retry(b->notify, id), 1);
	wait_state(b, id, OUTBOX_DELIVERED);
}

static void
redirects_are_not_followed(void **state)
{
	struct bench *b = *state;
	char location[128];
	int64_t id;

	snprintf(location, sizeof(location), "Location: %s\r\n", b->second.url);
	b->receivers[0].fallback = NULL;
	sink_answer(&b->sink, 302, location);
	start(b);
	id = add_row(b, "{}:{a}", "Down", true);
	wait_state(b, id, OUTBOX_DEAD);
	assert_int_equal(sink_count(&b->second), 0);
}

static void
too_large_is_shortened_once(void **state)
{
	struct bench *b = *state;
	int64_t id;

	sink_answer(&b->sink, 413, NULL);
	start(b);
	id = add_row(b, "{}:{a}", "Down", true);
	wait_state(b, id, OUTBOX_DEAD);
	assert_int_equal(sink_count(&b->sink), 2);
	assert_true(row_of(b, id).row.truncated);
}

static void
gone_disables(void **state)
{
	struct bench *b = *state;
	int64_t first, second;

	sink_answer(&b->sink, 410, NULL);
	start(b);
	first = add_row(b, "{}:{a}", "Down", true);
	wait_state(b, first, OUTBOX_DEAD);
	sink_answer(&b->sink, 200, NULL);
	second = add_row(b, "{}:{b}", "Other", true);
	assert_true(sink_wait(&b->second, 1)); /* the first one's fallback */
	advance(b, 2000);
	assert_true(sink_wait(&b->second, 2)); /* and pages that come later */
	assert_int_equal(sink_count(&b->sink), 1);
	/* It stays so over a restart, until somebody enables it. */
	notify_stop(b->notify);
	b->notify = NULL;
	start(b);
	usleep(50000);
	assert_int_equal(sink_count(&b->sink), 1);
	assert_int_equal(notify_enable(b->notify, "oncall"), 0);
	wait_state(b, second, OUTBOX_DELIVERED);
}

static void
see_open(void *arg, const struct receiver_status *s)
{
	*(bool *)arg |= strcmp(s->name, "oncall") == 0 && s->state == RECEIVER_OPEN;
}

/* The clock goes on until so much has failed that the receiver is left alone. */
static void
until_open(struct bench *b)
{
	bool is_open = false;

	for (int i = 0; i < 1000 && !is_open; i++) {
		advance(b, 20000);
		usleep(20000);
		notify_receivers_each(b->notify, see_open, &is_open);
	}
	assert_true(is_open);
}

static bool
last_says(struct sink *s, const char *text)
{
	bool does;

	pthread_mutex_lock(&s->lock);
	does = s->n > 0 && strstr(s->posts[s->n - 1].body, text) != NULL;
	pthread_mutex_unlock(&s->lock);
	return does;
}

/* An outage of ten minutes: the fallback is paged, what piled up is merged, the resolve follows to
 * the fallback. */
static void
outage_merges_and_tells_the_fallback(void **state)
{
	struct bench *b = *state;
	int64_t first, second, third;

	sink_answer(&b->sink, -1, NULL);
	start(b);
	first = add_row(b, "{}:{a}", "Down", true);
	wait_attempts(b, first, 1);
	for (int i = 0; i < 12; i++) {
		advance(b, 20000);
		usleep(30000);
	}
	assert_true(sink_wait(&b->second, 1));
	second = add_row(b, "{}:{a}", "Down", true);
	third = add_row(b, "{}:{a}", "Down", false);
	advance(b, 60000);
	usleep(30000);
	sink_answer(&b->sink, 200, NULL);
	for (int i = 0; i < 400 && row_of(b, third).row.state != OUTBOX_DELIVERED; i++) {
		advance(b, 60000);
		usleep(30000);
	}
	assert_int_equal(row_of(b, third).row.state, OUTBOX_DELIVERED);
	assert_int_equal(row_of(b, first).row.state, OUTBOX_SUPERSEDED);
	assert_int_equal(row_of(b, first).row.superseded_by, third);
	assert_int_equal(row_of(b, second).row.state, OUTBOX_SUPERSEDED);
	assert_non_null(strstr(b->sink.posts[b->sink.n - 1].body, "tillwatch_delivered_late"));
	for (int i = 0; i < 1000 && !last_says(&b->second, "\"status\":\"resolved\""); i++)
		usleep(20000);
	assert_true(last_says(&b->second, "\"status\":\"resolved\""));
}

static void
storm_gives_one_digest(void **state)
{
	struct bench *b = *state;
	char group[32], name[32];
	size_t digests = 0;
	int64_t last = 0;

	sink_answer(&b->sink, -1, NULL);
	b->receivers[0].fallback = NULL;
	start(b);
	last = add_row(b, "{}:{still}", "Still", true);
	wait_attempts(b, last, 1);
	until_open(b);
	for (int i = 0; i < 15; i++) {
		snprintf(group, sizeof(group), "{}:{g%d}", i);
		snprintf(name, sizeof(name), "A%d", i);
		add_row(b, group, name, true);
		add_row(b, group, name, false);
	}
	sink_answer(&b->sink, 200, NULL);
	for (int i = 0; i < 2000 && row_of(b, last).row.state != OUTBOX_DELIVERED; i++) {
		advance(b, 30000);
		usleep(10000);
	}
	for (int i = 0; i < 2000 && digests == 0; i++, usleep(10000))
		for (size_t k = 0; k < sink_count(&b->sink); k++)
			digests += strstr(b->sink.posts[k].body, "tillwatch_digest") != NULL;
	assert_true(digests > 0);
	assert_true(sink_count(&b->sink) < 20);
}

static void
test_message_and_unknown_receiver(void **state)
{
	struct bench *b = *state;
	int64_t id = 0;

	start(b);
	assert_int_equal(notify_test(b->notify, "nobody", &id), -ENOENT);
	assert_int_equal(notify_test(b->notify, "ops", &id), 0);
	wait_state(b, id, OUTBOX_DELIVERED);
	assert_non_null(strstr(b->second.posts[0].body, "TillwatchTest"));
}

static void
pure_parts(void **state)
{
	static const int64_t about[] = {
	    2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000};
	uint64_t seed = 1, again = 1;
	int64_t t = 0, next;

	(void)state;
	for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++) {
		next = schedule_next(OUTBOX_PAGE, 0, t, &seed);
		assert_true(next > t && next - t <= (about[i] - t) * 12 / 10 + 500);
		t = about[i];
	}
	seed = again;
	assert_int_equal(
	    schedule_next(OUTBOX_INFO, 0, 0, &seed), schedule_next(OUTBOX_INFO, 0, 0, &again));
	assert_int_equal(schedule_next(OUTBOX_PAGE, 0, INT64_C(73) * 3600000, &seed), -1);
	assert_int_equal(retry_after_ms("120", 0), 120000);
	assert_int_equal(retry_after_ms(" 7 \r\n", 0), 7000);
	assert_int_equal(retry_after_ms("99999999", 0), RETRY_AFTER_CAP_MS);
	assert_int_equal(retry_after_ms("Thu, 01 Jan 1970 00:02:00 GMT", 60000), 60000);
	assert_int_equal(retry_after_ms("Thu, 01 Jan 1970 00:00:00 GMT", 60000), 0);
	assert_int_equal(retry_after_ms("soon", 0), -1);
	assert_int_equal(notify_judge(204), NOTIFY_DELIVERED);
	assert_int_equal(notify_judge(301), NOTIFY_DEAD);
	assert_int_equal(notify_judge(429), NOTIFY_RETRY);
	assert_int_equal(notify_judge(0), NOTIFY_RETRY);
}

/* The child adds rows and sends them until it is killed; afterwards every row that was committed
 * arrives. */
static void
child(struct bench *b, int report)
{
	struct state_error err;
	char group[32];

	b->notify = NULL;
	if (state_open(&b->state, b->path, false, &err) != 0)
		_exit(2);
	start(b);
	for (int i = 0;; i++) {
		int64_t id;

		snprintf(group, sizeof(group), "{}:{g%d}", i % 7);
		id = add_row(b, group, "Down", i % 2 == 0);
		if (write(report, &id, sizeof(id)) != (ssize_t)sizeof(id))
			_exit(3);
		usleep(1000);
	}
}

static void
kill9_loses_nothing(void **state)
{
	struct bench *b = *state;
	int64_t ids[4096], id;
	size_t n = 0;
	int pipes[2], rounds = getenv("KILL_ROUNDS") != NULL
				   ? (int)strtol(getenv("KILL_ROUNDS"), NULL, 10)
				   : 12;

	state_close(b->state);
	b->state = NULL;
	srand(4711);
	for (int round = 0; round < rounds; round++) {
		pid_t pid;

		assert_int_equal(pipe(pipes), 0);
		if ((pid = fork()) == 0)
			child(b, pipes[1]);
		close(pipes[1]);
		/* It dies after some message or other, wherever it then is. */
		for (int lives = 2 + rand() % 60; lives > 0 && n < 4096; lives--) {
			assert_int_equal(read(pipes[0], &id, sizeof(id)), sizeof(id));
			ids[n++] = id;
		}
		usleep((useconds_t)(rand() % 1500));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(pipes[0], &id, sizeof(id)) == (ssize_t)sizeof(id) && n < 4096)
			ids[n++] = id;
		close(pipes[0]);
	}
	assert_true(n > 20);
	{
		struct state_error err;

		assert_int_equal(state_open(&b->state, b->path, false, &err), 0);
		assert_string_equal(err.text, "");
	}
	start(b);
	for (size_t i = 0; i < n; i++)
		wait_state(b, ids[i], OUTBOX_DELIVERED);
	for (size_t i = 0; i < n; i++) {
		struct outbox_row row;
		bool seen = false;

		assert_int_equal(state_begin(b->state), 0);
		assert_int_equal(outbox_get(b->state, ids[i], &row), 1);
		for (size_t k = 0; k < b->sink.n; k++)
			seen |= strcmp(b->sink.posts[k].id, row.msg_id) == 0;
		assert_int_equal(state_commit(b->state), 0);
		assert_true(seen);
	}
	print_message(
	    "kill -9: %zu messages over %d lives, %zu posts, none lost\n", n, rounds, b->sink.n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pure_parts),
	    cmocka_unit_test_setup_teardown(delivers_signed, setup, teardown),
	    cmocka_unit_test_setup_teardown(retries_with_the_same_id_and_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(retry_after_is_obeyed, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		refusal_is_a_dead_letter_and_goes_to_the_fallback, setup, teardown),
	    cmocka_unit_test_setup_teardown(redirects_are_not_followed, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_large_is_shortened_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(gone_disables, setup, teardown),
	    cmocka_unit_test_setup_teardown(outage_merges_and_tells_the_fallback, setup, teardown),
	    cmocka_unit_test_setup_teardown(storm_gives_one_digest, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_message_and_unknown_receiver, setup, teardown),
	    cmocka_unit_test_setup_teardown(kill9_loses_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
