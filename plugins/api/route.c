/*
 * route.c - which declared route a request belongs to. First match wins, everything else is
 * "other": paths are made by strangers (scanners, typing errors, one article each), and a label
 * that takes them grows without end.
 *
 * Patterns: `*` any bytes but `/`, `**` any bytes. A path that was seen is remembered by its hash
 * (two paths of one hash, one pair in 10^17, would share a route).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL /* one short hash a request: no call */
#include <xxhash.h>

#include "plugins/api/api.h"
#include "plugins/common/glob.h"

#define ROUTE_MASK UINT64_C(0xff)   /* of a remembered path: its route; the rest is its hash */

int
route_prepare(struct api *s)
{
	s->paths = calloc(PATH_CACHE, sizeof(*s->paths));
	return s->paths != NULL ? 0 : -ENOMEM;
}

void
route_free(struct api *s)
{
	free(s->paths);
}

static bool
is_text(const struct tw_value *v)
{
	return v != NULL && v->type == TW_FIELD_TEXT;
}

static uint32_t
match(const struct api *s, const struct tw_value *method, const struct tw_value *path)
{
	const struct route *r = s->routes.items;

	for (uint32_t i = 0; i < s->routes.n; i++) {
		if (r[i].method != NULL
		    && !(is_text(method) && strlen(r[i].method) == method->len
			&& memcmp(r[i].method, method->as.text, method->len) == 0))
			continue;
		if (glob_match(r[i].path, path->as.text, path->len))
			return i;
	}
	return s->n_cells - 1;
}

uint32_t
route_of(struct api *s, const struct tw_value *method, const struct tw_value *path)
{
	uint64_t key;
	size_t at;

	if (!is_text(path))
		return s->n_cells - 1;
	key = XXH3_64bits(path->as.text, path->len);
	if (is_text(method) && method->len > 0) /* GET, POST, PUT: told apart by two bytes */
		key ^= (uint64_t)(uint8_t)method->as.text[0] * 0x9e3779b97f4a7c15
		    ^ (uint64_t)(uint8_t)method->as.text[method->len - 1] << 56
		    ^ (uint64_t)method->len << 48;
	at = key >> 32 & (PATH_CACHE - 1);
	key = (key & ~ROUTE_MASK) | ROUTE_MASK; /* never 0, which is a free place */
	if ((s->paths[at] | ROUTE_MASK) != key)
		s->paths[at] = (key & ~ROUTE_MASK) | match(s, method, path);
	return (uint32_t)(s->paths[at] & ROUTE_MASK);
}

const char *
route_label(const struct api *s, uint32_t i)
{
	const struct route *r = s->routes.items;

	return i < s->routes.n ? r[i].name : "other";
}
