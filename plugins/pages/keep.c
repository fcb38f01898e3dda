/*
 * keep.c - where the round is, and what pages have said, over restarts. See pages.h.
 *
 *     "round"     version u32, 0 u32, seed u64, position u64, began_ms i64, newest whole one_us i64
 *     "said/NN"   version u32, then { page u64, is_gone u8, 4 x length u16, texts } ...
 *
 * A page's keys lie in the part that its hash says, so that a page that changes rewrites one part.
 * What does not fit into a part is not kept: after a restart it is seen again in its turn.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/pages/pages.h"

#define VERSION 1u
#define PARTS 32                    /* times PART_BYTES is under 4 MiB */
#define PART_BYTES 60000            /* a value of the state is 64 KiB at most */
#define ROUND_BYTES 40
#define HEAD (8 + 1 + 2 * SAID_N)   /* of an entry */

static const char *
part_name(unsigned i, char dst[16])
{
	snprintf(dst, 16, "said/%02u", i % PARTS);
	return dst;
}

/* ---- the round ---- */

void
keep_position(struct pages *s)
{
	const struct known *k = &s->known;
	char to[ROUND_BYTES] = {0};
	uint32_t version = VERSION;

	memcpy(to, &version, 4);
	memcpy(to + 8, &k->seed, 8);
	memcpy(to + 16, &k->position, 8);
	memcpy(to + 24, &k->round_ms, 8);
	memcpy(to + 32, &k->round_us, 8);
	tw_api_->state_put(s->ctx, "round", to, sizeof(to));
}

static void
restore_position(struct tw_ctx *ctx, struct known *k)
{
	uint32_t version;
	size_t len;
	const char *from = tw_api_->state_get(ctx, "round", &len);

	if (from == NULL || len != ROUND_BYTES)
		return;
	memcpy(&version, from, 4);
	if (version != VERSION)
		return;
	memcpy(&k->seed, from + 8, 8);
	memcpy(&k->position, from + 16, 8);
	memcpy(&k->round_ms, from + 24, 8);
	memcpy(&k->round_us, from + 32, 8);
	if (k->round_ms < 0 || k->round_us < 0)
		k->round_ms = k->round_us = 0;
}

/* ---- what pages said ---- */

static size_t
put_entry(char *to, size_t left, const struct said_of *e)
{
	size_t need = HEAD, at = HEAD;
	uint16_t len[SAID_N];

	for (int i = 0; i < SAID_N; i++) {
		len[i] = (uint16_t)strlen(e->text[i]);
		need += len[i];
	}
	if (need > left)
		return 0;
	memcpy(to, &e->page, 8);
	to[8] = (char)e->is_gone;
	memcpy(to + 9, len, sizeof(len));
	for (int i = 0; i < SAID_N; i++) {
		memcpy(to + at, e->text[i], len[i]);
		at += len[i];
	}
	return at;
}

void
keep_page(struct pages *s, uint64_t page)
{
	struct said_of *e, *next;
	uint32_t version = VERSION;
	size_t n = sizeof(version);
	char name[16], *to = malloc(PART_BYTES);

	if (to == NULL)
		return;
	memcpy(to, &version, sizeof(version));
	HASH_ITER(hh, s->known.keys, e, next)
		if (e->page % PARTS == page % PARTS)
			n += put_entry(to + n, PART_BYTES - n, e);
	tw_api_->state_put(s->ctx, part_name((unsigned)(page % PARTS), name), to, n);
	free(to);
}

void
keep_all(struct pages *s)
{
	for (uint64_t i = 0; i < PARTS; i++)
		keep_page(s, i);
}

/* One entry; how long it is, 0: what follows is damaged. */
static size_t
take_entry(struct known *k, const char *from, size_t left)
{
	char bytes[SAID_N][OFFER_TEXT_MAX];
	const char *text[SAID_N];
	uint16_t len[SAID_N];
	size_t at = HEAD;
	uint64_t page;

	if (left < HEAD)
		return 0;
	memcpy(&page, from, 8);
	memcpy(len, from + 9, sizeof(len));
	for (int i = 0; i < SAID_N; i++) {
		if (len[i] >= OFFER_TEXT_MAX || left - at < len[i]
		    || memchr(from + at, '\0', len[i]) != NULL)
			return 0;
		memcpy(bytes[i], from + at, len[i]);
		bytes[i][len[i]] = '\0';
		text[i] = bytes[i];
		at += len[i];
	}
	return len[SAID_KEY] > 0 && known_say(k, page, text, from[8] != 0) != NULL ? at : 0;
}

void
keep_restore(struct tw_ctx *ctx, struct pages *s)
{
	restore_position(ctx, &s->known);
	for (unsigned i = 0; i < PARTS; i++) {
		char name[16];
		uint32_t version;
		size_t len = 0, at = sizeof(version), n = 1;
		const char *from = tw_api_->state_get(ctx, part_name(i, name), &len);

		if (from == NULL || len < sizeof(version))
			continue;
		memcpy(&version, from, sizeof(version));
		while (version == VERSION && at < len && n > 0) {
			n = take_entry(&s->known, from + at, len - at);
			at += n;
		}
		if (version != VERSION || n == 0)
			tw_api_->log(ctx, 4, "what pages said before is damaged: it is read again");
	}
}

void
keep_tell(struct pages *s)
{
	struct said_of *e, *next;
	size_t n = 0;

	HASH_ITER(hh, s->known.keys, e, next) {
		const char *text[OFFER_FIELDS] = {[OFFER_SKU] = e->text[SAID_KEY],
		    [OFFER_PRICE] = e->text[SAID_PRICE],
		    [OFFER_CURRENCY] = e->text[SAID_CURRENCY],
		    [OFFER_AVAILABILITY] = e->text[SAID_AVAILABILITY]};

		pages_record(s, n++, text, e->is_gone ? TW_RECORD_GONE : 0);
		if (n == OFFERS_MAX) {
			pages_hand_on(s, n, 0);
			n = 0;
		}
	}
	if (n > 0)
		pages_hand_on(s, n, 0);
}
