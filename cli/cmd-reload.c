/*
 * cmd-reload.c - the agent reads its configuration again; on any error it keeps the old one and
 * says why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/cli.h"

static int
run(struct cli *cli)
{
	json_t *data;
	int rc = client_post(cli, "/-/reload", &data);

	if (rc == EX_DATAERR)
		return EX_CONFIG;
	if (rc == 0 && cli->json)
		print_json(data);
	else if (rc == 0)
		puts("reloaded");
	json_decref(data);
	return rc;
}

extern const struct cmd cmd_reload;
const struct cmd cmd_reload = {
	.name = "reload",
	.arguments = "",
	.summary = "the agent reads its configuration again (exit 78: it keeps the old one)",
	.help = "Example\n  tillwatch reload || echo \"the old configuration stays\"\n",
	.exits = "0 the new configuration holds\n78 the old one stays\n" EXITS_OF_ASKING,
	.run = run,
};
