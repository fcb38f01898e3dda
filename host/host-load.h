/*
 * host-load.h - a plugin file becomes a plugin: who owns it, which ABI it speaks, whether its
 * tables are what they claim to be.
 *
 * DESIGN. The file is opened once, judged by what is open (owner root or us, not writable by group
 * or others, no directory above it either), and loaded through /proc/self/fd, so that what was
 * judged is what runs. A plugin of another major version has no symbol of ours: the symbols it has
 * instead tell which one it was built for. Rows are copied by the size that the plugin states:
 * what an older one lacks is zero, what a newer one has more is left out.
 *
 * Runs in: the main thread, after the sandbox is entered. Plugins are never unloaded: the unit of
 * unload is the process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_LOAD_H
#define HOST_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <tillwatch/plugin.h>

#define PLUGIN_METRICS_MAX 512
#define PLUGIN_LABELS_MAX 12        /* labels of one metric */
#define PLUGIN_SELF_MAX (16u << 20) /* bytes of a probe's struct */

struct metric {
	struct tw_metric row;
	char *words;                    /* what the names of its labels point into */
	const char *label[PLUGIN_LABELS_MAX];
	uint32_t n_labels;
};

struct plugin {
	struct tw_plugin table;         /* copied; the texts stay in the plugin */
	struct metric *metrics;
	size_t n_metrics;
	char *path;
};

/* Loads and judges. 0; else -1 with a sentence in err, and nothing of the plugin is used. */
int plugin_load(
    struct plugin *p, const char *path, const struct tw_api *api, char *err, size_t cap);
/* Can this version run it, or only describe it? 0; -1: err says what it lacks. */
int plugin_runs_here(const struct plugin *p, char *err, size_t cap);
void plugin_clear(struct plugin *p);    /* the code stays loaded */

/* Its file's directory, for the sandbox ("/a/b" of "/a/b/c.so"); malloc'd, NULL = no memory. */
char *plugin_directory(const char *path);

/* A row of a table as a copy of the size that we know (dst is zeroed before). */
void table_row(void *dst, size_t dst_size, const struct tw_table *t, uint32_t i);

#endif
