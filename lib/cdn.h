/*
 * cdn.h - where an answer came from, as its headers tell: point of presence and cache status.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_CDN_H
#define LIB_CDN_H

#include <tillwatch/plugin.h>

/* The point of presence ("FRA", "cdg50"), or "" when no header tells. dst holds 16 bytes. */
void cdn_pop(const struct tw_hop *hop, char dst[16]);
/* "hit", "miss", "stale", "bypass", or "" when no header tells. */
const char *cdn_cache(const struct tw_hop *hop);

#endif
