/*
 * quota.c - see quota.h. Every number here is a stranger's: read strictly, or not at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/quota.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hop.h"
#include "lib/json.h"
#include "lib/sanitize.h"

#define VALUE_MAX 4096              /* bytes of a header that are looked at */
#define NUMBER_MAX 1e15             /* what is more is no count */
#define EPOCH_S 1e9                 /* a reset later than this is a date in seconds ... */
#define EPOCH_MS 1e11               /* ... or milliseconds, else seconds from now */
#define TREND_MIN_MS 60000
#define NEW_WINDOW 0.2

/* A plain decimal at s, up to `end` (NULL: all of it). NAN: it is none. */
static double
number(const char *s, const char **end)
{
	const char *at = s;
	double v;

	while (isdigit((unsigned char)*at) || *at == '.')
		at++;
	if (at == s || at - s > 24)
		return NAN;
	v = strtod(s, NULL);
	if (end != NULL)
		*end = at;
	else if (*at != '\0')
		return NAN;
	return v <= NUMBER_MAX ? v : NAN;
}

static bool
put(struct quota *q, size_t *n, const char *name, double limit, double remaining, double reset_s)
{
	if (*n == QUOTAS_MAX || !(limit > 0) || !(remaining >= 0))
		return false;
	q += (*n)++;
	text_sanitize(q->name, sizeof(q->name), name, strlen(name));
	q->limit = limit;
	q->remaining = remaining < limit ? remaining : limit;
	q->reset_s = reset_s >= 0 ? reset_s : NAN;
	return true;
}

/* ---- bodies ---- */

static double
member(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	return json_is_number(v) && json_number_value(v) <= NUMBER_MAX ? json_number_value(v)
									: NAN;
}

static void
read_graphql(json_t *root, struct quota *q, size_t *n)
{
	json_t *status = root != NULL ? json_at(root, "/extensions/cost/throttleStatus") : NULL;
	double limit = member(status, "maximumAvailable");
	double left = member(status, "currentlyAvailable"), rate = member(status, "restoreRate");

	(void)put(q, n, "graphql", limit, left, rate > 0 ? (limit - left) / rate : NAN);
}

/* ---- structured fields: "name";r=50;t=30, "other";r=1 ---- */

struct item {
	char name[QUOTA_NAME];
	double q, w, r, t;          /* NAN: not given */
};

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* "a string" or a token, cut to what a name holds. NULL: neither stands here. */
static const char *
take_name(const char *s, char name[QUOTA_NAME])
{
	bool is_quoted = *s == '"';
	size_t n = 0;

	for (s += is_quoted; *s != '\0' && *s != '"' && (is_quoted || !strchr(";,= \t", *s)); s++) {
		if (*s == '\\' && is_quoted && s[1] != '\0')
			s++;
		if (n + 1 < QUOTA_NAME)
			name[n++] = *s;
	}
	name[n] = '\0';
	if (is_quoted && *s++ != '"')
		return NULL;
	return n > 0 ? s : NULL;
}

/* One parameter; its value, if it is one of ours and a number. */
static const char *
take_parameter(const char *s, struct item *item)
{
	char key = *s, ignored[QUOTA_NAME];
	size_t len = strcspn(s, "=;, \t");
	double *to = len != 1 ? NULL
	    : key == 'q'      ? &item->q
	    : key == 'w'      ? &item->w
	    : key == 'r'      ? &item->r
	    : key == 't'      ? &item->t
			      : NULL;

	s += len;
	if (len == 0)
		return NULL;
	if (*s != '=')
		return s;
	s++;
	if (isdigit((unsigned char)*s)) {
		double v = number(s, &s);

		if (to != NULL)
			*to = v;
		return s;
	}
	if (*s == ':') /* a byte sequence: pk=:cHsdsRa894==: */
		return (s = strchr(s + 1, ':')) != NULL ? s + 1 : NULL;
	return take_name(s, ignored);
}

/* The next item of a list; NULL: the list is over, or is none from here on. */
static const char *
take_item(const char *s, struct item *item)
{
	*item = (struct item){.q = NAN, .w = NAN, .r = NAN, .t = NAN};
	s = skip_blanks(s);
	if (*s == ',')
		s = skip_blanks(s + 1);
	if (*s == '\0' || (s = take_name(s, item->name)) == NULL)
		return NULL;
	while (*(s = skip_blanks(s)) == ';')
		if ((s = take_parameter(skip_blanks(s + 1), item)) == NULL)
			return NULL;
	return *s == '\0' || *s == ',' ? s : NULL;
}

static double
policy_limit(const char *policies, const char *name)
{
	struct item item;

	while (policies != NULL && (policies = take_item(policies, &item)) != NULL)
		if (strcmp(item.name, name) == 0)
			return item.q;
	return NAN;
}

/* ---- headers ---- */

static const char *
header(const struct tw_hop *hop, const char *name)
{
	const char *v = hop_header(hop, name);

	return v != NULL && strlen(v) < VALUE_MAX ? v : NULL;
}

/* The first number of "100, 100;w=60". */
static double
first_number(const char *v)
{
	const char *end;
	double n;

	if (v == NULL)
		return NAN;
	n = number(skip_blanks(v), &end);
	return isnan(n) || (*end != '\0' && strchr(", ;\t", *end) == NULL) ? NAN : n;
}

static double
until(double reset, int64_t now_ms)
{
	if (reset > EPOCH_MS)
		return reset / 1e3 - (double)now_ms / 1e3;
	return reset > EPOCH_S ? reset - (double)now_ms / 1e3 : reset;
}

static bool
read_shopify(const struct tw_hop *hop, struct quota *q, size_t *n)
{
	const char *v = header(hop, "x-shopify-shop-api-call-limit"), *end;
	double used, limit;

	if (v == NULL)
		return false;
	used = number(v, &end);
	if (isnan(used) || *end != '/')
		return false;
	limit = number(end + 1, NULL);
	return put(q, n, "shopify", limit, limit > used ? limit - used : 0, NAN);
}

/* limit=100, remaining=50, reset=5 */
static bool
read_draft_07(const char *v, struct quota *q, size_t *n)
{
	double limit = NAN, remaining = NAN, reset = NAN;
	char key[QUOTA_NAME];

	while (*(v = skip_blanks(v)) != '\0') {
		double *to;

		if ((v = take_name(v, key)) == NULL || *v != '=')
			return false;
		to = strcmp(key, "limit") == 0	     ? &limit
		    : strcmp(key, "remaining") == 0 ? &remaining
		    : strcmp(key, "reset") == 0	     ? &reset
						     : NULL;
		if (to != NULL)
			*to = number(v + 1, &v);
		v += strcspn(v, ",");
		v += *v == ',';
	}
	return put(q, n, "ratelimit", limit, remaining, reset);
}

static bool
read_ratelimit(const struct tw_hop *hop, struct quota *q, size_t *n)
{
	const char *v = header(hop, "ratelimit"), *policies = header(hop, "ratelimit-policy");
	size_t before = *n;
	struct item item;

	if (v == NULL)
		return false;
	if (strstr(v, "remaining=") != NULL)
		return read_draft_07(v, q, n);
	while ((v = take_item(v, &item)) != NULL)
		(void)put(q, n, item.name, policy_limit(policies, item.name), item.r, item.t);
	return *n > before;
}

static void
read_old(const struct tw_hop *hop, int64_t now_ms, struct quota *q, size_t *n)
{
	static const char *const prefixes[] = {"ratelimit", "x-ratelimit", "x-rate-limit"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		char limit[40], remaining[40], reset[40];

		snprintf(limit, sizeof(limit), "%s-limit", prefixes[i]);
		snprintf(remaining, sizeof(remaining), "%s-remaining", prefixes[i]);
		snprintf(reset, sizeof(reset), "%s-reset", prefixes[i]);
		if (put(q, n, "ratelimit", first_number(header(hop, limit)),
			first_number(header(hop, remaining)),
			until(first_number(header(hop, reset)), now_ms)))
			return;
	}
}

size_t
quota_read(const struct tw_answer *a, json_t *root, int64_t now_ms, struct quota q[QUOTAS_MAX])
{
	const struct tw_hop *last;
	size_t n = 0;

	if (a->n_hops == 0)
		return 0;
	last = (const struct tw_hop *)(const void *)((const char *)a->hops
						     + (size_t)(a->n_hops - 1) * a->hop_size);
	read_graphql(root, q, &n);
	if (!read_shopify(last, q, &n) && !read_ratelimit(last, q, &n))
		read_old(last, now_ms, q, &n);
	return n;
}

/* ---- when it will be used up ---- */

void
quota_trend_add(struct quota_trend *t, int64_t ms, const struct quota *q)
{
	if (t->n > 0
	    && (q->remaining - t->at[t->n - 1].remaining > NEW_WINDOW * q->limit
		|| ms <= t->at[t->n - 1].ms))
		t->n = 0;
	if (t->n == QUOTA_TREND)
		memmove(t->at, t->at + 1, --t->n * sizeof(t->at[0]));
	t->at[t->n].ms = ms;
	t->at[t->n++].remaining = q->remaining;
}

double
quota_exhausted_s(const struct quota_trend *t)
{
	double seconds, used;

	if (t->n < 2 || t->at[t->n - 1].ms - t->at[0].ms < TREND_MIN_MS)
		return NAN;
	seconds = (double)(t->at[t->n - 1].ms - t->at[0].ms) / 1e3;
	used = (t->at[0].remaining - t->at[t->n - 1].remaining) / seconds;
	return used > 0 ? t->at[t->n - 1].remaining / used : INFINITY;
}
