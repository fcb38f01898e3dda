/*
 * doctor-user.c - see doctor.h: questions asked as the agent's user.
 *
 * The child is a plain fork of a process with one thread, so it may do whatever a program may.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/doctor.h"

#define AGENT_USER "tillwatch"
#define EXIT_NOT_BECOME 125
#define ACCESS_TIMEOUT_MS 10000 /* a network file system that hangs */

static void
take(struct doctor_user *u, const struct passwd *pw)
{
	snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	u->is_other = pw->pw_uid != geteuid();
}

int
doctor_user(struct doctor_user *u, const char *name, const char *store_path, char *err, size_t cap)
{
	struct passwd *pw = name != NULL ? getpwnam(name) : NULL;
	struct stat st;

	if (name != NULL && pw == NULL) {
		snprintf(err, cap, "--user: there is no user \"%s\"", name);
		return -1;
	}
	if (pw == NULL && geteuid() == 0 && stat(store_path, &st) == 0 && st.st_uid != 0)
		pw = getpwuid(st.st_uid);
	else if (pw == NULL && geteuid() == 0)
		pw = getpwnam(AGENT_USER);
	if (pw == NULL)
		pw = getpwuid(geteuid());
	*u = (struct doctor_user){.uid = geteuid(), .gid = getegid()};
	snprintf(u->name, sizeof(u->name), "%u", (unsigned)geteuid());
	if (pw != NULL)
		take(u, pw);
	if (u->is_other && geteuid() != 0) {
		snprintf(err, cap, "--user: only root can ask for another user");
		return -1;
	}
	return 0;
}

static void
become(const struct doctor_user *u)
{
	if (u->is_other
	    && (initgroups(u->name, u->gid) != 0 || setgid(u->gid) != 0 || setuid(u->uid) != 0))
		_exit(EXIT_NOT_BECOME);
}

int
doctor_as_user(
    const struct doctor_user *u, int (*fn)(void *), void *arg, int timeout_ms, struct buf *out)
{
	int pipes[2], status = 0;
	bool has_ended;
	pid_t pid;

	fflush(stdout);
	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	if ((pid = fork()) == 0) {
		become(u);
		if (dup2(pipes[1], STDOUT_FILENO) < 0)
			_exit(EXIT_NOT_BECOME);
		close(pipes[1]);
		status = fn(arg);
		fflush(stdout);
		_exit(status);
	}
	close(pipes[1]);
	has_ended = pid > 0 && buf_read(out, pipes[0], timeout_ms) == 0;
	close(pipes[0]);
	if (pid > 0 && !has_ended)
		kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return has_ended && WIFEXITED(status) && WEXITSTATUS(status) != EXIT_NOT_BECOME
		   ? WEXITSTATUS(status)
		   : -1;
}

/* ---- may it? ---- */

struct question {
	const char *path;
	int mode;
};

/* In the child: the first part of the path that stops us, on stdout. */
static int
try_parts(void *arg)
{
	const struct question *q = arg;
	size_t len = strlen(q->path);

	for (size_t i = 1; i < len; i++) {
		char *part;

		if (q->path[i] != '/')
			continue;
		part = strndup(q->path, i);
		if (part == NULL || access(part, X_OK) != 0) {
			fputs(part != NULL ? part : q->path, stdout);
			return 1;
		}
		free(part);
	}
	if (access(q->path, q->mode) == 0)
		return 0;
	fputs(q->path, stdout);
	return 1;
}

const char *
doctor_blocked(const struct doctor_user *u, const char *path, int mode, char *part, size_t cap)
{
	struct question q = {path, mode};
	struct buf out;
	int rc;

	buf_init(&out, 8192);
	rc = doctor_as_user(u, try_parts, &q, ACCESS_TIMEOUT_MS, &out);
	snprintf(part, cap, "%s", rc < 0 ? path : buf_str(&out));
	buf_free(&out);
	return rc == 0 ? NULL : part;
}

void
doctor_remedy_access(struct doctor *d, const char *part, int mode)
{
	const char *user = d->user.name;
	struct group *g = NULL;
	mode_t needed;
	struct stat st;

	if (stat(part, &st) != 0) {
		doctor_remedy(d, "let %s read %s", user, part);
		return;
	}
	needed = S_ISDIR(st.st_mode) ? S_IXGRP : S_IRGRP;
	if (mode & W_OK) {
		doctor_remedy(d, "chown -R %s: %s", user, part);
	} else if ((st.st_mode & needed) && st.st_gid != 0 && (g = getgrgid(st.st_gid)) != NULL) {
		doctor_remedy(d, "usermod -aG %s %s, then restart the agent", g->gr_name, user);
	} else if (S_ISDIR(st.st_mode)) {
		doctor_remedy(d, "setfacl -m u:%s:rx %s", user, part);
	} else {
		doctor_remedy(d,
		    "chgrp adm %s; chmod g+r %s; usermod -aG adm %s; where it is rotated, in the "
		    "logrotate file too: create 0640 root adm",
		    part, part, user);
	}
}
