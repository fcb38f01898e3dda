/*
 * once-upgrade.c - `tillwatchd --upgrade`: the old words of a configuration are rewritten, in all
 * of its files.
 *
 * DESIGN. The configuration is loaded as the agent would; one with errors is left alone. Its old
 * words are rewritten in memory, what comes out is loaded instead of the files, and must mean the
 * same (config_same): an anchor may stand where the word has another meaning. Only then are files
 * written, each at once (upgrade_write).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "agent/once.h"
#include "agent/setup-plugins.h"
#include "agent/setup.h"
#include "config/config.h"
#include "config/upgrade.h"
#include "lib/xmalloc.h"

#define TEXT_MAX (2 * YAML_BYTES_MAX) /* today's words may be longer */
#define SAID_MAX (16u << 20)

struct file {
	const char *name;
	char *old;
	size_t old_len;
	struct buf new;
	int n_edits;
	char *orig; /* what the old one is called now; NULL: not written */
};

struct upgrade {
	const char *path;
	struct config *config;
	struct file *files;
	size_t n_files;
};

/* ---- texts ---- */

static struct file *
file_of(struct upgrade *u, const char *name)
{
	for (size_t i = 0; i < u->n_files; i++)
		if (strcmp(u->files[i].name, name) == 0)
			return &u->files[i];
	u->files = xrealloc(u->files, u->n_files + 1, sizeof(*u->files));
	u->files[u->n_files] = (struct file){.name = name};
	buf_init(&u->files[u->n_files].new, TEXT_MAX);
	return &u->files[u->n_files++];
}

/* 0, or an exit code after having said why. */
static int
rewrite(struct upgrade *u)
{
	struct words *w = &u->config->words;

	for (size_t i = 0; i < w->n; i++)
		(void)file_of(u, w->uses[i].place.file);
	for (size_t i = 0; i < u->n_files; i++) {
		struct file *f = &u->files[i];
		int rc = yaml_slurp(f->name, &f->old, &f->old_len);

		if (rc != 0) {
			fprintf(stderr, "%s: %s\n", f->name, strerror(-rc));
			return EX_NOINPUT;
		}
		f->n_edits = upgrade_text(w->uses, w->n, f->name, f->old, f->old_len, &f->new);
		if (f->n_edits < 0) {
			fprintf(stderr, "%s: is not UTF-8: nothing is written\n", f->name);
			return EX_DATAERR;
		}
	}
	return 0;
}

static size_t
n_by_hand(const struct words *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->uses[i].is_by_hand;
	return n;
}

/* Would it load, and mean what it means now? */
static int
verify(const struct upgrade *u)
{
	struct config_text *texts = xcalloc(u->n_files, sizeof(*texts));
	struct plugins *plugins = plugins_new();
	struct config_env env = {
	    .manifest = plugins_manifest, .ctx = plugins, .texts = texts, .n_texts = u->n_files};
	struct config *after = NULL;
	struct errors errors;
	int rc = 0;

	for (size_t i = 0; i < u->n_files; i++)
		texts[i] = (struct config_text){
		    u->files[i].name, buf_str(&u->files[i].new), u->files[i].new.len};
	errors_init(&errors);
	if (config_load(&after, u->path, &env, &errors) != 0
	    || after->words.n != n_by_hand(&u->config->words) || !config_same(u->config, after)) {
		fprintf(stderr,
		    "%s: rewritten it would not mean the same (an anchor that stands for two "
		    "things?): nothing is written\n%s",
		    u->path, buf_str(&errors.text));
		rc = EX_DATAERR;
	}
	config_free(after);
	errors_free(&errors);
	plugins_free(plugins);
	free(texts);
	return rc;
}

static int
write_files(struct upgrade *u)
{
	for (size_t i = 0; i < u->n_files; i++) {
		struct file *f = &u->files[i];
		int rc = f->n_edits > 0 ? upgrade_write(
			     f->name, f->old, f->old_len, buf_str(&f->new), f->new.len, &f->orig)
					: 0;

		if (rc == 0)
			continue;
		fprintf(stderr, "%s: is not written: %s\n", f->name,
		    rc == -ESTALE ? "somebody else has just changed it" : strerror(-rc));
		return EX_CANTCREAT;
	}
	return 0;
}

/* ---- what is said ---- */

static json_t *
changes_json(const struct upgrade *u, bool is_by_hand)
{
	const struct words *w = &u->config->words;
	json_t *list = json_array();

	for (size_t i = 0; i < w->n; i++) {
		const struct word_use *use = &w->uses[i];
		const struct file *f = file_of((struct upgrade *)(uintptr_t)u, use->place.file);
		struct buf lines;
		json_t *o;

		if (use->is_by_hand != is_by_hand)
			continue;
		o = json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s}", "file", use->place.file,
		    "line", use->place.line, "column", use->place.column, "path", use->path, "was",
		    use->was, "now", use->now, "since", use->since);
		buf_init(&lines, SAID_MAX);
		if (is_by_hand) {
			upgrade_by_hand(use, f->old, f->old_len, &lines);
			json_object_set_new(o, "write", json_string(buf_str(&lines)));
		}
		buf_free(&lines);
		json_array_append_new(list, o);
	}
	return list;
}

static void
print_json(const struct upgrade *u, bool is_dry)
{
	json_t *written = json_array(), *o;

	for (size_t i = 0; i < u->n_files; i++)
		if (u->files[i].orig != NULL)
			json_array_append_new(
			    written, json_pack("{s:s, s:s}", "file", u->files[i].name, "orig",
					 u->files[i].orig));
	o = json_pack("{s:s, s:b, s:o, s:o, s:o}", "file", u->path, "dry_run", is_dry, "changes",
	    changes_json(u, false), "by_hand", changes_json(u, true), "written", written);
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

static void
print_by_hand(const struct upgrade *u)
{
	const struct words *w = &u->config->words;

	for (size_t i = 0; i < w->n; i++) {
		const struct word_use *use = &w->uses[i];
		const struct file *f = file_of((struct upgrade *)(uintptr_t)u, use->place.file);
		struct buf lines;

		if (!use->is_by_hand)
			continue;
		buf_init(&lines, SAID_MAX);
		upgrade_by_hand(use, f->old, f->old_len, &lines);
		fprintf(stderr, "%s:%d:%d: %s: is left to you%s%s:\n%s\n", use->place.file,
		    use->place.line, use->place.column, use->path,
		    use->value != NULL ? "; write it into " : "",
		    use->value == NULL     ? ""
		    : use->base[0] != '\0' ? use->base
					   : "the top of the file",
		    buf_str(&lines));
		buf_free(&lines);
	}
}

static void
print_text(const struct upgrade *u, bool is_dry)
{
	const struct words *w = &u->config->words;
	struct buf diff;

	if (w->n == 0)
		printf("%s: nothing to do: all its words are those of today\n", u->path);
	for (size_t i = 0; i < w->n && !is_dry; i++)
		if (!w->uses[i].is_by_hand)
			printf("%s:%d:%d: %s: %s -> %s\n", w->uses[i].place.file,
			    w->uses[i].place.line, w->uses[i].place.column, w->uses[i].path,
			    w->uses[i].was, w->uses[i].now);
	for (size_t i = 0; i < u->n_files; i++) {
		struct file *f = &u->files[i];

		if (f->orig != NULL)
			printf("%s: written; as it was: %s\n", f->name, f->orig);
		if (!is_dry || f->n_edits == 0)
			continue;
		buf_init(&diff, SAID_MAX);
		upgrade_diff(f->name, f->old, f->old_len, buf_str(&f->new), f->new.len, &diff);
		fwrite(buf_str(&diff), 1, diff.len, stdout);
		buf_free(&diff);
	}
	fflush(stdout);
	print_by_hand(u);
}

/* ---- all ---- */

static void
clear(struct upgrade *u)
{
	for (size_t i = 0; i < u->n_files; i++) {
		if (u->files[i].old != NULL)
			explicit_bzero(u->files[i].old, u->files[i].old_len);
		free(u->files[i].old);
		free(u->files[i].orig);
		buf_free(&u->files[i].new);
	}
	free(u->files);
}

int
once_upgrade(const char *path, bool is_dry, bool json)
{
	struct upgrade u = {.path = path};
	struct setup *s = NULL;
	struct buf errors;
	int rc;

	buf_init(&errors, 1 << 20);
	if (setup_load(&s, path, &errors) != 0 || once_start(s, &errors) != 0) {
		fprintf(stderr, "%s", buf_str(&errors));
		rc = EX_CONFIG;
		goto out;
	}
	u.config = s->config;
	if ((rc = rewrite(&u)) == 0 && u.n_files > 0)
		rc = verify(&u);
	if (rc == 0 && !is_dry)
		rc = write_files(&u);
	if (rc == 0 && json)
		print_json(&u, is_dry);
	else if (rc == 0)
		print_text(&u, is_dry);
	if (rc == 0 && n_by_hand(&u.config->words) > 0)
		rc = 1;
out:
	clear(&u);
	setup_free(s);
	buf_free(&errors);
	return rc;
}
