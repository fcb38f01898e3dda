/*
 * network.c - see network.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 32 or 128, or 0: no address. */
static int
read_address(uint8_t out[16], const char *text)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (inet_pton(AF_INET6, text, out) == 1)
		return 128;
	memcpy(out, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, out + 12) == 1 ? 32 : 0;
}

static bool
is_prefix(const uint8_t *a, const uint8_t *b, int bits)
{
	int whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, (size_t)whole) == 0
	       && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

int
network_parse(struct network *out, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char address[NETWORK_TEXT], *end;
	long bits;
	int most;

	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if ((most = read_address(out->address, address)) == 0)
		return -EINVAL;
	bits = most;
	if (slash != NULL) {
		bits = strtol(slash + 1, &end, 10);
		if (end == slash + 1 || *end != '\0' || bits < 0 || bits > most)
			return -EINVAL;
	}
	out->bits = (int)bits + 128 - most;
	for (int i = out->bits; i < 128; i++)
		if (out->address[i / 8] >> (7 - i % 8) & 1)
			return -EINVAL;
	return 0;
}

bool
network_has(const struct network *nets, size_t n, const char *address)
{
	uint8_t bytes[16];

	if (read_address(bytes, address) == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_prefix(nets[i].address, bytes, nets[i].bits))
			return true;
	return false;
}

/* "1.2.3.4", "1.2.3.4:80", "2001:db8::1", "[2001:db8::1]:80", with blanks around. */
static bool
copy_address(char dst[NETWORK_TEXT], const char *s, size_t n)
{
	const char *colon, *bracket;
	uint8_t bytes[16];

	while (n > 0 && (*s == ' ' || *s == '\t' || *s == '"')) {
		s++;
		n--;
	}
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '"'))
		n--;
	if (n > 1 && *s == '[' && (bracket = memchr(s, ']', n)) != NULL) {
		n = (size_t)(bracket - s) - 1;
		s++;
	} else if ((colon = memchr(s, ':', n)) != NULL
		   && memchr(colon + 1, ':', n - (size_t)(colon + 1 - s)) == NULL) {
		n = (size_t)(colon - s);
	}
	if (n == 0 || n >= NETWORK_TEXT)
		return false;
	memcpy(dst, s, n);
	dst[n] = '\0';
	return read_address(bytes, dst) != 0;
}

bool
network_client(char dst[NETWORK_TEXT], const struct network *trusted, size_t n, const char *peer,
    size_t peer_len, const char *forwarded, size_t forwarded_len)
{
	const char *comma;
	size_t from;

	if (!copy_address(dst, peer, peer_len))
		return false;
	while (network_has(trusted, n, dst)) {
		if (forwarded_len == 0)
			return false; /* one of ours asked for itself */
		comma = memrchr(forwarded, ',', forwarded_len);
		from = comma != NULL ? (size_t)(comma + 1 - forwarded) : 0;
		if (!copy_address(dst, forwarded + from, forwarded_len - from))
			return false;
		forwarded_len = comma != NULL ? (size_t)(comma - forwarded) : 0;
	}
	return true;
}
