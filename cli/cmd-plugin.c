/*
 * cmd-plugin.c - plugin hosts: which run, what they cost, why they ended.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "cli/cli.h"

static int
list(struct cli *cli)
{
	static const char *const heads[] = {"group", "state", "pid>", "probes>", "runs>", "late>",
	    "skipped>", "lag p99>", "memory>", "cpu>", "restarts>", "sandbox", "last exit", NULL};
	char lag[SHORT_TEXT], rss[SHORT_TEXT], cpu[SHORT_TEXT];
	struct table *t;
	const json_t *h;
	json_t *data;
	size_t i;
	int rc = client_get(cli, "/tillwatch/v1/plugins", &data);

	if (rc != 0)
		return rc;
	if (cli->json) {
		print_json(data);
		json_decref(data);
		return 0;
	}
	t = table_new(heads);
	json_array_foreach(json_object_get(data, "hosts"), i, h) {
		bool up = strcmp(member_text(h, "state"), "running") == 0;

		table_cell(t, TINT_BOLD, "%s", member_text(h, "group"));
		table_cell(t, up ? TINT_OK : TINT_WARN, "%s", member_text(h, "state"));
		table_cell(t, TINT_NONE, "%.0f", member_number(h, "pid"));
		table_cell(t, TINT_NONE, "%.0f", member_number(h, "n_probes"));
		table_cell(t, TINT_NONE, "%.0f", member_number(h, "runs"));
		table_cell(t, TINT_NONE, "%.0f", member_number(h, "late"));
		table_cell(t, TINT_NONE, "%.0f", member_number(h, "skipped"));
		table_cell(t, TINT_NONE, "%s", short_duration(member_number(h, "lag_p99_s"), lag));
		table_cell(t, TINT_NONE, "%s", short_bytes(member_number(h, "rss_bytes"), rss));
		table_cell(t, TINT_NONE, "%s", short_duration(member_number(h, "cpu_s"), cpu));
		table_cell(t, TINT_NONE, "%.0f", member_number(h, "restarts"));
		table_cell(t, TINT_NONE, "%s", member_text(h, "sandbox"));
		table_cell(t, TINT_NONE, "%s", member_text(h, "last_exit"));
	}
	table_print(cli, t);
	json_decref(data);
	return 0;
}

static int
retry(struct cli *cli)
{
	return client_act(cli, "/tillwatch/v1/plugins/retry", "group",
	    cli->n_args > 1 ? cli->args[1] : NULL,
	    "hosts that wait are started now; `tillwatch plugin` shows them");
}

static int
run(struct cli *cli)
{
	if (cli->n_args == 0 || strcmp(cli->args[0], "list") == 0)
		return list(cli);
	if (strcmp(cli->args[0], "retry") == 0)
		return retry(cli);
	return cli_fail(EX_USAGE, "plugin takes list or retry, not \"%s\"", cli->args[0]);
}

extern const struct cmd cmd_plugin;
const struct cmd cmd_plugin = {
	.name = "plugin",
	.arguments = "[list | retry [GROUP]]",
	.summary = "plugin hosts: which run, what they cost, why they ended",
	.help = "retry ends the back-off of a host that waits (of all without GROUP).\n\n"
		"Examples\n  tillwatch plugin\n  tillwatch plugin retry storefront\n",
	.max_args = 2,
	.exits = "0 fine\n1 no such group\n" EXITS_OF_ASKING,
	.run = run,
};
