/*
 * fixture.c - see fixture.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/golden/fixture.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

#define LOOKBACK 100.0 /* seconds */
#define GROUPS_MAX 64

struct fixture {
	char *dir;
	json_t *series;
	struct buf *calls;
};

static json_t *
load(const struct fixture *f, const char *name)
{
	char *path = xasprintf("%s/%s", f->dir, name);
	json_error_t e;
	json_t *v = json_load_file(path, 0, &e);

	free(path);
	return v;
}

/* The decoded value of a parameter, or NULL. */
static char *
param(const char *path, const char *name)
{
	char key[40], *out, *w;
	const char *p;

	snprintf(key, sizeof(key), "?%s=", name);
	if ((p = strstr(path, key)) == NULL) {
		key[0] = '&';
		if ((p = strstr(path, key)) == NULL)
			return NULL;
	}
	p += strlen(key);
	w = out = xcalloc(1, strlen(p) + 1);
	for (; *p != '\0' && *p != '&'; p++) {
		char hex[3] = {0};

		if (*p != '%') {
			*w++ = *p;
			continue;
		}
		memcpy(hex, p + 1, 2);
		*w++ = (char)strtol(hex, NULL, 16);
		p += 2;
	}
	return out;
}

static double
param_number(const char *path, const char *name)
{
	char *text = param(path, name);
	double v = text != NULL ? strtod(text, NULL) : NAN;

	free(text);
	return v;
}

/* Does the query name this series, and does every name="value" in it hold? */
static bool
is_selected(const char *query, json_t *metric)
{
	const char *name = json_string_value(json_object_get(metric, "__name__"));
	const char *at = strstr(query, name), *p;

	if (at == NULL || strchr("{[)", at[strlen(name)]) == NULL)
		return at != NULL && at[strlen(name)] == '\0';
	for (p = at; (p = strstr(p, "=\"")) != NULL; p++) {
		const char *from = p, *end = strchr(p + 2, '"');
		char label[64], *value;
		const char *is;
		bool same;

		while (from > query && strchr("{,", from[-1]) == NULL)
			from--;
		snprintf(label, sizeof(label), "%.*s", (int)(p - from), from);
		value = xasprintf("%.*s", (int)(end - p - 2), p + 2);
		is = json_string_value(json_object_get(metric, label));
		/* A label that is not there is an empty one. */
		same = strcmp(is != NULL ? is : "", value) == 0;
		free(value);
		if (!same)
			return false;
	}
	return true;
}

/* The labels that "by (..)" keeps; all without it. */
static json_t *
grouped(const char *query, json_t *metric)
{
	const char *by = strstr(query, "by ("), *name;
	json_t *out, *v;
	char list[128];

	if (by == NULL)
		return json_deep_copy(metric);
	out = json_object();
	snprintf(list, sizeof(list), ",%.*s,", (int)strcspn(by + 4, ")"), by + 4);
	for (char *r = list, *w = list;; r++)
		if (*r != ' ' && (*w++ = *r) == '\0')
			break;
	json_object_foreach(metric, name, v)
	{
		char wanted[80];

		snprintf(wanted, sizeof(wanted), ",%s,", name);
		if (strstr(list, wanted) != NULL)
			json_object_set(out, name, v);
	}
	return out;
}

/* The last pair of list not later than t and not older than the lookback. */
static json_t *
value_at(const json_t *list, double t)
{
	json_t *pair, *best = NULL;
	size_t i;

	json_array_foreach(list, i, pair) if (json_number_value(json_array_get(pair, 0)) <= t)
	    best = pair;
	if (best == NULL || json_number_value(json_array_get(best, 0)) <= t - LOOKBACK)
		return NULL;
	return json_array_get(best, 1);
}

/* Merges one series into its group's points; the larger value wins. */
static void
merge(json_t *points, const json_t *one, const char *field, double start, double end, double step)
{
	const json_t *list = json_object_get(one, field);

	for (double t = start; t <= end + 1e-6; t += step) {
		json_t *v = value_at(list, t), *have, *pair;
		size_t i;

		if (v == NULL)
			continue;
		have = NULL;
		json_array_foreach(points, i,
		    pair) if (json_number_value(json_array_get(pair, 0)) == t) have = pair;
		if (have == NULL) {
			json_array_append_new(points, json_pack("[fO]", t, v));
		} else if (json_is_string(v)) {
			const char *old = json_string_value(json_array_get(have, 1));

			if (strtod(json_string_value(v), NULL) > strtod(old, NULL))
				json_array_set(have, 1, v);
		}
	}
}

static int
by_time(const void *a, const void *b)
{
	double x = json_number_value(json_array_get(*(json_t *const *)a, 0)),
	       y = json_number_value(json_array_get(*(json_t *const *)b, 0));

	return (x > y) - (x < y);
}

static void
sort_points(json_t *points)
{
	size_t n = json_array_size(points);
	json_t **at = xcalloc(n + 1, sizeof(*at));

	for (size_t i = 0; i < n; i++)
		at[i] = json_incref(json_array_get(points, i));
	qsort(at, n, sizeof(*at), by_time);
	json_array_clear(points);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(points, at[i]);
	free(at);
}

static json_t *
answer_query(const struct fixture *f, const char *path, bool range)
{
	char *query = param(path, "query");
	double start = param_number(path, range ? "start" : "time");
	double end = range ? param_number(path, "end") : start;
	double step = range ? param_number(path, "step") : 1;
	json_t *result = json_array(), *one, *groups[GROUPS_MAX], *points[GROUPS_MAX];
	const char *when;               /* a text that the query must hold */
	int n = 0;
	size_t i;

	json_array_foreach(f->series, i, one)
	{
		json_t *metric = json_object_get(one, "metric"), *group;
		bool hist = json_object_get(one, "histograms") != NULL;
		const char *field = hist ? "histograms" : "values";
		int k;

		when = json_string_value(json_object_get(one, "when"));
		if (!is_selected(query, metric) || (when != NULL && strstr(query, when) == NULL))
			continue;
		group = grouped(query, metric);
		for (k = 0; k < n && !json_equal(groups[k], group); k++)
			;
		if (k == n && n < GROUPS_MAX) {
			groups[n] = json_incref(group);
			points[n] = json_array();
			json_array_append_new(
			    result, json_pack("{sOsO}", "metric", group, field, points[n]));
			n++;
		}
		merge(points[k], one, field, start, end, step);
		json_decref(group);
	}
	for (int k = 0; k < n; k++) {
		sort_points(points[k]);
		if (!range)
			json_object_set(json_array_get(result, (size_t)k), "value",
			    json_array_get(points[k], 0));
		json_decref(groups[k]);
		json_decref(points[k]);
	}
	free(query);
	return json_pack("{ssso}", "resultType", range ? "matrix" : "vector", "result", result);
}

static json_t *
answer_runs(const struct fixture *f, const char *path)
{
	char *probe, *name;
	json_t *runs;

	if (strstr(path, "kind=newest") != NULL)
		return load(f, "runs-newest.json");
	if (strstr(path, "kind=slowest") != NULL)
		return load(f, "runs-slowest.json");
	probe = param(path, "probe");
	name = xasprintf("runs-%s.json", probe != NULL ? probe : "");
	runs = load(f, name);
	free(name);
	free(probe);
	return runs;
}

static json_t *
answer(const struct fixture *f, const char *path)
{
	static const struct {
		const char *path, *file;
	} files[] = {{"/tillwatch/v1/probes", "probes.json"},
	    {"/tillwatch/v1/plugins", "plugins.json"}, {"/tillwatch/v1/outbox", "outbox.json"},
	    {"/tillwatch/v1/map", "map.json"},
	    {"/api/v1/alerts", "alerts.json"}, {"/api/v1/rules", "rules.json"}};
	json_t *data;

	if (strncmp(path, "/api/v1/query", 13) == 0)
		return json_pack("{ssso}", "status", "success", "data",
		    answer_query(f, path, strncmp(path, "/api/v1/query_range", 19) == 0));
	if (strncmp(path, "/tillwatch/v1/runs", 18) == 0)
		return answer_runs(f, path);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strncmp(path, files[i].path, strlen(files[i].path)) == 0
		    && (data = load(f, files[i].file)) != NULL)
			return data;
	return NULL;
}

static int
fixture_get(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	struct fixture *f = ctx;
	json_t *v;
	char *text;

	if (cancelled != NULL && cancelled(arg))
		return -ECANCELED;
	if (f->calls != NULL)
		buf_printf(f->calls, "%s\n", path);
	if ((v = answer(f, path)) == NULL) {
		snprintf(err, err_cap, "no such file");
		return -ENOENT;
	}
	text = json_dumps(v, JSON_COMPACT);
	buf_text(out, text);
	free(text);
	json_decref(v);
	return 0;
}

static void
fixture_close(void *ctx)
{
	struct fixture *f = ctx;

	json_decref(f->series);
	free(f->dir);
	free(f);
}

int
fixture_open(struct source *out, const char *dir, struct buf *calls)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	json_t *file;

	f->dir = xstrdup(dir);
	f->calls = calls;
	file = load(f, "series.json");
	f->series = json_incref(json_object_get(file, "series"));
	json_decref(file);
	*out = (struct source){.get = fixture_get, .close = fixture_close, .ctx = f};
	return f->series != NULL ? 0 : -ENOENT;
}
