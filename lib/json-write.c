/*
 * json-write.c - texts and numbers as JSON; see json.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/buf.h"
#include "lib/json.h"

/* What stands in a JSON text as it is, and is one byte. */
static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One character: escaped where JSON asks for it. Returns the bytes taken. */
static size_t
write_char(struct buf *b, const utf8proc_uint8_t *p, size_t left)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n = utf8proc_iterate(p, (utf8proc_ssize_t)left, &c);

	if (n <= 0) {
		buf_text(b, "\xef\xbf\xbd");
		return 1;
	}
	if (c == '"' || c == '\\')
		buf_printf(b, "\\%c", (char)c);
	else if (c == '\n')
		buf_text(b, "\\n");
	else if (c < 0x20 || c == 0x7f)
		buf_printf(b, "\\u%04x", (unsigned)c);
	else
		buf_add(b, p, (size_t)n);
	return (size_t)n;
}

void
json_text(struct buf *b, const char *s)
{
	const char *p = s != NULL ? s : "", *end = p + strlen(p);

	buf_char(b, '"');
	while (p < end) {
		size_t plain = 0;

		while (p + plain < end && is_plain((unsigned char)p[plain]))
			plain++;
		buf_add(b, p, plain);
		p += plain;
		if (p < end)
			p += write_char(b, (const utf8proc_uint8_t *)p, (size_t)(end - p));
	}
	buf_char(b, '"');
}

/* Whole numbers and millionths, which times are: most of what is written, at a tenth of the cost of
 * the rest. A quotient of two exact numbers is the double nearest to it, and so is its decimal text
 * when read. Where it is not of this kind, or is -0: 0. */
static int
write_simple(char *text, size_t cap, double v)
{
	double millionths = nearbyint(v * 1e6);
	int n;

	if (v == floor(v) && fabs(v) < 1e15 && !(v == 0 && signbit(v)))
		return snprintf(text, cap, "%lld", (long long)v);
	if (v == 0 || !(fabs(v) < 1e9) || millionths / 1e6 != v)
		return 0;
	n = snprintf(text, cap, "%s%lld.%06lld", v < 0 ? "-" : "",
	    (long long)fabs(millionths) / 1000000, (long long)fabs(millionths) % 1000000);
	while (text[n - 1] == '0')
		text[--n] = '\0';
	return n;
}

/* The shortest text that reads back as the same double. */
void
json_number(struct buf *b, double v)
{
	char text[32] = "null";

	if (write_simple(text, sizeof(text), v) == 0 && isfinite(v))
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(text, sizeof(text), "%.*g", digits, v);
			if (strtod(text, NULL) == v)
				break;
		}
	buf_text(b, text);
}
