/*
 * cmd-schema.c - the configuration as JSON Schema: for editors and for tests.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/agent-run.h"

static int
run(struct cli *cli)
{
	const char *arguments[] = {"--schema", NULL};

	(void)cli;
	return agent_run(arguments, NULL);
}

extern const struct cmd cmd_schema;
const struct cmd cmd_schema = {
	.name = "schema",
	.arguments = "",
	.summary = "the configuration's JSON Schema, with the options of the installed plugins",
	.help = "Example\n  tillwatch schema >tillwatch.schema.json\n",
	.exits = "0 fine\n",
	.run = run,
};
