/*
 * once-start.c - would the plugins take their options? What a plugin refuses in start() is told by
 * `check` with its place, as the loader's mistakes are.
 *
 * For each plugin one host that starts all its probes and runs none; its sandbox is the agent's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/once.h"
#include "agent/setup.h"
#include "lib/buf.h"
#include "lib/xmalloc.h"

#define ANSWER_MAX (1 << 20)

struct pipes {
	int in[2], out[2];
};

/* The host reads all of its input before it says anything, so neither waits for the other. */
static int
start_host(const struct setup *s, const char *plugin, const struct pipes *p, pid_t *pid)
{
	char start[] = "--start", setup[] = "--setup";
	char *host = xstrdup(s->host_path), *file = xstrdup(plugin), *json = xstrdup(s->host_json);
	char *args[] = {host, start, file, setup, json, NULL}, *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p->in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, p->out[1], 1);
	rc = posix_spawn(pid, host, &actions, NULL, args, environment);
	posix_spawn_file_actions_destroy(&actions);
	free(host);
	free(file);
	free(json);
	return -rc;
}

static void
write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len > 0 && ((n = write(fd, text, len)) > 0 || errno == EINTR)) {
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

static void
read_all(int fd, struct buf *b)
{
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(b, piece, (size_t)n);
}

/* A line of the host's as one of the loader's. */
static void
tell(const struct setup *s, const char *line, size_t len, struct buf *errors)
{
	json_t *o = json_loadb(line, len, 0, NULL);
	const char *probe = json_string_value(json_object_get(o, "probe")),
		   *path = json_string_value(json_object_get(o, "refused")),
		   *text = json_string_value(json_object_get(o, "text"));
	char place[512] = "";

	if (probe != NULL && path != NULL && text != NULL) {
		setup_place(s, probe, path, place, sizeof(place));
		buf_printf(errors, "%s%s%s: %s\n", place, *path != '\0' ? "/" : "", path, text);
	}
	json_decref(o);
}

static void
feed(const struct setup *s, const char *plugin, int fd)
{
	for (size_t i = 0; i < s->n_probes; i++) {
		if (strcmp(s->probes[i].plugin_path, plugin) != 0)
			continue;
		write_all(fd, s->probes[i].json, strlen(s->probes[i].json));
		write_all(fd, "\n", 1);
	}
}

static int
start_plugin(const struct setup *s, const char *plugin, struct buf *errors)
{
	struct pipes p = {{-1, -1}, {-1, -1}};
	struct buf answer;
	int rc = 0, status = 0;
	pid_t pid;

	if (pipe2(p.in, O_CLOEXEC) != 0 || pipe2(p.out, O_CLOEXEC) != 0
	    || (rc = start_host(s, plugin, &p, &pid)) != 0) {
		buf_printf(errors, "%s: %s\n", s->host_path, strerror(rc != 0 ? -rc : errno));
		for (int i = 0; i < 2; i++) {
			close(p.in[i]);
			close(p.out[i]);
		}
		return -EINVAL;
	}
	close(p.in[0]);
	close(p.out[1]);
	feed(s, plugin, p.in[1]);
	close(p.in[1]);
	buf_init(&answer, ANSWER_MAX);
	read_all(p.out[0], &answer);
	close(p.out[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	for (const char *line = buf_str(&answer); *line != '\0'; line += strspn(line, "\n")) {
		size_t n = strcspn(line, "\n");

		tell(s, line, n, errors);
		line += n;
	}
	if (answer.len == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		buf_printf(errors, "%s: the plugin cannot be started\n", plugin);
		rc = -EINVAL;
	}
	rc = answer.len > 0 ? -EINVAL : rc;
	buf_free(&answer);
	return rc;
}

int
once_start(const struct setup *s, struct buf *errors)
{
	int rc = 0;

	for (size_t i = 0; i < s->n_probes; i++) {
		bool is_done = false;

		for (size_t k = 0; k < i && !is_done; k++)
			is_done = strcmp(s->probes[k].plugin_path, s->probes[i].plugin_path) == 0;
		if (!is_done && start_plugin(s, s->probes[i].plugin_path, errors) != 0)
			rc = -EINVAL;
	}
	return rc;
}
