/*
 * hook.c - receives webhooks: checks the signature, counts ids seen before, writes webhooks.jsonl.
 *
 * Keeps the newest HOOKS deliveries and SEEN ids; what is older is forgotten (the file keeps all).
 * Any thread; one mutex.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/shop/shop.h"
#include "tests/shop/sign.h"

#define HOOKS 1000
#define SEEN 16384

struct hooks {
	struct shop *shop;
	pthread_mutex_t lock;
	struct journal *file;
	struct sign_key key;
	bool has_key;
	uint64_t received, valid, invalid, duplicates, accepted;
	uint64_t seen[SEEN];      /* hashes of ids that were answered 2xx */
	uint64_t n_seen;
	json_t *newest[HOOKS];    /* ring */
};

struct hooks *hooks_new(struct shop *s)
{
	struct hooks *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->shop = s;
	pthread_mutex_init(&h->lock, NULL);
	h->has_key = s->opt.secret != NULL;
	h->file = journal_open(s->dir, "webhooks.jsonl");
	if (h->file && (!h->has_key || sign_key_parse(s->opt.secret, &h->key) == 0))
		return h;
	hooks_free(h);
	return NULL;
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	for (int i = 0; i < HOOKS; i++)
		json_decref(h->newest[i]);
	journal_close(h->file);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static uint64_t id_hash(const char *id)
{
	uint64_t h = 1;

	for (; *id; id++)
		h = shop_hash(h, 9, (unsigned char)*id);
	return h ? h : 1;
}

/* Lock held. */
static bool was_seen(const struct hooks *h, uint64_t hash)
{
	for (uint64_t i = 0; i < SEEN && i < h->n_seen; i++)
		if (h->seen[i] == hash)
			return true;
	return false;
}

static json_t *delivery_json(
	const struct request *r, const char *verdict, bool is_duplicate, unsigned status)
{
	char at[WALL_TEXT];
	json_t *body = json_loadb(r->body, r->body_len, 0, NULL);
	const char *name = strncmp(r->path, "/hook/", 6) == 0 ? r->path + 6 : "";
	json_t *o;

	if (!body)
		body = json_stringn(r->body_len ? r->body : "", r->body_len);
	o = json_pack("{s:s, s:s, s:s*, s:b, s:s, s:b, s:i}", "at", rfc3339(wall_now().ms, at),
		"name", name, "id", r->hook_id, "valid", strcmp(verdict, "valid") == 0, "verdict",
		verdict, "duplicate", is_duplicate, "status", (int)status);
	json_object_set_new(o, "body", body ? body : json_null());
	return o;
}

/* Lock held. */
static void remember(struct hooks *h, json_t *delivery)
{
	char *line = json_dumps(delivery, JSON_COMPACT);
	json_t **slot = &h->newest[h->received++ % HOOKS];
	struct buf b;

	buf_init(&b, 2 * SHOP_BODY_MAX + 4096);
	buf_text(&b, line ? line : "{}");
	buf_char(&b, '\n');
	journal_write(h->file, buf_str(&b), b.len);
	buf_free(&b);
	free(line);
	json_decref(*slot);
	*slot = delivery;
}

unsigned hook_receive(struct request *r, unsigned status)
{
	struct hooks *h = r->shop->hooks;
	enum sign_verdict verdict = h->has_key ? sign_check(&h->key, r->hook_id, r->hook_time,
		r->hook_signature, r->body, r->body_len, (int64_t)time(NULL)) : SIGN_UNCHECKED;
	bool is_good = verdict == SIGN_VALID || verdict == SIGN_UNCHECKED, is_duplicate;
	uint64_t hash = r->hook_id ? id_hash(r->hook_id) : 0;

	if (!status)
		status = is_good ? 204 : 401;
	pthread_mutex_lock(&h->lock);
	is_duplicate = hash && was_seen(h, hash);
	h->valid += verdict == SIGN_VALID;
	h->invalid += !is_good;
	h->duplicates += is_duplicate;
	h->accepted += status < 300 && !is_duplicate;
	if (hash && status < 300 && !is_duplicate)
		h->seen[h->n_seen++ % SEEN] = hash;
	remember(h, delivery_json(r, sign_verdict_name(verdict), is_duplicate, status));
	pthread_mutex_unlock(&h->lock);
	return status;
}

json_t *hooks_state(struct hooks *h)
{
	json_t *list = json_array(), *state;

	pthread_mutex_lock(&h->lock);
	for (uint64_t i = h->received > HOOKS ? h->received - HOOKS : 0; i < h->received; i++)
		json_array_append_new(list, json_deep_copy(h->newest[i % HOOKS]));
	state = json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "received", (json_int_t)h->received,
		"valid", (json_int_t)h->valid, "invalid", (json_int_t)h->invalid, "duplicates",
		(json_int_t)h->duplicates, "accepted", (json_int_t)h->accepted, "webhooks", list);
	pthread_mutex_unlock(&h->lock);
	return state;
}
