/*
 * glob.h - patterns of paths and addresses: `*` any bytes but `/`, `**` any bytes, everything else
 * itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_GLOB_H
#define PLUGINS_COMMON_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* The text need not be terminated. Time: the pattern's length times the text's, at most. */
bool glob_match(const char *pattern, const char *text, size_t len);

#endif
