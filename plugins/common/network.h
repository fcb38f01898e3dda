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
#include <string.h>

#define NETWORK_TEXT 64             /* bytes of an address as text, with its end */

struct address { uint8_t bytes[16]; };  /* IPv4 as ::ffff:a.b.c.d */
struct network {
	struct address address;
	int bits;
};

/* Reads "1.2.3.4", "1.2.3.4:80", "2001:db8::1" or "[2001:db8::1]:80", with blanks or quotes around
 * it (any bytes). false: it is none. */
bool address_read(struct address *out, const char *s, size_t len);
/* Without a port; IPv4 as a.b.c.d. */
const char *address_text(char dst[NETWORK_TEXT], const struct address *a);
static inline bool
address_is_ipv4(const struct address *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint64_t left, wanted_left;
	uint32_t right, wanted_right;

	memcpy(&left, a->bytes, sizeof(left));
	memcpy(&right, a->bytes + sizeof(left), sizeof(right));
	memcpy(&wanted_left, mapped, sizeof(left));
	memcpy(&wanted_right, mapped + sizeof(left), sizeof(right));
	return left == wanted_left && right == wanted_right;
}

/* 0, or -EINVAL: not a network, or bits set behind its prefix ("10.0.0.1/8" is a mistake). */
int network_parse(struct network *out, const char *text);
bool network_has(const struct network *nets, size_t n, const struct address *a);
/*
 * The client of a request that came from `peer`, whose X-Forwarded-For is `forwarded` (any bytes):
 * from the right, the first that is not one of ours; what stands left of it anybody may have
 * written. false: it is not known.
 */
bool network_client(struct address *out, const struct network *trusted, size_t n,
    const char *peer, size_t peer_len, const char *forwarded, size_t forwarded_len);

#endif
