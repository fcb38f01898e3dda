/*
 * geo.h - country and network of an address, from MaxMind databases.
 *
 * DESIGN. Each file is used for what its own metadata says it is, whatever the setting that names
 * it: a database of networks given as the country file must not make countries vanish silently.
 * A file that is absent or broken gives nothing, and says so once.
 *
 * Runs in: geo_open at start; geo_find in any thread (the files are mapped and only read).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_GEO_H
#define HOST_GEO_H

#include <stddef.h>
#include <stdint.h>
#include <tillwatch/plugin.h>

#define GEO_FILES 2

struct geo_db;

/* Opens the files (NULL = not configured). Never NULL but without memory; what is wrong stands in
 * err ("" = nothing). */
struct geo_db *geo_open(const char *const paths[GEO_FILES], char *err, size_t err_cap);
void geo_close(struct geo_db *g);

/* What a file says of itself: which of the two it is for ("country", "networks"; NULL: neither),
 * its type's name, when it was made (unix seconds). 0, or -1 with why in err. */
struct geo_about {
	const char *use;
	char type[64];
	int64_t built_s;
};
int geo_about(const char *path, struct geo_about *out, char *err, size_t err_cap);

/* 0, or -1: not an address, or in no file. out is filled up to its own size. */
int geo_find(const struct geo_db *g, const char *address, struct tw_geo *out);

#endif
