/*
 * promql.h - PromQL: from a text to an expression, from an expression and a storage to a result.
 *
 * Semantics: Prometheus' documentation "Querying", judged by Prometheus' own test scripts
 * (tests/promqltest). The engine knows storages only as struct querier (lib/series.h). Pure but for
 * the querier's reads; any thread, nothing shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_PROMQL_PROMQL_H
#define AGENT_PROMQL_PROMQL_H

#include "lib/buf.h"
#include "lib/series.h"

#define PROMQL_TEXT_MAX (16 * 1024)
#define PROMQL_DEPTH_MAX 64
#define PROMQL_STEPS_MAX 11000
#define PROMQL_SAMPLES_MAX 50000000
#define PROMQL_LOOKBACK_MS 300000

struct promql_expr;

struct promql_error {
	int code; /* -EINVAL: the text is wrong; -EDOM: it cannot be evaluated; -E2BIG, -ECANCELED,
		     -ENOMEM */
	char text[400];         /* "1:15: parse error: ..." */
};

/* 0, or -EINVAL, -ENOMEM with *err filled. */
int promql_parse(struct promql_expr **out, const char *text, size_t len, struct promql_error *err);
void promql_free(struct promql_expr *e);

enum promql_type { PROMQL_SCALAR, PROMQL_STRING, PROMQL_VECTOR, PROMQL_MATRIX };
enum promql_type promql_type(const struct promql_expr *e);
/* Calls back for each selector of the expression; name "" when the selector has none. */
void promql_selectors(const struct promql_expr *e,
    void (*each)(void *, const char *name, const struct matcher *m, size_t n), void *arg);

struct promql_opts {
	int64_t lookback_ms;    /* 0 = PROMQL_LOOKBACK_MS */
	size_t max_samples;     /* a query may hold at once; 0 = PROMQL_SAMPLES_MAX */
	bool (*cancelled)(void *); /* asked between steps of the work; NULL = never */
	void *cancel_arg;
};

#define PROMQL_NOTES_MAX 8

/* What a reader of the answer should know: a warning (the answer may be wrong) or an info. */
struct promql_note {
	bool is_warning;
	char text[200];
};

struct promql_result {
	enum promql_type type;
	double scalar;
	char *string;
	struct series_set
	    set; /* vector: one sample a series, at the asked time; matrix: ascending */
	struct promql_note
	    notes[PROMQL_NOTES_MAX]; /* each text once; what is too much is dropped */
	size_t n_notes;
};

/* step_ms 0: at start_ms alone. 0, or a negative code with *err filled; the result is cleared by
 * the caller. */
int promql_eval(const struct promql_opts *opts, const struct querier *q,
    const struct promql_expr *e, int64_t start_ms, int64_t end_ms, int64_t step_ms,
    struct promql_result *out, struct promql_error *err);
void promql_result_clear(struct promql_result *r);

#endif
