/*
 * mapping.h - when nearly everything differs in the same way, it is not the stock that is wrong but
 * how we read it: cents taken for euros, net for gross, keys with a prefix. What to look at is said
 * by name instead of a million differences. Only as long as it was never otherwise: what has agreed
 * once is read rightly.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INVENTORY_MAPPING_H
#define INVENTORY_MAPPING_H

#include "plugins/inventory/compare.h"

#define MAPPING_TEXT 256
#define MAPPING_MIN 20                /* keys; with fewer nothing can be told */
#define MAPPING_SHARE 0.5             /* so many of the compared ones must differ */
#define MAPPING_SAME 0.8              /* so many of them in the same way */
#define MAPPING_SAMPLE 4000           /* rows that are looked at, of all alike */

/* A sentence in dst, or false: nothing of the kind. A walk over the sample: ask once a scan. */
bool mapping_of_values(const struct comparer *c, unsigned rule, char dst[MAPPING_TEXT]);
bool mapping_of_keys(const struct comparer *c, unsigned rule, char dst[MAPPING_TEXT]);

#endif
