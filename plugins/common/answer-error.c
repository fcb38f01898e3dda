/*
 * answer-error.c - the shop's no inside a 2xx: what `error_if` says, and what GraphQL servers do.
 *
 * GraphQL by default: a member `errors` that is not empty; a member of `data` whose errorCode is
 * there or whose __typename ends in Error (Vendure and others return their refusals as data).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "plugins/common/answer.h"

#define RULES_MAX 16
#define VALUE_BYTES 4096          /* of a value that is compared */

/* ---- reading the option ---- */

void
error_rules_clear(struct error_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		free(rules->at[i].pointer);
		free(rules->at[i].equals);
		json_decref(rules->at[i].in);
		regex_free(rules->at[i].matches);
	}
	free(rules->at);
	*rules = (struct error_rules){NULL};
}

static int
read_word(struct error_rule *r, const char *key, json_t *v, char *err, size_t cap)
{
	char text[1024], why[160];

	if (strcmp(key, "in") == 0 && json_is_array(v)) {
		r->in = json_incref(v);
		return 0;
	}
	if (strcmp(key, "exists") == 0 && json_is_boolean(v)) {
		r->exists = true;
		r->wants_exists = json_is_true(v);
		return 0;
	}
	if (!json_scalar_text(v, text, sizeof(text))) {
		snprintf(err, cap, "%.40s: a single value is wanted here", key);
		return -EINVAL;
	}
	if (strcmp(key, "json") == 0 && json_pointer_ok(text))
		return (r->pointer = strdup(text)) != NULL ? 0 : -ENOMEM;
	if (strcmp(key, "equals") == 0)
		return (r->equals = strdup(text)) != NULL ? 0 : -ENOMEM;
	if (strcmp(key, "matches") == 0) {
		if ((r->matches = regex_new(text, why, sizeof(why))) != NULL)
			return 0;
		snprintf(err, cap, "\"%.80s\" is no regular expression (%s)", text, why);
		return -EINVAL;
	}
	snprintf(err, cap, "%.40s: wanted is json (a JSON Pointer) with equals, in, matches or "
	    "exists (true or false)", key);
	return -EINVAL;
}

static int
read_rule(struct error_rules *rules, json_t *item, char *err, size_t cap)
{
	struct error_rule *r = &rules->at[rules->n++];
	const char *key;
	json_t *v;
	int rc;

	if (!json_is_object(item)) {
		snprintf(err, cap, "a map is wanted: {json: POINTER, equals: ...}");
		return -EINVAL;
	}
	json_object_foreach(item, key, v)
		if ((rc = read_word(r, key, v, err, cap)) != 0)
			return rc;
	if (r->pointer == NULL) {
		snprintf(err, cap, "json is missing: where the error stands (a JSON Pointer)");
		return -EINVAL;
	}
	if (r->equals == NULL && r->in == NULL && r->matches == NULL && !r->exists)
		r->exists = r->wants_exists = true;
	return 0;
}

int
error_rules_read(struct error_rules *rules, const char *json, char *err, size_t err_cap)
{
	json_t *root = json_read(json, strlen(json), err, err_cap);
	size_t n = json_is_array(root) ? json_array_size(root) : 1;
	int rc = -EINVAL;

	if (root == NULL)
		return -EINVAL;
	if (n > RULES_MAX) {
		snprintf(err, err_cap, "more than %d rules", RULES_MAX);
		goto out;
	}
	rc = -ENOMEM;
	if ((rules->at = calloc(n + 1, sizeof(*rules->at))) == NULL)
		goto out;
	rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = read_rule(
		    rules, json_is_array(root) ? json_array_get(root, i) : root, err, err_cap);
	rules->is_given = true;
out:
	json_decref(root);
	return rc;
}

/* ---- the code ---- */

void
error_code(json_t *v, char *dst, size_t cap)
{
	static const char *const at[] = {
	    "/extensions/code", "/errorCode", "/code", "/message", "/__typename"};
	json_t *found = NULL;

	if (json_is_array(v))
		v = json_array_get(v, 0);
	if (v == NULL)
		return;
	if (!json_is_object(v)) {
		(void)(json_scalar_text(v, dst, cap) || (dst[0] = '\0'));
		return;
	}
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if ((found = json_at(v, at[i])) != NULL && json_is_string(found)) {
			snprintf(dst, cap, "%s", json_string_value(found));
			return;
		}
}

static bool
is_empty(const json_t *v)
{
	return v == NULL || json_is_null(v) || (json_is_array(v) && json_array_size(v) == 0)
	       || (json_is_object(v) && json_object_size(v) == 0);
}

/* ---- rules ---- */

static bool
text_matches(const struct error_rule *r, const char *text)
{
	char one[1024];
	json_t *v;
	size_t i;

	if (r->equals != NULL && strcmp(r->equals, text) == 0)
		return true;
	if (r->matches != NULL && regex_match(r->matches, text, strlen(text), NULL) != 0)
		return true;
	json_array_foreach(r->in, i, v)
		if (json_scalar_text(v, one, sizeof(one)) && strcmp(one, text) == 0)
			return true;
	return false;
}

static bool
rule_matches(const struct error_rule *r, json_t *root)
{
	json_t *v = json_at(root, r->pointer);
	char text[VALUE_BYTES];

	if (r->exists)
		return is_empty(v) != r->wants_exists;
	return v != NULL && json_scalar_text(v, text, sizeof(text)) && text_matches(r, text);
}

static bool
rules_match(const struct error_rules *rules, json_t *root, int status, struct verdict *v)
{
	for (size_t i = 0; i < rules->n; i++) {
		json_t *at;

		if (!rule_matches(&rules->at[i], root))
			continue;
		v->code[0] = '\0';
		if ((at = json_at(root, rules->at[i].pointer)) != NULL)
			error_code(at, v->code, sizeof(v->code));
		verdict_set(v, OUTCOME_BUSINESS_ERROR, "%s%s%.100s (HTTP %d)", v->code,
		    v->code[0] != '\0' ? " at " : "nothing at ", rules->at[i].pointer, status);
		return true;
	}
	return false;
}

/* ---- GraphQL ---- */

/* The server's own words for what is not the shop's no. */
static enum outcome
outcome_of_code(const char *code)
{
	if (strcasecmp(code, "THROTTLED") == 0)
		return OUTCOME_THROTTLED;
	if (strncasecmp(code, "INTERNAL_", 9) == 0)
		return OUTCOME_SERVER_ERROR;
	if (strcmp(code, "GRAPHQL_VALIDATION_FAILED") == 0
	    || strcmp(code, "GRAPHQL_PARSE_FAILED") == 0 || strcmp(code, "BAD_USER_INPUT") == 0)
		return OUTCOME_CLIENT_ERROR;
	return OUTCOME_BUSINESS_ERROR;
}

static bool
has_data(json_t *root)
{
	json_t *data = json_object_get(root, "data"), *v;
	const char *key;

	json_object_foreach(data, key, v)
		if (!json_is_null(v))
			return true;
	return false;
}

static bool
graphql_errors(const struct demands *d, json_t *root, int status, struct verdict *v)
{
	json_t *errors = json_object_get(root, "errors"), *message;
	enum outcome o;

	if (is_empty(errors))
		return false;
	v->code[0] = '\0';
	error_code(errors, v->code, sizeof(v->code));
	o = outcome_of_code(v->code);
	if (o == OUTCOME_BUSINESS_ERROR && (d->rules.is_given || d->allows_partial)) {
		if (has_data(root))
			o = OUTCOME_PARTIAL;
		else if (d->rules.is_given)
			return false; /* the user's rules have spoken */
	}
	message = json_at(errors, "/0/message");
	verdict_set(v, o, "%s (HTTP %d)%s%.200s", v->code[0] != '\0' ? v->code : "errors", status,
	    json_is_string(message) ? ": " : "",
	    json_is_string(message) ? json_string_value(message) : "");
	return true;
}

static bool
graphql_refusals(json_t *root, int status, struct verdict *v)
{
	json_t *member, *type, *code;
	const char *key;

	json_object_foreach(json_object_get(root, "data"), key, member) {
		const char *name;
		size_t n;

		type = json_object_get(member, "__typename");
		code = json_object_get(member, "errorCode");
		name = json_is_string(type) ? json_string_value(type) : "";
		n = strlen(name);
		if (!json_is_string(code) && (n < 5 || strcmp(name + n - 5, "Error") != 0))
			continue;
		snprintf(v->code, sizeof(v->code), "%s",
		    json_is_string(code) ? json_string_value(code) : name);
		verdict_set(v, OUTCOME_BUSINESS_ERROR, "%s (HTTP %d)", v->code, status);
		return true;
	}
	return false;
}

/* Throttled and server errors go before the shop's no, and that before the rest. */
bool
errors_in_body(const struct demands *d, json_t *root, int status, struct verdict *v)
{
	struct verdict of_errors = {.outcome = OUTCOME_OK};
	bool has_errors = d->is_graphql && graphql_errors(d, root, status, &of_errors);

	if (has_errors
	    && (of_errors.outcome == OUTCOME_THROTTLED
		|| of_errors.outcome == OUTCOME_SERVER_ERROR)) {
		*v = of_errors;
		return true;
	}
	if (rules_match(&d->rules, root, status, v))
		return true;
	if (d->is_graphql && !d->rules.is_given && graphql_refusals(root, status, v))
		return true;
	if (has_errors)
		*v = of_errors;
	return has_errors;
}
