/*
 * waterfall.h - one run as text: verdict, and each hop's phases on one axis.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_WATERFALL_H
#define CLI_WATERFALL_H

#include "cli/cli.h"

/* run: {"probe","at","verdict","cause","reason","duration_s","facts":{...}} */
void waterfall_print(const struct cli *cli, const json_t *run);

#endif
