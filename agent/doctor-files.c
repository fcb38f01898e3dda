/*
 * doctor-files.c - see doctor.h: what sources and probes read is there, may be read by the agent's
 * user, and is alive.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/doctor.h"
#include "config/config.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/units.h"

#define SILENT_S 86400 /* a log without a line for so long is no log of a shop's traffic */
#define PART_MAX 4096

struct place {
	struct doctor *d;
	const char *path; /* in the file: sources.edge_log */
};

/* Nothing matches. Is it not there, or may we not look? */
static void
nothing_there(const struct place *at, const char *pattern)
{
	size_t len = strcspn(pattern, "*?[");
	char dir[PART_MAX], part[PART_MAX];

	while (len > 1 && pattern[len] != '/')
		len--;
	snprintf(dir, sizeof(dir), "%.*s", (int)len, pattern);
	if (access(dir, F_OK) == 0
	    && doctor_blocked(&at->d->user, dir, R_OK | X_OK, part, sizeof(part)) != NULL) {
		doctor_find(at->d, DOCTOR_FAIL, "%s: %s may not look into %s, for %s", at->path,
		    at->d->user.name, part, pattern);
		doctor_remedy_access(at->d, part, R_OK);
		return;
	}
	doctor_find(at->d, DOCTOR_FAIL, "%s: %s matches no file", at->path, pattern);
	doctor_remedy(at->d,
	    "name the files as they are: `ls -l %s` shows what is there, the web server's "
	    "configuration (access_log, CustomLog) where it writes",
	    dir);
}

/* The first of the files that the user may not read. */
static void
try_read(const struct place *at, char *const *files, size_t n)
{
	char part[PART_MAX];

	for (size_t i = 0; i < n; i++)
		if (doctor_blocked(&at->d->user, files[i], R_OK, part, sizeof(part)) != NULL) {
			doctor_find(at->d, DOCTOR_FAIL, "%s: %s may not read %s%s%s", at->path,
			    at->d->user.name, files[i],
			    strcmp(part, files[i]) != 0 ? ", because of " : "",
			    strcmp(part, files[i]) != 0 ? part : "");
			doctor_remedy_access(at->d, part, R_OK);
			return;
		}
}

static void
try_life(const struct place *at, const char *pattern, char *const *files, size_t n)
{
	int64_t now = wall_now().ms / 1000, newest = 0;
	struct stat st;

	for (size_t i = 0; i < n; i++)
		if (stat(files[i], &st) == 0 && st.st_mtime > newest)
			newest = st.st_mtime;
	if (now - newest < SILENT_S)
		return;
	doctor_find(at->d, DOCTOR_WARN, "%s: nothing was written to %s for %lld days", at->path,
	    pattern, (long long)((now - newest) / SILENT_S));
	doctor_remedy(at->d,
	    "is it still the log of the shop's traffic? See the web server's configuration "
	    "(access_log, CustomLog); after a rotation the server must reopen its files");
}

static void
try_path(const struct place *at, const struct tw_option *o, const char *path)
{
	glob_t found = {0};

	if (path == NULL || ((o->flags & TW_STDIN) && strcmp(path, "-") == 0))
		return;
	if (!(o->flags & TW_AROUND)) {
		char *one = (char *)(uintptr_t)path;

		if (access(path, F_OK) == 0 || errno == EACCES) {
			try_read(at, &one, 1);
			return;
		}
		doctor_find(
		    at->d, DOCTOR_FAIL, "%s: %s %s: %s", at->path, o->name, path, strerror(errno));
		doctor_remedy(at->d, "create the file, or name the right one");
		return;
	}
	if (glob(path, 0, NULL, &found) != 0) {
		nothing_there(at, path);
		return;
	}
	try_read(at, found.gl_pathv, found.gl_pathc);
	if (o->flags & TW_STDIN) /* what may be piped in is a log: lines come */
		try_life(at, path, found.gl_pathv, found.gl_pathc);
	globfree(&found);
}

static void
try_options(const struct place *at, const struct tw_table *rows, const json_t *values)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_option o = option_row(rows, i);
		json_t *v = json_object_get(values, o.name), *item;
		size_t k;

		if (o.type == TW_PATH && json_is_string(v))
			try_path(at, &o, json_string_value(v));
		else if (o.type == TW_PATH)
			json_array_foreach(v, k, item)
				try_path(at, &o, json_string_value(item));
		else if (o.type == TW_MAP)
			try_options(at, &o.nested, v);
		else if (o.type == TW_MAPS)
			json_array_foreach(v, k, item)
				try_options(at, &o.nested, item);
	}
}

void
doctor_sources(struct doctor *d)
{
	const struct config *c = d->setup->config;

	for (size_t i = 0; i < d->setup->n_probes; i++) {
		const struct setup_probe *p = &d->setup->probes[i];
		json_t *o = json_loads(p->json, 0, NULL);
		struct place at = {d, c->probes[i].path};

		try_options(
		    &at, &c->probes[i].manifest->plugin.options, json_object_get(o, "options"));
		json_decref(o);
	}
}
