/*
 * agent-run.h - what only the agent's own program can tell (it knows plugins and rules) is asked of
 * tillwatchd, in a process of its own, so that there is one loader and one verdict.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_AGENT_RUN_H
#define CLI_AGENT_RUN_H

#include "cli/cli.h"
#include "lib/buf.h"

/* Runs tillwatchd with the arguments (NULL-ended, without its own name). out NULL: its output is
 * ours; else collected. Its exit code, or one of ours after having said why. */
int agent_run(const char *const *arguments, struct buf *out);
/* Runs a probe or a source once, without an agent, as --config says. *result: its run (owned by the
 * caller), as docs/schemas/run.json has it. 0, or an exit code after having said why. */
int agent_run_once(struct cli *cli, const char *name, json_t **result);

#endif
