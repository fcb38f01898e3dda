/*
 * host-load.c - see host-load.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/host-load.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/labels.h"

#define KNOWN_OPTION_FLAGS                                                               \
	(TW_REQUIRED | TW_NEEDS_RESTART | TW_LATER | TW_NAMES_SOURCE | TW_MANY | TW_AROUND     \
	    | TW_STDIN | TW_FLOW_FROM | TW_FLOW_TO | TW_FLOW_LIMIT)
#define OTHER_MAJORS 64             /* symbols of other versions that we look for */

static int say(char *err, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int
say(char *err, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, cap, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- the file ---- */

static const char *
not_ours(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "its owner is neither root nor the user who runs this";
	/* A sticky directory (/tmp) lets nobody replace what is not theirs. */
	if ((st->st_mode & (S_IWGRP | S_IWOTH))
	    && !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX)))
		return "group or others may write it";
	return NULL;
}

char *
plugin_directory(const char *path)
{
	char *real = realpath(path, NULL), *slash;

	if (real == NULL || (slash = strrchr(real, '/')) == NULL) {
		free(real);
		return NULL;
	}
	slash[slash == real] = '\0';
	return real;
}

static int
check_parents(const char *path, char *err, size_t cap)
{
	char *dir = plugin_directory(path), *slash;
	const char *why = NULL;
	struct stat st;
	int rc = 0;

	if (dir == NULL)
		return say(err, cap, "%s: %s", path, strerror(errno));
	while (rc == 0) {
		if (stat(dir, &st) != 0)
			rc = say(err, cap, "%s: %s", dir, strerror(errno));
		else if ((why = not_ours(&st)) != NULL)
			rc = say(err, cap, "%s: refused, because of the directory %s: %s", path,
			    dir, why);
		if (rc != 0 || strcmp(dir, "/") == 0)
			break;
		slash = strrchr(dir, '/');
		slash[slash == dir] = '\0';
	}
	free(dir);
	return rc;
}

/* Is all there that the dynamic linker maps? It does not ask: what reaches past the end of a file
 * that was cut (a full disk, a copy that goes on) would end the process by SIGBUS. */
static bool
is_whole(int fd, off_t size)
{
	ElfW(Ehdr) head;
	ElfW(Phdr) segment;

	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head)
	    || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0
	    || head.e_phentsize != sizeof(segment))
		return false;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		if (head.e_phoff > (ElfW(Off))size
		    || pread(fd, &segment, sizeof(segment),
			   (off_t)(head.e_phoff + i * sizeof(segment)))
			!= (ssize_t)sizeof(segment))
			return false;
		if (segment.p_offset > (ElfW(Off))size
		    || segment.p_filesz > (ElfW(Off))size - segment.p_offset)
			return false;
	}
	return true;
}

/* A descriptor of the judged file, or -1. */
static int
open_checked(const char *path, char *err, size_t cap)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	const char *why = NULL;
	struct stat st;

	if (fd < 0)
		return say(err, cap, "%s: %s", path,
		    errno == ELOOP ? "is a symbolic link; name the file itself" : strerror(errno));
	if (fstat(fd, &st) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "is no regular file";
	else if ((why = not_ours(&st)) == NULL && !is_whole(fd, st.st_size))
		why = "is no shared object, or was cut";
	if (why != NULL) {
		close(fd);
		return say(err, cap, "%s: refused: %s", path, why);
	}
	if (check_parents(path, err, cap) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- the symbol ---- */

typedef const struct tw_plugin *plugin_fn(const struct tw_api *);

static int
wrong_version(void *handle, const char *path, char *err, size_t cap)
{
	char name[32];

	for (int major = 0; major < OTHER_MAJORS; major++) {
		snprintf(name, sizeof(name), "tw_plugin_v%d", major);
		if (dlsym(handle, name) != NULL)
			return say(err, cap, "%s: built for ABI %d, this host speaks %d", path,
			    major, TW_ABI_MAJOR);
	}
	return say(err, cap, "%s: is no plugin of tillwatch (it exports no %s)", path,
	    TW_PLUGIN_SYMBOL);
}

static int
find_table(const struct tw_plugin **out, const char *path, const struct tw_api *api, char *err,
    size_t cap)
{
	int fd = open_checked(path, err, cap);
	char by_fd[40];
	plugin_fn *fn;
	void *handle;

	if (fd < 0)
		return -1;
	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
	/* The descriptor stays open as long as the code: the loader knows a library by its name,
	 * and would take the next file under the same number for this one. */
	handle = dlopen(by_fd, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		close(fd);
		return say(err, cap, "%s: %s", path, dlerror());
	}
	*(void **)&fn = dlsym(handle, TW_PLUGIN_SYMBOL);
	if (fn == NULL)
		return wrong_version(handle, path, err, cap);
	if ((*out = fn(api)) == NULL)
		return say(err, cap, "%s: %s() returned nothing", path, TW_PLUGIN_SYMBOL);
	return 0;
}

/* ---- the tables ---- */

void
table_row(void *dst, size_t dst_size, const struct tw_table *t, uint32_t i)
{
	memset(dst, 0, dst_size);
	memcpy(dst, (const char *)t->rows + (size_t)i * t->row_size,
	    t->row_size < dst_size ? t->row_size : dst_size);
}

static bool
name_ok(const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;

	if (n == 0 || n > 63)
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static const char *
split_labels(struct metric *m)
{
	char *at, *word;

	if ((m->words = strdup(m->row.labels != NULL ? m->row.labels : "")) == NULL)
		return "out of memory";
	for (at = m->words; (word = strsep(&at, ",")) != NULL;) {
		if (word[0] == '\0' && m->n_labels == 0 && at == NULL)
			break;
		if (!label_name_ok(word) || strncmp(word, "__", 2) == 0
		    || strcmp(word, "probe") == 0 || strcmp(word, "shop") == 0)
			return "a label has a name that it may not have";
		if (m->n_labels == PLUGIN_LABELS_MAX)
			return "too many labels";
		m->label[m->n_labels++] = word;
	}
	return NULL;
}

static const char *
metric_wrong(struct metric *m, const char *prefix)
{
	const char *name = m->row.name;

	if (name == NULL || !metric_name_ok(name) || strlen(name) > 200)
		return "has no good name";
	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return "lacks the plugin's prefix";
	if (m->row.kind < TW_GAUGE || m->row.kind > TW_HISTOGRAM)
		return "is of no known kind";
	if (m->row.help == NULL || m->row.help[0] == '\0' || m->row.unit == NULL)
		return "lacks its help or its unit";
	if (!(m->row.resolution >= 0 && m->row.resolution < 1e12))
		return "has no sensible resolution";
	return split_labels(m);
}

static int
take_metrics(struct plugin *p, char *err, size_t cap)
{
	const struct tw_table *t = &p->table.metrics;

	if (t->count > PLUGIN_METRICS_MAX
	    || (t->count > 0 && (t->rows == NULL || t->row_size == 0)))
		return say(err, cap, "%s: its table of metrics is broken", p->path);
	if ((p->metrics = calloc(t->count > 0 ? t->count : 1, sizeof(*p->metrics))) == NULL)
		return say(err, cap, "%s: out of memory", p->path);
	for (; p->n_metrics < t->count; p->n_metrics++) {
		struct metric *m = &p->metrics[p->n_metrics];
		const char *wrong;

		table_row(&m->row, sizeof(m->row), t, (uint32_t)p->n_metrics);
		if ((wrong = metric_wrong(m, p->table.prefix)) != NULL)
			return say(err, cap, "%s: metric %zu (%s) %s", p->path, p->n_metrics,
			    m->row.name != NULL ? m->row.name : "", wrong);
	}
	return 0;
}

static int
check_table(struct plugin *p, char *err, size_t cap)
{
	const struct tw_plugin *t = &p->table;
	size_t prefix = t->prefix != NULL ? strlen(t->prefix) : 0;

	if (t->major != TW_ABI_MAJOR)
		return say(err, cap, "%s: built for ABI %u, this host speaks %d", p->path, t->major,
		    TW_ABI_MAJOR);
	if (!name_ok(t->name) || t->version == NULL || t->summary == NULL)
		return say(err, cap, "%s: lacks a good name, a version or a summary", p->path);
	if (prefix < 2 || t->prefix[prefix - 1] != '_' || !metric_name_ok(t->prefix))
		return say(
		    err, cap, "%s: the prefix of its metrics must be like \"name_\"", p->path);
	if (t->flags & ~(uint32_t)(TW_BLOCKING | TW_SOURCE | TW_EVENT_TIME))
		return say(err, cap,
		    "%s: asks for something that this host does not know (flags %#x)", p->path,
		    t->flags);
	if (t->probe == NULL && !(t->flags & TW_SOURCE))
		return say(err, cap, "%s: has no probe()", p->path);
	if (t->on_records != NULL && (t->flags & TW_BLOCKING))
		return say(err, cap, "%s: reads sources, so its probe() must not block", p->path);
	if (t->self_size > PLUGIN_SELF_MAX)
		return say(err, cap, "%s: wants %u bytes a probe", p->path, t->self_size);
	return take_metrics(p, err, cap);
}

int
plugin_load(struct plugin *p, const char *path, const struct tw_api *api, char *err, size_t cap)
{
	const struct tw_plugin *found = NULL;
	size_t known = sizeof(p->table);

	memset(p, 0, sizeof(*p));
	if ((p->path = strdup(path)) == NULL)
		return say(err, cap, "out of memory");
	if (find_table(&found, path, api, err, cap) != 0)
		goto fail;
	if (found->size < offsetof(struct tw_plugin, stop)) {
		say(err, cap, "%s: its description has %u bytes: too few", path, found->size);
		goto fail;
	}
	memcpy(&p->table, found, found->size < known ? found->size : known);
	if (check_table(p, err, cap) == 0)
		return 0;
fail:
	plugin_clear(p);
	return -1;
}

static bool
asks_for_more(const struct tw_table *rows)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_option o;

		table_row(&o, sizeof(o), rows, i);
		if ((o.flags & ~KNOWN_OPTION_FLAGS) != 0 || asks_for_more(&o.nested))
			return true;
	}
	return false;
}

int
plugin_runs_here(const struct plugin *p, char *err, size_t cap)
{
	if (asks_for_more(&p->table.options))
		return say(err, cap, "%s: has options of a kind that this version does not know",
		    p->path);
	return 0;
}

void
plugin_clear(struct plugin *p)
{
	for (size_t i = 0; p->metrics != NULL && i <= p->n_metrics && i < p->table.metrics.count;
	     i++)
		free(p->metrics[i].words);
	free(p->metrics);
	free(p->path);
	memset(p, 0, sizeof(*p));
}
