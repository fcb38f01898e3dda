/*
 * api.h - the agent's HTTP API: Prometheus' own endpoints, and tillwatch's where Prometheus has
 * none.
 *
 * Listeners: a Unix socket always (who may connect is the directory's and the socket's mode; root
 * and the agent's own user may act, others read), and a TCP address where wanted (bearer tokens
 * with scope read or act; without tokens it must be loopback and is read-only).
 *
 * Runs in: a thread a connection (libmicrohttpd's; API_CONNECTIONS_MAX bounds them), so that a
 * long query delays nobody else; queries block there, on the store and the engine, under a
 * deadline. A connection lives API_DEADLINE_MS at most until its request is complete, whatever it
 * drips.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_API_API_H
#define AGENT_API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

#define API_QUERIES_MAX 4           /* evaluated at once; others wait, up to their deadline */
#define API_CONNECTIONS_MAX 128
#define API_CONNECTIONS_PER_IP 32
#define API_DEADLINE_MS 15000       /* of a request, from its first byte to its last */
#define API_BODY_MAX (1 << 20)
#define API_ANSWER_MAX (64 << 20)
#define API_QUERY_DEADLINE_MS 10000 /* of a query's evaluation */

struct api;

enum api_scope { API_NONE, API_READ, API_ACT };

struct api_token {
	const char *token;
	enum api_scope scope;
};

/* type: gauge, counter, histogram or unknown. */
typedef void api_metric(
    void *arg, const char *name, const char *type, const char *help, const char *unit);

/* What the API asks of the agent. Each may block its thread; all texts are copied by the callee. */
struct api_agent {
	void *ctx;
	struct store *store;
	struct ingest *ingest;
	struct supervisor *supervisor;
	struct alert_engine *alerts;        /* NULL: no rules, no alerts */
	struct notify *notify;
	struct state *state;                /* the outbox; NULL without receivers */
	const struct self *self;            /* its own metrics */
	const char *version, *shop, *currency, *config_path;
	int64_t started_ms;
	/* 0, or a negative errno with a sentence in err. */
	int (*reload)(void *ctx, char *err, size_t err_cap);
	/* Runs a probe now; answers the run as a JSON object into out. -ENOENT, -ETIMEDOUT, -EAGAIN
	 * (host not up). */
	int (*run)(void *ctx, const char *probe, struct buf *out, char *err, size_t err_cap);
	int (*retry)(void *ctx, const char *group);
	int (*notify_test)(void *ctx, const char *receiver, char *err, size_t err_cap);
	bool (*ready)(void *ctx);
	/* The map of the shop, with verdicts, as members of a JSON object. NULL = there is none. */
	void (*map)(void *ctx, struct buf *out);
	/* Of the metrics that are not the agent's own; each name once. NULL = none. */
	void (*metadata)(void *ctx, api_metric *each, void *arg);
};

struct api_opts {
	const char *socket_path;
	unsigned socket_mode;               /* 0660 */
	const char *act_group;              /* its members may act through the socket; or NULL */
	const char *listen;                 /* "127.0.0.1:9764", "[::1]:0", or NULL */
	const struct api_token *tokens;
	size_t n_tokens;
	struct api_agent agent;
};

/* 0, or a negative errno with a sentence. Threads run until api_stop. */
int api_start(struct api **out, const struct api_opts *opts, char *err, size_t err_cap);
void api_tick(struct api *api); /* each second, any one thread: ends overdue connections */
int api_port(const struct api *api);        /* of the TCP listener, 0 without one */
void api_stop(struct api *api);

#endif
