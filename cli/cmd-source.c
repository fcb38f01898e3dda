/*
 * cmd-source.c - does a source read what it should? Reads it once, without an agent and without
 * keeping anything, and shows its first records and what it could not read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli/agent-run.h"

static void
print_members(const json_t *o, const char *head)
{
	const char *name;
	json_t *v;

	print_text(head);
	json_object_foreach((json_t *)(uintptr_t)o, name, v) {
		printf("  ");
		print_text(name);
		if (json_is_number(v))
			printf("=%.6g", json_number_value(v));
		else
			printf("=");
		if (json_is_string(v))
			print_text(json_string_value(v));
	}
	putchar('\n');
}

static void
print_list(const json_t *list, const char *head)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		print_members(o, head);
}

static int
show(struct cli *cli, json_t *result)
{
	const json_t *facts = json_object_get(result, "facts");
	const char *verdict = member_text(result, "verdict"),
		   *reason = member_text(result, "reason");
	double n = json_number_value(json_object_get(facts, "n_records")),
	       seconds = member_number(result, "duration_s");

	print_list(json_object_get(facts, "records"), "record");
	print_list(json_object_get(facts, "rejects"), "reject");
	printf("%.0f records in %.3f s", n, seconds);
	if (n > 0 && seconds > 0)
		printf(", %.0f a second", n / seconds);
	printf(": ");
	print_tint(cli, tint_of_verdict(verdict), verdict);
	if (*reason != '\0') {
		printf(", ");
		print_text(reason);
	}
	putchar('\n');
	return strcmp(verdict, "ok") == 0 ? 0 : 1;
}

static int
run(struct cli *cli)
{
	json_t *result = NULL;
	int rc;

	if (strcmp(cli->args[0], "try") != 0)
		return cli_fail(EX_USAGE, "source takes try, not \"%s\"", cli->args[0]);
	rc = agent_run_once(cli, cli->args[1], &result);
	if (rc == 0 && cli->json) {
		print_json(result);
		rc = strcmp(member_text(result, "verdict"), "ok") == 0 ? 0 : 1;
	} else if (rc == 0) {
		rc = show(cli, result);
	}
	json_decref(result);
	return rc;
}

extern const struct cmd cmd_source;
const struct cmd cmd_source = {
    .name = "source",
    .arguments = "try NAME",
    .summary = "reads a source once: its first records, what it rejects, how fast",
    .help = "Nothing is stored, and no position moves. What may be of a person is shown as ***.\n\n"
	    "Example\n  tillwatch source try edge_log -c shop.yaml\n",
    .min_args = 2,
    .max_args = 2,
    .exits =
	    "0 it was read\n"
	    "1 it could not be read, or not all of it\n"
	    "70 the plugin's host ended badly\n"
	    "78 configuration\n",
    .run = run,
};
