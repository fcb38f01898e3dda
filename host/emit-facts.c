/*
 * emit-facts.c - what is not a number: the facts of a run record, by path; see emit.h.
 *
 *     "hops/0/address" = "192.0.2.1"   ->   {"hops": [{"address": "192.0.2.1"}]}
 *
 * A part of digits is an index: into a list, which grows by one at a time. What does not fit the
 * shape that stands already (an index into an object, a hole in a list) is refused and counted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/emit.h"
#include "lib/sanitize.h"

#define PATH_MAX_BYTES 200
#define PATH_PARTS_MAX 8
#define LIST_MAX 64

static bool
is_index(const char *part, size_t *n)
{
	if (part[0] == '\0' || part[strspn(part, "0123456789")] != '\0' || strlen(part) > 4)
		return false;
	*n = strtoul(part, NULL, 10);
	return true;
}

static json_t *
child(json_t *at, const char *part)
{
	size_t n;

	if (json_is_array(at))
		return is_index(part, &n) ? json_array_get(at, n) : NULL;
	return json_object_get(at, part);
}

/* Puts v (taken over, also on failure) at `part` of a list or object. */
static bool
set_child(json_t *at, const char *part, json_t *v)
{
	size_t n;

	if (json_is_object(at))
		return json_object_set_new_nocheck(at, part, v) == 0; /* sanitized */
	if (!json_is_array(at) || !is_index(part, &n) || n > json_array_size(at) || n >= LIST_MAX) {
		json_decref(v);
		return false;
	}
	return n < json_array_size(at) ? json_array_set_new(at, n, v) == 0
				       : json_array_append_new(at, v) == 0;
}

/* Walks to the last part's container, making what is not there. Takes v over. */
static bool
set_path(json_t *root, char *path, json_t *v)
{
	char *part = strsep(&path, "/"), *next;
	json_t *at = root;
	size_t n;

	for (int depth = 0; part != NULL && part[0] != '\0' && depth < PATH_PARTS_MAX; depth++) {
		json_t *below;

		if ((next = strsep(&path, "/")) == NULL)
			return set_child(at, part, v);
		if ((below = child(at, part)) == NULL) {
			below = is_index(next, &n) ? json_array() : json_object();
			if (!set_child(at, part, below))
				break;
		}
		at = below;
		part = next;
	}
	json_decref(v);
	return false;
}

static void
set_fact(struct emit *e, const char *path, json_t *v, size_t bytes)
{
	char parts[PATH_MAX_BYTES];
	size_t len = text_sanitize(parts, sizeof(parts), path, strlen(path));

	bytes += len;
	if (e->facts == NULL)
		e->facts = json_object();
	if (e->facts == NULL || v == NULL || strlen(path) >= sizeof(parts)
	    || e->n_facts == EMIT_FACTS_MAX || bytes > EMIT_FACT_BYTES_MAX - e->fact_bytes) {
		json_decref(v);
		e->n_refused++;
		return;
	}
	if (!set_path(e->facts, parts, v)) {
		e->n_refused++;
		return;
	}
	e->n_facts++;
	e->fact_bytes += bytes;
}

void
emit_fact_text(struct emit *e, const char *path, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0, cap;
	char *clean;

	if (len > EMIT_FACT_BYTES_MAX || path == NULL) {
		e->n_refused++;
		return;
	}
	cap = len * 3 + 1;
	if ((clean = malloc(cap)) == NULL)
		return;
	len = text_sanitize(clean, cap, text != NULL ? text : "", len);
	set_fact(e, path, json_stringn_nocheck(clean, len), len);
	free(clean);
}

void
emit_fact_real(struct emit *e, const char *path, double v)
{
	json_t *number;

	if (!isfinite(v) || path == NULL) {
		e->n_refused++;
		return;
	}
	if (v == floor(v) && fabs(v) < 9007199254740992.0)
		number = json_integer((json_int_t)v);
	else
		number = json_real(v);
	set_fact(e, path, number, sizeof(double));
}

char *
emit_facts_text(const struct emit *e)
{
	return e->facts != NULL ? json_dumps(e->facts, JSON_COMPACT | JSON_REAL_PRECISION(12))
				: strdup("{}");
}
