/*
 * test-host.c - tillwatch-host as the agent sees it: frames in, frames out, and what it does when a
 * plugin misbehaves. The real binary, over a socket pair.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "tests/unit/test-host-driver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"

#define FAST "{\"word\":\"ok\",\"value\":1.5,\"after\":1000,\"sleep\":0}"

static void
result_is(struct driver *d, int verdict, const char *cause)
{
	assert_string_equal(d->result.cause, cause);
	assert_int_equal(d->result.verdict, verdict);
}

/* ---- a plugin that behaves ---- */

static void
runs_at_slots(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL);
	int64_t last;

	(void)state;
	assert_int_equal(d->hello.wire, WIRE_VERSION);
	assert_int_equal(d->hello.pid, d->pid);
	driver_start(d, "tp_ok", 200, 20000, FAST);
	driver_result(d, RESULT_SKIPPED, 0, 5000);
	assert_true(d->is_started);
	result_is(d, 0, "");
	assert_int_equal(d->result.slot_ms % 200, 50);
	assert_true(d->result.start_lag_us >= 0 && d->result.duration_us > 0);
	assert_non_null(strstr(d->result.facts, "\"name\":\"a probe\""));
	assert_true(driver_value(d, "ok_runs_total{kind=\"plain\", probe=\"a probe\"}") == 1);
	assert_true(driver_value(d, "ok_value{place=\"th\302\267ere\"") < 0);
	assert_int_equal(d->n_hists, 2);
	last = d->result.slot_ms;
	driver_result(d, RESULT_SKIPPED, 0, 5000);
	assert_true(d->result.slot_ms > last && d->result.slot_ms % 200 == 50);
	assert_true(driver_value(d, "ok_runs_total") == 2);
	assert_int_equal(d->n_hists, 2);
	driver_free(d);
}

/* What was committed is where the next process goes on: state and totals. */
static void
goes_on_after_a_restart(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL), *next = driver_new("tp_ok", NULL);
	double runs;

	(void)state;
	driver_start(d, "tp_ok", 100, 20000, FAST);
	for (int i = 0; i < 3; i++)
		driver_result(d, RESULT_SKIPPED, 0, 5000);
	runs = driver_value(d, "ok_runs_total");
	assert_true(runs == 3 && d->n_state == 2);
	memcpy(next->state, d->state, sizeof(d->state));
	next->n_state = d->n_state;
	d->n_state = 0;
	driver_start(next, "tp_ok", 100, 20000, FAST);
	driver_result(next, RESULT_SKIPPED, 0, 5000);
	assert_true(driver_value(next, "ok_runs_total") == runs + 1);
	assert_non_null(strstr(next->result.facts, "\"n\":4"));
	driver_free(d);
	driver_free(next);
}

static void
runs_when_asked(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL);

	(void)state;
	driver_start(d, "tp_ok", 3600000, 20000, FAST);
	assert_int_equal(driver_wait(d, FRAME_STARTED, 30000), FRAME_STARTED);
	do { /* again where the loop has just lagged */
		driver_send(d, FRAME_RUN, 99);
		driver_result(d, RESULT_ASKED, RESULT_ASKED, 5000);
	} while ((d->result.flags & RESULT_SKIPPED) && strcmp(d->result.cause, "full") == 0);
	assert_int_equal(d->result.flags, RESULT_ASKED);
	result_is(d, 0, "");
	driver_free(d);
}

/* A run that takes longer than the interval: the slots in between are told as skipped. */
static void
skips_instead_of_overlapping(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL);

	(void)state;
	driver_start(d, "tp_ok", 100, 20000, "{\"after\":0,\"sleep\":350000}");
	do /* on a busy machine the first ones may be skipped for that */
		driver_result(d, RESULT_SKIPPED, RESULT_SKIPPED, 5000);
	while (strcmp(d->result.cause, "late") == 0 || strcmp(d->result.cause, "full") == 0);
	assert_string_equal(d->result.cause, "overrun");
	assert_int_equal(d->n_samples, 0);
	driver_result(d, RESULT_SKIPPED, 0, 5000);
	result_is(d, 0, "");
	assert_int_equal(driver_wait(d, FRAME_BEAT, 5000), FRAME_BEAT);
	assert_true(d->beat.skipped >= 2 && d->beat.probes == 1);
	driver_free(d);
}

/* Only a worker is over its time: the run ends as a timeout, the next ones run again. */
static void
a_late_worker_times_out(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL);

	(void)state;
	driver_start(d, "tp_ok", 1000, 200, "{\"after\":0,\"sleep\":500000}");
	/* A worker that got no processor for so long was not begun: then the next one. */
	for (int i = 0; i < 5; i++) {
		driver_result(d, RESULT_TIMEOUT, RESULT_TIMEOUT, 5000);
		if (strcmp(d->result.cause, "work") != 0)
			break;
	}
	result_is(d, 2, "timeout");
	driver_result(d, RESULT_TIMEOUT, RESULT_TIMEOUT, 5000);
	assert_true(driver_value(d, "ok_runs_total") >= 2);
	driver_free(d);
}

static void
stops_when_told_and_when_left_alone(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL);
	int status;

	(void)state;
	driver_start(d, "tp_ok", 100, 20000, FAST);
	driver_result(d, RESULT_SKIPPED, 0, 5000);
	driver_send(d, FRAME_REMOVE, GENERATION);
	driver_send(d, FRAME_STOP, 0);
	status = driver_end(d, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	driver_free(d);

	d = driver_new("tp_ok", NULL);
	shutdown(d->fd, SHUT_RDWR);
	status = driver_end(d, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	driver_free(d);
}

static void
a_bad_frame_of_the_agent_ends_it(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL);
	int status;

	(void)state;
	assert_int_equal(send(d->fd, "garbage", 7, 0), 7);
	status = driver_end(d, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 75);
	driver_free(d);
}

static void
options_that_do_not_fit_are_refused(void **state)
{
	struct driver *d = driver_new("tp_ok", NULL);

	(void)state;
	driver_start(d, "tp_ok", 100, 90, "{\"value\":\"no number\"}");
	assert_int_equal(driver_wait(d, FRAME_REFUSED, 5000), FRAME_REFUSED);
	assert_non_null(strstr(d->refused_text, "value"));
	driver_free(d);

	d = driver_new("tp_refuse", NULL);
	driver_start(d, "tp_refuse", 100, 90, "{\"steps\":[{\"url\":\"good\"},{\"url\":\"bad\"}]}");
	assert_int_equal(driver_wait(d, FRAME_REFUSED, 5000), FRAME_REFUSED);
	assert_string_equal(d->refused_path, "steps/1/url");
	assert_string_equal(d->refused_text, "\"bad\" is not wanted here");
	driver_free(d);
}

/* ---- http: a raw server on a thread ---- */

struct server {
	int fd, port;
	const char *answer;           /* NULL: takes the request and says nothing */
	pthread_t thread;
};

static void *
serve(void *arg)
{
	struct server *s = arg;
	char request[4096];
	int held[64], n = 0, fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0 && n < 64) {
		(void)!recv(fd, request, sizeof(request), 0);
		if (s->answer != NULL) {
			(void)!send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
			close(fd);
		} else {
			held[n++] = fd;
		}
	}
	while (n > 0)
		close(held[--n]);
	return NULL;
}

static void
server_open(struct server *s, const char *answer)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	*s =
	    (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .answer = answer};
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
server_close(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

static struct driver *
ask_server(const struct server *s, int64_t timeout_ms)
{
	struct driver *d = driver_new("tp_ok", NULL);
	char options[128];

	snprintf(options, sizeof(options), "{\"word\":\"w\",\"url\":\"http://127.0.0.1:%d/\"}",
	    s->port);
	driver_start(d, "tp_ok", 1000, timeout_ms, options);
	driver_result(d, RESULT_SKIPPED, 0, 30000);
	return d;
}

static void
http_answers_reach_the_plugin(void **state)
{
	struct server s;
	struct driver *d;

	(void)state;
	server_open(&s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	d = ask_server(&s, 20000);
	result_is(d, 0, "");
	assert_true(driver_value(d, "ok_http_status") == 200);
	assert_non_null(strstr(d->result.facts, "\"hops\":[{\"address\":\"127.0.0.1\"}]"));
	assert_non_null(strstr(d->result.facts, "\"excerpt\":\"hello\""));
	driver_free(d);
	server_close(&s);

	server_open(&s, "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n");
	d = ask_server(&s, 20000);
	result_is(d, 2, "status");
	driver_free(d);
	server_close(&s);
}

/* A server that says nothing: the answer's own failure is told, and the run counts as out of time.
 */
static void
silence_is_a_timeout(void **state)
{
	struct server s;
	struct driver *d;

	(void)state;
	server_open(&s, NULL);
	d = ask_server(&s, 2000);
	result_is(d, 2, "http");
	assert_true(d->result.flags & RESULT_TIMEOUT);
	assert_true(d->result.duration_us + d->result.start_lag_us >= 1990000);
	driver_free(d);
	server_close(&s);
}

/* ---- plugins that do not ---- */

static void
what_was_not_declared_is_refused(void **state)
{
	struct driver *d = driver_new("tp_undeclared", NULL);
	size_t many = 0;

	(void)state;
	driver_start(d, "tp_undeclared", 200, 150, "{}");
	driver_result(d, RESULT_SKIPPED, 0, 5000);
	result_is(d, 1, "some_words");
	assert_string_equal(d->result.reason, "reason in two \302\267[31m lines");
	assert_int_equal(d->result.refused_samples, 8);
	assert_true(driver_value(d, "undeclared_up") == 1);
	assert_false(driver_has(d, "undeclared_runs_total"));
	for (size_t i = 0; i < d->n_samples; i++)
		many += strncmp(d->series[d->samples[i].series], "undeclared_many", 15) == 0;
	assert_int_equal(many, 51);
	assert_true(driver_value(d, "undeclared_many{probe=\"a probe\", who=\"other\"}") == 59);
	/* Before that it may say that a callback took long: on a busy machine it does. */
	do
		assert_int_equal(driver_wait(d, FRAME_LOG, 20000), FRAME_LOG);
	while (strstr(d->log, "8 refused") == NULL);
	driver_free(d);
}

static void
crash_and_exit_are_the_end_of_the_host(void **state)
{
	static const char *const plugins[] = {"tp_crash", "tp_exit"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct driver *d = driver_new(plugins[i], NULL);
		int status;

		driver_start(d, plugins[i], 100, 90, "{}");
		status = driver_end(d, 5000);
		assert_int_equal(d->n_results, 0);
		assert_true(i == 0 ? !WIFEXITED(status) || WEXITSTATUS(status) != 0
				   : WIFEXITED(status) && WEXITSTATUS(status) == 0);
		driver_free(d);
	}
}

/* A blocking probe that never returns: told as a timeout, then the host asks to be started anew. */
static void
a_hanging_probe_ends_the_host(void **state)
{
	struct driver *d = driver_new("tp_hang", NULL);
	int status;

	(void)state;
	driver_start(d, "tp_hang", 100, 90, "{}");
	driver_result(d, RESULT_TIMEOUT, RESULT_TIMEOUT, 5000);
	result_is(d, 2, "timeout");
	driver_result(d, RESULT_SKIPPED, RESULT_SKIPPED, 5000);
	assert_string_equal(d->result.cause, "overrun");
	status = driver_end(d, 10000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 75);
	driver_free(d);
}

/* A callback that never returns: no beat comes any more, which is what the agent kills for. */
static void
a_spinning_callback_stops_the_beat(void **state)
{
	struct driver *d = driver_new("tp_spin", NULL);
	int64_t quiet = 0, before;

	(void)state;
	assert_int_equal(driver_wait(d, FRAME_BEAT, 5000), FRAME_BEAT);
	driver_start(d, "tp_spin", 100, 90, "{}");
	assert_int_equal(driver_wait(d, FRAME_STARTED, 5000), FRAME_STARTED);
	before = mono_now().us;
	while (quiet == 0 && mono_now().us - before < 20000000)
		quiet = driver_wait(d, FRAME_BEAT, 2500) == 0;
	assert_true(quiet);
	driver_free(d);
}

static void
garbage_is_seen_as_garbage(void **state)
{
	struct driver *d = driver_new("tp_garbage", NULL);

	(void)state;
	driver_start(d, "tp_garbage", 100, 90, "{}");
	driver_result(d, RESULT_SKIPPED, 0, 5000);
	assert_true(d->n_bad > 0);
	driver_free(d);
}

static void
a_leak_ends_at_the_limit(void **state)
{
#ifndef TW_SANITIZED
	struct driver *d = driver_new("tp_leak", "{\"memory_bytes\":134217728}");
	int status;

	driver_start(d, "tp_leak", 20, 19, "{}");
	status = driver_end(d, 20000);
	assert_true(WIFSIGNALED(status));
	assert_true(d->n_results >= 2);
	driver_free(d);
#endif
	(void)state;
}

/* ---- sandbox and files ---- */

static double
got(struct driver *d, const char *what)
{
	char series[128];

	snprintf(series, sizeof(series), "reach_got{probe=\"a probe\", what=\"%s\"}", what);
	return driver_value(d, series);
}

static void
the_sandbox_holds(void **state)
{
	static const char *const refused[] = {"passwd", "proc", "write", "exec", "fork", "signal",
	    "ptrace", "raw", "packet"};
	char granted[] = "/tmp/tillwatch-granted.XXXXXX", scratch[64], setup[256], options[256];
	int fd = mkstemp(granted);
	struct driver *d;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(scratch, sizeof(scratch), "%s.made", granted);
	snprintf(setup, sizeof(setup), "{\"paths\":[\"%s\"]}", granted);
	snprintf(
	    options, sizeof(options), "{\"granted\":\"%s\",\"scratch\":\"%s\"}", granted, scratch);
	d = driver_new("tp_reach", setup);
	if (d->hello.sandbox < 3) {
		print_message("sandbox level %u: %s\n", d->hello.sandbox, d->hello.sandbox_text);
	} else {
		driver_start(d, "tp_reach", 200, 20000, options);
		driver_result(d, RESULT_SKIPPED, 0, 5000);
		result_is(d, 0, "");
		assert_true(got(d, "granted") == 1 && got(d, "thread") == 1 && got(d, "tcp") == 1);
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			if (got(d, refused[i]) != 0)
				fail_msg("the sandbox lets %s pass", refused[i]);
		assert_int_equal(access(scratch, F_OK), -1);
	}
	driver_free(d);
	unlink(granted);
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
	struct driver *d = driver_spawn("tp_ok");
	int status;

	(void)state;
	assert_int_equal(chmod(d->plugin, 0660), 0);
	driver_send_text(d, FRAME_SETUP, "{}");
	status = driver_end(d, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 78);
	driver_free(d);

	d = driver_spawn("tp_old_abi");
	driver_send_text(d, FRAME_SETUP, "{}");
	status = driver_end(d, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 78);
	driver_free(d);
}

/* Lines are counted once, over a restart too, and a file that grows meanwhile is read on. */
static void
a_log_is_tailed_by_its_position(void **state)
{
	char log[] = "/tmp/tillwatch-log.XXXXXX", setup[128], options[128];
	int fd = mkstemp(log);
	struct driver *d, *next;

	(void)state;
	assert_int_equal(write(fd, "a\nb\nc\n", 6), 6);
	snprintf(setup, sizeof(setup), "{\"paths\":[\"%s\"]}", log);
	snprintf(options, sizeof(options), "{\"path\":\"%s\"}", log);
	d = driver_new("tp_tail", setup);
	driver_start(d, "tp_tail", 100, 20000, options);
	driver_result(d, RESULT_SKIPPED, 0, 5000);
	assert_true(driver_value(d, "tail_lines_total") == 3);
	assert_int_equal(kill(d->pid, SIGKILL), 0);
	assert_int_equal(write(fd, "d\n", 2), 2);
	next = driver_new("tp_tail", setup);
	memcpy(next->state, d->state, sizeof(d->state));
	next->n_state = d->n_state;
	d->n_state = 0;
	driver_start(next, "tp_tail", 100, 20000, options);
	driver_result(next, RESULT_SKIPPED, 0, 5000);
	assert_true(driver_value(next, "tail_lines_total") == 4);
	assert_true(driver_value(next, "tail_position_bytes") == 8);
	driver_free(d);
	driver_free(next);
	close(fd);
	unlink(log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(runs_at_slots),
	    cmocka_unit_test(goes_on_after_a_restart), cmocka_unit_test(runs_when_asked),
	    cmocka_unit_test(skips_instead_of_overlapping),
	    cmocka_unit_test(a_late_worker_times_out),
	    cmocka_unit_test(stops_when_told_and_when_left_alone),
	    cmocka_unit_test(a_bad_frame_of_the_agent_ends_it),
	    cmocka_unit_test(options_that_do_not_fit_are_refused),
	    cmocka_unit_test(http_answers_reach_the_plugin),
	    cmocka_unit_test(silence_is_a_timeout),
	    cmocka_unit_test(what_was_not_declared_is_refused),
	    cmocka_unit_test(crash_and_exit_are_the_end_of_the_host),
	    cmocka_unit_test(a_hanging_probe_ends_the_host),
	    cmocka_unit_test(a_spinning_callback_stops_the_beat),
	    cmocka_unit_test(garbage_is_seen_as_garbage),
	    cmocka_unit_test(a_leak_ends_at_the_limit), cmocka_unit_test(the_sandbox_holds),
	    cmocka_unit_test(a_file_that_others_may_write_is_refused),
	    cmocka_unit_test(a_log_is_tailed_by_its_position)};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
