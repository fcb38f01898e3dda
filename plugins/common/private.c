/*
 * private.c - see private.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/private.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

static bool
inside_v4(const uint8_t *b)
{
	static const struct {
		uint32_t net;
		int bits;
	} ranges[] = {{0x00000000, 8}, {0x0a000000, 8}, {0x64400000, 10}, {0x7f000000, 8},
	    {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16},
	    {0xc6120000, 15}, {0xe0000000, 4}, {0xf0000000, 4}};
	uint32_t a = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (a >> (32 - ranges[i].bits) == ranges[i].net >> (32 - ranges[i].bits))
			return true;
	return false;
}

static bool
inside_v6(const uint8_t b[16])
{
	static const uint8_t zero[16], nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (memcmp(b, zero, 10) == 0 && b[10] == 0xff && b[11] == 0xff)
		return inside_v4(b + 12);
	if (memcmp(b, zero, 12) == 0)
		return true; /* ::, ::1, and the old compatible form */
	if (memcmp(b, nat64, 12) == 0)
		return inside_v4(b + 12);
	if (b[0] == 0x20 && b[1] == 0x02)
		return inside_v4(b + 2);
	return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || b[0] == 0xff;
}

bool
bytes_lead_inside(const uint8_t b[16])
{
	return inside_v6(b);
}

bool
address_leads_inside(const char *text)
{
	uint8_t b[16];

	if (inet_pton(AF_INET, text, b) == 1)
		return inside_v4(b);
	return inet_pton(AF_INET6, text, b) != 1 || inside_v6(b);
}
