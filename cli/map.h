/*
 * map.h - the inside of `tillwatch map`: the agent's map (docs/API.md), live figures, the drawing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_MAP_H
#define CLI_MAP_H

#include "cli/cli.h"

#define MAP_COLUMNS 80

/* map-live.c: asks the agent and adds to each `measured_by` lag_p95_s, canary_lag_s, drift_keys,
 * drift_units, drift_age_s, missing_keys, coherence, coherence_low, coherence_high, and to each
 * system error_share; null where there is none. 0, or an exit code after having said why. */
int map_live(struct cli *cli, json_t *map);

/* map-draw.c: systems and flows. A map without live figures is drawn without. */
void map_print(const struct cli *cli, const json_t *map);
/* Text that breaks at blanks before MAP_COLUMNS; lines but the first begin with so many blanks. */
void map_wrap(const char *text, int indent);
/* "99.2 %", never rounded up to what it is not. */
const char *map_share(double share, char dst[SHORT_TEXT]);

#endif
