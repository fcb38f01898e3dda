/*
 * cmd-reload.c - the agent reads its configuration again; on any error it keeps the old one and
 * says why.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/cli.h"
#include "lib/buf.h"

static int
run(struct cli *cli)
{
	struct buf said;
	json_t *data;
	int rc;

	buf_init(&said, 1 << 20);
	cli->said = &said;
	rc = client_post(cli, "/-/reload", NULL, NULL, &data);
	cli->said = NULL;
	if (rc != 0)
		rc = cli_fail(rc == EX_DATAERR ? EX_CONFIG : rc, "%s", buf_str(&said));
	else if (cli->json)
		print_json(data);
	else
		puts("reloaded");
	json_decref(data);
	buf_free(&said);
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
