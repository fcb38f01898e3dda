/*
 * country.c - the country of an address, remembered: visitors come back, and so do their networks.
 *
 *     set of 8 (one cache line): { 46 bits of what is known | 2 kind | 16 the country } x 8
 *
 * DESIGN. What the host finds holds for a whole network. Where that is a /24 or wider (IPv6: /48)
 * one entry answers for it; where countries part within it the entry says SPLIT, and each address
 * has one of its own. Entries go in the order in which they came. Nothing of it is ever stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "plugins/access_log/log.h"
#include "plugins/common/network.h"

#define WAYS 8
#define SETS 8192
#define CODE_UNKNOWN 0
#define CODE_SPLIT 1

enum kind { KIND_IPV4_24 = 1, KIND_IPV6_48, KIND_ADDRESS };

struct country_cache {
	uint64_t set[SETS][WAYS]; /* 0 = free */
};

struct country_cache *
country_cache_new(void)
{
	struct country_cache *c = aligned_alloc(WAYS * sizeof(uint64_t), sizeof(*c));

	if (c != NULL)
		memset(c, 0, sizeof(*c));
	return c;
}

void
country_cache_free(struct country_cache *c)
{
	free(c);
}

static uint64_t
key_of(enum kind kind, uint64_t what)
{
	return what << 18 | (uint64_t)kind << 16;
}

static uint64_t *
set_of(struct country_cache *c, uint64_t key)
{
	return c->set[key * UINT64_C(0x9e3779b97f4a7c15) >> 51];
}

/* Its code, or -1. */
static int
find(struct country_cache *c, uint64_t key)
{
	const uint64_t *set = set_of(c, key);

	for (int i = 0; i < WAYS; i++)
		if ((set[i] & ~UINT64_C(0xffff)) == key)
			return (int)(set[i] & 0xffff);
	return -1;
}

static void
put(struct country_cache *c, uint64_t key, unsigned code)
{
	uint64_t *set = set_of(c, key);

	memmove(set + 1, set, (WAYS - 1) * sizeof(*set));
	set[0] = key | code;
}

static uint64_t
network_key(const struct address *a)
{
	const uint8_t *b = a->bytes;

	if (address_is_ipv4(a))
		return key_of(KIND_IPV4_24,
		    (uint64_t)b[12] << 16 | (uint64_t)b[13] << 8 | (uint64_t)b[14]);
	return key_of(KIND_IPV6_48, XXH3_64bits(b, 6) >> 18);
}

static uint64_t
address_key(const struct address *a)
{
	return key_of(KIND_ADDRESS, XXH3_64bits(a->bytes, sizeof(a->bytes)) >> 18);
}

/* The host is asked; what it says is remembered for the network, or for the address alone. */
static unsigned
ask(struct tw_ctx *ctx, struct country_cache *c, const struct address *a)
{
	struct tw_geo geo = {.size = sizeof(geo)};
	char text[NETWORK_TEXT];
	bool is_known = tw_api_->geo(ctx, address_text(text, a), &geo) == 0
	    && geo.country[0] != '\0' && geo.country[1] != '\0';
	unsigned code = is_known
	    ? (unsigned)(unsigned char)geo.country[0] << 8 | (unsigned char)geo.country[1]
	    : CODE_UNKNOWN;
	uint32_t network_bits = address_is_ipv4(a) ? 24 : 48;

	if (is_known && geo.prefix > 0 && geo.prefix <= network_bits) {
		put(c, network_key(a), code);
		return code;
	}
	if (find(c, network_key(a)) != CODE_SPLIT)
		put(c, network_key(a), CODE_SPLIT);
	put(c, address_key(a), code);
	return code;
}

bool
country_of(struct tw_ctx *ctx, struct country_cache *c, const struct address *a, char code[2])
{
	int found = find(c, network_key(a));

	if (found == CODE_SPLIT)
		found = find(c, address_key(a));
	if (found < 0)
		found = (int)ask(ctx, c, a);
	code[0] = (char)(found >> 8);
	code[1] = (char)found;
	return found != CODE_UNKNOWN;
}
