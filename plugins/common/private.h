/*
 * private.h - addresses that an answer must not lead us to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_PRIVATE_H
#define PLUGINS_COMMON_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

/* A numeric address of a private, local, shared, test or reserved network; what is no address is
 * private too. Ranges as the host's for redirects: RFC 1918, 3927, 4193, 4291, 6598, 6890; an IPv4
 * address inside an IPv6 one counts as the IPv4 address. */
bool address_leads_inside(const char *text);
bool bytes_lead_inside(const uint8_t address[16]); /* IPv4 as ::ffff:a.b.c.d */

#endif
