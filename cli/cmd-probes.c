/*
 * cmd-probes.c - the probes: when they run, what they said last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "cli/cli.h"

static int
run(struct cli *cli)
{
	static const char *const heads[] = {"probe", "plugin", "verdict", "interval>", "timeout>",
	    "last run", "next run", "runs>", "what", NULL};
	char a[SHORT_TEXT], b[SHORT_TEXT], c[SHORT_TEXT], d[SHORT_TEXT];
	struct table *t;
	json_t *data;
	const json_t *p;
	size_t i;
	int rc = client_get(cli, "/tillwatch/v1/probes", &data);

	if (rc != 0)
		return rc;
	if (cli->json) {
		print_json(data);
		json_decref(data);
		return 0;
	}
	t = table_new(heads);
	json_array_foreach(json_object_get(data, "probes"), i, p) {
		const char *verdict = member_true(p, "stale") ? "stale" : member_text(p, "verdict");

		table_cell(t, TINT_BOLD, "%s", member_text(p, "name"));
		table_cell(t, TINT_NONE, "%s", member_text(p, "plugin"));
		table_cell(t, tint_of_verdict(verdict), "%s", verdict);
		table_cell(t, TINT_NONE, "%s", short_duration(member_number(p, "interval_s"), a));
		table_cell(t, TINT_NONE, "%s", short_duration(member_number(p, "timeout_s"), b));
		table_cell(t, TINT_NONE, "%s", short_ago(member_number(p, "last_run"), c));
		table_cell(t, TINT_NONE, "%s", short_time(member_number(p, "next_run"), d));
		table_cell(t, TINT_NONE, "%.0f", member_number(p, "runs"));
		table_cell(t, TINT_NONE, "%s", member_text(p, "reason"));
	}
	table_print(cli, t);
	json_decref(data);
	return 0;
}

extern const struct cmd cmd_probes;
const struct cmd cmd_probes = {
	.name = "probes",
	.arguments = "",
	.summary = "the probes: when they run, what they said last",
	.help = "Example\n  tillwatch probes --json | jq '.probes[] | {name, verdict}'\n",
	.exits = "0 whatever they say\n" EXITS_OF_ASKING,
	.run = run,
};
