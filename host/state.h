/*
 * state.h - the keyed state of one probe: what a plugin wants to know again after a restart.
 *
 * DESIGN. Blobs by key, 64 KiB each, 4 MiB a probe. A change only marks its key; the marked keys
 * travel with the next RESULT and commit with it (state_each_changed), so that a position never
 * runs ahead of the samples it belongs to. Keys that begin with "tw." are the host's own.
 *
 * Runs in: the thread that the probe's callbacks run in. Never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_STATE_H
#define HOST_STATE_H

#include <stdbool.h>
#include <stddef.h>

#define STATE_KEY_MAX 128
#define STATE_VALUE_MAX (64 * 1024)
#define STATE_PROBE_MAX (4 * 1024 * 1024)

struct state_entry;
struct state {
	struct state_entry *entries; /* hash by key */
	size_t bytes;                /* of all values, keys included */
};

void state_clear(struct state *s);

/* The bytes live until the next put of that key. NULL: absent. An empty value is not NULL. */
const void *state_get(const struct state *s, const char *key, size_t *len);
/* data NULL removes. 0; -EINVAL (the key), -E2BIG (a ceiling), -ENOMEM. */
int state_put(struct state *s, const char *key, const void *data, size_t len);
/* As put, but already known to the agent: not marked. */
int state_restore(struct state *s, const char *key, const void *data, size_t len);

/* Calls each for every changed key (data NULL: removed), and takes the marks away. */
void state_each_changed(struct state *s,
    void (*each)(void *, const char *key, const void *data, size_t len), void *arg);

bool state_is_changed(const struct state *s);

/* May a plugin use this key? 1..STATE_KEY_MAX printable ASCII bytes, not the host's own prefix. */
bool state_key_ok(const char *key);

#endif
