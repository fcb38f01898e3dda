/*
 * probe-state.c - keyed blobs that probes keep; written inside the commit of the run that made
 * them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/impl.h"
#include "lib/xmalloc.h"

int
pstate_put(struct store *s, const struct store_state *in)
{
	sqlite3_stmt *st = s->st[in->data != NULL ? ST_STATE_PUT : ST_STATE_DROP];

	sqlite3_bind_text(st, 1, in->probe, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, in->key, -1, SQLITE_STATIC);
	if (in->data != NULL)
		sqlite3_bind_blob64(st, 3, in->data, in->len, SQLITE_STATIC);
	return db_run(st);
}

struct kept {
	char *key;
	void *data;
	size_t len;
};

static int
fetch(sqlite3 *db, const char *probe, struct kept **out, size_t *n)
{
	sqlite3_stmt *st;
	size_t cap = 0;
	int rc = db_prepare(db, &st, "SELECT key, data FROM state WHERE probe = ? ORDER BY key");

	if (rc != 0)
		return rc;
	sqlite3_bind_text(st, 1, probe, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct kept k = {.len = (size_t)sqlite3_column_bytes(st, 1)};

		if (*n == cap) {
			cap = cap > 0 ? cap * 2 : 8;
			*out = xrealloc(*out, cap, sizeof(**out));
		}
		k.key = xstrdup((const char *)sqlite3_column_text(st, 0));
		k.data = xcalloc(k.len, 1);
		if (k.len > 0)
			memcpy(k.data, sqlite3_column_blob(st, 1), k.len);
		(*out)[(*n)++] = k;
	}
	rc = db_errno(db, rc);
	sqlite3_finalize(st);
	return rc;
}

int
store_state_each(struct store *s, const char *probe,
    void (*each)(void *, const char *key, const void *data, size_t len), void *arg)
{
	struct reader_conn *c;
	struct kept *rows = NULL;
	size_t i, n = 0;
	int rc = reader_get(s, &c);

	if (rc != 0)
		return rc;
	rc = fetch(c->db, probe, &rows, &n);
	reader_put(s, c); /* no read transaction is held over a callback */
	for (i = 0; i < n; i++) {
		if (rc == 0)
			each(arg, rows[i].key, rows[i].data, rows[i].len);
		free(rows[i].key);
		free(rows[i].data);
	}
	free(rows);
	return rc;
}
