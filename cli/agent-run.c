/*
 * agent-run.c - see agent-run.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "cli/agent-run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/xmalloc.h"

#define ARGUMENTS_MAX 16

extern char **environ;

/* Beside us in a build tree, else where it was installed. */
static char *
find_agent(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *path;

	if (n > 0) {
		self[n] = '\0';
		if ((slash = strstr(self, "/cli/tillwatch")) != NULL) {
			*slash = '\0';
			path = xasprintf("%s/agent/tillwatchd", self);
			if (access(path, X_OK) == 0)
				return path;
			free(path);
		}
	}
	return xstrdup(TW_SBINDIR "/tillwatchd");
}

static void
collect(int fd, struct buf *out)
{
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(out, piece, (size_t)n);
	close(fd);
}

int
agent_run(const char *const *arguments, struct buf *out)
{
	char *path = find_agent(), *args[ARGUMENTS_MAX] = {path};
	posix_spawn_file_actions_t actions;
	int pipes[2] = {-1, -1}, status = 0, rc;
	pid_t pid;

	for (size_t i = 0; arguments[i] != NULL && i + 2 < ARGUMENTS_MAX; i++)
		args[i + 1] = (char *)(uintptr_t)arguments[i];
	posix_spawn_file_actions_init(&actions);
	if (out != NULL && pipe2(pipes, O_CLOEXEC) == 0)
		posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	rc = posix_spawn(&pid, path, &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (pipes[1] >= 0)
		close(pipes[1]);
	if (rc != 0) {
		rc = cli_fail(EX_UNAVAILABLE, "%s does not start: %s", path, strerror(rc));
		free(path);
		return rc;
	}
	free(path);
	if (out != NULL)
		collect(pipes[0], out);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		return 128 + SIGPIPE; /* our reader has seen enough: it is the agent's reader too */
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : cli_fail(EX_SOFTWARE, "tillwatchd ended by a signal");
}
