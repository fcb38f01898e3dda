/*
 * fuzz-rules.c - any bytes as a rule file; what is accepted is written back and must be accepted
 * again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "agent/rules/rulefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_set first = {0}, second = {0};
	struct rulefile_error err;
	struct buf text;

	buf_init(&text, 8u << 20);
	if (rulefile_read(&first, "fuzz", (const char *)data, size, NULL, NULL, &err) == 0) {
		rule_set_write(&text, &first);
		if (!text.failed && text.len < (1u << 20)
		    && (rulefile_read(&second, "again", buf_str(&text), text.len, NULL, NULL, &err)
			    != 0
			|| second.n_rules != first.n_rules))
			abort();
	}
	buf_free(&text);
	rule_set_clear(&first);
	rule_set_clear(&second);
	return 0;
}
