/*
 * schema.h - what the files of the schema share. The schema itself: config_schema (config.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/words.h"

/* schema-words.c: `of`, the schema of what the words belong to, takes a file that has them: a key
 * is marked as deprecated. All stand also in the list x-former-words of `out`, from which the
 * manual tells them. plugin: whose they are, or "". */
void schema_add_words(json_t *out, json_t *of, const char *plugin, const struct tw_table *words);

#endif
