/*
 * network.c - see network.h. Millions of lines of logs pass here: IPv4 is read by hand.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* Strictly a.b.c.d at s: no octet above 255, none with a zero before it. Bytes read; 0: it is no
 * such address. */
static size_t
read_ipv4(struct address *out, const char *s, size_t len)
{
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		unsigned octet = 0;
		size_t from = at;

		if (i > 0 && (at == len || s[at] != '.'))
			return 0;
		from = at += i > 0;
		for (; at < len && at - from < 3 && s[at] >= '0' && s[at] <= '9'; at++)
			octet = octet * 10 + (unsigned)(s[at] - '0');
		if (at == from || octet > 255 || (s[from] == '0' && at - from > 1))
			return 0;
		out->bytes[12 + i] = (uint8_t)octet;
	}
	memcpy(out->bytes, mapped, sizeof(mapped));
	return at;
}

static bool
read_ipv6(struct address *out, const char *s, size_t len)
{
	char text[NETWORK_TEXT];

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '"';
}

bool
address_read(struct address *out, const char *s, size_t n)
{
	const char *bracket;
	size_t len;

	while (n > 0 && is_blank(*s)) {
		s++;
		n--;
	}
	while (n > 0 && is_blank(s[n - 1]))
		n--;
	if ((len = read_ipv4(out, s, n)) > 0)
		return len == n || s[len] == ':';
	if (n > 1 && *s == '[' && (bracket = memchr(s, ']', n)) != NULL)
		return read_ipv6(out, s + 1, (size_t)(bracket - s) - 1);
	return read_ipv6(out, s, n);
}

const char *
address_text(char dst[NETWORK_TEXT], const struct address *a)
{
	return address_is_ipv4(a) ? inet_ntop(AF_INET, a->bytes + 12, dst, NETWORK_TEXT)
				  : inet_ntop(AF_INET6, a->bytes, dst, NETWORK_TEXT);
}

/* ---- networks ---- */

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
	const uint8_t *a = out->address.bytes;
	long bits, most;
	char *end;

	if (read_ipv4(&out->address, text, len) == len && len > 0)
		most = 32;
	else if (read_ipv6(&out->address, text, len))
		most = 128;
	else
		return -EINVAL;
	bits = most;
	if (slash != NULL) {
		bits = strtol(slash + 1, &end, 10);
		if (end == slash + 1 || *end != '\0' || bits < 0 || bits > most)
			return -EINVAL;
	}
	out->bits = (int)(bits + 128 - most);
	for (int i = out->bits; i < 128; i++)
		if (a[i / 8] >> (7 - i % 8) & 1)
			return -EINVAL;
	return 0;
}

bool
network_has(const struct network *nets, size_t n, const struct address *a)
{
	for (size_t i = 0; i < n; i++)
		if (is_prefix(nets[i].address.bytes, a->bytes, nets[i].bits))
			return true;
	return false;
}

bool
network_client(struct address *out, const struct network *trusted, size_t n, const char *peer,
    size_t peer_len, const char *forwarded, size_t forwarded_len)
{
	const char *comma;
	size_t from;

	if (!address_read(out, peer, peer_len))
		return false;
	while (network_has(trusted, n, out)) {
		if (forwarded_len == 0)
			return false; /* one of ours asked for itself */
		comma = memrchr(forwarded, ',', forwarded_len);
		from = comma != NULL ? (size_t)(comma + 1 - forwarded) : 0;
		if (!address_read(out, forwarded + from, forwarded_len - from))
			return false;
		forwarded_len = comma != NULL ? (size_t)(comma - forwarded) : 0;
	}
	return true;
}
