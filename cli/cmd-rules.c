/*
 * cmd-rules.c - the rules that are judged, their health, and as a Prometheus rule file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "cli/cli.h"

/* A YAML scalar in double quotes: JSON's form is one. */
static void
print_quoted(const char *s)
{
	json_t *v = json_string(s);

	json_dumpf(v, stdout, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	json_decref(v);
}

static void
show_map(const char *name, json_t *map)
{
	const char *key;
	json_t *v;

	if (json_object_size(map) == 0)
		return;
	printf("        %s:\n", name);
	json_object_foreach(map, key, v) {
		printf("          %s: ", key);
		print_quoted(json_string_value(v));
		putchar('\n');
	}
}

static void
show_rule(const json_t *r)
{
	bool alert = strcmp(member_text(r, "type"), "alerting") == 0;
	double hold = member_number(r, "duration"), keep = member_number(r, "keepFiringFor");

	printf("      - %s: ", alert ? "alert" : "record");
	print_quoted(member_text(r, "name"));
	fputs("\n        expr: ", stdout);
	print_quoted(member_text(r, "query"));
	putchar('\n');
	if (alert && hold > 0)
		printf("        for: %.0fs\n", hold);
	if (alert && keep > 0)
		printf("        keep_firing_for: %.0fs\n", keep);
	show_map("labels", json_object_get(r, "labels"));
	show_map("annotations", json_object_get(r, "annotations"));
}

static void
show(const json_t *data)
{
	const json_t *g, *r;
	size_t i, k;

	puts("groups:");
	json_array_foreach(json_object_get(data, "groups"), i, g) {
		fputs("  - name: ", stdout);
		print_quoted(member_text(g, "name"));
		printf("\n    interval: %.0fs\n    rules:\n", member_number(g, "interval"));
		json_array_foreach(json_object_get(g, "rules"), k, r)
			show_rule(r);
	}
}

static void
print_rules(const struct cli *cli, const json_t *data)
{
	static const char *const heads[] = {
	    "group", "rule", "state", "health", "last", "took>", "expression", NULL};
	struct table *t = table_new(heads);
	char took[SHORT_TEXT];
	const json_t *g, *r;
	size_t i, k;

	json_array_foreach(json_object_get(data, "groups"), i, g)
		json_array_foreach(json_object_get(g, "rules"), k, r) {
			bool well = strcmp(member_text(r, "health"), "err") != 0;

			table_cell(t, TINT_NONE, "%s", member_text(g, "name"));
			table_cell(t, TINT_BOLD, "%s", member_text(r, "name"));
			table_cell(t, tint_of_verdict(member_text(r, "state")), "%s",
			    member_text(r, "state"));
			table_cell(t, well ? TINT_NONE : TINT_CRIT, "%s%s%s",
			    member_text(r, "health"), well ? "" : ": ",
			    member_text(r, "lastError"));
			table_cell(t, TINT_NONE, "%.19s", member_text(r, "lastEvaluation"));
			table_cell(t, TINT_NONE, "%s",
			    short_duration(member_number(r, "evaluationTime"), took));
			table_cell(t, TINT_NONE, "%s", member_text(r, "query"));
		}
	table_print(cli, t);
}

static int
run(struct cli *cli)
{
	json_t *data;
	int rc;

	if (cli->json && cli_option(cli, "show") != NULL)
		return cli_fail(
		    EX_USAGE, "--show prints a rule file; --json without it has all rules");
	if ((rc = client_get(cli, "/api/v1/rules", &data)) != 0)
		return rc;
	if (cli_option(cli, "show") != NULL)
		show(data);
	else if (cli->json)
		print_json(data);
	else
		print_rules(cli, data);
	json_decref(data);
	return 0;
}

static const struct cli_option options[] = {
	{"show", 0, NULL, "all rules, short forms and defaults too, as a Prometheus rule file"},
	{NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_rules;
const struct cmd cmd_rules = {
    .name = "rules",
    .arguments = "",
    .summary = "what is judged: rules, their health, their expressions",
    .help = "Examples\n  tillwatch rules --show >rules.yaml && promtool check rules rules.yaml\n",
    .options = options,
    .exits = "0 fine\n" EXITS_OF_ASKING,
    .run = run,
};
