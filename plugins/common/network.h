/*
 * network.h - networks as users write them, "10.0.0.0/8" or "2001:db8::/32" or one address; and who
 * the client was behind proxies that are trusted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_COMMON_NETWORK_H
#define PLUGINS_COMMON_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORK_TEXT 64             /* bytes of an address, with its end */

struct network {
	uint8_t address[16];        /* IPv4 as ::ffff:a.b.c.d */
	int bits;
};

/* 0, or -EINVAL: not a network, or bits set behind its prefix ("10.0.0.1/8" is a mistake). */
int network_parse(struct network *out, const char *text);
/* Is the address (terminated) in one of them? false also when it is no address. */
bool network_has(const struct network *nets, size_t n, const char *address);
/*
 * The client of a request that came from `peer`, whose X-Forwarded-For is `forwarded` (any bytes):
 * from the right, the first that is not one of ours; what stands left of it anybody may have
 * written. A port behind an address is cut off. false: it is not known.
 */
bool network_client(char dst[NETWORK_TEXT], const struct network *trusted, size_t n,
    const char *peer, size_t peer_len, const char *forwarded, size_t forwarded_len);

#endif
