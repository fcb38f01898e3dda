/*
 * format.c - a line of an access log becomes values; see log.h.
 *
 *     '$remote_addr - [$time_local] "$request" $status rt=$request_time'
 *      steps:  "" address | " - [" time | "] \"" request | "\" " status | " rt=" seconds | ""
 *
 * A variable reaches to the next literal; in front of a quote an escaped quote does not end it.
 * Sources: nginx ngx_http_log_module and ngx_http_upstream_module, Apache mod_log_config.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/access_log/format-internal.h"

const char *const log_field_names[FIELD_N] = {
    [FIELD_METHOD] = "method",
    [FIELD_PATH] = "path",
    [FIELD_QUERY] = "query",
    [FIELD_PROTOCOL] = "protocol",
    [FIELD_STATUS] = "status",
    [FIELD_BYTES] = "bytes",
    [FIELD_DURATION] = "duration",
    [FIELD_HOST] = "host",
    [FIELD_UPSTREAM_STATUS] = "upstream_status",
    [FIELD_CACHE] = "cache",
    [FIELD_COUNTRY] = "country",
    [FIELD_ADDRESS] = "address",
    [FIELD_FORWARDED] = "forwarded",
    [FIELD_USER_AGENT] = "user_agent",
    [FIELD_REFERER] = "referer",
    [FIELD_SESSION] = "session",
    [FIELD_SYNTHETIC] = "synthetic",
};

/* What a variable means, by its name in nginx, in Apache, or in JSON as people write it. */
static const struct known {
	const char *name;
	enum kind kind;
	enum log_field field;
} known[] = {
    {"time_local", K_TIME, 0},
    {"time_iso8601", K_TIME, 0},
    {"msec", K_TIME, 0},
    {"%t", K_TIME, 0},
    {"time", K_TIME, 0},
    {"ts", K_TIME, 0},
    {"timestamp", K_TIME, 0},
    {"@timestamp", K_TIME, 0},
    {"request", K_REQUEST, 0},
    {"%r", K_REQUEST, 0},
    {"request_method", K_TEXT, FIELD_METHOD},
    {"method", K_TEXT, FIELD_METHOD},
    {"%m", K_TEXT, FIELD_METHOD},
    {"request_uri", K_URI, 0},
    {"uri", K_URI, 0},
    {"path", K_URI, 0},
    {"url", K_URI, 0},
    {"%U", K_URI, 0},
    {"args", K_TEXT, FIELD_QUERY},
    {"query_string", K_TEXT, FIELD_QUERY},
    {"query", K_TEXT, FIELD_QUERY},
    {"%q", K_TEXT, FIELD_QUERY},
    {"server_protocol", K_TEXT, FIELD_PROTOCOL},
    {"protocol", K_TEXT, FIELD_PROTOCOL},
    {"%H", K_TEXT, FIELD_PROTOCOL},
    {"status", K_INT, FIELD_STATUS},
    {"%s", K_INT, FIELD_STATUS},
    {"%>s", K_INT, FIELD_STATUS},
    {"body_bytes_sent", K_INT, FIELD_BYTES},
    {"bytes_sent", K_INT, FIELD_BYTES},
    {"bytes", K_INT, FIELD_BYTES},
    {"size", K_INT, FIELD_BYTES},
    {"%b", K_INT, FIELD_BYTES},
    {"%B", K_INT, FIELD_BYTES},
    {"%O", K_INT, FIELD_BYTES},
    {"request_time", K_CLIENT_SECONDS, FIELD_DURATION},
    {"upstream_response_time", K_SECONDS, FIELD_DURATION},
    {"duration", K_SECONDS, FIELD_DURATION},
    {"%D", K_MICROSECONDS, FIELD_DURATION},
    {"%{us}T", K_MICROSECONDS, FIELD_DURATION},
    {"%{ms}T", K_MILLISECONDS, FIELD_DURATION},
    {"%{s}T", K_SECONDS, FIELD_DURATION},
    {"%T", K_SECONDS, FIELD_DURATION},
    {"upstream_status", K_LAST_INT, FIELD_UPSTREAM_STATUS},
    {"upstream_cache_status", K_TEXT, FIELD_CACHE},
    {"cache", K_TEXT, FIELD_CACHE},
    {"host", K_TEXT, FIELD_HOST},
    {"http_host", K_TEXT, FIELD_HOST},
    {"server_name", K_TEXT, FIELD_HOST},
    {"%v", K_TEXT, FIELD_HOST},
    {"%V", K_TEXT, FIELD_HOST},
    {"%{Host}i", K_TEXT, FIELD_HOST},
    {"remote_addr", K_TEXT, FIELD_ADDRESS},
    {"address", K_TEXT, FIELD_ADDRESS},
    {"ip", K_TEXT, FIELD_ADDRESS},
    {"%h", K_TEXT, FIELD_ADDRESS},
    {"%a", K_TEXT, FIELD_ADDRESS},
    {"%{c}a", K_TEXT, FIELD_ADDRESS},
    {"http_x_forwarded_for", K_TEXT, FIELD_FORWARDED},
    {"%{X-Forwarded-For}i", K_TEXT, FIELD_FORWARDED},
    {"http_user_agent", K_TEXT, FIELD_USER_AGENT},
    {"user_agent", K_TEXT, FIELD_USER_AGENT},
    {"%{User-Agent}i", K_TEXT, FIELD_USER_AGENT},
    {"%{User-agent}i", K_TEXT, FIELD_USER_AGENT},
    {"http_referer", K_TEXT, FIELD_REFERER},
    {"referer", K_TEXT, FIELD_REFERER},
    {"%{Referer}i", K_TEXT, FIELD_REFERER},
    {"session", K_TEXT, FIELD_SESSION},
    {"http_x_synthetic", K_TEXT, FIELD_SYNTHETIC},
    {"synthetic", K_TEXT, FIELD_SYNTHETIC},
    {"%{X-Synthetic}i", K_TEXT, FIELD_SYNTHETIC},
};

static const char combined[] = "$remote_addr - $remote_user [$time_local] \"$request\" $status "
			       "$body_bytes_sent \"$http_referer\" \"$http_user_agent\"";
static const char common[] =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent";

static const struct known *
find_known(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

/* ---- fields ---- */

/* The place of a field among the values, made when it has none. -1: too many. */
static int
place(struct log_format *f, const char *name)
{
	for (uint32_t i = 0; i < f->n_fields; i++)
		if (strcmp(f->fields[i], name) == 0)
			return (int)i;
	if (f->n_fields == LOG_FIELDS_MAX || (f->fields[f->n_fields] = strdup(name)) == NULL)
		return -1;
	return (int)f->n_fields++;
}

static void
take_places(struct log_format *f)
{
	for (int i = 0; i < FIELD_N; i++) {
		f->at[i] = -1;
		for (uint32_t k = 0; k < f->n_fields; k++)
			if (strcmp(f->fields[k], log_field_names[i]) == 0)
				f->at[i] = (int)k;
	}
}

/* What a variable becomes: as it is known, else text of its own name, which only `fields` can make
 * a field of. */
static int
give_meaning(struct log_format *f, struct step *s)
{
	const struct known *k = find_known(s->name);

	s->kind = k != NULL ? k->kind : K_SKIP;
	s->value = -1;
	if (s->kind == K_TIME) {
		f->has_time = true;
		return 0;
	}
	f->has_client_seconds |= s->kind == K_CLIENT_SECONDS;
	f->has_server_seconds |= k != NULL && k->field == FIELD_DURATION
	    && s->kind != K_CLIENT_SECONDS && s->kind != K_TEXT && s->kind != K_URI
	    && s->kind != K_REQUEST;
	if (s->kind == K_REQUEST
	    && (place(f, "method") < 0 || place(f, "path") < 0 || place(f, "query") < 0
		|| place(f, "protocol") < 0))
		return -EINVAL;
	if (s->kind == K_URI && (place(f, "path") < 0 || place(f, "query") < 0))
		return -EINVAL;
	if (s->kind != K_SKIP && s->kind != K_REQUEST && s->kind != K_URI
	    && (s->value = place(f, log_field_names[k->field])) < 0)
		return -EINVAL;
	return 0;
}

static enum kind
kind_of_field(const char *name, enum kind now)
{
	if (strcmp(name, "time") == 0)
		return K_TIME;
	if (strcmp(name, "path") == 0)
		return K_URI;
	if (strcmp(name, "request") == 0)
		return K_REQUEST;
	if (strcmp(name, "status") == 0 || strcmp(name, "bytes") == 0)
		return K_INT;
	if (strcmp(name, "upstream_status") == 0)
		return K_LAST_INT;
	if (strcmp(name, "duration") == 0) /* said by name: it is the server's time */
		return now == K_MICROSECONDS || now == K_MILLISECONDS ? now : K_SECONDS;
	return K_TEXT;
}

/* Is it what `fields` names: $var, var, or the key in front of the variable (sid=$cookie_visitor)?
 */
static bool
is_meant(const struct step *s, const char *reference)
{
	size_t n = strlen(reference), len = strlen(s->literal);

	if (strcmp(reference, s->name) == 0)
		return true;
	if (reference[0] == '$' || reference[0] == '/')
		return strcmp(reference + 1, s->name) == 0;
	if (len > 0 && s->literal[len - 1] == '"')
		len--;
	return len > n && (s->literal[len - 1] == '=' || s->literal[len - 1] == ':')
	    && memcmp(s->literal + len - 1 - n, reference, n) == 0
	    && (len - 1 == n || strchr(" \t\"',;|", s->literal[len - 2 - n]) != NULL);
}

static int
rename_field(struct log_format *f, const struct tw_pair *pair, char *err, size_t cap)
{
	for (size_t i = 0; i < f->n_steps; i++) {
		struct step *s = &f->steps[i];

		if (s->name == NULL || !is_meant(s, pair->value))
			continue;
		s->kind = kind_of_field(pair->name, s->kind);
		s->value = -1;
		f->has_time |= s->kind == K_TIME;
		f->has_server_seconds |= strcmp(pair->name, "duration") == 0;
		if (s->kind == K_URI && (place(f, "path") < 0 || place(f, "query") < 0))
			return -EINVAL;
		if (s->kind != K_TIME && s->kind != K_URI && s->kind != K_REQUEST
		    && (s->value = place(f, pair->name)) < 0) {
			snprintf(err, cap, "more than %d fields", LOG_FIELDS_MAX);
			return -EINVAL;
		}
		return 0;
	}
	snprintf(err, cap, "fields.%.40s: the format has nothing called \"%.60s\"", pair->name,
	    pair->value);
	return -EINVAL;
}

/* ---- compiling ---- */

/* The variable that begins at `at`: its name into name; how long it is, 0: none begins here. */
static size_t
variable(const char *at, bool is_apache, char *name, size_t cap)
{
	const char *from = at;
	size_t n;

	if (is_apache) {
		if (*at++ != '%' || *at == '%')
			return 0;
		at += strspn(at, "0123456789,!"); /* a condition: %400,501{User-agent}i */
		if (*at == '>' || *at == '<')
			at++;
		if (*at == '{' && (at = strchr(at, '}')) != NULL)
			at++;
		if (at == NULL || *at == '\0')
			return 0;
		n = (size_t)(at + 1 - from);
		snprintf(name, cap, "%.*s", (int)n, from);
		return n;
	}
	if (*at++ != '$')
		return 0;
	if (*at == '{') {
		n = strcspn(at, "}");
		snprintf(name, cap, "%.*s", (int)n - 1, at + 1);
		return at[n] == '}' ? n + 2 : 0;
	}
	n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	snprintf(name, cap, "%.*s", (int)n, at);
	return n > 0 ? n + 1 : 0;
}

static int
add_step(struct log_format *f, const char *literal, size_t len, const char *name, char *err,
    size_t cap)
{
	struct step *s = &f->steps[f->n_steps];

	if (f->n_steps == LOG_STEPS_MAX) {
		snprintf(err, cap, "more than %d variables", LOG_STEPS_MAX - 1);
		return -EINVAL;
	}
	if (len == 0 && name != NULL && f->n_steps > 0) {
		snprintf(err, cap, "%.40s and %.40s touch each other: nothing tells where one ends",
		    f->steps[f->n_steps - 1].name, name);
		return -EINVAL;
	}
	s->literal = strndup(literal, len);
	s->len = len;
	memset(s->first, len > 0 ? literal[0] : 0, sizeof(s->first));
	memcpy(s->head, literal, len < SCAN_BLOCK ? len : SCAN_BLOCK);
	s->head_mask = len < SCAN_BLOCK ? (1u << len) - 1 : 0xffff;
	s->name = name != NULL ? strdup(name) : NULL;
	if (s->literal == NULL || (name != NULL && s->name == NULL))
		return -ENOMEM;
	f->n_steps++;
	return name != NULL ? give_meaning(f, s) : 0;
}

static int
compile(struct log_format *f, const char *text, char *err, size_t cap)
{
	bool is_apache = strchr(text, '$') == NULL && strchr(text, '%') != NULL;
	char literal[512], name[96];
	size_t n = 0, len;
	int rc = 0;

	while (*text != '\0' && rc == 0) {
		if ((len = variable(text, is_apache, name, sizeof(name))) > 0) {
			/* Apache writes its time in brackets of its own. */
			if (strcmp(name, "%t") == 0 && n < sizeof(literal))
				literal[n++] = '[';
			rc = add_step(f, literal, n, name, err, cap);
			n = 0;
			if (strcmp(name, "%t") == 0)
				literal[n++] = ']';
			text += len;
			continue;
		}
		if (n == sizeof(literal)) {
			snprintf(err, cap, "more than %zu bytes without a variable", n);
			return -EINVAL;
		}
		if (is_apache && *text == '%' && text[1] == '%')
			text++;
		if (*text == '\\' && (text[1] == '"' || text[1] == 't')) {
			text++;
			literal[n++] = *text == 't' ? '\t' : '"';
		} else {
			literal[n++] = *text;
		}
		text++;
	}
	if (rc == 0)
		rc = add_step(f, literal, n, NULL, err, cap);
	return rc;
}

/* Is what this member would say said by one that `fields` names? A client's time is still needed
 * where the server's is missing. */
static bool
is_said(const struct known *k, const struct tw_pair *fields, uint32_t n)
{
	const char *name = k->kind == K_TIME ? "time"
	    : k->kind == K_URI		     ? "path"
	    : k->kind == K_REQUEST	     ? "request"
					     : log_field_names[k->field];

	for (uint32_t i = 0; i < n && k->kind != K_CLIENT_SECONDS; i++)
		if (strcmp(fields[i].name, name) == 0)
			return true;
	return false;
}

/* JSON: every member that is known or named in `fields`, in no order. */
static int
compile_json(struct log_format *f, const struct tw_pair *fields, uint32_t n, char *err, size_t cap)
{
	int rc = 0;

	f->is_json = true;
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		const char *key = fields[i].value + (fields[i].value[0] == '/');
		bool is_nested = key != fields[i].value && strchr(key, '/') != NULL;

		if (strlen(key) >= POINTER_MAX) {
			snprintf(err, cap, "fields.%.40s: is over %d bytes", fields[i].name,
			    POINTER_MAX - 1);
			return -EINVAL;
		}
		f->is_nested |= is_nested;
		rc = add_step(f, " ", 1, is_nested ? fields[i].value : key, err, cap);
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && rc == 0; i++) {
		bool is_taken = known[i].name[0] == '%' || is_said(&known[i], fields, n);

		for (size_t k = 0; k < f->n_steps; k++)
			is_taken |= strcmp(f->steps[k].name, known[i].name) == 0;
		if (!is_taken && f->n_steps < LOG_STEPS_MAX)
			rc = add_step(f, " ", 1, known[i].name, err, cap);
	}
	return rc;
}

int
log_format_new(struct log_format **out, const char *text, const struct tw_pair *fields,
    uint32_t n_fields, char *err, size_t cap)
{
	struct log_format *f = calloc(1, sizeof(*f));
	int rc;

	*out = NULL;
	if (f == NULL)
		return -ENOMEM;
	snprintf(err, cap, "out of memory");
	if (strcmp(text, "json") == 0)
		rc = compile_json(f, fields, n_fields, err, cap);
	else
		rc = compile(f, strcmp(text, "combined") == 0 ? combined
			: strcmp(text, "common") == 0	      ? common
							      : text,
		    err, cap);
	for (uint32_t i = 0; i < n_fields && rc == 0; i++)
		rc = rename_field(f, &fields[i], err, cap);
	if (rc == 0 && !f->has_time) {
		snprintf(err, cap, "has no time ($time_local, $time_iso8601, $msec, %%t)");
		rc = -EINVAL;
	}
	if (rc == 0)
		(void)place(f, "country");
	take_places(f);
	if (rc == 0 && f->at[FIELD_STATUS] < 0) {
		snprintf(err, cap, "has no status ($status, %%>s)");
		rc = -EINVAL;
	}
	if (rc != 0)
		log_format_free(f);
	else
		*out = f;
	return rc;
}

void
log_format_free(struct log_format *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n_steps; i++) {
		free(f->steps[i].literal);
		free(f->steps[i].name);
	}
	for (uint32_t i = 0; i < f->n_fields; i++)
		free(f->fields[i]);
	free(f);
}

const char *const *
log_format_fields(const struct log_format *f, uint32_t *n)
{
	*n = f->n_fields;
	return (const char *const *)f->fields;
}

bool
log_format_has_client_time(const struct log_format *f)
{
	return f->has_client_seconds && !f->has_server_seconds;
}
