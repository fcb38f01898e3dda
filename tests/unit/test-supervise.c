/*
 * test-supervise.c - hosts that behave in every bad way, and the agent that goes on: back-off, the
 * watchdogs, garbage on the link, and neighbours who notice nothing.
 *
 * The program is its own host: started with --plugin DIR/MODE it plays the host MODE
 * (supervise-help.c). Both clocks that the supervisor reads are the test's (--wrap of the linker):
 * they move when the test moves them, so a back-off of a minute takes no time, and nothing depends
 * on how fast the machine is. What real processes do is waited for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/supervise/host.h"
#include "lib/log.h"
#include "lib/xmalloc.h"
#include "tests/unit/store-help.h"
#include "tests/unit/supervise-help.h"

#define PATIENCE_MS 60000
#define INTERVAL_MS 10000
#define TIMEOUT_MS 5000
#define SECOND_US INT64_C(1000000)

/* ---- the clocks ---- */

static _Atomic int64_t mono_us = 1000 * SECOND_US, wall_ms = T0;

mono_t __wrap_mono_now(void);
wall_t __wrap_wall_now(void);

mono_t
__wrap_mono_now(void)
{
	return (mono_t){mono_us};
}

wall_t
__wrap_wall_now(void)
{
	return (wall_t){wall_ms};
}

static void
pass_us(int64_t us)
{
	mono_us += us;
	wall_ms += us / 1000;
}

/* ---- the agent's side ---- */

struct fixture {
	struct help store;
	struct ingest *in;
	struct supervisor *s;
	uv_loop_t loop;
	uv_timer_t pulse;
	char self[256];
	unsigned results, aborted, refused;
	bool stopped;
	uint32_t n_probes;
};

static int64_t
now_ms(void *arg)
{
	(void)arg;
	return wall_ms;
}

static void
on_wake(void *arg)
{
	(void)arg;
}

static void
on_result(void *arg, const struct ingest_result *r)
{
	struct fixture *f = arg;

	f->results++;
	f->aborted += strcmp(r->cause, "aborted") == 0;
}

static void
on_refused(void *arg, uint32_t probe, const char *path, const char *text)
{
	struct fixture *f = arg;

	(void)probe;
	assert_string_equal(path, "a/b");
	assert_string_equal(text, "no");
	f->refused++;
}

static void
on_pulse(uv_timer_t *timer)
{
	(void)timer; /* the loop turns, so that conditions are looked at */
}

static void
on_stopped(void *arg)
{
	((struct fixture *)arg)->stopped = true;
}

static void
start_supervisor(struct fixture *f, const char *host_path)
{
	struct supervise_opts opts = {.loop = &f->loop,
	    .ingest = f->in,
	    .host_path = host_path,
	    .setup_json = "{}",
	    .on_refused = on_refused,
	    .arg = f};

	f->s = supervisor_new(&opts);
	f->stopped = false;
}

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct ingest_opts opts = {.shop = "tea",
	    .now_ms = now_ms,
	    .wake = on_wake,
	    .on_result = on_result,
	    .on_result_arg = f};
	ssize_t n = readlink("/proc/self/exe", f->self, sizeof(f->self) - 1);

	assert_true(n > 0);
	wall_ms = T0;
	help_init(&f->store, T0);
	f->store.opts.now_ms = now_ms;
	help_open(&f->store);
	opts.store = f->store.s;
	f->in = ingest_new(&opts);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	uv_timer_init(&f->loop, &f->pulse);
	uv_timer_start(&f->pulse, on_pulse, 2, 2);
	start_supervisor(f, f->self);
	*state = f;
	return 0;
}

static void
step(struct fixture *f)
{
	uv_run(&f->loop, UV_RUN_ONCE);
	ingest_committed(f->in);
	supervisor_tick(f->s);
}

/* Turns the loop until `holds`; the limit is only for a test that fails. */
#define UNTIL(f, holds)                                                                            \
	do {                                                                                       \
		uint64_t begun_ = uv_hrtime();                                                     \
		while (!(holds)) {                                                                 \
			step(f);                                                                   \
			if (uv_hrtime() - begun_ > (uint64_t)PATIENCE_MS * 1000000)                \
				fail_msg("never: %s", #holds);                                     \
		}                                                                                  \
	} while (0)

static void
stop_supervisor(struct fixture *f)
{
	supervisor_stop(f->s, on_stopped, f);
	pass_us(10 * SECOND_US);
	UNTIL(f, f->stopped);
	supervisor_free(f->s);
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	stop_supervisor(f);
	uv_close((uv_handle_t *)&f->pulse, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	ingest_free(f->in);
	help_done(&f->store);
	free(f);
	return 0;
}

/* A probe of its own group, whose host plays `mode`. */
static struct host *
add(struct fixture *f, const char *mode)
{
	struct ingest_probe p = {.name = mode,
	    .plugin = mode,
	    .system = "",
	    .interval_ms = INTERVAL_MS,
	    .timeout_ms = TIMEOUT_MS};
	uint32_t id = ingest_probe_add(f->in, &p);
	char path[256], json[64];

	snprintf(path, sizeof(path), "%s/%s", f->store.dir, mode);
	snprintf(json, sizeof(json), "{\"slot\":%lld}", (long long)wall_ms);
	supervisor_add(f->s, &(struct supervise_probe){.id = id, .plugin_path = path, .group = mode,
	    .json = json, .interval_ms = INTERVAL_MS, .timeout_ms = TIMEOUT_MS});
	for (struct host *h = f->s->hosts; h != NULL; h = h->next)
		if (strcmp(h->group, mode) == 0 && h->wanted)
			return h;
	fail_msg("no host");
	return NULL;
}

static struct host_status
status_of(struct fixture *f, const char *group)
{
	struct host_status all[8], none = {0};
	size_t n = supervisor_status(f->s, all, 8);

	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].group, group) == 0)
			return all[i];
	return none;
}

static bool
is_measuring(const struct host *h)
{
	return h->state == HOST_RUNNING && h->n_probes > 0 && h->probes[0].since_ms != 0;
}

static bool
is_gone(pid_t pid)
{
	return kill(pid, 0) != 0 && errno == ESRCH;
}

/* ---- back-off ---- */

static int64_t
wait_us(const struct host *h)
{
	return mono_sub_us(h->retry_at, (mono_t){mono_us});
}

/* What the n-th try in a row waits: 1, 2, 4 .. 60 s, a fifth more or less. */
static void
check_backoff(const struct host *h, uint32_t n)
{
	int64_t s = n > 6 ? 60 : 1 << (n - 1);

	assert_int_equal(h->fails, n);
	if (wait_us(h) < s * SECOND_US * 79 / 100 || wait_us(h) > s * SECOND_US * 121 / 100)
		fail_msg("try %u waits %lld us", n, (long long)wait_us(h));
}

static void
backoff_grows_is_capped_and_never_ends(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "exits-first");

	for (uint32_t n = 1; n <= 12; n++) {
		UNTIL(f, h->fails == n && h->state == HOST_WAITING);
		check_backoff(h, n);
		assert_string_equal(h->last_exit, "exit 4");
		assert_int_equal(status_of(f, "exits-first").restarts, n);
		assert_true(status_of(f, "exits-first").next_try_ms > wall_ms);
		pass_us(wait_us(h) - 1);
		for (int i = 0; i < 5; i++)
			step(f);
		assert_int_equal(h->state, HOST_WAITING); /* not a microsecond early */
		pass_us(1);
	}
	UNTIL(f, h->fails == 13 && h->state == HOST_WAITING);
	h->fails = UINT32_MAX - 1; /* years later */
	pass_us(wait_us(h));
	UNTIL(f, h->fails == UINT32_MAX && h->state == HOST_WAITING);
	assert_true(wait_us(h) > 40 * SECOND_US && wait_us(h) < 73 * SECOND_US);
}

static void
a_host_that_cannot_start_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct host *h;

	stop_supervisor(f);
	start_supervisor(f, "/nonexistent/tillwatch-host");
	h = add(f, "good");
	for (uint32_t n = 1; n <= 8; n++) {
		UNTIL(f, h->fails == n);
		check_backoff(h, n);
		assert_non_null(strstr(h->last_exit, "cannot start"));
		assert_int_equal(h->fd, -1);
		pass_us(wait_us(h));
	}
}

static void
a_good_run_forgives(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "good");

	h->fails = 9;
	UNTIL(f, f->results == 1);
	assert_int_equal(h->fails, 0);
	assert_int_equal(kill(h->process->pid, SIGKILL), 0);
	UNTIL(f, h->state == HOST_WAITING);
	check_backoff(h, 1);
	assert_string_equal(h->last_exit, "Killed");
	/* Asked to hurry: no waiting. */
	pass_us(1000);
	assert_false(supervisor_retry(f->s, "another"));
	assert_true(wait_us(h) > 0);
	assert_true(supervisor_retry(f->s, "good"));
	UNTIL(f, is_measuring(h));
}

static void
ends_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct host *a = add(f, "exits"), *b = add(f, "dies");

	UNTIL(f, a->fails >= 1 && b->fails >= 1 && a->state == HOST_WAITING
		     && b->state == HOST_WAITING);
	assert_string_equal(status_of(f, "exits").last_exit, "exit 3");
	assert_string_equal(status_of(f, "dies").last_exit, "Killed");
	assert_int_equal(status_of(f, "exits").pid, 0);
	/* Both were in the slot of T0; by now they may have been in another. */
	UNTIL(f, f->aborted >= 2);
}

/* ---- the watchdogs ---- */

static void
no_hello_in_time(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "mute");

	UNTIL(f, h->state == HOST_STARTING);
	pass_us(HELLO_MS * 1000);
	for (int i = 0; i < 5; i++)
		step(f);
	assert_int_equal(h->state, HOST_STARTING);
	pass_us(1);
	UNTIL(f, h->state == HOST_WAITING);
	assert_non_null(strstr(h->last_exit, "no HELLO"));
	assert_int_equal(h->fails, 1);
}

static void
no_result_by_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "hangs");
	int64_t start;

	UNTIL(f, is_measuring(h));
	start = h->probes[0].since_ms;
	assert_int_equal(start, T0);
	/* The slot at which it began is not asked for; the next one is, when its time is over. */
	pass_us((INTERVAL_MS + TIMEOUT_MS + INGEST_GRACE_MS) * 1000LL - 1000);
	h->last_beat = (mono_t){mono_us};
	supervisor_tick(f->s);
	assert_int_equal(h->state, HOST_RUNNING);
	pass_us(1000);
	h->last_beat = (mono_t){mono_us};
	h->looked = (mono_t){0}; /* the last look was a millisecond ago */
	supervisor_tick(f->s);
	assert_int_equal(h->state, HOST_STOPPING);
	UNTIL(f, h->state == HOST_WAITING);
	assert_non_null(strstr(h->last_exit, "by its deadline"));
	UNTIL(f, f->aborted == 1);
}

static void
a_loop_that_does_not_turn(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "stuck"), *good = add(f, "good");
	pid_t pid;

	UNTIL(f, is_measuring(h) && is_measuring(good));
	pid = good->process->pid;
	pass_us(BEAT_SILENCE_MS * 1000 + 1);
	good->last_beat = (mono_t){mono_us};
	UNTIL(f, h->state == HOST_WAITING);
	assert_non_null(strstr(h->last_exit, "its loop is stuck"));
	assert_int_equal(good->process->pid, pid);
	assert_int_equal(good->state, HOST_RUNNING);
}

static void
a_closed_link_is_silence(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "closes");

	UNTIL(f, is_measuring(h));
	pass_us(BEAT_SILENCE_MS * 1000 + 1);
	UNTIL(f, h->state == HOST_WAITING);
	assert_int_equal(h->fails, 1);
}

static void
two_copies_never_run(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "stubborn");
	pid_t pid;

	UNTIL(f, h->state == HOST_RUNNING);
	pid = h->process->pid;
	pass_us(BEAT_SILENCE_MS * 1000 + 1);
	supervisor_tick(f->s);
	assert_int_equal(h->state, HOST_STOPPING);
	pass_us(TERM_GRACE_MS * 1000 - 1);
	for (int i = 0; i < 5; i++)
		step(f);
	/* It was asked, it stays: nobody else is started, and it is not killed yet. */
	assert_int_equal(h->state, HOST_STOPPING);
	assert_int_equal(h->process->pid, pid);
	assert_false(h->killed);
	pass_us(1);
	supervisor_tick(f->s);
	assert_true(h->killed);
	UNTIL(f, h->state == HOST_WAITING);
	assert_true(is_gone(pid));
	assert_non_null(strstr(h->last_exit, "Killed"));
}

static void
its_children_die_with_it(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "child");
	char path[256];
	int child = 0;
	FILE *file;

	UNTIL(f, is_measuring(h));
	snprintf(path, sizeof(path), "%s/child", f->store.dir);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &child), 1);
	fclose(file);
	assert_true(child > 1 && !is_gone(child));
	pass_us(3600 * SECOND_US);
	UNTIL(f, h->state == HOST_WAITING);
	/* Its new parent reaps it when it pleases: a dead one that waits for that is dead. */
	for (;;) {
		char text[256] = "";

		snprintf(path, sizeof(path), "/proc/%d/stat", child);
		if ((file = fopen(path, "r")) == NULL)
			break;
		if (fgets(text, sizeof(text), file) == NULL)
			text[0] = '\0';
		fclose(file);
		if (text[0] == '\0' || strstr(text, ") Z ") != NULL || strstr(text, ") X ") != NULL)
			break;
		step(f);
	}
}

/* ---- the link ---- */

static void
garbage_ends_the_host_and_nobody_else(void **state)
{
	static const char *const modes[] = {"noise", "short", "long", "type", "ours", "beat", "log",
	    "refusal", "undeclared"};
	struct fixture *f = *state;
	struct host *good = add(f, "good"), *h;
	pid_t pid;

	UNTIL(f, f->results == 1);
	pid = good->process->pid;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		h = add(f, modes[i]);
		UNTIL(f, h->state == HOST_WAITING && h->fails >= 1);
		if (strstr(h->last_exit, "bad frame") == NULL)
			fail_msg("%s: %s", modes[i], h->last_exit);
		if (status_of(f, modes[i]).bad_frames != 1)
			fail_msg("%s: %llu bad frames", modes[i],
			    (unsigned long long)status_of(f, modes[i]).bad_frames);
		supervisor_remove(f->s, h->probes[0].id);
	}
	assert_int_equal(good->process->pid, pid);
	assert_int_equal(good->state, HOST_RUNNING);
	assert_int_equal(status_of(f, "good").restarts, 0);
	assert_int_not_equal(supervisor_run(f->s, good->probes[0].id), 0);
	UNTIL(f, f->results >= 2);
}

static void
other_versions_are_refused(void **state)
{
	static const char *const modes[] = {"other-wire", "other-abi", "no-hello"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct host *h = add(f, modes[i]);

		UNTIL(f, h->state == HOST_WAITING && h->fails == 1);
		assert_non_null(strstr(h->last_exit,
		    i < 2 ? "another version" : "its first frame is no HELLO"));
		assert_int_equal(h->probes[0].since_ms, 0);
	}
	assert_int_equal(f->aborted, 0); /* nothing was in flight */
}

/* A result of an older configuration, and one of a probe that is another host's: neither counts,
 * neither kills. */
static void
late_and_strange_results_find_nothing(void **state)
{
	struct fixture *f = *state;
	struct host *late = add(f, "late"), *stranger = add(f, "stranger"), *good = add(f, "good");

	UNTIL(f, is_measuring(late) && is_measuring(stranger) && f->results == 1);
	for (int i = 0; i < 10; i++)
		step(f);
	assert_int_equal(f->results, 1);
	assert_int_equal(ingest_last_slot_ms(f->in, late->probes[0].id), 0);
	assert_int_equal(late->state, HOST_RUNNING);
	assert_int_equal(stranger->state, HOST_RUNNING);
	assert_int_equal(good->state, HOST_RUNNING);
}

static void
a_flood_delays_nobody(void **state)
{
	struct fixture *f = *state;
	struct host *h, *good;

	h = add(f, "floods");
	UNTIL(f, is_measuring(h));
	good = add(f, "good");
	UNTIL(f, f->results == 1);
	for (unsigned i = 2; i < 12; i++) {
		assert_int_not_equal(supervisor_run(f->s, good->probes[0].id), 0);
		UNTIL(f, f->results == i);
	}
	assert_int_equal(h->state, HOST_RUNNING);
	assert_int_equal(good->fails, 0);
}

static void
a_refusal_is_told_and_not_punished(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "refuses");

	UNTIL(f, f->refused == 1);
	pass_us(3600 * SECOND_US);
	h->last_beat = (mono_t){mono_us};
	supervisor_tick(f->s);
	assert_int_equal(h->state, HOST_RUNNING);
	assert_int_equal(h->fails, 0);
}

/* ---- the end ---- */

static void
who_is_told_to_stop_is_read_to_the_end(void **state)
{
	struct fixture *f = *state;
	char path[256];

	(void)add(f, "last-words");
	UNTIL(f, f->results == 1);
	supervisor_stop(f->s, on_stopped, f);
	UNTIL(f, f->stopped); /* the clock stands: nobody is killed */
	snprintf(path, sizeof(path), "%s/said", f->store.dir);
	assert_int_equal(access(path, F_OK), 0);
	supervisor_free(f->s);
	start_supervisor(f, f->self);
}

static void
stopping_takes_the_stubborn_too(void **state)
{
	struct fixture *f = *state;
	struct host *a = add(f, "stubborn"), *b = add(f, "exits-first");
	pid_t pid;

	UNTIL(f, a->state == HOST_RUNNING && b->state == HOST_WAITING && b->fails > 0);
	pid = a->process->pid;
	supervisor_stop(f->s, on_stopped, f);
	for (int i = 0; i < 5; i++)
		step(f);
	assert_false(f->stopped);
	pass_us(TERM_GRACE_MS * 1000);
	UNTIL(f, f->stopped);
	assert_true(is_gone(pid));
	supervisor_free(f->s);
	start_supervisor(f, f->self);
}

static void
the_last_probe_takes_its_host_along(void **state)
{
	struct fixture *f = *state;
	struct host *h = add(f, "good");
	pid_t pid;

	UNTIL(f, f->results == 1);
	pid = h->process->pid;
	supervisor_remove(f->s, h->probes[0].id);
	UNTIL(f, f->s->hosts == NULL);
	assert_true(is_gone(pid));
	assert_int_equal(supervisor_run(f->s, 0), 0);
	supervisor_remove(f->s, 0); /* twice is nothing */
	/* In a back-off there is no process to wait for. */
	h = add(f, "exits-first");
	UNTIL(f, h->state == HOST_WAITING && h->fails > 0);
	supervisor_remove(f->s, h->probes[0].id);
	assert_null(f->s->hosts);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {T(backoff_grows_is_capped_and_never_ends),
	    T(a_host_that_cannot_start_is_tried_again), T(a_good_run_forgives),
	    T(ends_are_told_apart), T(no_hello_in_time), T(no_result_by_the_deadline),
	    T(a_loop_that_does_not_turn), T(a_closed_link_is_silence), T(two_copies_never_run),
	    T(its_children_die_with_it), T(garbage_ends_the_host_and_nobody_else),
	    T(other_versions_are_refused), T(late_and_strange_results_find_nothing),
	    T(a_flood_delays_nobody), T(a_refusal_is_told_and_not_punished),
	    T(who_is_told_to_stop_is_read_to_the_end), T(stopping_takes_the_stubborn_too),
	    T(the_last_probe_takes_its_host_along)};

	if (argc > 2 && strcmp(argv[1], "--plugin") == 0)
		return play(argv[2]);
	if (strcmp(argv[0], "tillwatch-host") == 0)
		return 64; /* started as a host by other words: not the tests once more */
	signal(SIGPIPE, SIG_IGN);
	log_setup(LOGL_ERROR, "test-supervise");
	return cmocka_run_group_tests_name("supervise", tests, NULL, NULL);
}
