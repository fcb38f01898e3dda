/*
 * test-host-link.c - an agent that does not read: logs give way, runs never do, and the host learns
 * that it must start nothing new.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host-link.h"

#define RUN_BYTES (16 * 1024)

static void
send_number(struct link *l, bool is_minor, uint32_t n)
{
	static uint8_t bytes[RUN_BYTES];

	memcpy(bytes, &n, sizeof(n));
	bytes[4] = is_minor;
	if (is_minor)
		assert_int_equal(link_send_minor(l, bytes, 1024), 0);
	else
		assert_int_equal(link_send(l, bytes, sizeof(bytes)), 0);
}

static uint32_t n_changes;

static void
changed(void *arg)
{
	(void)arg;
	n_changes++;
}

static void
runs_are_never_dropped(void **state)
{
	uint32_t n_runs = 0, n_minor = 0, got_runs = 0, got_minor = 0, n;
	uint8_t bytes[RUN_BYTES];
	struct link l;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(link_init(&l, pair[0]), 0);
	l.changed = changed;
	while (!link_is_full(&l)) {
		send_number(&l, true, n_minor++);
		send_number(&l, false, n_runs++);
	}
	assert_true(n_changes > 0 && l.n_dropped > 0 && l.bytes < LINK_FULL_BYTES + 2 * RUN_BYTES);
	while (got_runs < n_runs) {
		ssize_t len = recv(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT);

		if (len < 0) {
			assert_int_equal(link_flush(&l) == 0 || l.first != NULL, 1);
			continue;
		}
		memcpy(&n, bytes, sizeof(n));
		if (bytes[4] == 0)
			assert_int_equal(n, got_runs++); /* all of them, in order */
		else
			got_minor++;
	}
	assert_int_equal(got_minor + l.n_dropped, n_minor);
	assert_false(link_is_full(&l));
	link_clear(&l);
	close(pair[1]);
}

/* The frames of a run are one message, or as few as they fit in, and split again as they were. */
static void
what_is_corked_goes_together(void **state)
{
	static uint8_t message[FRAME_MAX + 1];
	const uint32_t sent[] = {1, 2, 3, 4, 5, 6}, lengths[] = {0, 40, 30000, 30000, 30000, 8};
	const uint32_t first = 4; /* of the second message */
	uint32_t n = 0;
	struct link l;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(link_init(&l, pair[0]), 0);
	link_cork(&l);
	for (size_t i = 0; i < 6; i++) {
		struct frame_writer w;

		frame_begin(&w, l.scratch, FRAME_STATE, 0, sent[i], 7);
		put_blob(&w, message, lengths[i]);
		assert_int_equal(link_send(&l, l.scratch, (size_t)frame_finish(&w)), 0);
	}
	assert_int_equal(recv(pair[1], message, 1, MSG_DONTWAIT), -1);
	assert_int_equal(link_uncork(&l), 0);
	for (int i = 0; i < 2; i++) {
		ssize_t len = recv(pair[1], message, sizeof(message), MSG_DONTWAIT);

		assert_true(len > 0 && len <= FRAME_MAX);
		for (ptrdiff_t at = 0, used; at < len; at += used, n++) {
			struct frame f;

			used = frame_parse(&f, message + at, (size_t)(len - at));
			assert_true(used > 0);
			assert_int_equal(f.probe, sent[n]);
			assert_int_equal(f.len, lengths[n] + 4);
			assert_true((i == 0) == (f.probe < first + 1));
		}
	}
	assert_int_equal(n, 6);
	assert_int_equal(recv(pair[1], message, 1, MSG_DONTWAIT), -1);
	link_clear(&l);
	close(pair[1]);
}

static void
past_the_end_the_link_is_broken(void **state)
{
	static const uint8_t bytes[FRAME_MAX];
	struct link l;
	int pair[2], rc = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(link_init(&l, pair[0]), 0);
	for (size_t i = 0; i < 2 * LINK_MAX_BYTES / sizeof(bytes) && rc == 0; i++)
		rc = link_send(&l, bytes, sizeof(bytes));
	assert_true(rc < 0 && l.bytes <= LINK_MAX_BYTES);
	link_clear(&l);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(runs_are_never_dropped),
	    cmocka_unit_test(what_is_corked_goes_together),
	    cmocka_unit_test(past_the_end_the_link_is_broken)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
