/*
 * fault.c - the tables of faults and of their parameters, and the list of those in force.
 * Any thread; one mutex; never blocks. At most FAULTS_MAX are in force.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include "tests/shop/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/shop/hostile.h"
#include "tests/shop/shop.h"

#define FAULTS_MAX 32

/*
 * Every fault this shop knows. The first variant is the default; ms, size and count where a fault
 * uses them. In force for the customers' steps (home to graphql) unless a step is named.
 */
const struct fault_kind fault_kinds[] = {
	{"delay", FAULT_DELAY, "wait|connect|tls|send|transfer",
		"adds ms to one phase: wait (before the head), transfer (in mid body), "
		"send (before the body is read), tls (before the handshake); connect "
		"shuts every port while in force, by a full accept queue"},
	{"stale", FAULT_STATE, "feed|shop",
		"the ERP feed freezes while stock moves on; or the shop shows what was there "
		"while the ERP sells (not in a query)"},
	{"soldout", FAULT_STATE, NULL, "every product is out of stock, in page, API and cart"},
	{"status", FAULT_POLITE, NULL,
		"answers `status` (500), with Retry-After when retry_after is set", polite_status},
	{"error_in_200", FAULT_POLITE, "whole|partial",
		"200 with an error inside: JSON for calls, a page for pages; partial (GraphQL): "
		"beside data",
		polite_error_in_200},
	{"quota", FAULT_POLITE, NULL,
		"answers tell that `count` of `size` (1000) are left of a quota; at 0 they are "
		"throttled",
		polite_quota},
	{"redirect_loop", FAULT_POLITE, "chain|self",
		"302 for ever: a new URL each hop, or the same one", polite_redirect_loop},
	{"redirect_host", FAULT_POLITE, NULL,
		"302 to /echo on the raw port at `host` (default: localhost, or 127.0.0.1 "
		"when asked as localhost)",
		polite_redirect_host},
	{"redirect_file", FAULT_POLITE, "file|gopher|ftp", "302 to a scheme that is not HTTP",
		polite_redirect_file},
	{"wall", FAULT_POLITE, "cloudflare|akamai|datadome|queue|maintenance",
		"a wall stands before the shop; status overrides its own", polite_wall},
	{"drop", FAULT_HOSTILE, "head|before|body",
		"closes in mid head, before it, or in mid body; reset: with RST",
		.hostile = hostile_drop},
	{"drip", FAULT_HOSTILE, "body|head",
		"one byte each `ms` (200), `size` bytes (100) of head or body",
		.hostile = hostile_drip},
	{"endless", FAULT_HOSTILE, "chunked|close|length",
		"a body without end: chunked, until close, or with a huge Content-Length",
		.hostile = hostile_endless},
	{"gzip_bomb", FAULT_HOSTILE, NULL,
		"gzip that unpacks to `size` bytes (268435456), 158 times its length",
		.hostile = hostile_gzip_bomb},
	{"giant_headers", FAULT_HOSTILE, "finite|endless",
		"headers of `size` bytes together (20000000)", .hostile = hostile_giant_headers},
	{"one_header", FAULT_HOSTILE, NULL, "one header line of `size` bytes (5000000)",
		.hostile = hostile_one_header},
	{"esc", FAULT_HOSTILE, NULL,
		"terminal escapes (CSI, OSC 52, C1, bidi) in reason, header and title",
		.hostile = hostile_esc},
	{"interim", FAULT_HOSTILE, "continue|hints|endless",
		"`count` (1000) answers 100 or 103 before the final one, or nothing else for ever",
		.hostile = hostile_interim},
	{"bad_length", FAULT_HOSTILE, "double|overflow|negative|text|short|both",
		"Content-Length: two different, past 2^64, below 0, no number, more than "
		"comes, beside chunked",
		.hostile = hostile_bad_length},
	{"bad_chunk", FAULT_HOSTILE, "size|overflow|end", "broken chunk framing",
		.hostile = hostile_bad_chunk},
	{"nul", FAULT_HOSTILE, NULL, "a NUL byte in a header", .hostile = hostile_nul},
	{"http09", FAULT_HOSTILE, NULL, "a body without status line and headers",
		.hostile = hostile_http09},
	{"garbage", FAULT_HOSTILE, NULL, "bytes that are not HTTP", .hostile = hostile_garbage},
	{"silent", FAULT_HOSTILE, "request|accept",
		"never answers: after the request was read, or right from accept (TLS: "
		"no handshake)",
		.hostile = hostile_silent},
	{"phases", FAULT_HOSTILE, NULL,
		"head after head_ms, body body_ms later, exact; on the raw port logged in "
		"truth.log with `tag=`",
		.hostile = hostile_phases},
	{NULL},
};

enum param_type { P_INT, P_REAL, P_TEXT, P_STEP, P_BOOL };

/* Every parameter, the same in JSON and in a query. Several words for `variant` read better in
 * their place. */
static const struct fault_param {
	const char *key;
	enum param_type type;
	size_t offset;
	double min, max, initial;
	const char *help;
} fault_params[] = {
	{"step", P_STEP, offsetof(struct fault, step), .initial = -1,
		.help = "only this step of the shop"},
	{"variant", P_TEXT, offsetof(struct fault, variant),
		.help = "which kind; the first is the default"},
	{"phase", P_TEXT, offsetof(struct fault, variant), .help = "same as variant (delay)"},
	{"at", P_TEXT, offsetof(struct fault, variant),
		.help = "same as variant (drop, drip, silent, stale)"},
	{"wall", P_TEXT, offsetof(struct fault, variant), .help = "same as variant (wall)"},
	{"ms", P_INT, offsetof(struct fault, ms), 0, 600000, 0, "milliseconds"},
	{"share", P_REAL, offsetof(struct fault, share), 0, 1, 1,
		"share of the requests that are hit"},
	{"for_s", P_INT, offsetof(struct fault, for_s), 0, 864000, 0,
		"heals by itself after so many seconds"},
	{"status", P_INT, offsetof(struct fault, status), 0, 599, 0, "status code, 400 to 599"},
	{"retry_after", P_INT, offsetof(struct fault, retry_after), 0, 86400, 0,
		"seconds in Retry-After"},
	{"size", P_INT, offsetof(struct fault, size), 0, 1e12, 0, "bytes"},
	{"count", P_INT, offsetof(struct fault, count), 0, 1e9, 0, "how many"},
	{"head_ms", P_INT, offsetof(struct fault, head_ms), 0, 600000, 0,
		"request read to head written"},
	{"body_ms", P_INT, offsetof(struct fault, body_ms), 0, 600000, 0, "head to body"},
	{"reset", P_BOOL, offsetof(struct fault, reset), .help = "end with RST"},
	{"host", P_TEXT, offsetof(struct fault, host), .help = "where a redirect leads"},
};
#define N_PARAMS (sizeof(fault_params) / sizeof(fault_params[0]))

static const char *const step_names[STEP_MAX] = {
	[STEP_HOME] = "home",
	[STEP_LIST] = "list",
	[STEP_PRODUCT] = "product",
	[STEP_SEARCH] = "search",
	[STEP_CART] = "cart",
	[STEP_CHECKOUT] = "checkout",
	[STEP_PAYMENT] = "payment",
	[STEP_ORDER] = "order",
	[STEP_STOCK] = "stock",
	[STEP_GRAPHQL] = "graphql",
	[STEP_FEED] = "feed",
	[STEP_HEALTH] = "health",
	[STEP_HOOK] = "hook",
	[STEP_ECHO] = "echo",
	[STEP_CONTROL] = "control",
	[STEP_OTHER] = "other",
};

struct faults {
	pthread_mutex_t lock;
	uint64_t seed, draws;
	int n;
	struct fault active[FAULTS_MAX];
};

const char *step_name(enum step step)
{
	return step_names[step];
}

struct faults *faults_new(uint64_t seed)
{
	struct faults *f = calloc(1, sizeof(*f));

	if (f) {
		pthread_mutex_init(&f->lock, NULL);
		f->seed = seed;
	}
	return f;
}

void faults_free(struct faults *f)
{
	if (f)
		pthread_mutex_destroy(&f->lock);
	free(f);
}

/* ---- reading one ---- */

static const struct fault_kind *kind_by_name(const char *name)
{
	for (const struct fault_kind *k = fault_kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static bool has_variant(const struct fault_kind *kind, const char *variant)
{
	size_t len = strlen(variant);

	for (const char *p = kind->variants; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strncmp(p, variant, len) == 0 && (p[len] == '|' || !p[len]))
			return true;
	return false;
}

static int param_text(const struct fault_param *p, struct fault *out, const char *text)
{
	size_t size = p->offset == offsetof(struct fault, host) ? sizeof(out->host)
								: sizeof(out->variant);
	char *at = (char *)out + p->offset;

	if (strlen(text) >= size || strpbrk(text, "\r\n"))
		return -EINVAL;
	memcpy(at, text, strlen(text) + 1);
	return 0;
}

static int param_step(struct fault *out, const char *text)
{
	for (int i = 0; i < STEP_MAX; i++)
		if (strcmp(step_names[i], text) == 0) {
			out->step = i;
			return 0;
		}
	return -EINVAL;
}

static int param_number(const struct fault_param *p, struct fault *out, double value)
{
	char *at = (char *)out + p->offset;

	if (!(value >= p->min && value <= p->max))
		return -EINVAL;
	if (p->type == P_REAL)
		memcpy(at, &value, sizeof(value));
	else
		memcpy(at, &(int64_t){(int64_t)value}, sizeof(int64_t));
	return 0;
}

/* One parameter from its text. */
static int param_read(const struct fault_param *p, struct fault *out, const char *text)
{
	char *end;
	double value;

	switch (p->type) {
	case P_TEXT:
		return param_text(p, out, text);
	case P_STEP:
		return param_step(out, text);
	case P_BOOL:
		out->reset = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
		return 0;
	default:
		value = strtod(text, &end);
		return *text && !*end ? param_number(p, out, value) : -EINVAL;
	}
}

/* Sets the kind and everybody's first value. */
static int fault_begin(struct fault *out, const char *name, char *why, size_t why_size)
{
	memset(out, 0, sizeof(*out));
	out->kind = kind_by_name(name);
	out->share = 1;
	out->step = -1;
	if (out->kind)
		return 0;
	snprintf(why, why_size, "name: no fault is called \"%.40s\"", name);
	return -EINVAL;
}

static int fault_finish(struct fault *out, char *why, size_t why_size)
{
	const char *variants = out->kind->variants;

	if (!out->variant[0] && variants)
		snprintf(out->variant, sizeof(out->variant), "%.*s", (int)strcspn(variants, "|"),
			variants);
	if (out->variant[0] && !has_variant(out->kind, out->variant)) {
		snprintf(why, why_size, "variant: %s has %s", out->kind->name,
			variants ? variants : "no variants");
		return -EINVAL;
	}
	if (out->status && out->status < 400) {
		snprintf(why, why_size, "status: 400 to 599");
		return -EINVAL;
	}
	return 0;
}

static const char *json_as_text(const json_t *value, char dst[64])
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "1" : "0";
	if (json_is_integer(value))
		snprintf(dst, 64, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(dst, 64, "%.17g", json_real_value(value));
	else
		dst[0] = '\0';
	return dst;
}

int fault_from_json(const json_t *object, struct fault *out, char *why, size_t why_size)
{
	const char *name = json_string_value(json_object_get(object, "name"));
	const char *key;
	json_t *value;
	char text[64];

	if (fault_begin(out, name ? name : "", why, why_size))
		return -EINVAL;
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		const struct fault_param *p = fault_params;

		if (strcmp(key, "name") == 0)
			continue;
		while (p < fault_params + N_PARAMS && strcmp(p->key, key) != 0)
			p++;
		if (p == fault_params + N_PARAMS || param_read(p, out, json_as_text(value, text))) {
			snprintf(why, why_size, "%.40s: %s", key,
				p == fault_params + N_PARAMS ? "unknown" : "not allowed");
			return -EINVAL;
		}
	}
	return fault_finish(out, why, why_size);
}

int fault_from_query(const char *query, struct fault *out, char *why, size_t why_size)
{
	char text[128];

	if (!query_get(query, "fault", text, sizeof(text)) || fault_begin(out, text, why, why_size))
		return -EINVAL;
	for (const struct fault_param *p = fault_params; p < fault_params + N_PARAMS; p++)
		if (query_get(query, p->key, text, sizeof(text)) && param_read(p, out, text)) {
			snprintf(why, why_size, "%s: not allowed", p->key);
			return -EINVAL;
		}
	return fault_finish(out, why, why_size);
}

/* ---- those in force ---- */

/* Lock held: drops what has had its time. */
static void expire(struct faults *f)
{
	int64_t now = mono_now().us;
	int kept = 0;

	for (int i = 0; i < f->n; i++)
		if (!f->active[i].until.us || f->active[i].until.us > now)
			f->active[kept++] = f->active[i];
	f->n = kept;
}

int faults_add(struct faults *f, const struct fault *fault)
{
	int at = 0, rc = 0;

	pthread_mutex_lock(&f->lock);
	expire(f);
	while (at < f->n &&
		(f->active[at].kind != fault->kind || f->active[at].step != fault->step ||
			strcmp(f->active[at].variant, fault->variant) != 0))
		at++;
	if (at == FAULTS_MAX) {
		rc = -ENOSPC;
	} else {
		f->active[at] = *fault;
		f->active[at].hits = 0;
		if (fault->for_s)
			f->active[at].until = mono_add_us(mono_now(), fault->for_s * 1000000);
		f->n = at == f->n ? at + 1 : f->n;
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

int faults_heal(struct faults *f, const char *name)
{
	int kept = 0, healed;

	pthread_mutex_lock(&f->lock);
	expire(f);
	for (int i = 0; i < f->n; i++)
		if (name && strcmp(f->active[i].kind->name, name) != 0)
			f->active[kept++] = f->active[i];
	healed = f->n - kept;
	f->n = kept;
	pthread_mutex_unlock(&f->lock);
	return healed;
}

static bool step_fits(const struct fault *fault, int step)
{
	return step < 0 || fault->step == step || (fault->step < 0 && step <= STEP_GRAPHQL);
}

/* Lock held. */
static bool drawn(struct faults *f, struct fault *fault)
{
	if (fault->share < 1 && shop_unit(shop_hash(f->seed, 77, f->draws++)) >= fault->share)
		return false;
	fault->hits++;
	return true;
}

bool faults_pick(struct faults *f, int step, unsigned mask, struct fault *out)
{
	bool found = false;

	pthread_mutex_lock(&f->lock);
	expire(f);
	for (int i = 0; i < f->n && !found; i++) {
		struct fault *a = &f->active[i];
		bool at_accept = strcmp(a->variant, "accept") == 0;

		if (!(mask & 1u << a->kind->class) || at_accept || !step_fits(a, step) ||
			!drawn(f, a))
			continue;
		*out = *a;
		found = true;
	}
	pthread_mutex_unlock(&f->lock);
	return found;
}

int64_t faults_delay_ms(struct faults *f, int step, const char *phase)
{
	int64_t sum = 0;

	pthread_mutex_lock(&f->lock);
	expire(f);
	for (int i = 0; i < f->n; i++) {
		struct fault *a = &f->active[i];

		if (a->kind->class == FAULT_DELAY && strcmp(a->variant, phase) == 0 &&
			step_fits(a, step) && drawn(f, a))
			sum += a->ms;
	}
	pthread_mutex_unlock(&f->lock);
	return sum;
}

bool faults_has(struct faults *f, const char *name, const char *variant, struct fault *out)
{
	bool found = false;

	pthread_mutex_lock(&f->lock);
	expire(f);
	for (int i = 0; i < f->n && !found; i++) {
		found = strcmp(f->active[i].kind->name, name) == 0 &&
			(!variant || strcmp(f->active[i].variant, variant) == 0);
		if (found && out)
			*out = f->active[i];
	}
	pthread_mutex_unlock(&f->lock);
	return found;
}

/* ---- the tables, shown ---- */

static json_t *fault_json(const struct fault *a)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:I}", "name", a->kind->name, "variant",
		a->variant, "step", a->step < 0 ? "*" : step_names[a->step], "share", a->share,
		"hits", (json_int_t)a->hits);

	for (const struct fault_param *p = fault_params; p < fault_params + N_PARAMS; p++) {
		int64_t value;

		if (p->type != P_INT)
			continue;
		memcpy(&value, (const char *)a + p->offset, sizeof(value));
		if (value)
			json_object_set_new(o, p->key, json_integer(value));
	}
	return o;
}

json_t *faults_state(struct faults *f)
{
	json_t *active = json_array(), *known = json_array();

	pthread_mutex_lock(&f->lock);
	expire(f);
	for (int i = 0; i < f->n; i++)
		json_array_append_new(active, fault_json(&f->active[i]));
	pthread_mutex_unlock(&f->lock);
	for (const struct fault_kind *k = fault_kinds; k->name; k++)
		json_array_append_new(known,
			json_pack("{s:s, s:s, s:s}", "name", k->name, "variants",
				k->variants ? k->variants : "", "help", k->help));
	return json_pack("{s:o, s:o}", "active", active, "known", known);
}

void faults_help(FILE *to)
{
	fprintf(to,
		"\nfaults (POST /control/fault {\"name\": ..}, or ?fault=NAME on a request):\n");
	for (const struct fault_kind *k = fault_kinds; k->name; k++)
		fprintf(to, "  %-14s %s%s%s%s\n", k->name, k->variants ? "[" : "",
			k->variants ? k->variants : "", k->variants ? "] " : "", k->help);
	fprintf(to, "\nparameters:\n");
	for (const struct fault_param *p = fault_params; p < fault_params + N_PARAMS; p++)
		fprintf(to, "  %-14s %s\n", p->key, p->help);
	fprintf(to, "\nsteps:");
	for (int i = 0; i < STEP_MAX; i++)
		fprintf(to, " %s", step_names[i]);
	fprintf(to, "\n");
}
