/*
 * yaml.c - see yaml.h.
 *
 * One recursive descent over libyaml's events. An alias is resolved by reading the anchored node
 * again by reference, so it costs nothing but is counted as the nodes that it stands for: whoever
 * walks the tree visits at most YAML_NODES_MAX.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "lib/options.h"

#define ANCHORS_MAX 256

struct yaml_doc {
	struct heap heap;
	struct yaml_node *root;
};

struct anchor {
	const char *name;
	struct yaml_node *node;
	size_t nodes;           /* that it stands for */
};

struct reading {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	struct yaml_doc *doc;
	const char *file;
	struct yaml_error *err;
	struct anchor anchors[ANCHORS_MAX];
	size_t n_anchors, nodes;
};

static int
fail(struct reading *r, yaml_mark_t mark, int code, const char *text)
{
	r->err->place = (struct yaml_place){r->file, (int)mark.line + 1, (int)mark.column + 1};
	snprintf(r->err->text, sizeof(r->err->text), "%s", text);
	return code;
}

static int
next(struct reading *r)
{
	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = false;
	if (!yaml_parser_parse(&r->parser, &r->event)) {
		yaml_mark_t at = r->parser.problem_mark;

		return fail(
		    r, at, -EINVAL, r->parser.problem != NULL ? r->parser.problem : "no YAML");
	}
	r->has_event = true;
	return 0;
}

static struct yaml_span
span_of(const yaml_event_t *e)
{
	return (struct yaml_span){e->start_mark.index, e->end_mark.index};
}

static struct yaml_node *
node_new(struct reading *r, enum yaml_kind kind)
{
	struct yaml_node *n = heap_alloc(&r->doc->heap, sizeof(*n));

	if (n != NULL) {
		n->kind = kind;
		n->place = (struct yaml_place){r->file, (int)r->event.start_mark.line + 1,
			(int)r->event.start_mark.column + 1};
		n->span = span_of(&r->event);
	}
	return n;
}

static int
count_nodes(struct reading *r, size_t n)
{
	r->nodes += n;
	return r->nodes <= YAML_NODES_MAX
		   ? 0
		   : fail(r, r->event.start_mark, -E2BIG, "the file is too large: too many values");
}

/* Room for one more item or member; doubling leaves the old arrays in the heap, which is bounded by
 * the node count. */
static int
grow(struct heap *heap, struct yaml_node *n)
{
	size_t size = n->kind == YAML_LIST ? sizeof(n->items[0]) : sizeof(n->members[0]);
	size_t cap = n->cap > 0 ? n->cap * 2 : 4;
	void *at;

	if (n->n < n->cap)
		return 0;
	if ((at = heap_alloc(heap, cap * size)) == NULL)
		return -ENOMEM;
	if (n->n > 0)
		memcpy(
		    at, n->kind == YAML_LIST ? (void *)n->items : (void *)n->members, n->n * size);
	if (n->kind == YAML_LIST)
		n->items = at;
	else
		n->members = at;
	n->cap = cap;
	return 0;
}

static int read_node(struct reading *r, struct yaml_node **out, int depth);

static int
read_list(struct reading *r, struct yaml_node *list, int depth)
{
	int rc;

	while ((rc = next(r)) == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
		struct yaml_node *item;

		if ((rc = read_node(r, &item, depth + 1)) != 0
		    || (rc = grow(&r->doc->heap, list)) != 0)
			return rc;
		list->items[list->n++] = item;
	}
	return rc;
}

static int
read_key(struct reading *r, struct yaml_node *map, struct yaml_member *m)
{
	const char *text = (const char *)r->event.data.scalar.value;
	char twice[200];

	if (r->event.type != YAML_SCALAR_EVENT || strlen(text) != r->event.data.scalar.length)
		return fail(r, r->event.start_mark, -EINVAL, "a key must be a plain text");
	m->place = (struct yaml_place){r->file, (int)r->event.start_mark.line + 1,
		(int)r->event.start_mark.column + 1};
	m->span = span_of(&r->event);
	for (size_t i = 0; i < map->n; i++) {
		if (strcmp(map->members[i].key, text) != 0)
			continue;
		snprintf(twice, sizeof(twice), "\"%.80s\" is given twice (first in line %d)", text,
		    map->members[i].place.line);
		return fail(r, r->event.start_mark, -EINVAL, twice);
	}
	m->key = heap_text(&r->doc->heap, text, strlen(text));
	return m->key != NULL ? 0 : -ENOMEM;
}

static int
read_map(struct reading *r, struct yaml_node *map, int depth)
{
	int rc;

	while ((rc = next(r)) == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
		struct yaml_member m = {0};

		if ((rc = count_nodes(r, 1)) != 0 || (rc = read_key(r, map, &m)) != 0
		    || (rc = next(r)) != 0 || (rc = read_node(r, &m.value, depth + 1)) != 0
		    || (rc = grow(&r->doc->heap, map)) != 0)
			return rc;
		map->members[map->n++] = m;
	}
	return rc;
}

static int
read_alias(struct reading *r, struct yaml_node **out)
{
	const char *name = (const char *)r->event.data.alias.anchor;

	for (size_t i = r->n_anchors; i-- > 0;)
		if (strcmp(r->anchors[i].name, name) == 0 && r->anchors[i].nodes > 0) {
			*out = r->anchors[i].node;
			return count_nodes(r, r->anchors[i].nodes);
		}
	return fail(r, r->event.start_mark, -EINVAL, "this alias names no anchor before it");
}

/* Notes the anchor before the node is read (a node that contains itself finds nodes == 0, and is
 * refused). */
static int
note_anchor(struct reading *r, const yaml_char_t *name, struct yaml_node *node)
{
	if (name == NULL)
		return 0;
	if (r->n_anchors == ANCHORS_MAX)
		return fail(r, r->event.start_mark, -E2BIG, "too many anchors");
	r->anchors[r->n_anchors].name =
	    heap_text(&r->doc->heap, (const char *)name, strlen((const char *)name));
	r->anchors[r->n_anchors].node = node;
	r->anchors[r->n_anchors].nodes = 0;
	return r->anchors[r->n_anchors++].name != NULL ? 0 : -ENOMEM;
}

static int
read_scalar(struct reading *r, struct yaml_node *n)
{
	const char *text = (const char *)r->event.data.scalar.value;
	size_t len = r->event.data.scalar.length;

	if (memchr(text, '\0', len) != NULL)
		return fail(r, r->event.start_mark, -EINVAL, "a text must not contain a NUL");
	n->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = heap_text(&r->doc->heap, text, len);
	return n->text != NULL ? 0 : -ENOMEM;
}

static int
read_node(struct reading *r, struct yaml_node **out, int depth)
{
	size_t before = r->nodes, anchor = r->n_anchors;
	const yaml_char_t *name, *tag;
	enum yaml_kind kind;
	struct yaml_node *n;
	int rc;

	if (depth > YAML_DEPTH_MAX)
		return fail(r, r->event.start_mark, -E2BIG, "nested too deep");
	switch (r->event.type) {
	case YAML_ALIAS_EVENT: return read_alias(r, out);
	case YAML_SCALAR_EVENT:
		kind = YAML_TEXT, name = r->event.data.scalar.anchor,
		tag = r->event.data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		kind = YAML_LIST, name = r->event.data.sequence_start.anchor,
		tag = r->event.data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		kind = YAML_MAP, name = r->event.data.mapping_start.anchor,
		tag = r->event.data.mapping_start.tag;
		break;
	default: return fail(r, r->event.start_mark, -EINVAL, "a value is missing here");
	}
	if (tag != NULL)
		return fail(r, r->event.start_mark, -EINVAL, "tags (!...) have no meaning here");
	if ((rc = count_nodes(r, 1)) != 0)
		return rc;
	if ((n = *out = node_new(r, kind)) == NULL)
		return -ENOMEM;
	if ((rc = note_anchor(r, name, n)) != 0)
		return rc;
	rc = kind == YAML_TEXT   ? read_scalar(r, n)
	     : kind == YAML_LIST ? read_list(r, n, depth)
				 : read_map(r, n, depth);
	if (rc == 0 && kind != YAML_TEXT)
		n->span.end = r->event.end_mark.index;
	if (rc == 0 && name != NULL)
		r->anchors[anchor].nodes = r->nodes - before;
	return rc;
}

static int
read_stream(struct reading *r)
{
	int rc;

	if ((rc = next(r)) != 0 || (rc = next(r)) != 0)
		return rc;
	if (r->event.type == YAML_STREAM_END_EVENT) {
		r->doc->root = node_new(r, YAML_MAP);
		return r->doc->root != NULL ? 0 : -ENOMEM;
	}
	if ((rc = next(r)) != 0 || (rc = read_node(r, &r->doc->root, 1)) != 0)
		return rc;
	if ((rc = next(r)) != 0 || (rc = next(r)) != 0)
		return rc;
	if (r->event.type != YAML_STREAM_END_EVENT)
		return fail(r, r->event.start_mark, -EINVAL, "one document a file");
	if (yaml_is_null(r->doc->root))
		r->doc->root->kind = YAML_MAP;
	return 0;
}

int
yaml_read(
    struct yaml_doc **out, const char *file, const char *text, size_t len, struct yaml_error *err)
{
	struct reading *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	*out = NULL;
	*err = (struct yaml_error){.place = {file, 0, 0}};
	if (r == NULL || (r->doc = calloc(1, sizeof(*r->doc))) == NULL)
		goto out;
	r->err = err;
	if ((r->file = heap_text(&r->doc->heap, file, strlen(file))) == NULL
	    || !yaml_parser_initialize(&r->parser))
		goto out;
	if (len > YAML_BYTES_MAX) {
		rc = fail(r, (yaml_mark_t){0}, -E2BIG, "the file is larger than 1 MiB");
	} else {
		yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
		rc = read_stream(r);
	}
	if (r->has_event)
		yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
	if (rc == 0) {
		*out = r->doc;
		r->doc = NULL;
	} else {
		err->place.file = file;
	}
out:
	if (r != NULL)
		yaml_free(r->doc);
	free(r);
	if (rc == -ENOMEM)
		snprintf(err->text, sizeof(err->text), "out of memory");
	return rc;
}

int
yaml_slurp(const char *path, char **text, size_t *len)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (f == NULL)
		return -errno;
	if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
		fclose(f);
		return -EINVAL;
	}
	*text = malloc(YAML_BYTES_MAX + 2);
	*len = *text != NULL ? fread(*text, 1, YAML_BYTES_MAX + 1, f) : 0;
	fclose(f);
	return *text != NULL ? 0 : -ENOMEM;
}

int
yaml_read_file(struct yaml_doc **out, const char *path, struct yaml_error *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc;

	*out = NULL;
	if ((rc = yaml_slurp(path, &text, &len)) != 0) {
		*err = (struct yaml_error){.place = {path, 0, 0}};
		snprintf(err->text, sizeof(err->text), "%s",
		    rc == -EINVAL ? "is no regular file" : strerror(-rc));
		return rc;
	}
	rc = yaml_read(out, path, text, len, err);
	explicit_bzero(text, len);
	free(text);
	return rc;
}

struct yaml_node *
yaml_root(struct yaml_doc *doc)
{
	return doc->root;
}

void
yaml_free(struct yaml_doc *doc)
{
	if (doc == NULL)
		return;
	heap_free(&doc->heap);
	free(doc);
}

const struct yaml_member *
yaml_member(const struct yaml_node *node, const char *key)
{
	for (size_t i = 0; node != NULL && node->kind == YAML_MAP && i < node->n; i++)
		if (strcmp(node->members[i].key, key) == 0)
			return &node->members[i];
	return NULL;
}

struct yaml_node *
yaml_get(const struct yaml_node *node, const char *key)
{
	const struct yaml_member *m = yaml_member(node, key);

	return m != NULL ? m->value : NULL;
}

bool
yaml_is_null(const struct yaml_node *n)
{
	return n != NULL && n->kind == YAML_TEXT && !n->quoted
	    && (n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

static bool
same_members(const struct yaml_node *a, const struct yaml_node *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->members[i].key, b->members[i].key) != 0
		    || !yaml_same(a->members[i].value, b->members[i].value))
			return false;
	return true;
}

bool
yaml_same(const struct yaml_node *a, const struct yaml_node *b)
{
	if (a->kind != b->kind || a->n != b->n)
		return false;
	if (a->kind == YAML_TEXT)
		return a->quoted == b->quoted && strcmp(a->text, b->text) == 0;
	if (a->kind == YAML_MAP)
		return same_members(a, b);
	for (size_t i = 0; i < a->n; i++)
		if (!yaml_same(a->items[i], b->items[i]))
			return false;
	return true;
}

static int
conflict(const struct yaml_member *a, const struct yaml_member *b, struct yaml_error *err)
{
	err->place = b->place;
	snprintf(err->text, sizeof(err->text), "\"%.60s\" is given twice: also in %.100s:%d",
	    b->key, a->place.file, a->place.line);
	return -EEXIST;
}

static int
merge_lists(struct heap *heap, struct yaml_node *into, const struct yaml_node *from)
{
	for (size_t i = 0; i < from->n; i++) {
		if (grow(heap, into) != 0)
			return -ENOMEM;
		into->items[into->n++] = from->items[i];
	}
	return 0;
}

static int
merge_maps(
    struct heap *heap, struct yaml_node *into, const struct yaml_node *from, struct yaml_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && rc == 0; i++) {
		const struct yaml_member *m = &from->members[i], *mine = yaml_member(into, m->key);

		if (mine == NULL) {
			if (grow(heap, into) != 0)
				return -ENOMEM;
			into->members[into->n++] = *m;
		} else if (mine->value->kind == YAML_MAP && m->value->kind == YAML_MAP) {
			rc = merge_maps(heap, mine->value, m->value, err);
		} else if (mine->value->kind == YAML_LIST && m->value->kind == YAML_LIST) {
			rc = merge_lists(heap, mine->value, m->value);
		} else {
			rc = conflict(mine, m, err);
		}
	}
	return rc;
}

int
yaml_merge(struct yaml_doc *into, const struct yaml_doc *from, struct yaml_error *err)
{
	if (into->root->kind == YAML_MAP && from->root->kind == YAML_MAP)
		return merge_maps(&into->heap, into->root, from->root, err);
	err->place = from->root->place;
	snprintf(err->text, sizeof(err->text), "a map is wanted at the top of the file");
	return -EEXIST;
}
