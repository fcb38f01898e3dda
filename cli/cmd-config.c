/*
 * cmd-config.c - the configuration's file: `upgrade` rewrites words that were. The agent's own
 * program does it, as it does `check`: it knows the plugins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli/agent-run.h"

static int
run(struct cli *cli)
{
	bool is_dry = cli_option(cli, "dry-run") != NULL;
	const char *file = cli->n_args > 1 ? cli->args[1] : cli->config, *arguments[6];
	int n = 0, rc;

	if (strcmp(cli->args[0], "upgrade") != 0)
		return cli_fail(EX_USAGE, "config takes upgrade, not \"%s\"", cli->args[0]);
	arguments[n++] = "--upgrade";
	arguments[n++] = "-c";
	arguments[n++] = file;
	if (is_dry)
		arguments[n++] = "--dry-run";
	if (cli->json)
		arguments[n++] = "--json";
	arguments[n] = NULL;
	rc = agent_run(arguments, NULL);
	/* It has said why on stderr; 1 is an answer. */
	return rc > 1 && cli->json ? cli_fail(rc, "nothing is written") : rc;
}

static const struct cli_option options[] = {
    {"dry-run", 0, NULL, "print what would change, as a unified diff; write nothing"},
    {NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_config;
const struct cmd cmd_config = {
    .name = "config",
    .arguments = "upgrade [FILE]",
    .summary = "rewrite words of the configuration that have another name now",
    .help =
	"A word that an earlier version had is still taken, with a warning (`tillwatch check`,\n"
	"the agent's log, `tillwatch doctor`). upgrade rewrites it in FILE and in conf.d/*.yaml\n"
	"beside it: the words alone, so comments, order and quotes stay. What comes out must mean\n"
	"the same, else nothing is written. The file as it was is FILE.orig (.orig.1 and so on);\n"
	"mode and owner stay.\n\n"
	"Examples\n  tillwatch config upgrade --dry-run\n"
	"  tillwatch config upgrade /etc/tillwatch/tillwatch.yaml && tillwatch reload\n",
    .options = options,
    .min_args = 1,
    .max_args = 2,
    .exits =
	"0 written, or nothing to do\n"
	"1 something is left to write by hand, with the lines\n"
	"65 it would not mean the same, or is not UTF-8: nothing is written\n"
	"73 a file cannot be written\n"
	"78 the configuration has errors: nothing is written\n",
    .run = run,
};
