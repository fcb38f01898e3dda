/*
 * notify.c - the sender's thread, its receivers, and what others may ask of it. See notify.h.
 *
 * Lock order: the state's lock is never taken while n->lock is held.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/notify/internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/notify/notice.h"
#include "lib/clock.h"
#include "lib/log.h"

#define POLL_MS 1000
#define STEP_US 2000000 /* a jump of the wall clock that makes schedules void */
#define EXPIRE_EVERY_MS INT64_C(3600000)
#define REQUEST_MAX (NOTICE_MAX_BYTES + 4096)

int64_t
notify_now(const struct notify *n)
{
	return n->opts.now_ms != NULL ? n->opts.now_ms(n->opts.now_arg) : wall_now().ms;
}

void
notify_log(const struct notify *n, int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (n->opts.log == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n->opts.log(n->opts.log_arg, level, text);
}

void
notify_count(struct notify *n, uint64_t *counter, uint64_t more)
{
	pthread_mutex_lock(&n->lock);
	*counter += more;
	pthread_mutex_unlock(&n->lock);
}

/* ---- receivers ---- */

static void
rcv_free(struct rcv *r)
{
	const char *const texts[] = {r->conf.name, r->conf.type, r->conf.url, r->conf.secret,
	    r->conf.secret_old, r->conf.fallback, r->conf.ca_file, r->conf.proxy};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free((void *)(uintptr_t)texts[i]);
	for (size_t i = 0; i < r->conf.n_headers; i++) {
		free((void *)(uintptr_t)r->conf.headers[i].name);
		free((void *)(uintptr_t)r->conf.headers[i].value);
	}
	webhook_key_clear(&r->keys[0]);
	webhook_key_clear(&r->keys[1]);
	curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->headers);
	buf_free(&r->request.body);
	buf_free(&r->request.headers);
	free(r);
}

static bool
copy_text(const char **dst, const char *src)
{
	*dst = src != NULL ? strdup(src) : NULL;
	return src == NULL || *dst != NULL;
}

static void
hash_url(char dst[17], const char *url)
{
	unsigned char hash[EVP_MAX_MD_SIZE] = {0};

	EVP_Digest(url, strlen(url), hash, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < 8; i++)
		snprintf(dst + 2 * i, 3, "%02x", hash[i]);
}

static bool
rcv_copy(struct rcv *r, const struct receiver *c)
{
	bool ok;

	r->conf = (struct receiver){.timeout_ms = c->timeout_ms,
	    .no_resolved = c->no_resolved,
	    .max_alerts = c->max_alerts};
	ok = copy_text(&r->conf.name, c->name) && copy_text(&r->conf.type, c->type)
	     && copy_text(&r->conf.url, c->url) && copy_text(&r->conf.secret, c->secret)
	     && copy_text(&r->conf.secret_old, c->secret_old)
	     && copy_text(&r->conf.fallback, c->fallback) && copy_text(&r->conf.ca_file, c->ca_file)
	     && copy_text(&r->conf.proxy, c->proxy);
	for (size_t i = 0; ok && i < c->n_headers; i++) {
		ok = copy_text(&r->conf.headers[i].name, c->headers[i].name)
		     && copy_text(&r->conf.headers[i].value, c->headers[i].value);
		r->conf.n_headers = i + 1;
	}
	return ok;
}

static struct rcv *
rcv_new(const struct receiver *c)
{
	struct rcv *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	buf_init(&r->request.body, REQUEST_MAX);
	buf_init(&r->request.headers, 64 * 1024);
	if (!rcv_copy(r, c)) {
		rcv_free(r);
		return NULL;
	}
	r->driver = receiver_driver(c->type);
	hash_url(r->config_hash, c->url);
	if (c->secret != NULL && webhook_key_parse(&r->keys[r->n_keys], c->secret) == 0)
		r->n_keys++;
	if (c->secret_old != NULL && webhook_key_parse(&r->keys[r->n_keys], c->secret_old) == 0)
		r->n_keys++;
	return r;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
rcv_same(const struct receiver *a, const struct receiver *b)
{
	bool same = same_text(a->name, b->name) && same_text(a->type, b->type)
		    && same_text(a->url, b->url) && same_text(a->secret, b->secret)
		    && same_text(a->secret_old, b->secret_old)
		    && same_text(a->fallback, b->fallback) && same_text(a->ca_file, b->ca_file)
		    && same_text(a->proxy, b->proxy) && a->timeout_ms == b->timeout_ms
		    && a->n_headers == b->n_headers && a->no_resolved == b->no_resolved
		    && a->max_alerts == b->max_alerts;

	for (size_t i = 0; same && i < a->n_headers; i++)
		same = same_text(a->headers[i].name, b->headers[i].name)
		       && same_text(a->headers[i].value, b->headers[i].value);
	return same;
}

static void
list_free(struct rcv **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rcv_free(list[i]);
	free(list);
}

static struct rcv **
list_new(const struct receiver *list, size_t n)
{
	struct rcv **out = calloc(n > 0 ? n : 1, sizeof(struct rcv *));

	for (size_t i = 0; out != NULL && i < n; i++)
		if ((out[i] = rcv_new(&list[i])) == NULL) {
			list_free(out, i);
			return NULL;
		}
	return out;
}

static struct rcv *
find(struct notify *n, const char *name)
{
	for (size_t i = 0; i < n->n_rcv; i++)
		if (strcmp(n->rcv[i]->conf.name, name) == 0)
			return n->rcv[i];
	return NULL;
}

/* ---- the thread ---- */

static void
load_disabled(struct notify *n, struct rcv *r)
{
	struct sqlite3_stmt *st;

	if (state_begin(n->opts.state) != 0)
		return;
	st = state_stmt(
	    n->opts.state, "SELECT disabled_ms FROM receiver WHERE name=?1 AND config=?2");
	state_bind(st, "ss", r->conf.name, r->config_hash);
	while (state_step(n->opts.state, st) == 1)
		rcv_set_disabled(r, state_int(st, 0) > 0);
	(void)state_commit(n->opts.state);
}

/* Messages to a receiver that is no longer configured can never be sent: they say so. */
static void
bury_orphans(struct notify *n)
{
	char names[16 * 1024] = ",";
	size_t used = 1;

	for (size_t i = 0; i < n->n_rcv; i++)
		used += (size_t)snprintf(names + used,
		    used < sizeof(names) ? sizeof(names) - used : 0, "%s,", n->rcv[i]->conf.name);
	if (used >= sizeof(names) || state_begin(n->opts.state) != 0)
		return;
	if (state_run(n->opts.state,
		"UPDATE outbox SET state=4, done_ms=?2, error='the receiver is no longer"
		" configured'"
		" WHERE state<=1 AND instr(?1, ',' || receiver || ',')=0",
		"si", names, notify_now(n))
		== 0
	    && state_changed(n->opts.state) > 0)
		notify_log(n, LOGL_WARN,
		    "%lld messages to receivers that are no longer configured: dead letters",
		    (long long)state_changed(n->opts.state));
	(void)state_commit(n->opts.state);
}

/* The new list takes over from the old one: what did not change stays as it is. */
static void
take_list(struct notify *n)
{
	struct rcv **list, **old;
	size_t count, n_old;

	pthread_mutex_lock(&n->lock);
	list = n->next;
	count = n->n_next;
	n->next = NULL;
	old = n->rcv;
	n_old = n->n_rcv;
	for (size_t i = 0; list != NULL && i < count; i++)
		for (size_t k = 0; k < n_old; k++)
			if (old[k] != NULL && rcv_same(&old[k]->conf, &list[i]->conf)) {
				rcv_free(list[i]);
				list[i] = old[k];
				old[k] = NULL;
			}
	if (list != NULL) {
		n->rcv = list;
		n->n_rcv = count;
	}
	pthread_mutex_unlock(&n->lock);
	if (list == NULL)
		return;
	for (size_t i = 0; i < n_old; i++)
		if (old[i] != NULL) {
			if (old[i]->busy)
				(void)outbox_retry(n->opts.state, old[i]->row, 0,
				    "configuration changed", notify_now(n));
			transfer_abort(n, old[i]);
			rcv_free(old[i]);
		}
	free(old);
	for (size_t i = 0; i < count; i++)
		load_disabled(n, list[i]);
	bury_orphans(n);
}

/* Sends the next message of a receiver, if it may. */
static void
rcv_send(struct notify *n, struct rcv *r, int64_t now)
{
	struct outbox_row row = {0};
	int rc;

	if (state_begin(n->opts.state) != 0)
		return;
	rc = outbox_head(
	    n->opts.state, r->conf.name, now, SCHEDULE_HORIZON_MS, r->breaker.opened_ms != 0, &row);
	if (rc == 1 && drain_merge(n, r, &row) < 0)
		rc = 0; /* the transaction is lost: once more, later */
	if (rc == 1) {
		/* A claim that cannot be written is no reason not to send: the id stays the same.
		 */
		(void)outbox_claim(n->opts.state, row.id, now);
		rc = transfer_start(n, r, &row);
	} else if (rc == 0) {
		rc = outbox_next(n->opts.state, r->conf.name, &r->next_ms);
	}
	(void)state_commit(n->opts.state);
	if (rc < 0 && row.id != 0)
		result_take(n, r, rc == -EINVAL || rc == -E2BIG ? NOTIFY_DEAD : NOTIFY_RETRY, 0,
		    strerror(-rc));
}

static void
rcv_step(struct notify *n, struct rcv *r, bool woken)
{
	int64_t now = notify_now(n);

	if (r->unsaved)
		result_save(n, r);
	if (woken || now < r->next_ms - SCHEDULE_HORIZON_MS)
		r->next_ms = 0;
	if (r->busy || r->unsaved || rcv_disabled(r) || now < r->next_ms
	    || !breaker_lets(&r->breaker, now))
		return;
	r->next_ms = 0;
	rcv_send(n, r, now);
}

/* A stepped wall clock makes stored times void: what waits is due at once. */
static void
watch_clock(struct notify *n)
{
	int64_t offset = clock_offset_us(), step = offset - n->clock_offset_us;

	if (step > -STEP_US && step < STEP_US)
		return;
	n->clock_offset_us = offset;
	notify_log(n, LOGL_WARN,
	    "the wall clock was stepped by %lld s: all waiting messages are due",
	    (long long)(step / 1000000));
	for (size_t i = 0; i < n->n_rcv; i++) {
		(void)outbox_due_now(n->opts.state, n->rcv[i]->conf.name, notify_now(n));
		pthread_mutex_lock(&n->lock);
		n->rcv[i]->breaker.hold_ms = 0;
		pthread_mutex_unlock(&n->lock);
		n->rcv[i]->next_ms = 0;
	}
}

static void
housekeeping(struct notify *n)
{
	int64_t now = notify_now(n);

	if (n->opts.now_ms == NULL)
		watch_clock(n);
	if (now - n->checked_ms >= 1000 || now < n->checked_ms) {
		n->checked_ms = now;
		for (size_t i = 0; i < n->n_rcv; i++)
			fallback_overdue(n, n->rcv[i]);
	}
	if (now - n->expired_ms >= EXPIRE_EVERY_MS || now < n->expired_ms) {
		n->expired_ms = now;
		(void)outbox_expire(n->opts.state, now);
	}
}

/* How long nothing can happen but an answer or a wake. */
static int
idle_ms(const struct notify *n)
{
	int64_t now = notify_now(n), wait = n->opts.poll_ms > 0 ? n->opts.poll_ms : POLL_MS;

	for (size_t i = 0; i < n->n_rcv; i++) {
		const struct rcv *r = n->rcv[i];
		int64_t due = r->next_ms > r->breaker.hold_ms ? r->next_ms : r->breaker.hold_ms;

		if (!r->busy && !rcv_disabled(r) && !r->unsaved && due - now < wait)
			wait = due - now;
	}
	return wait > 0 ? (int)wait : 0;
}

static void *
run(void *arg)
{
	struct notify *n = arg;

	while (!__atomic_load_n(&n->stop, __ATOMIC_ACQUIRE)) {
		bool woken = __atomic_exchange_n(&n->woken, false, __ATOMIC_ACQ_REL);

		take_list(n);
		for (size_t i = 0; i < n->n_rcv; i++)
			rcv_step(n, n->rcv[i], woken);
		transfer_collect(n);
		housekeeping(n);
		if (!__atomic_load_n(&n->stop, __ATOMIC_ACQUIRE))
			curl_multi_poll(n->multi, NULL, 0, idle_ms(n), NULL);
	}
	return NULL;
}

/* ---- for others ---- */

static void
notify_free(struct notify *n)
{
	for (size_t i = 0; i < n->n_rcv; i++)
		transfer_abort(n, n->rcv[i]);
	list_free(n->rcv, n->n_rcv);
	if (n->next != NULL)
		list_free(n->next, n->n_next);
	curl_multi_cleanup(n->multi);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int
notify_start(struct notify **out, const struct notify_opts *opts, const struct receiver *list,
    size_t count, char *err, size_t err_cap)
{
	struct notify *n = calloc(1, sizeof(*n));
	int rc;

	*out = NULL;
	if (n == NULL)
		return -ENOMEM;
	n->opts = *opts;
	n->seed = opts->seed;
	n->clock_offset_us = clock_offset_us();
	pthread_mutex_init(&n->lock, NULL);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if ((n->multi = curl_multi_init()) == NULL) {
		rc = -ENOMEM;
	} else if ((rc = notify_configure(n, list, count, err, err_cap)) == 0
		   && (rc = outbox_recover(opts->state, notify_now(n))) == 0) {
		take_list(n);
		rc = -pthread_create(&n->thread, NULL, run, n);
	}
	if (rc != 0) {
		notify_free(n);
		return rc;
	}
	*out = n;
	return 0;
}

int
notify_configure(
    struct notify *n, const struct receiver *list, size_t count, char *err, size_t err_cap)
{
	struct rcv **fresh, **unused;
	char why[200] = "";
	size_t which = 0, n_unused;
	int rc = receivers_check(list, count, &which, why, sizeof(why));

	if (rc != 0) {
		snprintf(err, err_cap, "receivers.%s: %s", list[which].name, why);
		return rc;
	}
	if ((fresh = list_new(list, count)) == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&n->lock);
	unused = n->next;
	n_unused = n->n_next;
	n->next = fresh;
	n->n_next = count;
	pthread_mutex_unlock(&n->lock);
	if (unused != NULL)
		list_free(unused, n_unused);
	notify_wake(n);
	return 0;
}

void
notify_stop(struct notify *n)
{
	if (n == NULL)
		return;
	__atomic_store_n(&n->stop, true, __ATOMIC_RELEASE);
	curl_multi_wakeup(n->multi);
	pthread_join(n->thread, NULL);
	notify_free(n);
}

void
notify_wake(struct notify *n)
{
	__atomic_store_n(&n->woken, true, __ATOMIC_RELEASE);
	curl_multi_wakeup(n->multi);
}

static bool
known(struct notify *n, const char *receiver)
{
	bool found;

	pthread_mutex_lock(&n->lock);
	found = find(n, receiver) != NULL;
	pthread_mutex_unlock(&n->lock);
	return found;
}

int
notify_test(struct notify *n, const char *receiver, int64_t *id)
{
	struct label pairs[] = {{"alertname", "TillwatchTest"}, {"severity", "info"}};
	struct label text[] = {{"summary", "A test message. Nothing is wrong."}};
	struct notice_alert alert = {
	    .firing = true, .starts_ms = notify_now(n), .fingerprint = "0000000000000000"};
	struct notice notice = {.receiver = receiver,
	    .group_key = "{}:{tillwatch=\"test\"}",
	    .reason = "test",
	    .alerts = &alert,
	    .n = 1};
	struct outbox_new fresh = {.receiver = receiver,
	    .group_key = notice.group_key,
	    .kind = "test",
	    .class = OUTBOX_PAGE};
	struct labels *labels = NULL, *annotations = NULL;
	struct buf message;
	int rc;

	if (!known(n, receiver))
		return -ENOENT;
	buf_init(&message, NOTICE_MAX_BYTES);
	if ((rc = labels_new(&labels, pairs, 2)) == 0)
		rc = labels_new(&annotations, text, 1);
	alert.labels = labels;
	alert.annotations = annotations;
	if (rc == 0)
		rc = notice_write(&message, &notice);
	fresh.message = buf_str(&message);
	if (rc == 0)
		rc = outbox_add(n->opts.state, &fresh, alert.starts_ms, id);
	buf_free(&message);
	labels_unref(labels);
	labels_unref(annotations);
	notify_wake(n);
	return rc;
}

int
notify_retry(struct notify *n, int64_t id)
{
	int rc = outbox_revive(n->opts.state, id, notify_now(n));

	notify_wake(n);
	return rc;
}

int
notify_drop(struct notify *n, int64_t id)
{
	return outbox_drop(n->opts.state, id, notify_now(n));
}

int
notify_enable(struct notify *n, const char *receiver)
{
	struct rcv *r;
	int rc = state_begin(n->opts.state);

	if (rc == 0) {
		(void)state_run(n->opts.state, "DELETE FROM receiver WHERE name=?1", "s", receiver);
		rc = state_commit(n->opts.state);
	}
	if (rc != 0)
		return rc;
	pthread_mutex_lock(&n->lock);
	if ((r = find(n, receiver)) != NULL)
		rcv_set_disabled(r, false);
	pthread_mutex_unlock(&n->lock);
	notify_wake(n);
	return r != NULL ? 0 : -ENOENT;
}

static enum receiver_state
state_of(const struct rcv *r)
{
	if (rcv_disabled(r))
		return RECEIVER_DISABLED;
	if (r->breaker.opened_ms != 0)
		return RECEIVER_OPEN;
	return r->breaker.fails > 0 ? RECEIVER_RETRYING : RECEIVER_OK;
}

struct seen { /* a status copied out of the lock */
	struct receiver_status status;
	char name[128], type[32], fallback[128], last_error[256];
};

/* Copies the i-th receiver's status; false: there is none. */
static bool
copy_status(struct notify *n, size_t i, struct seen *out)
{
	const struct rcv *r;

	pthread_mutex_lock(&n->lock);
	if (i >= n->n_rcv) {
		pthread_mutex_unlock(&n->lock);
		return false;
	}
	r = n->rcv[i];
	out->status = r->status;
	snprintf(out->name, sizeof(out->name), "%s", r->conf.name);
	snprintf(out->type, sizeof(out->type), "%s", r->conf.type);
	snprintf(out->fallback, sizeof(out->fallback), "%s",
	    r->conf.fallback != NULL ? r->conf.fallback : "");
	snprintf(out->last_error, sizeof(out->last_error), "%s", r->last_error);
	out->status.state = state_of(r);
	out->status.next_ms = r->breaker.hold_ms;
	pthread_mutex_unlock(&n->lock);
	return true;
}

void
notify_receivers_each(
    struct notify *n, void (*each)(void *, const struct receiver_status *), void *arg)
{
	struct seen seen;

	for (size_t i = 0; copy_status(n, i, &seen); i++) {
		struct receiver_status *s = &seen.status;

		s->name = seen.name;
		s->type = seen.type;
		s->fallback = seen.fallback;
		s->last_error = seen.last_error;
		(void)outbox_totals(n->opts.state, s->name, &s->waiting);
		each(arg, s);
	}
}

const char *
receiver_state_name(enum receiver_state state)
{
	static const char *const names[] = {"ok", "retrying", "circuit open", "disabled"};

	return names[state];
}
