/*
 * query.c - /api/v1/query and /api/v1/query_range: results in Prometheus' JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/query.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/api/request.h"
#include "lib/units.h"

/* Prometheus' form of a bucket: [boundary rule, "low", "high", "count"]; 0 = (low, high], 1 = [low,
 * high), 3 = []. */
static void
bucket(struct buf *b, bool *first, int rule, double low, double high, double count)
{
	json_comma(b, first);
	buf_printf(b, "[%d,", rule);
	json_value(b, low);
	buf_char(b, ',');
	json_value(b, high);
	buf_char(b, ',');
	json_value(b, count);
	buf_char(b, ']');
}

static void
histogram(struct buf *b, const struct hist *h)
{
	bool first = true;

	buf_text(b, "{\"count\":");
	json_value(b, h->count);
	buf_text(b, ",\"sum\":");
	json_value(b, h->sum);
	buf_text(b, ",\"buckets\":[");
	for (uint32_t i = h->n_neg; i-- > 0;)
		bucket(b, &first, 1, -hist_upper_bound(h->neg[i].idx, h->schema),
		    -hist_upper_bound(h->neg[i].idx - 1, h->schema), h->neg[i].count);
	if (h->zero_count > 0)
		bucket(b, &first, 3, -h->zero_threshold, h->zero_threshold, h->zero_count);
	for (uint32_t i = 0; i < h->n_pos; i++)
		bucket(b, &first, 0, hist_upper_bound(h->pos[i].idx - 1, h->schema),
		    hist_upper_bound(h->pos[i].idx, h->schema), h->pos[i].count);
	buf_text(b, "]}");
}

static void
point(struct buf *b, const struct series *s, size_t i)
{
	buf_char(b, '[');
	json_seconds(b, s->t_ms[i]);
	buf_char(b, ',');
	if (s->h != NULL && s->h[i] != NULL)
		histogram(b, s->h[i]);
	else
		json_value(b, s->v[i]);
	buf_char(b, ']');
}

static bool
is_hist(const struct series *s, size_t i)
{
	return s->h != NULL && s->h[i] != NULL;
}

static void
points(struct buf *b, const struct series *s, bool hists)
{
	bool first = true, any = false;

	for (size_t i = 0; i < s->n; i++)
		any |= is_hist(s, i) == hists;
	if (!any)
		return;
	buf_printf(b, ",\"%s\":[", hists ? "histograms" : "values");
	for (size_t i = 0; i < s->n; i++)
		if (is_hist(s, i) == hists) {
			json_comma(b, &first);
			point(b, s, i);
		}
	buf_char(b, ']');
}

static void
write_series(struct buf *b, const struct promql_result *r)
{
	bool first = true;

	buf_char(b, '[');
	for (size_t i = 0; i < r->set.n; i++) {
		const struct series *s = &r->set.at[i];

		json_comma(b, &first);
		buf_text(b, "{\"metric\":");
		json_labels(b, s->labels);
		if (r->type == PROMQL_MATRIX) {
			points(b, s, false);
			points(b, s, true);
		} else if (s->n > 0) {
			buf_text(b, is_hist(s, 0) ? ",\"histogram\":" : ",\"value\":");
			point(b, s, 0);
		}
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

/* "warnings" or "infos", beside "data"; nothing when there are none. */
static void
write_notes(struct buf *b, const struct promql_result *r, bool warnings)
{
	bool first = true;

	for (size_t i = 0; i < r->n_notes; i++) {
		if (r->notes[i].is_warning != warnings)
			continue;
		buf_text(b, !first ? "," : warnings ? ",\"warnings\":[" : ",\"infos\":[");
		json_text(b, r->notes[i].text);
		first = false;
	}
	if (!first)
		buf_char(b, ']');
}

static void
write_result(struct request *r, const struct promql_result *result, int64_t at_ms)
{
	static const char *const types[] = {"scalar", "string", "vector", "matrix"};
	struct buf *b = &r->out;

	answer_begin(r);
	buf_printf(b, "{\"resultType\":\"%s\",\"result\":", types[result->type]);
	if (result->type == PROMQL_SCALAR || result->type == PROMQL_STRING) {
		buf_char(b, '[');
		json_seconds(b, at_ms);
		buf_char(b, ',');
		if (result->type == PROMQL_SCALAR)
			json_value(b, result->scalar);
		else
			json_text(b, result->string);
		buf_char(b, ']');
	} else {
		write_series(b, result);
	}
	buf_char(b, '}');
	write_notes(b, result, true);
	write_notes(b, result, false);
	answer_end(r);
}

/* Few queries are evaluated at once: each holds its samples. False: none ended in time. */
static bool
begin_query(struct request *r)
{
	struct timespec until = {.tv_sec = (time_t)(r->deadline.us / 1000000),
	    .tv_nsec = (long)(r->deadline.us % 1000000) * 1000};
	int rc = 0;

	while (r->queries != NULL
	       && (rc = sem_clockwait(r->queries, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR)
		;
	if (rc != 0)
		answer_error(r, "timeout", "too many queries are being evaluated");
	return rc == 0;
}

static void
run(struct request *r, int64_t start, int64_t end, int64_t step)
{
	const char *text = param(r, "query");
	struct promql_result result;
	struct promql_error err;
	int rc;

	if (text == NULL || *text == '\0') {
		answer_error(r, "bad_data",
		    "invalid parameter \"query\": unknown position: parse error: no expression "
		    "found in input");
		return;
	}
	if (!begin_query(r))
		return;
	rc = query_run(r->agent->store, text, start, end, step, r->deadline, &result, &err);
	if (r->queries != NULL)
		sem_post(r->queries);
	if (rc == 0)
		write_result(r, &result, start);
	else if (rc == -EINVAL)
		answer_error(r, "bad_data", "invalid parameter \"query\": %s", err.text);
	else
		answer_error(r,
		    rc == -ECANCELED ? "timeout"
		    : rc == -ENOMEM  ? "internal"
				     : "execution",
		    "%s", err.text);
	promql_result_clear(&result);
}

void
handle_query(struct request *r)
{
	int64_t at;

	if (param_time(r, "time", wall_now().ms, &at))
		run(r, at, at, 0);
}

/* Seconds as a number, or a duration: 15, 0.5, 1m. */
static bool
param_step(struct request *r, int64_t *ms)
{
	const char *text = param(r, "step");
	int64_t us;
	char *end;
	double s;

	if (text == NULL) {
		answer_error(r, "bad_data", "invalid parameter \"step\": it is missing");
		return false;
	}
	s = strtod(text, &end);
	if (end != text && *end == '\0' && isfinite(s) && fabs(s) < 1e12)
		*ms = llround(s * 1000);
	else if (duration_parse(text, &us) == 0)
		*ms = us / 1000;
	else {
		answer_error(r, "bad_data",
		    "invalid parameter \"step\": cannot parse \"%.64s\" to a valid duration", text);
		return false;
	}
	if (*ms > 0)
		return true;
	answer_error(r, "bad_data",
	    "invalid parameter \"step\": zero or negative query resolution step widths are not "
	    "accepted. Try a positive integer");
	return false;
}

void
handle_query_range(struct request *r)
{
	int64_t start, end, step;

	if (param(r, "start") == NULL || param(r, "end") == NULL) {
		answer_error(r, "bad_data", "invalid parameter \"%s\": it is missing",
		    param(r, "start") == NULL ? "start" : "end");
		return;
	}
	if (!param_time(r, "start", 0, &start) || !param_time(r, "end", 0, &end)
	    || !param_step(r, &step))
		return;
	if (end < start)
		answer_error(r, "bad_data",
		    "invalid parameter \"end\": end timestamp must not be before start time");
	else if ((end - start) / step + 1 > PROMQL_STEPS_MAX)
		answer_error(r, "bad_data",
		    "exceeded maximum resolution of %d points per timeseries. Try decreasing the "
		    "query "
		    "resolution (?step=XX)",
		    PROMQL_STEPS_MAX);
	else
		run(r, start, end, step);
}
