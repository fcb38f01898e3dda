/*
 * schema-words.c - see schema.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "config/schema.h"

#define STEP_BYTES 128

static void accept(json_t *schema, const char *was, const char *now);

/* The same word in each of several schemas. */
static void
accept_any(json_t *list, const char *was, const char *now)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) accept(one, was, now);
}

static json_t *
child_of(json_t *schema, const char *step)
{
	json_t *items = json_object_get(schema, "items"),
	       *named = json_object_get(schema, "additionalProperties");

	if (strcmp(step, "*") == 0)
		return items != NULL ? items : named;
	return json_object_get(json_object_get(schema, "properties"), step);
}

/* "robots=heed" is one more of the words that are possible. */
static void
accept_value(json_t *schema, const char *was)
{
	json_t *key, *list, *one;
	char name[STEP_BYTES];
	size_t i;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(was, "="), was);
	key = child_of(schema, name);
	json_array_append_new(json_object_get(key, "enum"), json_string(strchr(was, '=') + 1));
	list = json_object_get(key, "anyOf"); /* one, or a list of them, which share their words */
	json_array_foreach(list, i, one) if (json_object_get(one, "enum") != NULL)
	    json_array_append_new(json_object_get(one, "enum"), json_string(strchr(was, '=') + 1));
}

static void
accept_key(json_t *schema, const char *was, const char *now)
{
	json_t *required = json_object_get(schema, "required"), *name, *key;
	size_t i;

	key = strchr(now, '/') == NULL ? json_deep_copy(child_of(schema, now)) : NULL;
	if (key == NULL)
		key = json_object(); /* moved: it is judged where it belongs */
	json_object_set_new(key, "deprecated", json_true());
	json_object_set_new(key, "description", json_sprintf("now %s", now));
	json_object_set_new(json_object_get(schema, "properties"), was, key);
	json_array_foreach(required, i, name) if (strcmp(json_string_value(name), now) == 0)
	{
		json_array_remove(required, i);
		break;
	}
}

static void
accept(json_t *schema, const char *was, const char *now)
{
	const char *behind = strchr(was, '/');
	size_t n = behind != NULL ? (size_t)(behind - was) + 1 : 0;
	char step[STEP_BYTES];

	if (schema == NULL)
		return;
	if (json_object_get(schema, "oneOf") != NULL) {
		accept_any(json_object_get(schema, "oneOf"), was, now);
	} else if (n > 0) {
		snprintf(step, sizeof(step), "%.*s", (int)n - 1, was);
		/* A move leaves the way that both words share. */
		accept(
		    child_of(schema, step), behind + 1, strncmp(was, now, n) == 0 ? now + n : "/");
	} else if (strchr(was, '=') != NULL) {
		accept_value(schema, was);
	} else {
		accept_key(schema, was, now);
	}
}

void
schema_add_words(json_t *out, json_t *of, const char *plugin, const struct tw_table *words)
{
	json_t *list = json_object_get(out, "x-former-words");

	if (list == NULL)
		json_object_set_new(out, "x-former-words", list = json_array());
	for (uint32_t i = 0; i < words->count; i++) {
		struct tw_word w = word_row(words, i);

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "plugin", plugin,
						"was", w.was, "now", w.now, "since", w.since));
		if (w.now[0] != '/')
			accept(of, w.was, w.now);
	}
}
