/*
 * once.c - see once.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/once.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/setup-plugins.h"
#include "agent/setup.h"
#include "config/map.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define PLUGINS_MAX 64
#define MAP_BYTES_MAX (64u << 20)

static json_t *
lines_json(const char *lines)
{
	json_t *list = json_array();

	for (const char *line = lines; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		json_array_append_new(list, json_stringn(line, n));
		line += n + (line[n] == '\n');
	}
	return list;
}

static void
print_check_json(const char *path, const struct setup *s, bool is_ok, const char *errors)
{
	json_t *o = json_pack("{s:s, s:b, s:o, s:o}", "file", path, "ok", is_ok, "errors",
	    lines_json(errors), "warnings", lines_json(s != NULL ? s->warnings : ""));

	if (is_ok) {
		json_object_set_new(o, "n_probes", json_integer((json_int_t)s->n_probes));
		json_object_set_new(o, "n_receivers", json_integer((json_int_t)s->n_receivers));
		json_object_set_new(o, "n_rules", json_integer((json_int_t)s->rules.n_rules));
		json_object_set_new(o, "footprint", once_footprint(s, false));
	}
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

static void
print_ok(const char *path, const struct setup *s)
{
	printf("%s: ok: %zu probes, %zu receivers, %zu rules\n", path, s->n_probes,
	    s->n_receivers, s->rules.n_rules);
	json_decref(once_footprint(s, true));
}

int
once_check(const char *path, bool json)
{
	struct setup *s = NULL;
	struct buf errors;
	int rc;

	buf_init(&errors, 1 << 20);
	rc = setup_load(&s, path, &errors);
	if (rc == 0)
		rc = once_start(s, &errors);
	if (!json && s != NULL)
		fputs(s->warnings, stderr);
	if (json)
		print_check_json(path, s, rc == 0, buf_str(&errors));
	else if (rc != 0)
		fputs(buf_str(&errors), stderr);
	else
		print_ok(path, s);
	setup_free(s);
	buf_free(&errors);
	return rc == 0 ? 0 : EX_CONFIG;
}

int
once_schema(void)
{
	const struct manifest *all[PLUGINS_MAX];
	struct plugins *p = plugins_new();
	char names[PLUGINS_MAX][64], err[512];
	size_t n = plugins_list(p, names, PLUGINS_MAX), k = 0;
	json_t *schema;

	for (size_t i = 0; i < n; i++)
		if ((all[k] = plugins_manifest(p, NULL, names[i], err, sizeof(err))) != NULL)
			k++;
		else
			fprintf(stderr, "tillwatchd: %s\n", err);
	schema = config_schema(all, k);
	json_dumpf(schema, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(schema);
	plugins_free(p);
	return 0;
}

int
once_map(const char *path)
{
	struct setup *s = NULL;
	struct buf errors, out;
	int rc;

	buf_init(&errors, 1 << 20);
	buf_init(&out, MAP_BYTES_MAX);
	rc = setup_load(&s, path, &errors);
	if (rc != 0) {
		fputs(buf_str(&errors), stderr);
	} else {
		buf_text(&out, "{\"shop\":");
		json_text(&out, s->shop);
		buf_char(&out, ',');
		map_write(s->map, NULL, NULL, &out);
		buf_char(&out, '}');
		puts(buf_str(&out));
	}
	setup_free(s);
	buf_free(&errors);
	buf_free(&out);
	return rc == 0 ? 0 : EX_CONFIG;
}

static int
run_host(const struct setup *s, const struct setup_probe *p)
{
	/* The options go by standard input: a command line is seen by every user, and options hold
	 * secrets. */
	char once[] = "--once", probe[] = "--probe", dash[] = "-", setup[] = "--setup";
	char *host = xstrdup(s->host_path), *plugin = xstrdup(p->plugin_path),
	     *setup_json = xstrdup(s->host_json);
	char *args[] = {host, once, plugin, probe, dash, setup, setup_json, NULL},
	     *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int status = 0, rc, pipes[2];
	pid_t pid;

	fflush(stdout);
	if (pipe2(pipes, O_CLOEXEC) != 0)
		return EX_OSERR;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[0], 0);
	rc = posix_spawn(&pid, host, &actions, NULL, args, environment);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[0]);
	if (rc != 0)
		fprintf(stderr, "tillwatchd: %s does not start: %s\n", host, strerror(rc));
	else if (write(pipes[1], p->json, strlen(p->json)) < 0)
		fprintf(stderr, "tillwatchd: %s does not read its options\n", host);
	close(pipes[1]);
	while (rc == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	free(host);
	free(plugin);
	free(setup_json);
	if (rc != 0)
		return EX_UNAVAILABLE;
	/* The verdict is in the JSON, or what the plugin refuses; a host that ended badly has
	 * none. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG)
		return EX_CONFIG;
	return WIFEXITED(status) && WEXITSTATUS(status) < EX__BASE ? 0 : EX_SOFTWARE;
}

int
once_run(const char *path, const char *probe)
{
	struct setup *s = NULL;
	struct buf errors;
	int rc = EX_CONFIG;

	buf_init(&errors, 1 << 20);
	if (setup_load(&s, path, &errors) != 0) {
		fputs(buf_str(&errors), stderr);
	} else {
		rc = EX_USAGE;
		for (size_t i = 0; i < s->n_probes; i++)
			if (strcmp(s->probes[i].name, probe) == 0)
				rc = run_host(s, &s->probes[i]);
		if (rc == EX_USAGE)
			fprintf(stderr, "tillwatchd: %s has no probe called \"%s\"\n", path, probe);
	}
	setup_free(s);
	buf_free(&errors);
	return rc;
}
