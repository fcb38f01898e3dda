/*
 * agent-run.c - see agent-run.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "cli/agent-run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/xmalloc.h"

#define ARGUMENTS_MAX 16
#define SAID_MAX (1u << 20)

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

/* What the agent's program says when it fails is the error of whoever asked for JSON, too, unless
 * it has answered. */
static int
tell(int rc, int fd, bool has_answer)
{
	struct buf said;
	off_t len = lseek(fd, 0, SEEK_END);
	char piece[4096];
	ssize_t n;

	buf_init(&said, SAID_MAX);
	for (off_t at = 0; at < len && (n = pread(fd, piece, sizeof(piece), at)) > 0; at += n)
		buf_add(&said, piece, (size_t)n);
	close(fd);
	fputs(buf_str(&said), stderr);
	if (rc != 0 && !has_answer)
		(void)cli_fail_json(rc, said.len > 0 ? buf_str(&said) : "tillwatchd failed");
	buf_free(&said);
	return rc;
}

int
agent_run(const char *const *arguments, struct buf *out)
{
	char *path = find_agent(), *args[ARGUMENTS_MAX] = {path};
	posix_spawn_file_actions_t actions;
	int pipes[2] = {-1, -1}, status = 0, rc, said = -1;
	pid_t pid;

	for (size_t i = 0; arguments[i] != NULL && i + 2 < ARGUMENTS_MAX; i++)
		args[i + 1] = (char *)(uintptr_t)arguments[i];
	posix_spawn_file_actions_init(&actions);
	if (out != NULL && pipe2(pipes, O_CLOEXEC) == 0)
		posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	if (out != NULL && cli_is_json() && (said = memfd_create("said", MFD_CLOEXEC)) >= 0)
		posix_spawn_file_actions_adddup2(&actions, said, 2);
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
	if (pipes[0] >= 0) {
		(void)buf_read(out, pipes[0], -1);
		close(pipes[0]);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		return 128 + SIGPIPE; /* our reader has seen enough: it is the agent's reader too */
	rc = WIFEXITED(status) ? WEXITSTATUS(status)
			       : cli_fail(EX_SOFTWARE, "tillwatchd ended by a signal");
	return said >= 0 ? tell(rc, said, out->len > 0) : rc;
}

static void
rename_member(json_t *o, const char *from, const char *to)
{
	json_t *v = json_object_get(o, from);

	if (v != NULL && json_object_set(o, to, v) == 0)
		json_object_del(o, from);
}

/* The host says microseconds and milliseconds, shortly; the answer has the members that an agent's
 * has. */
static void
name_as_agent(json_t *run)
{
	static const struct {
		const char *from, *to;
		double unit;
	} names[] = {{"slot_ms", "at", 1e3}, {"duration_us", "duration_s", 1e6},
	    {"start_lag_us", "start_lag_s", 1e6}, {"engine_lag_us", "engine_lag_s", 1e6},
	    {"t_ms", "at", 1e3}};
	json_t *samples = json_object_get(run, "samples"), *one;
	size_t i;

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		double v = member_number(run, names[k].from);

		if (isfinite(v))
			json_object_set_new(run, names[k].to, json_real(v / names[k].unit));
		json_object_del(run, names[k].from);
	}
	rename_member(run, "v", "value");
	rename_member(run, "refused", "refused_samples");
	json_array_foreach(samples, i, one)
		name_as_agent(one);
}

int
agent_run_once(struct cli *cli, const char *name, json_t **result)
{
	const char *arguments[] = {"--run", name, "-c", cli->config, NULL};
	struct buf text;
	int rc;

	buf_init(&text, CLI_ANSWER_MAX);
	rc = agent_run(arguments, &text);
	*result = json_loads(buf_str(&text), 0, NULL);
	buf_free(&text);
	if (rc == 0 && *result == NULL)
		rc = cli_fail(EX_PROTOCOL, "the host answered something that is no JSON");
	else if (json_is_string(json_object_get(*result, "refused")))
		rc = cli_fail(EX_CONFIG, "%s: %s: %s", name, member_text(*result, "refused"),
		    member_text(*result, "text"));
	if (rc == 0)
		name_as_agent(*result);
	return rc;
}
