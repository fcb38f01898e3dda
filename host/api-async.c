/*
 * api-async.c - the calls of struct tw_api that call back later: http, dns, after, work, sight,
 * commit, read.
 *
 * DESIGN. Each is an op of its run, from the call until its callback. An op is taken off its run
 * before the plugin is called, so the callback may start others and end the run. Cancelling calls
 * back at once, with an error; a job that is on its thread cannot be cancelled: it is called back
 * when it comes home, and until then its run is stuck. A job that only waits is cancelled, and its
 * turn on a worker then does nothing.
 *
 * Runs in: the loop thread; work_on_thread and work_home on a worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/api.h"
#include "host/engine.h"
#include "host/group.h"
#include "host/read.h"

#define CANCELLED_DNS 24 /* c-ares' ARES_ECANCELLED */

/* A callback of the plugin on the loop: it never meets records that come on a source's thread. */
#define CALL_PLUGIN(ctx_, before_, call_)                                                          \
	do {                                                                                       \
		struct host *h_ = (ctx_)->probe->host;                                             \
		enum tw_verdict v_;                                                                \
                                                                                                   \
		group_enter(h_);                                                                   \
		v_ = (call_);                                                                      \
		group_leave(h_);                                                                   \
		run_callback(ctx_, before_, v_);                                                   \
	} while (0)

/* A new op of a run, or NULL; *v is then what the call returns. */
static struct op *
op_new(struct tw_ctx *ctx, enum op_kind kind, void *arg, enum tw_verdict *v)
{
	struct op *op;

	*v = TW_UNKNOWN;
	if (ctx->is_off_loop || ctx->state == RUN_NONE || ctx->n_ops >= OPS_MAX)
		return NULL;
	*v = TW_PENDING;
	if (ctx->state != RUN_GOING || mono_now().us >= ctx->deadline_us)
		return NULL; /* the run is over: the deadline, or the verdict, ends it */
	if ((op = calloc(1, sizeof(*op))) == NULL) {
		*v = TW_UNKNOWN;
		return NULL;
	}
	*op = (struct op){.ctx = ctx, .kind = kind, .arg = arg, .next = ctx->ops};
	op->at = &ctx->ops;
	if (op->next != NULL)
		op->next->at = &op->next;
	ctx->ops = op;
	ctx->n_ops++;
	return op;
}

static void
op_unlink(struct op *op)
{
	if (op->next != NULL)
		op->next->at = op->at;
	*op->at = op->next;
	op->ctx->n_ops--;
}

/* The engine would not start it. */
static enum tw_verdict
op_failed(struct op *op)
{
	struct tw_ctx *ctx = op->ctx;

	op_unlink(op);
	free(op);
	return host_api.fail(ctx, TW_UNKNOWN, "engine", "the probe engine cannot start it");
}

/* ---- after ---- */

static void
call_timer(struct op *op)
{
	struct tw_ctx *ctx = op->ctx;
	tw_timer_fn *fn = op->done.timer;
	void *arg = op->arg;
	mono_t before = mono_now();

	op_unlink(op);
	free(op);
	CALL_PLUGIN(ctx, before, fn(ctx, ctx->probe->self, arg));
}

static void
after_due(void *arg)
{
	call_timer(arg);
}

enum tw_verdict
async_after(struct tw_ctx *ctx, int64_t us, tw_timer_fn *done, void *arg)
{
	enum tw_verdict v;
	struct op *op;

	if (done == NULL || (op = op_new(ctx, OP_AFTER, arg, &v)) == NULL)
		return done == NULL ? TW_UNKNOWN : v;
	op->done.timer = done;
	loop_timer_set(ctx->probe->host->loop, &op->timer,
	    mono_add_us(mono_now(), us > 0 ? us : 0), after_due, op);
	return TW_PENDING;
}

/* ---- work ---- */

static void
work_on_thread(void *arg)
{
	struct op *op = arg;
	int waits = WORK_WAITS;

	if (atomic_compare_exchange_strong(&op->work_state, &waits, WORK_RUNS))
		op->work(op->ctx, op->ctx->probe->self, op->arg);
}

static void
work_came_home(void *arg)
{
	struct op *op = arg;
	struct tw_ctx *ctx = op->ctx;

	if (atomic_load(&op->work_state) == WORK_CANCELLED) {
		free(op); /* called back when it was cancelled */
		return;
	}
	ctx->n_threads--;
	call_timer(op);
	run_thread_left(ctx);
}

static void
work_home(void *arg)
{
	struct op *op = arg;

	host_post(op->host, &op->post, work_came_home, op);
}

enum tw_verdict
async_work(struct tw_ctx *ctx, tw_work_fn *fn, tw_timer_fn *done, void *arg)
{
	struct host *h = ctx->probe->host;
	enum tw_verdict v;
	struct op *op;

	if (fn == NULL || done == NULL)
		return TW_UNKNOWN;
	if ((op = op_new(ctx, OP_WORK, arg, &v)) == NULL)
		return v;
	op->host = h;
	op->work = fn;
	op->done.timer = done;
	if (work_add(h->work, work_on_thread, work_home, op) == 0) {
		ctx->n_threads++;
		return TW_PENDING;
	}
	op_unlink(op);
	free(op);
	return host_api.fail(ctx, TW_UNKNOWN, "busy", "no worker is free and the queue is full");
}

/* One that only waits never reaches the plugin; one on its thread stays, and the run with it. */
static void
cancel_work(struct op *op)
{
	struct tw_ctx *ctx = op->ctx;
	int waits = WORK_WAITS;
	mono_t before = mono_now();

	if (!atomic_compare_exchange_strong(&op->work_state, &waits, WORK_CANCELLED))
		return;
	op_unlink(op);
	ctx->n_threads--;
	CALL_PLUGIN(ctx, before, op->done.timer(ctx, ctx->probe->self, op->arg));
}

/* ---- commit ---- */

/* Without an agent (--once) nothing is kept, and nobody is waited for. */
enum tw_verdict
async_commit(struct tw_ctx *ctx, tw_timer_fn *done, void *arg)
{
	struct host *h = ctx->probe->host;
	enum tw_verdict v;
	struct op *op;

	if (done == NULL || (op = op_new(ctx, OP_COMMIT, arg, &v)) == NULL)
		return done == NULL ? TW_UNKNOWN : v;
	op->done.timer = done;
	op->number = ++h->next_commit;
	if (h->link.fd < 0) {
		loop_timer_set(h->loop, &op->timer, mono_now(), after_due, op);
		return TW_PENDING;
	}
	group_enter(h);
	send_commit(h, ctx->probe, op->number);
	group_leave(h);
	return TW_PENDING;
}

void
op_committed(struct tw_ctx *ctx, uint32_t number)
{
	struct op *op = ctx->ops;

	while (op != NULL && (op->kind != OP_COMMIT || op->number != number))
		op = op->next;
	if (op != NULL)
		call_timer(op);
}

/* ---- read ---- */

enum tw_verdict
async_read(struct tw_ctx *ctx, const char *source, const char *const *keys, size_t n,
    tw_timer_fn *done, void *arg)
{
	enum tw_verdict v;
	struct op *op;

	if (source == NULL || done == NULL || (op = op_new(ctx, OP_READ, arg, &v)) == NULL)
		return source == NULL || done == NULL ? TW_UNKNOWN : v;
	op->done.timer = done;
	if ((op->handle.reading = read_ask(ctx, source, keys, n, op)) != NULL)
		return TW_PENDING;
	op_unlink(op);
	free(op);
	return TW_UNKNOWN;
}

void
op_read(struct op *op)
{
	call_timer(op);
}

/* ---- http ---- */

static void
call_http(struct op *op, const struct tw_answer *a)
{
	struct tw_ctx *ctx = op->ctx;
	tw_http_fn *fn = op->done.http;
	mono_t before = mono_now();

	op_unlink(op);
	free(op);
	ctx->is_late |= a->late;
	CALL_PLUGIN(ctx, before, fn(ctx, ctx->probe->self, a));
}

static void
http_done(void *arg, const struct tw_answer *a)
{
	call_http(arg, a);
}

static int
http_body(void *arg, const void *data, size_t len)
{
	struct op *op = arg;
	struct tw_ctx *ctx = op->ctx;
	mono_t before = mono_now();
	int64_t us;
	int rc;

	group_enter(ctx->probe->host);
	rc = op->body(ctx, ctx->probe->self, data, len);
	group_leave(ctx->probe->host);
	us = mono_sub_us(mono_now(), before);

	if (us > ctx->slowest_us)
		ctx->slowest_us = us;
	return rc;
}

/* The request in our own size: what an older plugin lacks is zero. */
static bool
copy_request(struct tw_request *dst, const struct tw_request *src)
{
	if (src == NULL || src->size < offsetof(struct tw_request, method))
		return false;
	memset(dst, 0, sizeof(*dst));
	memcpy(dst, src, src->size < sizeof(*dst) ? src->size : sizeof(*dst));
	dst->size = sizeof(*dst);
	return dst->url != NULL && dst->done != NULL;
}

enum tw_verdict
async_http(struct tw_ctx *ctx, const struct tw_request *request)
{
	struct engine *e = ctx->probe->host->engine;
	struct tw_request r;
	enum tw_verdict v;
	struct op *op;

	if (!copy_request(&r, request))
		return TW_UNKNOWN;
	if ((op = op_new(ctx, OP_HTTP, r.arg, &v)) == NULL)
		return v;
	op->done.http = r.done;
	op->body = r.on_body;
	if (ctx->connections == NULL && e != NULL)
		ctx->connections = engine_run_new(e);
	if (ctx->connections != NULL)
		op->handle.http = engine_http(ctx->connections, &r, (mono_t){ctx->deadline_us},
		    http_done, r.on_body != NULL ? http_body : NULL, op);
	return op->handle.http != NULL ? TW_PENDING : op_failed(op);
}

struct tw_jar *
async_jar(struct tw_ctx *ctx)
{
	struct engine *e = ctx->probe->host->engine;
	struct tw_jar *jar;

	if (ctx->is_off_loop || ctx->state != RUN_GOING || e == NULL || ctx->n_jars == JARS_MAX)
		return NULL;
	if ((jar = engine_jar_new(e)) != NULL)
		ctx->jars[ctx->n_jars++] = jar;
	return jar;
}

/* ---- dns ---- */

static void
call_dns(struct op *op, const struct tw_addresses *found)
{
	struct tw_ctx *ctx = op->ctx;
	tw_dns_fn *fn = op->done.dns;
	struct tw_addresses copy = *found;
	mono_t before = mono_now();

	copy.arg = op->arg;
	op_unlink(op);
	free(op);
	CALL_PLUGIN(ctx, before, fn(ctx, ctx->probe->self, &copy));
}

static void
dns_done(void *arg, const struct tw_addresses *found)
{
	call_dns(arg, found);
}

enum tw_verdict
async_dns(
    struct tw_ctx *ctx, const char *name, enum tw_family family, tw_dns_fn *done, void *arg)
{
	struct engine *e = ctx->probe->host->engine;
	enum tw_verdict v;
	struct op *op;

	if (name == NULL || done == NULL)
		return TW_UNKNOWN;
	if ((op = op_new(ctx, OP_DNS, arg, &v)) == NULL)
		return v;
	op->done.dns = done;
	if (e != NULL)
		op->handle.dns =
		    engine_dns(e, name, family, (mono_t){ctx->deadline_us}, dns_done, op);
	return op->handle.dns != NULL ? TW_PENDING : op_failed(op);
}

/* ---- sight ---- */

static void
call_sight(struct op *op, int sees)
{
	struct tw_ctx *ctx = op->ctx;
	tw_sight_fn *fn = op->done.sight;
	void *arg = op->arg;
	mono_t before = mono_now();

	op_unlink(op);
	free(op);
	CALL_PLUGIN(ctx, before, fn(ctx, ctx->probe->self, sees, arg));
}

static void
sight_done(void *arg, int sees)
{
	call_sight(arg, sees);
}

enum tw_verdict
async_sight(struct tw_ctx *ctx, tw_sight_fn *done, void *arg)
{
	struct engine *e = ctx->probe->host->engine;
	enum tw_verdict v;
	struct op *op;

	if (done == NULL)
		return TW_UNKNOWN;
	if ((op = op_new(ctx, OP_SIGHT, arg, &v)) == NULL)
		return v;
	op->done.sight = done;
	if (e != NULL)
		op->handle.sight = engine_sight(e, (mono_t){ctx->deadline_us}, sight_done, op);
	return op->handle.sight != NULL ? TW_PENDING : op_failed(op);
}

/* ---- all ---- */

static void
cancel_http(struct op *op)
{
	bool is_late = op->ctx->is_timed_out;
	struct tw_answer a = {.size = sizeof(a),
	    .error = is_late ? TW_HTTP_TIMEOUT : TW_HTTP_CANCELLED,
	    .error_text = is_late ? "the run's time is over" : "the run has ended", .body = "",
	    .hop_size = sizeof(struct tw_hop), .arg = op->arg};

	engine_http_cancel(op->handle.http);
	call_http(op, &a);
}

static void
cancel_dns(struct op *op)
{
	struct tw_addresses none = {
	    .size = sizeof(none), .error = CANCELLED_DNS, .error_text = "the run has ended"};

	engine_dns_cancel(op->handle.dns);
	call_dns(op, &none);
}

static void
cancel(struct op *op)
{
	switch (op->kind) {
	case OP_AFTER: case OP_COMMIT:
		loop_timer_clear(op->ctx->probe->host->loop, &op->timer);
		call_timer(op);
		return;
	case OP_READ:
		read_forget(op->handle.reading);
		call_timer(op);
		return;
	case OP_WORK: cancel_work(op); return;
	case OP_HTTP: cancel_http(op); return;
	case OP_DNS: cancel_dns(op); return;
	case OP_SIGHT:
		engine_sight_cancel(op->handle.sight);
		call_sight(op, -1);
		return;
	}
}

/* A callback starts nothing new (the state is no longer RUN_GOING), so one walk ends them all. */
void
op_cancel_all(struct tw_ctx *ctx)
{
	struct op *op = ctx->ops;

	while (op != NULL) {
		struct op *next = op->next;

		cancel(op);
		op = next;
	}
}

/* What the run held: connections, cookies. */
void
op_free_run(struct tw_ctx *ctx)
{
	if (ctx->connections != NULL)
		engine_run_free(ctx->connections);
	ctx->connections = NULL;
	while (ctx->n_jars > 0)
		engine_jar_free(ctx->jars[--ctx->n_jars]);
}
