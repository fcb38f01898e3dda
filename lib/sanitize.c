/*
 * sanitize.c - see sanitize.h. The character classes follow Unicode 15; UTF-8 is decoded by
 * utf8proc.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/sanitize.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

static bool
is_control(utf8proc_int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f)
	       || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff
	       || c == 0x061c || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f)
	       || (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef); /* noncharacters */
}

size_t
text_sanitize(char *dst, size_t cap, const char *src, size_t len)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)src, *end = p + len;
	size_t used = 0;

	if (cap == 0)
		return 0;
	while (p < end) {
		utf8proc_int32_t c;
		/* Most of what comes is plain. */
		bool is_plain = *p >= 0x20 && *p < 0x7f;
		utf8proc_ssize_t n =
		    is_plain ? (c = *p, 1) : utf8proc_iterate(p, end - p, &c);
		const char *out = (const char *)p;
		size_t out_len = n > 0 ? (size_t)n : 1;

		if (n <= 0) {
			n = 1;
			out = "?";
		} else if (c == '\t' || c == '\n') {
			out = " ";
		} else if (is_control(c)) {
			out = "\xc2\xb7";
			out_len = 2;
		}
		if (used + out_len + 1 > cap)
			break;
		memcpy(dst + used, out, out_len);
		used += out_len;
		p += n;
	}
	dst[used] = '\0';
	return used;
}

int
text_width(const char *s, size_t len)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)s, *end = p + len;
	int columns = 0;

	while (p < end) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate(p, end - p, &c);

		if (n <= 0) {
			columns++;
			p++;
			continue;
		}
		columns += utf8proc_charwidth(c);
		p += n;
	}
	return columns;
}
