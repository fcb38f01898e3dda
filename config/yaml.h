/*
 * yaml.h - a YAML file as a tree in which everything knows its place.
 *
 * libyaml's event interface alone, because its own document loader has neither a depth limit nor
 * one on aliases: here the file has YAML_BYTES_MAX at most, nests YAML_DEPTH_MAX deep, and aliases
 * unfold to YAML_NODES_MAX nodes at most. A key given twice is an error, as are tags, several
 * documents, and keys that are no plain text. A scalar stays text: what it means is the option's
 * business.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#define YAML_BYTES_MAX (1u << 20)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 100000

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_place {
	const char *file;       /* as given to yaml_read */
	int line, column;       /* from 1; 0 = nowhere */
};

/* Where something stands in its file, in characters behind a byte order mark: as libyaml counts. A
 * scalar's ends with its closing quote, and begins with its anchor if it has one. */
struct yaml_span { size_t start, end; };

struct yaml_node;
struct yaml_member {
	const char *key;
	struct yaml_place place; /* of the key */
	struct yaml_span span;
	struct yaml_node *value;
};

struct yaml_node {
	enum yaml_kind kind;
	struct yaml_place place;
	struct yaml_span span;
	const char *text;       /* YAML_TEXT */
	bool quoted; /* it stood in quotes or in a block: "5" is not the number 5, nor "null"
			nothing */
	struct yaml_node **items; /* YAML_LIST */
	struct yaml_member *members; /* YAML_MAP, in written order */
	size_t n;               /* items or members */
	/* private */
	size_t cap;
};

struct yaml_error {
	struct yaml_place place;
	char text[200];
};

struct yaml_doc;

/* Parses. The tree lives as long as the document; file is copied. 0, -EINVAL or -E2BIG with its
 * place, -ENOMEM. An empty file is an empty map. */
int yaml_read(
    struct yaml_doc **out, const char *file, const char *text, size_t len, struct yaml_error *err);
/* Reads a file; -ENOENT and the like with a sentence. Symbolic links are followed. */
int yaml_read_file(struct yaml_doc **out, const char *path, struct yaml_error *err);
/* The bytes of a regular file, YAML_BYTES_MAX + 1 of them at most, to be freed. 0, -EINVAL: it is
 * none, -ENOENT and the like. */
int yaml_slurp(const char *path, char **text, size_t *len);
struct yaml_node *yaml_root(struct yaml_doc *doc);
void yaml_free(struct yaml_doc *doc);

/* Adds what `from` has to `into`: maps merge, lists append, and a value that both have is refused
 * with both places in err. What `from` points to must live as long as `into`. 0, -EEXIST, -ENOMEM.
 */
int yaml_merge(struct yaml_doc *into, const struct yaml_doc *from, struct yaml_error *err);

/* The same keys and values in the same order, wherever they stand; a value in quotes is none
 * without. */
bool yaml_same(const struct yaml_node *a, const struct yaml_node *b);

/* The member of a map, or NULL (also when node is NULL or no map). */
struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);
const struct yaml_member *yaml_member(const struct yaml_node *node, const char *key);
/* Not quoted and null, ~ or nothing at all. */
bool yaml_is_null(const struct yaml_node *node);

#endif
