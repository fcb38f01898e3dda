/*
 * words.c - see words.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

#define PATH_BYTES 512
#define STEP_BYTES 128

/* A row taken apart. base: the steps that both paths share; behind it they differ. */
struct word {
	char base[PATH_BYTES];
	const char *was, *now; /* behind base; a value: behind the = */
	char key[STEP_BYTES];  /* of a value */
	const char *since;
	enum { RENAMED, VALUE, MOVED, ELSEWHERE } kind;
};

struct walk {
	struct words *w;
	const struct word *word;
};

/* ---- rows ---- */

struct tw_word
word_row(const struct tw_table *t, uint32_t i)
{
	struct tw_word row = {0};

	memcpy(&row, (const char *)t->rows + (size_t)i * t->row_size,
	    t->row_size < sizeof(row) ? t->row_size : sizeof(row));
	return row;
}

static struct word
word_of(const struct tw_word *row)
{
	const char *was = row->was, *now = row->now, *equals = strchr(was, '=');
	struct word word = {.since = row->since};
	size_t n = 0;

	for (size_t i = 0; now[0] != '/' && was[i] == now[i] && was[i] != '\0' && was[i] != '=';
	     i++)
		if (was[i] == '/')
			n = i + 1;
	if (now[0] == '/' && strrchr(was, '/') != NULL)
		n = (size_t)(strrchr(was, '/') - was) + 1;
	snprintf(word.base, sizeof(word.base), "%.*s", (int)(n > 0 ? n - 1 : 0), was);
	word.was = was + n;
	word.now = now[0] == '/' ? now + 1 : now + n;
	word.kind = now[0] == '/'                                                    ? ELSEWHERE
		    : equals != NULL                                                 ? VALUE
		    : strchr(word.was, '/') != NULL || strchr(word.now, '/') != NULL ? MOVED
										     : RENAMED;
	if (word.kind == VALUE) {
		snprintf(word.key, sizeof(word.key), "%.*s", (int)(equals - word.was), word.was);
		word.was = equals + 1;
		word.now = strchr(now, '=') + 1;
	}
	return word;
}

/* The first step of a path into dst; what is behind it, or NULL. */
static const char *
step_of(const char *path, char dst[STEP_BYTES])
{
	size_t n = strcspn(path, "/");

	snprintf(dst, STEP_BYTES, "%.*s", (int)n, path);
	return path[n] == '/' ? path + n + 1 : NULL;
}

/* ---- copies ---- */

static void *
heap_need(struct heap *heap, size_t bytes)
{
	void *at = heap_alloc(heap, bytes);

	if (at == NULL)
		abort(); /* as xmalloc does */
	return at;
}

static struct yaml_node *
copy_node(struct words *w, const struct yaml_node *from)
{
	struct yaml_node *n = heap_need(w->heap, sizeof(*n));
	size_t room = from->n + 1; /* one for what is moved here */

	*n = *from;
	n->cap = room;
	if (n->kind == YAML_LIST)
		n->items = heap_need(w->heap, room * sizeof(n->items[0]));
	if (n->kind == YAML_MAP)
		n->members = heap_need(w->heap, room * sizeof(n->members[0]));
	for (size_t i = 0; i < n->n; i++)
		if (n->kind == YAML_LIST)
			n->items[i] = from->items[i];
		else
			n->members[i] = from->members[i];
	return n;
}

static const char *
text_new(struct words *w, const char *text)
{
	char *copy = heap_need(w->heap, strlen(text) + 1);

	memcpy(copy, text, strlen(text));
	return copy;
}

/* ---- uses ---- */

static struct word_use *
use_new(struct walk *k, const char *path)
{
	struct words *w = k->w;

	if (w->n == w->cap) {
		w->cap = w->cap > 0 ? w->cap * 2 : 16;
		w->uses = xrealloc(w->uses, w->cap, sizeof(*w->uses));
	}
	w->uses[w->n] = (struct word_use){.path = text_new(w, path),
	    .was = text_new(w, k->word->was),
	    .now = text_new(w, k->word->now),
	    .since = text_new(w, k->word->since)};
	return &w->uses[w->n++];
}

/* "probes[2]", "canary.every" as errors name them. */
static void
path_join(char dst[PATH_BYTES], const char *path, const char *steps)
{
	snprintf(dst, PATH_BYTES, "%s%s%s", path, path[0] != '\0' ? "." : "", steps);
	for (char *p = dst + strlen(path); *p != '\0'; p++)
		if (*p == '/')
			*p = '.';
}

static void
say_both(struct walk *k, const struct yaml_member *m, const struct yaml_place *other,
    const char *path, const char *now)
{
	errors_add(k->w->errors, &m->place, path,
	    "is what \"%s\" in line %d was called before: leave one of them", now, other->line);
}

/* ---- what a row does to the map that its base leads to ---- */

/* full: where the old word m stands. False: today's word stands beside it, which is told. */
static bool
stands_alone(struct walk *k, const struct yaml_member *m, const struct yaml_member *other,
    const char *path, char full[PATH_BYTES])
{
	path_join(full, path, k->word->was);
	if (other != NULL)
		say_both(k, m, &other->place, full, k->word->now);
	return other == NULL;
}

static struct word_use *
use_of(struct walk *k, const char *full, const struct yaml_member *m)
{
	struct word_use *use = use_new(k, full);

	use->place = m->place;
	use->span = m->span;
	return use;
}

static struct yaml_node *
rename_key(struct walk *k, struct yaml_node *map, const char *path)
{
	const struct yaml_member *m = yaml_member(map, k->word->was),
				 *other = yaml_member(map, k->word->now);
	size_t at = m != NULL ? (size_t)(m - map->members) : 0;
	struct word_use *use;
	char full[PATH_BYTES];

	if (m == NULL || !stands_alone(k, m, other, path, full))
		return map;
	use = use_of(k, full, m);
	map = copy_node(k->w, map);
	map->members[at].key = use->now;
	return map;
}

static struct yaml_node *
rename_text(struct walk *k, struct yaml_node *text, const char *path)
{
	struct word_use *use;

	if (text->kind != YAML_TEXT || strcmp(text->text, k->word->was) != 0)
		return text;
	use = use_new(k, path);
	use->place = text->place;
	use->span = text->span;
	use->is_value = true;
	text = copy_node(k->w, text);
	text->text = use->now;
	return text;
}

static struct yaml_node *
rename_items(struct walk *k, struct yaml_node *list, const char *path)
{
	struct yaml_node *from = list;
	char full[PATH_BYTES];

	for (size_t i = 0; i < from->n; i++) {
		struct yaml_node *item;

		snprintf(full, sizeof(full), "%.400s[%zu]", path, i);
		item = rename_text(k, from->items[i], full);
		if (item == from->items[i])
			continue;
		if (list == from)
			list = copy_node(k->w, from);
		list->items[i] = item;
	}
	return list;
}

static struct yaml_node *
rename_value(struct walk *k, struct yaml_node *map, const char *path)
{
	const struct yaml_member *m = yaml_member(map, k->word->key);
	size_t at = m != NULL ? (size_t)(m - map->members) : 0;
	struct yaml_node *value;
	char full[PATH_BYTES];

	if (m == NULL)
		return map;
	path_join(full, path, k->word->key);
	value = m->value->kind == YAML_LIST ? rename_items(k, m->value, full)
					    : rename_text(k, m->value, full);
	if (value == m->value)
		return map;
	map = copy_node(k->w, map);
	map->members[at].value = value;
	return map;
}

/* A copy of map without the member at the end of steps. */
static struct yaml_node *
map_without(struct words *w, struct yaml_node *map, const char *steps)
{
	char step[STEP_BYTES];
	const char *rest = step_of(steps, step);
	size_t at = (size_t)(yaml_member(map, step) - map->members);

	map = copy_node(w, map);
	if (rest != NULL) {
		map->members[at].value = map_without(w, map->members[at].value, rest);
		return map;
	}
	for (map->n--; at < map->n; at++)
		map->members[at] = map->members[at + 1];
	return map;
}

/* A copy of map in which m stands at the end of steps; NULL: what is on the way is no map. */
static struct yaml_node *
map_with(struct words *w, struct yaml_node *map, const char *steps, const struct yaml_member *m)
{
	struct yaml_node empty = {.kind = YAML_MAP, .place = m->place}, *value;
	const struct yaml_member *old;
	char step[STEP_BYTES];
	const char *rest = step_of(steps, step);
	size_t at;

	if (map->kind != YAML_MAP)
		return NULL;
	old = yaml_member(map, step);
	at = old != NULL ? (size_t)(old - map->members) : map->n;
	value = rest == NULL ? m->value : map_with(w, old != NULL ? old->value : &empty, rest, m);
	if (value == NULL)
		return NULL;
	map = copy_node(w, map);
	if (old == NULL)
		map->members[map->n++] = (struct yaml_member){
		    .key = text_new(w, step), .place = m->place, .span = m->span};
	map->members[at].value = value;
	return map;
}

static const struct yaml_member *
member_at(const struct yaml_node *map, const char *steps)
{
	const struct yaml_member *m = NULL;
	char step[STEP_BYTES];

	for (; steps != NULL; map = m->value)
		if ((steps = step_of(steps, step), m = yaml_member(map, step)) == NULL)
			return NULL;
	return m;
}

static struct yaml_node *
move(struct walk *k, struct yaml_node *map, const char *path)
{
	const struct yaml_member *m = member_at(map, k->word->was),
				 *other = member_at(map, k->word->now);
	struct yaml_node *moved;
	struct word_use *use;
	char full[PATH_BYTES];

	if (m == NULL || !stands_alone(k, m, other, path, full))
		return map;
	moved = map_with(k->w, map_without(k->w, map, k->word->was), k->word->now, m);
	if (moved == NULL) {
		errors_add(
		    k->w->errors, &m->place, full, "is now %s, where no map stands", k->word->now);
		return map;
	}
	use = use_of(k, full, m);
	use->base = text_new(k->w, path);
	use->value = m->value;
	use->is_by_hand = true;
	return moved;
}

static struct yaml_node *
refuse(struct walk *k, struct yaml_node *map, const char *path)
{
	const struct yaml_member *m = yaml_member(map, k->word->was);
	char full[PATH_BYTES];

	path_join(full, path, k->word->was);
	if (m != NULL)
		errors_add(k->w->errors, &m->place, full, "belongs elsewhere now: write it as %s",
		    k->word->now);
	return map;
}

/* ---- the way to that map ---- */

static struct yaml_node *
act(struct walk *k, struct yaml_node *map, const char *path)
{
	if (map->kind != YAML_MAP)
		return map;
	switch (k->word->kind) {
	case RENAMED: return rename_key(k, map, path);
	case VALUE: return rename_value(k, map, path);
	case MOVED: return move(k, map, path);
	default: return refuse(k, map, path);
	}
}

static struct yaml_node *descend(
    struct walk *k, struct yaml_node *n, const char *steps, const char *path);

/* Child i of n, taken; n, or the copy of it that has it. */
static struct yaml_node *
take_child(struct walk *k, struct yaml_node *from, struct yaml_node *n, size_t i, const char *rest,
    const char *path)
{
	struct yaml_node *child = from->kind == YAML_LIST ? from->items[i] : from->members[i].value;
	struct yaml_node *taken;
	char full[PATH_BYTES];

	if (from->kind == YAML_LIST)
		snprintf(full, sizeof(full), "%.400s[%zu]", path, i);
	else
		snprintf(full, sizeof(full), "%.400s%s%.100s", path, path[0] != '\0' ? "." : "",
		    from->members[i].key);
	if ((taken = descend(k, child, rest, full)) == child)
		return n;
	if (n == from)
		n = copy_node(k->w, from);
	if (n->kind == YAML_LIST)
		n->items[i] = taken;
	else
		n->members[i].value = taken;
	return n;
}

static struct yaml_node *
descend(struct walk *k, struct yaml_node *from, const char *steps, const char *path)
{
	struct yaml_node *n = from;
	char step[STEP_BYTES];
	const char *rest;
	bool is_any;

	if (steps == NULL || *steps == '\0')
		return act(k, from, path);
	rest = step_of(steps, step);
	is_any = strcmp(step, "*") == 0;
	for (size_t i = 0; from->kind != YAML_TEXT && i < from->n; i++)
		if (is_any || (from->kind == YAML_MAP && strcmp(from->members[i].key, step) == 0))
			n = take_child(k, from, n, i, rest, path);
	return n;
}

struct yaml_node *
words_take(struct words *w, const struct tw_table *rows, struct yaml_node *root, const char *path)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct tw_word row = word_row(rows, i);
		struct word word = word_of(&row);
		struct walk k = {w, &word};

		root = descend(&k, root, word.base, path);
	}
	return root;
}

/* ---- what was found ---- */

static int
by_place(const void *a, const void *b)
{
	const struct word_use *x = a, *y = b;
	int d = strcmp(x->place.file, y->place.file);

	if (d != 0)
		return d;
	if (x->span.start != y->span.start)
		return x->span.start < y->span.start ? -1 : 1;
	return strcmp(x->now, y->now);
}

void
words_sort(struct words *w)
{
	size_t n = 0;

	if (w->n > 1)
		qsort(w->uses, w->n, sizeof(*w->uses), by_place);
	for (size_t i = 0; i < w->n; i++)
		if (n == 0 || by_place(&w->uses[n - 1], &w->uses[i]) != 0)
			w->uses[n++] = w->uses[i]; /* an anchor has one place */
	w->n = n;
}

void
words_tell(const struct words *w, struct errors *out)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct word_use *u = &w->uses[i];
		const char *how = u->is_by_hand ? "says how to write it" : "rewrites it";
		char now[PATH_BYTES];

		if (u->base != NULL)
			path_join(now, u->base, u->now);
		else
			snprintf(now, sizeof(now), "\"%.300s\"", u->now);
		if (u->is_value)
			errors_add(out, &u->place, u->path,
			    "\"%s\" is now %s; 'tillwatch config upgrade' %s", u->was, now, how);
		else
			errors_add(out, &u->place, "",
			    "%s is now %s; 'tillwatch config upgrade' %s", u->path, now, how);
	}
}

void
words_clear(struct words *w)
{
	free(w->uses);
	w->uses = NULL;
	w->n = w->cap = 0;
}
