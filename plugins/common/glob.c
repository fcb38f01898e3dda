/*
 * glob.c - see glob.h.
 *
 * DESIGN. Two places to go back to, the last `*` and the last `**`: a star that took too little
 * takes one byte more. An earlier one never needs to: what stands between it and the later was
 * matched as early as can be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/glob.h"

#include <stdint.h>

struct star {
	const char *pattern;            /* behind it; NULL = none yet */
	const char *text;               /* what it has not taken */
};

bool
glob_match(const char *pattern, const char *text, size_t len)
{
	struct star one = {0}, any = {0};
	const char *end = text + len;

	for (;;) {
		if (pattern[0] == '*' && pattern[1] == '*') {
			while (*pattern == '*')
				pattern++;
			any = (struct star){pattern, text};
			one.pattern = NULL;
		} else if (*pattern == '*') {
			one = (struct star){++pattern, text};
		} else if (text < end && *pattern == *text && *pattern != '\0') {
			pattern++;
			text++;
		} else if (text == end && *pattern == '\0') {
			return true;
		} else if (one.pattern != NULL && one.text < end && *one.text != '/') {
			text = ++one.text;
			pattern = one.pattern;
		} else if (any.pattern != NULL && any.text < end) {
			text = ++any.text;
			pattern = any.pattern;
			one.pattern = NULL;
		} else {
			return false;
		}
	}
}
