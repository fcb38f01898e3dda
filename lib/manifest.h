/*
 * manifest.h - a plugin's description as one line of JSON: written by the host, which may load the
 * plugin, read by the agent and the command line, which must not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_MANIFEST_H
#define LIB_MANIFEST_H

#include "lib/options.h"

struct manifest {
	struct tw_plugin plugin; /* tables and texts; functions are NULL, nested sizes and offsets
				    as in the plugin */
	struct heap heap;           /* owns all of it */
};

/* The description, a new reference; NULL: out of memory. */
json_t *manifest_write(const struct tw_plugin *p);
/* 0, -EINVAL with a sentence (the JSON is no manifest), -ENOMEM. Cleared with manifest_clear, also
 * after an error. */
int manifest_read(struct manifest *m, const json_t *v, char *err, size_t err_cap);
void manifest_clear(struct manifest *m);

#endif
