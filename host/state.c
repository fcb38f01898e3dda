/*
 * state.c - see state.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

struct state_entry {
	UT_hash_handle hh;
	char *key;
	void *data;              /* NULL: removed, waiting to be told */
	size_t len;
	bool is_changed;
};

static void
entry_free(struct state_entry *e)
{
	free(e->key);
	free(e->data);
	free(e);
}

void
state_clear(struct state *s)
{
	struct state_entry *e, *next;

	HASH_ITER(hh, s->entries, e, next) {
		HASH_DEL(s->entries, e);
		entry_free(e);
	}
	s->bytes = 0;
}

bool
state_key_ok(const char *key)
{
	size_t n = strlen(key);

	if (n == 0 || n > STATE_KEY_MAX || strncmp(key, "tw.", 3) == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)key[i] <= ' ' || (unsigned char)key[i] > '~')
			return false;
	return true;
}

static struct state_entry *
find(const struct state *s, const char *key)
{
	struct state_entry *e;

	HASH_FIND(hh, s->entries, key, strlen(key), e);
	return e;
}

const void *
state_get(const struct state *s, const char *key, size_t *len)
{
	struct state_entry *e = find(s, key);

	if (len != NULL)
		*len = e != NULL && e->data != NULL ? e->len : 0;
	return e != NULL ? e->data : NULL;
}

static struct state_entry *
add(struct state *s, const char *key)
{
	struct state_entry *e = calloc(1, sizeof(*e));

	if (e == NULL || (e->key = strdup(key)) == NULL) {
		free(e);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, s->entries, e->key, strlen(e->key), e);
	if (e->hh.tbl == NULL) {
		entry_free(e);
		return NULL;
	}
	s->bytes += strlen(key);
	return e;
}

static int
put(struct state *s, const char *key, const void *data, size_t len, bool is_changed)
{
	struct state_entry *e = find(s, key);
	size_t others = s->bytes - (e != NULL ? e->len : 0);
	void *copy = NULL;

	if (data == NULL)
		len = 0;
	if (len > STATE_VALUE_MAX || len + strlen(key) > STATE_PROBE_MAX - others)
		return -E2BIG;
	if (data == NULL && e == NULL)
		return 0;
	if (data != NULL && (copy = malloc(len > 0 ? len : 1)) == NULL)
		return -ENOMEM;
	if (len > 0)
		memcpy(copy, data, len);
	if (e == NULL && (e = add(s, key)) == NULL) {
		free(copy);
		return -ENOMEM;
	}
	s->bytes += len - e->len;
	free(e->data);
	e->data = copy;
	e->len = len;
	e->is_changed |= is_changed;
	return 0;
}

int
state_put(struct state *s, const char *key, const void *data, size_t len)
{
	return put(s, key, data, len, true);
}

int
state_restore(struct state *s, const char *key, const void *data, size_t len)
{
	return put(s, key, data, len, false);
}

bool
state_is_changed(const struct state *s)
{
	struct state_entry *e, *next;

	HASH_ITER(hh, s->entries, e, next)
		if (e->is_changed)
			return true;
	return false;
}

void
state_each_changed(struct state *s,
    void (*each)(void *, const char *key, const void *data, size_t len), void *arg)
{
	struct state_entry *e, *next;

	HASH_ITER(hh, s->entries, e, next) {
		if (!e->is_changed)
			continue;
		each(arg, e->key, e->data, e->len);
		e->is_changed = false;
		if (e->data != NULL)
			continue;
		s->bytes -= strlen(e->key);
		HASH_DEL(s->entries, e);
		entry_free(e);
	}
}
