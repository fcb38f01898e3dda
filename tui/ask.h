/*
 * ask.h - one question to the API: path in, checked JSON out; and the members of an answer, with
 * every text through the sanitiser. Shared by query_status.c and query_charts.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_ASK_H
#define TUI_ASK_H

#include <jansson.h>

#include "tui/query.h"

struct asking {
	const struct source *src;
	const struct query_cancel *cancel;
	char *error;            /* the first error stays; cap ERROR_CAP */
	int rc;
};
#define ERROR_CAP 200

/* The answer's "data", owned by the caller; NULL on any error (noted in a). A 404 is no error:
 * *missing says so. */
json_t *ask(struct asking *a, const char *path, bool *missing);
/* "result" of a query, owned by the caller; NULL on error. */
json_t *ask_instant(struct asking *a, const char *query, int64_t at_ms);
json_t *ask_range(struct asking *a, const char *query, int64_t start_ms, int64_t end_ms,
    int64_t step_ms);

/* "name=value" percent-encoded, with the separator before it, onto a path. */
void ask_add_param(struct buf *url, const char *name, const char *value);
void ask_add_time(struct buf *url, const char *name, int64_t ms);
void ask_quote(char *dst, size_t cap, const char *src);         /* for a PromQL string */

/* Series over the axis, named by the label `by`: the largest of a gauge in each bucket, and what a
 * counter grew by in the five minutes before its end. */
int query_max(struct asking *a, const struct axis *axis, const char *by, const char *selector,
    int cap, struct series **out);
int query_increase(struct asking *a, const struct axis *axis, const char *by,
    const char *selector, int cap, struct series **out);
/* Values of a range query's series ([[seconds, "value"], ..]) into their buckets. */
void query_fill(float *v, const struct axis *axis, const json_t *values);
/* query_traffic.c: fills c->api, c->funnel. */
void query_api(struct asking *a, struct charts *c, const char *probe, int64_t at_ms);
void query_funnel(struct asking *a, struct charts *c, const char *asked, int64_t at_ms);
/* query_stock.c: fills c->stock. */
void query_stock(struct asking *a, struct charts *c, int64_t at_ms);

/* query_sums.c: fills s->sums; s has its targets and, where known, the agent's clock. */
void query_sums(struct asking *a, struct status *s, int64_t now_ms);

void ask_copy_text(char *dst, size_t cap, const char *src);     /* sanitised; NULL gives "" */
void ask_copy_member(char *dst, size_t cap, const json_t *o, const char *name);
double ask_number(const json_t *v);     /* also of a number in a string; else NaN */
double ask_member(const json_t *o, const char *name);
enum state ask_verdict_of(const char *text);

#endif
