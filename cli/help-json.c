/*
 * help-json.c - the table of verbs for programs: `tillwatch help --json`. The manual pages are made
 * of it (scripts/manual), so they tell what --help tells.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <string.h>

#include "cli/cli.h"

#define EXAMPLE "Example"

static json_t *
json_of_options(const struct cli_option *o)
{
	json_t *list = json_array();

	for (; o != NULL && o->name != NULL; o++) {
		char letter[2] = {o->letter, '\0'};

		json_array_append_new(list, json_pack("{s:s, s:s*, s:s*, s:s}", "name", o->name,
		    "letter", o->letter != 0 ? letter : NULL, "value", o->value, "text", o->help));
	}
	return list;
}

/* Lines of [at, end), without their blanks at the left, none of them empty. */
static json_t *
json_of_lines(const char *at)
{
	json_t *list = json_array();

	for (; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
		at += strspn(at, " ");
		if (strcspn(at, "\n") > 0)
			json_array_append_new(list, json_stringn(at, strcspn(at, "\n")));
	}
	return list;
}

/* Where the examples begin: at a line "Example" or "Examples". NULL: there are none. */
static const char *
find_examples(const char *help)
{
	const char *at = help;

	while (at != NULL && strncmp(at, EXAMPLE, strlen(EXAMPLE)) != 0)
		at = (at = strchr(at, '\n')) != NULL ? at + 1 : NULL;
	return at;
}

static json_t *
json_of_exits(const char *exits)
{
	json_t *list = json_array();

	for (; exits != NULL && *exits != '\0'; exits += strcspn(exits, "\n") + 1) {
		int code = 0, n = 0;

		if (sscanf(exits, "%d %n", &code, &n) == 1)
			json_array_append_new(list, json_pack("{s:i, s:s%}", "code", code, "text",
			    exits + n, strcspn(exits, "\n") - (size_t)n));
	}
	json_array_append_new(
	    list, json_pack("{s:i, s:s}", "code", EX_USAGE, "text", "usage"));
	return list;
}

static json_t *
json_of_verb(const struct cmd *c)
{
	const char *help = c->help != NULL ? c->help : "", *examples = find_examples(help);
	size_t len = examples != NULL ? (size_t)(examples - help) : strlen(help);

	while (len > 0 && help[len - 1] == '\n')
		len--;
	return json_pack("{s:s, s:s, s:s, s:s%, s:o, s:o, s:o, s:b, s:s*}", "name", c->name,
	    "arguments", c->arguments, "summary", c->summary, "text", help, len, "options",
	    json_of_options(c->options), "examples",
	    json_of_lines(examples != NULL ? examples + strcspn(examples, "\n") : ""), "exits",
	    json_of_exits(c->exits), "has_json", c->no_json == NULL, "no_json", c->no_json);
}

void
help_json(void)
{
	json_t *verbs = json_array(), *all;

	for (int i = 0; cli_commands[i] != NULL; i++)
		json_array_append_new(verbs, json_of_verb(cli_commands[i]));
	all = json_pack("{s:s, s:o, s:o}", "version", PACKAGE_VERSION, "verbs", verbs, "options",
	    json_of_options(cli_common_options));
	print_json(all);
	json_decref(all);
}
