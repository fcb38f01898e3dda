/*
 * request.h - one request as a handler sees it, and the ways to answer. Only api/ includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_API_REQUEST_H
#define AGENT_API_REQUEST_H

#include <microhttpd.h>
#include <semaphore.h>

#include "agent/api/api.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/series.h"

#define PARAMS_MAX 64

struct param {
	char *name, *value;
};

struct request {
	const struct api_agent *agent;
	const char *tail;          /* what follows the route's path, for "label/" */
	enum api_scope scope;
	struct param params[PARAMS_MAX];
	size_t n_params;
	mono_t deadline;
	sem_t *queries;            /* held while a query is evaluated; NULL: no bound */
	struct buf out;            /* the answer's body */
	int status;
	const char *type;          /* content type */
	const char *allow;         /* the methods there are, after 405; else NULL */
};

struct route {
	const char *path;          /* exact, or a prefix when it ends with '/' */
	const char *methods;       /* "GET", "GET POST", "POST" */
	enum api_scope scope;
	void (*handle)(struct request *r);
	const char *help;
};
extern const struct route api_routes[];
extern const size_t api_n_routes;

const char *param(const struct request *r, const char *name); /* first, or NULL */
/* Prometheus' times: unix seconds with a fraction, or RFC 3339. False: an error was answered. */
bool param_time(struct request *r, const char *name, int64_t otherwise_ms, int64_t *out_ms);
bool param_number(
    struct request *r, const char *name, long low, long high, long otherwise, long *out);

/* {"status":"error","errorType":type,"error":text} with the status that Prometheus gives it:
 * bad_data 400, unauthorized 401, forbidden 403, not_found 404, execution 422, timeout 503,
 * unavailable 503, internal 500. */
void answer_error(struct request *r, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void answer_begin(struct request *r);  /* {"status":"success","data": */
void answer_end(struct request *r);    /* } */

/* Beside json_text and json_number of lib/json.h: Prometheus' sample value, a quoted text, "NaN",
 * "+Inf". */
void json_value(struct buf *b, double v);
void json_seconds(struct buf *b, int64_t ms);           /* 1795419127.123 */
void json_labels(struct buf *b, const struct labels *l);
/* ,"name":value of an object that has a member already; ms 0 is null. */
void json_field_text(struct buf *b, const char *name, const char *value);
void json_field_seconds(struct buf *b, const char *name, int64_t ms);
void json_field_number(struct buf *b, const char *name, double v);
/* Writes ",\n"-less separators: a comma unless it is the first of its list. */
void json_comma(struct buf *b, bool *first);

/* Handlers, one file a family. */
void handle_query(struct request *r);          /* query.c */
void handle_query_range(struct request *r);
void handle_series(struct request *r);         /* labels.c */
void handle_labels(struct request *r);
void handle_label_values(struct request *r);
void handle_metadata(struct request *r);
void handle_alerts(struct request *r);         /* rules.c */
void handle_rules(struct request *r);
void handle_buildinfo(struct request *r);      /* status.c */
void handle_agent(struct request *r);
void handle_metrics(struct request *r);
void handle_healthy(struct request *r);
void handle_ready(struct request *r);
void handle_probes(struct request *r);         /* tillwatch.c */
void handle_runs(struct request *r);
void handle_plugins(struct request *r);
void handle_map(struct request *r);
void handle_outbox(struct request *r);
void handle_reload(struct request *r);         /* act.c */
void handle_run(struct request *r);
void handle_retry(struct request *r);
void handle_notify_test(struct request *r);

#endif
