/*
 * setup-plugins.h - where plugins are, and what they say of themselves. The agent never loads one:
 * tillwatch-host
 * --describe does, in a process of its own, and prints the manifest.
 *
 * Not thread-safe; one set a setup.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SETUP_PLUGINS_H
#define AGENT_SETUP_PLUGINS_H

#include "config/config.h"

#define DESCRIBE_TIMEOUT_MS 10000

struct plugins;

struct plugins *plugins_new(void);
void plugins_free(struct plugins *p);
/* tillwatch-host: where it was installed, or TILLWATCH_HOST. */
const char *plugins_host(const struct plugins *p);
/* The file of a plugin whose manifest was found. */
const char *plugins_path(const struct plugins *p, const char *plugin);
/* For struct config_env. Directories: agent.plugins.path, else TILLWATCH_PLUGINS (tests, a build
 * tree), else where plugins were installed. */
const struct manifest *plugins_manifest(
    void *plugins, const struct config *c, const char *plugin, char *err, size_t err_cap);
/* Each plugin whose manifest was found, once. */
void plugins_each(
    const struct plugins *p, void (*each)(void *arg, const struct manifest *m), void *arg);
/* The names of all plugins there are, for the schema; at most cap. */
size_t plugins_list(const struct plugins *p, char (*names)[64], size_t cap);
/* Every plugin of the directories, used or not, and why it cannot be ("" = it can); a directory
 * that cannot be read is one of them. c NULL: where plugins were installed. */
void plugins_try(const struct plugins *p, const struct config *c,
    void (*each)(void *arg, const char *path, const char *err), void *arg);

#endif
