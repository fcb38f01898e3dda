/*
 * fuzz-syslog.c - a stream of syslog messages: each lies within what has come, takes some of it,
 * and is the same message whatever else has come by then; its text lies within it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/access_log/syslog.h"

#define MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *message, size_t n)
{
	size_t len;
	const char *text = syslog_text(message, n, &len);

	if (text < message || text > message + n || len > (size_t)(message + n - text))
		abort();
	if (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\0'))
		abort();
}

/* What was a message is the same one when more has come. */
static void
check_prefixes(const char *s, size_t n, const char *at, size_t len, size_t used)
{
	for (size_t k = 0; k < n; k++) {
		const char *its = NULL;
		size_t its_len = 0, its_used = 0, skip = 0;
		enum syslog_frame frame =
		    syslog_frame(s, k, MAX, &its, &its_len, &its_used, &skip);

		if (frame == SYSLOG_TOO_LONG)
			abort();
		if (frame == SYSLOG_MESSAGE
		    && (its != at || its_len != len || its_used != used || used > k))
			abort();
		if (frame == SYSLOG_MORE && k >= used)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size), *s = copy;
	size_t n = size;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	while (n > 0) {
		const char *at = NULL;
		size_t len = 0, used = 0, skip = 0;
		enum syslog_frame frame = syslog_frame(s, n, MAX, &at, &len, &used, &skip);

		if (frame == SYSLOG_MORE)
			break;
		if (frame == SYSLOG_TOO_LONG) {
			if (len <= MAX || skip >= n)
				break;
			skip = skip > 0 ? skip : 1;
			s += skip;
			n -= skip;
			continue;
		}
		if (used == 0 || used > n || at < s || at + len > s + used || len > MAX)
			abort();
		check_text(at, len);
		if (n < 2 * MAX)
			check_prefixes(s, n, at, len, used);
		s += used;
		n -= used;
	}
	if (size > 0)
		check_text(copy, size);
	free(copy);
	return 0;
}
