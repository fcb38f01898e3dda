/*
 * cmd-alerts.c - what fires, and what is about to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/cli.h"

static int
run(struct cli *cli)
{
	static const char *const heads[] = {
	    "state", "alert", "severity", "probe", "since", "value>", "summary", NULL};
	struct table *t;
	const json_t *a;
	json_t *data;
	size_t i;
	int rc = client_get(cli, "/api/v1/alerts", &data);

	if (rc != 0)
		return rc;
	if (cli->json) {
		print_json(data);
	} else {
		t = table_new(heads);
		json_array_foreach(json_object_get(data, "alerts"), i, a) {
			const json_t *l = json_object_get(a, "labels"),
				     *n = json_object_get(a, "annotations");

			table_cell(t, tint_of_verdict(member_text(a, "state")), "%s",
			    member_text(a, "state"));
			table_cell(t, TINT_BOLD, "%s", member_text(l, "alertname"));
			table_cell(t, TINT_NONE, "%s", member_text(l, "severity"));
			table_cell(t, TINT_NONE, "%s", member_text(l, "probe"));
			table_cell(t, TINT_NONE, "%.19s", member_text(a, "activeAt"));
			table_cell(t, TINT_NONE, "%s", member_text(a, "value"));
			table_cell(t, TINT_NONE, "%s", member_text(n, "summary"));
		}
		table_print(cli, t);
	}
	json_decref(data);
	return 0;
}

extern const struct cmd cmd_alerts;
const struct cmd cmd_alerts = {
	.name = "alerts",
	.arguments = "",
	.summary = "what fires, and what is about to",
	.help = "Example\n  tillwatch alerts --json | jq '.alerts[].labels.alertname'\n",
	.exits = "0 whatever fires\n" EXITS_OF_ASKING,
	.run = run,
};
