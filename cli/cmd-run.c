/*
 * cmd-run.c - runs a probe now and draws its waterfall: through the agent, or without one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli/agent-run.h"
#include "cli/waterfall.h"

#define ANSWER_MS 7200000L          /* the agent answers when the run's own time is over */

static int
run(struct cli *cli)
{
	json_t *result = NULL;
	const char *verdict;
	bool offline = cli_option(cli, "offline") != NULL || cli->config_given != NULL;
	int rc;

	cli->timeout_ms = ANSWER_MS;
	rc = offline ? agent_run_once(cli, cli->args[0], &result)
		     : client_post(cli, "/tillwatch/v1/run", "probe", cli->args[0], &result);
	if (rc != 0) {
		json_decref(result);
		return rc;
	}
	if (cli->json)
		print_json(result);
	else
		waterfall_print(cli, result);
	verdict = member_text(result, "verdict");
	rc = strcmp(verdict, "ok") == 0 || strcmp(verdict, "warn") == 0 ? 0 : 1;
	json_decref(result);
	return rc;
}

static const struct cli_option options[] = {
    {"offline", 'o', NULL, "without an agent, as with -c FILE: runs it once, stores nothing"},
    {NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_run;
const struct cmd cmd_run = {
    .name = "run",
    .arguments = "PROBE",
    .summary = "run a probe now and draw its waterfall (exit 1: crit or unknown)",
    .help = "Examples\n  tillwatch run product-page\n  tillwatch run -c shop.yaml product-page\n",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .exits =
	    "0 ok or warn\n"
	    "1 crit or unknown, or no such probe\n"
	    "70 the plugin's host ended badly\n"
	    "78 configuration, with -c or --offline\n"
	    EXITS_OF_ASKING,
    .run = run,
};
