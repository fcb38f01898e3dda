/*
 * wall.h - is this answer the shop's, or a wall before it? Bot walls, captchas, waiting rooms and
 * maintenance pages answer quickly and with many statuses; counted as the shop's answer they would
 * be false latency or false outages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_WALL_H
#define LIB_WALL_H

#include <tillwatch/plugin.h>

/* The wall's name ("Cloudflare challenge"), or NULL: the shop itself answered. body may be cut. */
const char *wall_name(const struct tw_hop *hop, const char *body, size_t len);

#endif
