/*
 * fuzz-tz.c - a zone's file from anywhere: refused, or a zone whose answers hold together.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/tz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t times[] = {
	    -5000000000, -1, 0, 1700000000, 1711846800, 4102444800, 30000000000};
	struct tz *tz;

	if (tz_parse(&tz, data, size) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		int32_t offset = tz_offset(tz, times[i], NULL);
		int64_t next = tz_next_change(tz, times[i]), utc;

		if (offset < -93599 || offset > 93599 || next <= times[i])
			abort();
		if (next != INT64_MAX && tz_offset(tz, next, NULL) == tz_offset(tz, next - 1, NULL))
			abort();
		/* The wall shows it, and perhaps showed it before. */
		utc = tz_utc(tz, times[i] + offset);
		if (utc > times[i] || utc + tz_offset(tz, utc, NULL) != times[i] + offset)
			abort();
	}
	tz_free(tz);
	return 0;
}
