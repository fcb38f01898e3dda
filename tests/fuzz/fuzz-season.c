/*
 * fuzz-season.c - any bytes as a page of a season; the check sum is made right, so that what is
 * behind it is met. What is taken must be judged, and saved and taken again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "lib/crc32c.h"
#include "plugins/common/season.h"

#define DAY_MS INT64_C(86400000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(struct season *s, int64_t now_ms, bool has_good)
{
	struct season_ratio_verdict ratio;
	struct season_verdict v;

	season_judge(s, now_ms, DAY_MS / 6, 1e-5, &v);
	(void)season_p(s, now_ms, DAY_MS / 96);
	if (has_good)
		season_judge_ratio(s, now_ms, DAY_MS / 24, &ratio);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t blob[SEASON_BLOB_MAX], again[SEASON_BLOB_MAX];
	/* The corpus begins with the day 20635. */
	int64_t now_ms = 20635 * DAY_MS + DAY_MS / 2;
	struct season *s = NULL;
	struct tz *tz = NULL;
	uint32_t crc;
	int slot = 0, len;

	if (size < 5 || size > sizeof(blob) - 4 || tz_open(&tz, "UTC", NULL) != 0)
		return 0;
	memcpy(blob, data, size);
	crc = crc32c(0, blob, size);
	for (int i = 0; i < 4; i++)
		blob[size + (size_t)i] = (uint8_t)(crc >> 8 * i);
	struct season_opts opts = {.tz = tz,
	    .has_good = blob[1] & 1,
	    .has_value = blob[1] & 2,
	    .bucket_min = blob[2] == 15 ? 15 : 1};
	if (season_new(&s, &opts) != 0)
		abort();
	season_advance(s, now_ms);
	(void)season_load(s, data, size);
	if (season_load(s, blob, size + 4) == 0) {
		judge(s, now_ms, opts.has_good);
		/* Nothing that was taken is dirty; an event of its own day makes it so. */
		if (season_add(s, now_ms, 1, 0, 1) == 0) {
			len = season_save(s, &slot, again, sizeof(again));
			if (len <= 0 || season_load(s, again, (size_t)len) != 0)
				abort();
		}
	}
	season_free(s);
	tz_free(tz);
	return 0;
}
