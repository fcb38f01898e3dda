/*
 * setup-plugins.c - see setup-plugins.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/setup-plugins.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/xmalloc.h"

#define MANIFEST_BYTES_MAX (1u << 20)

struct found {
	struct found *next;
	char *name, *path;
	struct manifest manifest;
};

struct plugins {
	char *host, *installed;
	struct found *first;
};

static const char *
env_or(const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' ? v : otherwise;
}

struct plugins *
plugins_new(void)
{
	struct plugins *p = xcalloc(1, sizeof(*p));

	p->host = xstrdup(env_or("TILLWATCH_HOST", TW_LIBEXECDIR "/tillwatch-host"));
	p->installed = xstrdup(env_or("TILLWATCH_PLUGINS", TW_PLUGINDIR));
	return p;
}

void
plugins_free(struct plugins *p)
{
	struct found *f;

	while ((f = p->first) != NULL) {
		p->first = f->next;
		manifest_clear(&f->manifest);
		free(f->name);
		free(f->path);
		free(f);
	}
	free(p->host);
	free(p->installed);
	free(p);
}

const char *
plugins_host(const struct plugins *p)
{
	return p->host;
}

const char *
plugins_path(const struct plugins *p, const char *plugin)
{
	for (const struct found *f = p->first; f != NULL; f = f->next)
		if (strcmp(f->name, plugin) == 0)
			return f->path;
	return "";
}

/* ---- describe ---- */

static int
spawn(const struct plugins *p, const char *path, pid_t *pid, int *out)
{
	char *file = xstrdup(path), *host = xstrdup(p->host), describe[] = "--describe";
	char *args[] = {host, describe, file, NULL}, *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int pipes[2], rc;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
	rc = -posix_spawn(pid, p->host, &actions, NULL, args, environment);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (rc != 0)
		close(pipes[0]);
	*out = pipes[0];
	free(file);
	free(host);
	return rc;
}

static int
describe(const struct plugins *p, const char *path, struct buf *text, int *status)
{
	int fd = -1, rc;
	pid_t pid;

	if ((rc = spawn(p, path, &pid, &fd)) != 0)
		return rc;
	rc = buf_read(text, fd, DESCRIBE_TIMEOUT_MS);
	close(fd);
	if (rc != 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return rc;
}

static int
read_manifest(const struct plugins *p, const char *path, struct manifest *m, char *err, size_t cap)
{
	char wrong[256] = "";
	struct buf text;
	int status = 0, rc;
	json_t *v;

	buf_init(&text, MANIFEST_BYTES_MAX);
	rc = describe(p, path, &text, &status);
	if (rc != 0) {
		snprintf(err, cap, "%s --describe %s: %s", p->host, path, strerror(-rc));
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		rc = -EINVAL;
		snprintf(err, cap, "%s: %.300s", path,
		    WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : buf_str(&text));
		err[strcspn(err, "\n")] = '\0';
	} else if ((v = json_read(buf_str(&text), text.len, wrong, sizeof(wrong))) == NULL) {
		rc = -EINVAL;
		snprintf(err, cap, "%s: its description is no JSON (%s)", path, wrong);
	} else {
		rc = manifest_read(m, v, err, cap);
		json_decref(v);
	}
	buf_free(&text);
	return rc;
}

/* ---- find ---- */

/* A plugin's name becomes a file's name: letters, digits, - and _ only. */
static bool
name_ok(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
			return false;
	return n > 0 && n < 64;
}

static char *
find_file(const struct plugins *p, const struct config *c, const char *plugin)
{
	const char *const *dirs = c != NULL ? c->agent.plugins.path.items : NULL;
	uint32_t n = c != NULL ? c->agent.plugins.path.n : 0;
	char *path;

	for (uint32_t i = 0; i < (n > 0 ? n : 1); i++) {
		path = xasprintf("%s/%s.so", n > 0 ? dirs[i] : p->installed, plugin);
		if (access(path, R_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static const char *const later[] = {"inventory", "exec", "nagios", "scrape"};

const struct manifest *
plugins_manifest(void *plugins, const struct config *c, const char *plugin, char *err, size_t cap)
{
	struct plugins *p = plugins;
	struct found *f;
	char *path;

	for (f = p->first; f != NULL; f = f->next)
		if (strcmp(f->name, plugin) == 0)
			return &f->manifest;
	path = name_ok(plugin) ? find_file(p, c, plugin) : NULL;
	if (path == NULL) {
		snprintf(
		    err, cap, "no plugin is called \"%.64s\" (looked in %s)", plugin, p->installed);
		for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
			if (strcmp(plugin, later[i]) == 0)
				snprintf(err, cap, "the plugin %s is not in this version", plugin);
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	if (read_manifest(p, path, &f->manifest, err, cap) != 0) {
		free(f);
		free(path);
		return NULL;
	}
	f->name = xstrdup(plugin);
	f->path = path;
	f->next = p->first;
	p->first = f;
	return &f->manifest;
}

void
plugins_each(const struct plugins *p, void (*each)(void *, const struct manifest *), void *arg)
{
	for (const struct found *f = p->first; f != NULL; f = f->next)
		each(arg, &f->manifest);
}

size_t
plugins_list(const struct plugins *p, char (*names)[64], size_t cap)
{
	DIR *d = opendir(p->installed);
	struct dirent *e;
	size_t n = 0;

	while (d != NULL && n < cap && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (len > 3 && len < 64 && strcmp(e->d_name + len - 3, ".so") == 0)
			snprintf(names[n++], 64, "%.*s", (int)(len - 3), e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static void
try_directory(const struct plugins *p, const char *dir,
    void (*each)(void *, const char *, const char *), void *arg)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	if (d == NULL)
		each(arg, dir, strerror(errno));
	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		struct manifest m = {0};
		char err[512] = "", *path;

		if (len <= 3 || strcmp(e->d_name + len - 3, ".so") != 0)
			continue;
		path = xasprintf("%s/%s", dir, e->d_name);
		if (read_manifest(p, path, &m, err, sizeof(err)) != 0 && err[0] == '\0')
			snprintf(err, sizeof(err), "cannot be described");
		each(arg, path, err);
		manifest_clear(&m);
		free(path);
	}
	if (d != NULL)
		closedir(d);
}

void
plugins_try(const struct plugins *p, const struct config *c,
    void (*each)(void *, const char *, const char *), void *arg)
{
	const char *const *dirs = c != NULL ? c->agent.plugins.path.items : NULL;
	uint32_t n = c != NULL ? c->agent.plugins.path.n : 0;

	for (uint32_t i = 0; i < (n > 0 ? n : 1); i++)
		try_directory(p, n > 0 ? dirs[i] : p->installed, each, arg);
}
