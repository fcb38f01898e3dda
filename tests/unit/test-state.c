/*
 * test-state.c - state.db: transactions, numbers that never come again, damage, a newer version.
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
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/store/state.h"

#define COUNT "SELECT count(*) FROM receiver"
#define ADD "INSERT INTO receiver(name, config, disabled_ms, reason) VALUES(?1, '', ?2, '')"

static char dir[64], path[96];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-state.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/state.db", dir);
	return 0;
}

static int
teardown(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execlp("rm", "rm", "-r", dir, (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static struct state *
open_state(void)
{
	struct state_error err;
	struct state *s;

	if (state_open(&s, path, false, &err) != 0)
		fail_msg("%s", err.text);
	return s;
}

static int64_t
count(struct state *s)
{
	struct sqlite3_stmt *st;
	int64_t n = -1;

	assert_int_equal(state_begin(s), 0);
	st = state_stmt(s, COUNT);
	while (state_step(s, st) == 1)
		n = state_int(st, 0);
	assert_int_equal(state_commit(s), 0);
	return n;
}

static void
commits_and_rolls_back(void **state)
{
	struct state *s = open_state();

	(void)state;
	assert_int_equal(state_begin(s), 0);
	assert_int_equal(state_run(s, ADD, "si", "a", INT64_C(1)), 0);
	assert_int_equal(state_commit(s), 0);
	assert_int_equal(state_begin(s), 0);
	assert_int_equal(state_run(s, ADD, "si", "b", INT64_C(1)), 0);
	state_rollback(s);
	assert_int_equal(count(s), 1);
	/* A failure inside makes the outer commit fail. */
	assert_int_equal(state_begin(s), 0);
	assert_int_equal(state_run(s, ADD, "si", "c", INT64_C(1)), 0);
	assert_int_equal(state_begin(s), 0);
	assert_int_equal(state_run(s, ADD, "si", "a", INT64_C(1)), -EEXIST);
	state_rollback(s);
	assert_int_equal(state_commit(s), -EEXIST);
	assert_int_equal(count(s), 1);
	state_close(s);
}

static void
numbers_and_identity_survive(void **state)
{
	struct state *s = open_state();
	char id[33];
	int64_t seq;

	(void)state;
	snprintf(id, sizeof(id), "%s", state_agent_id(s));
	assert_int_equal(strlen(id), 32);
	assert_int_equal(state_begin(s), 0);
	seq = state_seq_next(s);
	assert_int_equal(state_seq_next(s), seq + 1);
	assert_int_equal(state_commit(s), 0);
	state_close(s);
	s = open_state();
	assert_string_equal(state_agent_id(s), id);
	assert_int_equal(state_begin(s), 0);
	assert_int_equal(state_seq_next(s), seq + 2);
	state_rollback(s);
	state_close(s);
}

static void
damage_is_set_aside(void **state)
{
	char garbage[8192];
	struct state_error err;
	struct state *s;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)state;
	memset(garbage, 'x', sizeof(garbage));
	assert_true(fd >= 0 && write(fd, garbage, sizeof(garbage)) == (ssize_t)sizeof(garbage));
	close(fd);
	assert_int_equal(state_open(&s, path, false, &err), 0);
	assert_non_null(strstr(err.text, "set aside"));
	assert_int_equal(count(s), 0);
	state_close(s);
}

static void
newer_version_is_refused(void **state)
{
	struct state *s = open_state();
	struct state_error err;

	(void)state;
	assert_int_equal(state_begin(s), 0);
	assert_int_equal(state_run(s, "PRAGMA user_version=99", ""), 0);
	assert_int_equal(state_commit(s), 0);
	state_close(s);
	assert_int_equal(state_open(&s, path, false, &err), -EPROTO);
	assert_non_null(strstr(err.text, "newer"));
	assert_null(s);
}

static void
absent_readonly(void **state)
{
	struct state_error err;
	struct state *s;

	(void)state;
	assert_int_equal(state_open(&s, path, true, &err), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(commits_and_rolls_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(numbers_and_identity_survive, setup, teardown),
	    cmocka_unit_test_setup_teardown(damage_is_set_aside, setup, teardown),
	    cmocka_unit_test_setup_teardown(newer_version_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(absent_readonly, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
