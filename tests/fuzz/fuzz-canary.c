/*
 * fuzz-canary.c - state that comes back from the store, damaged: of the canary (first byte even),
 * of what has sold (odd). What is taken holds together, and is taken again when it is saved.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "plugins/inventory/canary.h"
#include "plugins/inventory/velocity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
canary(const uint8_t *data, size_t size)
{
	struct value_rules rules = {.decimal = '.'};
	struct rule rule = {.source = 1, .reference_rules = &rules, .rules = &rules};
	struct canary c = {.low = 100, .high = 999, .stride = 1, .every_ms = 1, .max_lag_ms = 1,
	    .n_sides = 2, .sides = {{.name = "wms", .rules = &rules, .cell = CELL_NULL},
		{.name = "shop", .rules = &rules, .rule = &rule, .cell = CELL_NULL}}};
	char blob[CANARY_SAVED_MAX];
	size_t len;

	if (size >= 16)
		memcpy(&c.of, data + 8, 8);
	if (canary_restore(&c, data, size) != 0)
		return;
	for (int i = 0; i < 3 * CANARY_WRITES; i++) {
		struct canary_write *w = canary_intend(&c, canary_next(&c), i, i);

		canary_shows(&c, (unsigned)i % 2, w->value * VALUE_SCALE, i, i);
		if (canary_pending_ms(&c, (unsigned)i % 2, i) < 0)
			abort();
	}
	len = canary_save(&c, blob, sizeof(blob));
	if (len == 0 || (c.newest < INT64_MAX && canary_restore(&c, blob, len) != 0))
		abort();
}

static void
velocity(const uint8_t *data, size_t size)
{
	static uint8_t blob[VELOCITY_SHARD_BYTES];
	struct velocity v, w;

	if (velocity_init(&v, 86400000) != 0 || velocity_init(&w, 86400000) != 0)
		return;
	if (velocity_restore(&v, data, size) == 0) {
		/* No later than what is sound. */
		(void)velocity_sold(&v, "a", 1, 1, v.first_ms, v.first_ms);
		for (int i = 0; i < VELOCITY_SHARDS; i++) {
			size_t len = velocity_save(&v, (uint8_t)i, blob, sizeof(blob));

			if (len > 0 && velocity_restore(&w, blob, len) != 0)
				abort();
		}
	}
	velocity_clear(&v);
	velocity_clear(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		canary(data + 1, size - 1);
	else
		velocity(data + 1, size - 1);
	return 0;
}
