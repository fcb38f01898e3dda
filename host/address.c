/*
 * address.c - numeric addresses, and which of them a redirect from outside may not reach.
 *
 * Ranges: RFC 1918, 3927, 4193, 4291, 6598, 6890; an IPv4 address inside an IPv6 one (mapped,
 * NAT64, 6to4) counts as the IPv4 address.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "host/engine-internal.h"

static bool
private_v4(uint32_t a)
{
	static const struct {
		uint32_t net;
		int bits;
	} ranges[] = {{0x00000000, 8}, {0x0a000000, 8}, {0x64400000, 10}, {0x7f000000, 8},
	    {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16},
	    {0xc6120000, 15}, {0xe0000000, 4}, {0xf0000000, 4}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (a >> (32 - ranges[i].bits) == ranges[i].net >> (32 - ranges[i].bits))
			return true;
	return false;
}

static uint32_t
inner_v4(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool
private_v6(const uint8_t b[16])
{
	static const uint8_t zero[16], nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (memcmp(b, zero, 10) == 0 && b[10] == 0xff && b[11] == 0xff)
		return private_v4(inner_v4(b + 12));
	if (memcmp(b, zero, 12) == 0)
		return true; /* ::, ::1, and the old compatible form */
	if (memcmp(b, nat64, 12) == 0)
		return private_v4(inner_v4(b + 12));
	if (b[0] == 0x20 && b[1] == 0x02)
		return private_v4(inner_v4(b + 2));
	return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || b[0] == 0xff;
}

bool
address_is_private(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return private_v4(
		    ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr));
	if (a->sa_family == AF_INET6)
		return private_v6(
		    ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr);
	return true;
}

bool
address_parse(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
	char bare[INET6_ADDRSTRLEN + 2];
	size_t n = strlen(text);

	memset(out, 0, sizeof(*out));
	if (n >= 2 && n < sizeof(bare) && text[0] == '[' && text[n - 1] == ']') {
		snprintf(bare, sizeof(bare), "%.*s", (int)n - 2, text + 1);
		text = bare;
	}
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		out->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		out->ss_family = AF_INET6;
	return out->ss_family != 0;
}

void
address_text(const struct sockaddr *a, char *dst, size_t cap)
{
	const void *at =
	    a->sa_family == AF_INET
		? (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr
		: (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

	if (inet_ntop(a->sa_family, at, dst, (socklen_t)cap) == NULL)
		dst[0] = '\0';
}
