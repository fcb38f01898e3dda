/*
 * test-host-load.c - whose plugin files are loaded: a file that others may write, that belongs to a
 * stranger, or that is a link, is refused before a byte of it runs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

#define STRANGER 12345

struct place { char dir[64], file[96], other[96], err[512]; };

static void
copy_file(const char *to)
{
	const char *top = getenv("top_builddir");
	char from[1024], bytes[65536];
	int in, out;
	ssize_t n;

	snprintf(from, sizeof(from), "%s/tests/plugins/.libs/tp_ok.so", top != NULL ? top : ".");
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/tw-load-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/tp_ok.so", p->dir);
	snprintf(p->other, sizeof(p->other), "%s/other.so", p->dir);
	copy_file(p->file);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	(void)rmdir(p->file);
	(void)unlink(p->file);
	(void)unlink(p->other);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static int
load(struct place *p, const char *path)
{
	struct plugin plugin = {0};
	int rc = plugin_load(&plugin, path, &host_api, p->err, sizeof(p->err));

	plugin_clear(&plugin);
	return rc;
}

static void
refused(struct place *p, const char *path, const char *why)
{
	assert_int_equal(load(p, path), -1);
	if (strstr(p->err, why) == NULL)
		fail_msg("%s", p->err);
}

static void
ours_is_loaded(void **state)
{
	struct place *p = *state;

	if (load(p, p->file) != 0)
		fail_msg("%s", p->err);
	assert_int_equal(chmod(p->file, 0755), 0);
	assert_int_equal(load(p, p->file), 0);
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
	struct place *p = *state;

	assert_int_equal(chmod(p->file, 0660), 0);
	refused(p, p->file, "group or others may write");
	assert_int_equal(chmod(p->file, 0602), 0);
	refused(p, p->file, "group or others may write");
	assert_int_equal(chmod(p->file, 01620), 0); /* sticky means nothing on a file */
	refused(p, p->file, "group or others may write");
}

static void
a_directory_that_others_may_write_is_refused(void **state)
{
	struct place *p = *state;

	assert_int_equal(chmod(p->dir, 0770), 0);
	refused(p, p->file, "because of the directory");
	assert_int_equal(chmod(p->dir, 01777), 0); /* nobody replaces there what is not theirs */
	assert_int_equal(load(p, p->file), 0);
	assert_int_equal(chmod(p->dir, 0700), 0);
}

static void
a_stranger_s_file_is_refused(void **state)
{
	struct place *p = *state;

	if (geteuid() != 0)
		skip(); /* only root can give a file away */
	assert_int_equal(chown(p->file, STRANGER, STRANGER), 0);
	refused(p, p->file, "its owner");
	assert_int_equal(chown(p->file, 0, 0), 0);
	assert_int_equal(chown(p->dir, STRANGER, STRANGER), 0);
	refused(p, p->file, "because of the directory");
	assert_int_equal(chown(p->dir, 0, 0), 0);
}

static void
what_is_no_file_of_its_own_is_refused(void **state)
{
	struct place *p = *state;

	assert_int_equal(symlink(p->file, p->other), 0);
	refused(p, p->other, "symbolic link");
	assert_int_equal(unlink(p->other), 0);
	refused(p, p->other, "No such file");
	assert_int_equal(mkfifo(p->other, 0600), 0);
	refused(p, p->other, "no regular file"); /* and does not wait for a writer */
	refused(p, p->dir, "no regular file");
}

static void
what_is_no_plugin_is_refused(void **state)
{
	struct place *p = *state;
	int fd;

	assert_int_equal(truncate(p->file, 1000), 0);
	refused(p, p->file, "no shared object, or was cut");
	assert_int_equal(truncate(p->file, 0), 0);
	refused(p, p->file, "no shared object, or was cut");
	fd = open(p->other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "\x7f" "ELF, or not", 12), 12);
	close(fd);
	refused(p, p->other, "no shared object, or was cut");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	/* First what must not load: of a file whose inode number was that of a loaded one, dlopen
	 * takes the loaded one. */
	const struct CMUnitTest tests[] = {T(what_is_no_plugin_is_refused), T(ours_is_loaded),
	    T(a_file_that_others_may_write_is_refused),
	    T(a_directory_that_others_may_write_is_refused), T(a_stranger_s_file_is_refused),
	    T(what_is_no_file_of_its_own_is_refused)};

	return cmocka_run_group_tests_name("host-load", tests, NULL, NULL);
}
