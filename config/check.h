/*
 * check.h - what a user wrote, judged by option rows, becomes the normal form (lib/options.h).
 *
 * The same for the agent's own keys and for plugins' options: one table a vocabulary, one checker.
 * All mistakes of a tree are collected, each with its place; the result is only of use when there
 * were none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include <jansson.h>

#include "config/errors.h"
#include "lib/options.h"

struct secrets;

struct check {
	struct errors *errors;
	struct secrets
	    *secrets; /* resolves ${file:}, ${env:}, ${cred:}; NULL: they are left as they stand */
	const char *const *sources;     /* those that TW_NAMES_SOURCE may name */
	size_t n_sources;
	json_t *reads; /* a list: those that were named, each once; NULL: nobody asks */
	bool has_input; /* a path was "-": the standard input has one reader */
};

/* map: the map that holds the options (NULL = empty, at `place`). skip: keys of the map that are
 * somebody else's. path: what precedes the option's name in messages ("probes[2]"). Returns a new
 * reference, never NULL. */
json_t *check_options(struct check *c, const struct tw_table *rows, const struct yaml_node *map,
    const struct yaml_place *place, const char *path, const char *const *skip, size_t n_skip);

/* The place of an option path of a plugin ("assert/0/status") below a map; the nearest parent that
 * exists. */
struct yaml_place check_place(const struct yaml_node *map, const char *option_path);

#endif
