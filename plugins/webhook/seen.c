/*
 * seen.c - event ids that came, by their hash: a ring of the last SEEN_MAX, in pages, so that a
 * commit carries what is new and not all of them. See webhook.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "lib/little.h"
#include "plugins/webhook/webhook.h"

#define SLOTS (SEEN_MAX * 4u)

static uint32_t
slot_of(const struct seen *s, uint64_t hash)
{
	uint32_t i = (uint32_t)(hash % SLOTS);

	while (s->at[i] != 0 && s->ids[s->at[i] - 1].hash != hash)
		i = (i + 1) % SLOTS;
	return i;
}

/* Takes the slot out of the table: those behind it that are not where they belong move up. */
static void
drop(struct seen *s, uint32_t hole)
{
	s->at[hole] = 0;
	for (uint32_t i = (hole + 1) % SLOTS; s->at[i] != 0; i = (i + 1) % SLOTS) {
		uint32_t home = (uint32_t)(s->ids[s->at[i] - 1].hash % SLOTS);

		if ((i - home) % SLOTS < (i - hole) % SLOTS)
			continue;
		s->at[hole] = s->at[i];
		s->at[i] = 0;
		hole = i;
	}
}

bool
seen_has(const struct seen *s, uint64_t hash, int64_t now_ms, int64_t keep_ms)
{
	uint32_t i = slot_of(s, hash);

	return s->at[i] != 0 && now_ms / 1000 - s->ids[s->at[i] - 1].s <= keep_ms / 1000;
}

void
seen_add(struct seen *s, uint64_t hash, int64_t now_ms)
{
	uint32_t i = slot_of(s, hash), place;

	if (s->at[i] != 0) { /* again, after it was forgotten: where it stands it is as good */
		place = s->at[i] - 1u;
	} else {
		place = (uint32_t)(s->n++ % SEEN_MAX);
		if (s->ids[place].s != 0)
			drop(s, slot_of(s, s->ids[place].hash));
		i = slot_of(s, hash); /* the hole may have moved it */
		s->at[i] = (uint16_t)(place + 1);
	}
	s->ids[place] = (struct seen_id){hash, (uint32_t)(now_ms / 1000)};
	s->dirty |= 1u << (place / SEEN_PAGE);
}

void
seen_save(struct seen *s, uint32_t page, uint8_t dst[SEEN_PAGE_BYTES])
{
	little_put(dst, s->n, 8);
	for (uint32_t i = 0; i < SEEN_PAGE; i++) {
		little_put(dst + 8 + i * 12, s->ids[page * SEEN_PAGE + i].hash, 8);
		little_put(dst + 16 + i * 12, s->ids[page * SEEN_PAGE + i].s, 4);
	}
	s->dirty &= ~(1u << page);
}

bool
seen_load(struct seen *s, uint32_t page, const void *src, size_t len)
{
	const uint8_t *at = src;
	uint64_t n;

	if (len != SEEN_PAGE_BYTES || page >= SEEN_PAGES)
		return false;
	n = little_get(at, 8);
	s->n = n > s->n ? n : s->n; /* the page that was put last knows best */
	at += 8;
	for (uint32_t i = 0; i < SEEN_PAGE; i++, at += 12)
		s->ids[page * SEEN_PAGE + i] =
		    (struct seen_id){little_get(at, 8), (uint32_t)little_get(at + 8, 4)};
	return true;
}

void
seen_ready(struct seen *s)
{
	memset(s->at, 0, sizeof(s->at));
	for (uint32_t i = 0; i < SEEN_MAX; i++) {
		uint32_t slot;

		if (s->ids[i].s == 0)
			continue;
		slot = slot_of(s, s->ids[i].hash);
		if (s->at[slot] != 0)
			s->ids[i].s = 0; /* twice: of a damaged page */
		else
			s->at[slot] = (uint16_t)(i + 1);
	}
}
