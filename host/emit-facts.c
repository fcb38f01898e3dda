/*
 * emit-facts.c - what is not a number: the facts of a run record, by path; see emit.h.
 *
 *     "hops/0/address" = "192.0.2.1"   ->   {"hops": [{"address": "192.0.2.1"}]}
 *
 * A part of digits is an index: into a list, which grows by one at a time. What does not fit the
 * shape that stands already (an index into an object, a hole in a list) is refused and counted.
 * The tree lives in two arrays that a run fills and its end frees: a run of each probe makes one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/emit.h"
#include "lib/json.h"
#include "lib/sanitize.h"

#define PATH_MAX_BYTES 200
#define PATH_PARTS_MAX 8
#define LIST_MAX 64
#define FACT_TEXT_MAX (8 * EMIT_FACT_BYTES_MAX) /* of names and values as JSON */
#define NONE UINT32_MAX

enum kind { OBJECT, LIST, VALUE };

/* Node 0 is the whole, an object. */
struct emit_fact {
	enum kind kind;
	uint32_t next, first, last; /* sibling; children, in order; NONE: no more */
	uint32_t n;                 /* children */
	size_t name, value;         /* in fact_text, NUL-terminated; value: as JSON */
};

static bool
is_index(const char *part, size_t *n)
{
	if (part[0] == '\0' || part[strspn(part, "0123456789")] != '\0' || strlen(part) > 4)
		return false;
	*n = strtoul(part, NULL, 10);
	return true;
}

static uint32_t
child(const struct emit *e, uint32_t parent, const char *part)
{
	const struct emit_fact *f = e->facts;
	bool is_list = f[parent].kind == LIST;
	uint32_t i = f[parent].first;
	size_t n = 0;

	if (is_list && !is_index(part, &n))
		return NONE;
	for (; i != NONE; i = f[i].next)
		if (is_list ? n-- == 0 : strcmp(e->fact_text.data + f[i].name, part) == 0)
			return i;
	return NONE;
}

/* A node without a parent; NONE: no memory. */
static uint32_t
node(struct emit *e, enum kind kind)
{
	if (e->n_nodes == e->cap_nodes) {
		uint32_t cap = e->cap_nodes > 0 ? e->cap_nodes * 2 : 16;
		struct emit_fact *grown = reallocarray(e->facts, cap, sizeof(*grown));

		if (grown == NULL)
			return NONE;
		e->facts = grown;
		e->cap_nodes = cap;
	}
	e->facts[e->n_nodes] = (struct emit_fact){.kind = kind, .next = NONE, .first = NONE};
	return e->n_nodes++;
}

static uint32_t
append(struct emit *e, uint32_t parent, const char *part, enum kind kind)
{
	struct emit_fact *up;
	uint32_t i;
	size_t n;

	if (e->facts[parent].kind == VALUE
	    || (e->facts[parent].kind == LIST
		&& (!is_index(part, &n) || n != e->facts[parent].n || n >= LIST_MAX))
	    || (i = node(e, kind)) == NONE)
		return NONE;
	e->facts[i].name = e->fact_text.len;
	buf_add(&e->fact_text, part, strlen(part) + 1);
	up = &e->facts[parent];
	if (up->first == NONE)
		up->first = i;
	else
		e->facts[up->last].next = i;
	up->last = i;
	up->n++;
	return i;
}

/* The node of a path, containers on the way made. NONE: it does not fit what stands. */
static uint32_t
walk(struct emit *e, char *path)
{
	char *part = strsep(&path, "/"), *next;
	uint32_t at = 0, below;
	size_t n;

	for (int depth = 0; part != NULL && part[0] != '\0' && depth < PATH_PARTS_MAX; depth++) {
		next = strsep(&path, "/");
		if ((below = child(e, at, part)) == NONE)
			below = append(e, at, part,
			    next == NULL         ? VALUE
			    : is_index(next, &n) ? LIST
						 : OBJECT);
		if (below == NONE || next == NULL)
			return below;
		at = below;
		part = next;
	}
	return NONE;
}

/* text NULL: v is meant. */
static void
set_fact(struct emit *e, const char *path, const char *text, double v, size_t bytes)
{
	char parts[PATH_MAX_BYTES];
	size_t len = text_sanitize(parts, sizeof(parts), path, strlen(path));
	uint32_t i;

	bytes += len;
	if (e->fact_text.failed || strlen(path) >= sizeof(parts) || e->n_facts == EMIT_FACTS_MAX
	    || bytes > EMIT_FACT_BYTES_MAX - e->fact_bytes
	    || (e->n_nodes == 0 && node(e, OBJECT) == NONE) || (i = walk(e, parts)) == NONE) {
		e->n_refused++;
		return;
	}
	e->facts[i].kind = VALUE; /* what stood there before counts no more */
	e->facts[i].first = NONE;
	e->facts[i].value = e->fact_text.len;
	if (text != NULL)
		json_text(&e->fact_text, text);
	else
		json_number(&e->fact_text, v);
	buf_add(&e->fact_text, "", 1);
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
	set_fact(e, path, clean, 0, len);
	free(clean);
}

void
emit_fact_real(struct emit *e, const char *path, double v)
{
	if (!isfinite(v) || path == NULL)
		e->n_refused++;
	else
		set_fact(e, path, NULL, v, sizeof(double));
}

/* As deep as a path has parts. */
static void
write_node(const struct emit *e, const struct emit_fact *f, struct buf *out)
{
	if (f->kind == VALUE) {
		buf_text(out, e->fact_text.data + f->value);
		return;
	}
	buf_char(out, f->kind == LIST ? '[' : '{');
	for (uint32_t i = f->first; i != NONE; i = e->facts[i].next) {
		if (i != f->first)
			buf_char(out, ',');
		if (f->kind == OBJECT) {
			json_text(out, e->fact_text.data + e->facts[i].name);
			buf_char(out, ':');
		}
		write_node(e, &e->facts[i], out);
	}
	buf_char(out, f->kind == LIST ? ']' : '}');
}

char *
emit_facts_text(const struct emit *e)
{
	struct buf out;

	if (e->n_nodes == 0)
		return strdup("{}");
	if (e->fact_text.failed)
		return NULL;
	buf_init(&out, 2 * FACT_TEXT_MAX);
	write_node(e, &e->facts[0], &out);
	if (out.failed) {
		buf_free(&out);
		return NULL;
	}
	return out.data;
}

void
emit_forget_facts(struct emit *e)
{
	free(e->facts);
	e->facts = NULL;
	e->n_nodes = e->cap_nodes = 0;
	buf_free(&e->fact_text);
	e->fact_text.max = FACT_TEXT_MAX;
	e->n_facts = e->fact_bytes = 0;
}
