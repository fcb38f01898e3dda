/*
 * cmd-check.c - is the configuration right? The agent's own loader says so, with every mistake at
 * its place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/agent-run.h"

static int
run(struct cli *cli)
{
	const char *arguments[] = {"--check-config", "-c",
	    cli->n_args > 0 ? cli->args[0] : cli->config, cli->json ? "--json" : NULL, NULL};

	return agent_run(arguments, NULL);
}

extern const struct cmd cmd_check;
const struct cmd cmd_check = {
	.name = "check",
	.arguments = "[FILE]",
	.summary = "is the configuration right? (exit 0 or 78)",
	.help = "Example\n  tillwatch check shop.yaml && tillwatch reload\n",
	.max_args = 1,
	.exits =
	    "0 it is right; warnings are no error\n"
	    "78 it is wrong, and nothing would be read of it\n",
	.run = run,
};
