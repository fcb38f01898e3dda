/*
 * cmd-run.c - runs a probe now and draws its waterfall: through the agent, or without one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "cli/agent-run.h"
#include "cli/waterfall.h"

static int
through_agent(struct cli *cli, json_t **result)
{
	struct buf url;
	int rc;

	buf_init(&url, 4096);
	buf_text(&url, "/tillwatch/v1/run");
	client_param(&url, "probe", cli->args[0]);
	rc = client_post(cli, buf_str(&url), result);
	buf_free(&url);
	return rc;
}

/* The host says microseconds; the answer has the same members with an agent and without. */
static void
name_as_agent(json_t *run)
{
	double us = member_number(run, "duration_us"), ms = member_number(run, "slot_ms");

	json_object_set_new(run, "duration", isfinite(us) ? json_real(us / 1e6) : json_null());
	json_object_set_new(run, "at", isfinite(ms) ? json_real(ms / 1e3) : json_null());
}

static int
without_agent(struct cli *cli, json_t **result)
{
	const char *arguments[] = {"--run", cli->args[0], "-c", cli->config, NULL};
	struct buf text;
	int rc;

	buf_init(&text, CLI_ANSWER_MAX);
	rc = agent_run(arguments, &text);
	if (rc == 0 && (*result = json_loads(buf_str(&text), 0, NULL)) == NULL)
		rc = cli_fail(EX_PROTOCOL, "the host answered something that is no JSON");
	if (rc == 0)
		name_as_agent(*result);
	buf_free(&text);
	return rc;
}

static int
run(struct cli *cli)
{
	json_t *result = NULL;
	const char *verdict;
	bool offline = cli_option(cli, "offline") != NULL || cli->config_given != NULL;
	int rc = offline ? without_agent(cli, &result) : through_agent(cli, &result);

	if (rc != 0)
		return rc;
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
    .run = run,
};
