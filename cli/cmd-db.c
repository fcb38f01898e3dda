/*
 * cmd-db.c - verifies a store, offline or while the agent runs: every page, every chunk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "agent/store/store.h"
#include "cli/cli.h"

static void
say(void *arg, const char *finding)
{
	json_t *list = arg;

	json_array_append_new(list, json_string(finding));
}

static int
run(struct cli *cli)
{
	json_t *findings;
	const json_t *f;
	size_t i;
	int n;

	if (strcmp(cli->args[0], "check") != 0)
		return cli_fail(EX_USAGE, "db takes check, not \"%s\"", cli->args[0]);
	findings = json_array();
	n = store_check(cli->args[1], say, findings);
	if (cli->json) {
		json_t *all = json_pack(
		    "{s:s, s:O}", "directory", cli->args[1], "findings", findings);

		print_json(all);
		json_decref(all);
	} else {
		json_array_foreach(findings, i, f) {
			print_text(json_string_value(f));
			putchar('\n');
		}
		printf("%s: %d findings\n", cli->args[1], n);
	}
	json_decref(findings);
	return n == 0 ? 0 : 1;
}

extern const struct cmd cmd_db;
const struct cmd cmd_db = {
	.name = "db",
	.arguments = "check DIRECTORY",
	.summary = "verify a store (exit 1: something is damaged)",
	.help = "Example\n  tillwatch db check /var/lib/tillwatch\n",
	.min_args = 2,
	.max_args = 2,
	.exits = "0 all is well\n1 something is damaged, or there is no store\n",
	.run = run,
};
