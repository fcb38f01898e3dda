/*
 * schedule.c - see schedule.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include "agent/notify/schedule.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S INT64_C(1000)
#define M (60 * S)
#define H (60 * M)

/* Offsets from the first attempt; then steps until an end. */
static const int64_t page_offsets[] = {
    0, 2 * S, 5 * S, 10 * S, 20 * S, 30 * S, 1 * M, 2 * M, 5 * M};
static const int64_t info_offsets[] = {0, 5 * S, 5 * M + 5 * S, 35 * M + 5 * S, 155 * M + 5 * S,
    455 * M + 5 * S, 1055 * M + 5 * S, 1895 * M + 5 * S, 3095 * M + 5 * S, 4535 * M + 5 * S};

static int64_t
next_offset(enum outbox_class class, int64_t elapsed)
{
	const int64_t *table = class == OUTBOX_PAGE ? page_offsets : info_offsets;
	size_t n = class == OUTBOX_PAGE ? sizeof(page_offsets) / sizeof(page_offsets[0])
					: sizeof(info_offsets) / sizeof(info_offsets[0]);

	for (size_t i = 0; i < n; i++)
		if (table[i] > elapsed)
			return table[i];
	if (class == OUTBOX_PAGE && elapsed < 6 * H)
		return (elapsed / (5 * M) + 1) * 5 * M;
	if (class == OUTBOX_PAGE && elapsed < 72 * H)
		return (elapsed / (30 * M) + 1) * 30 * M;
	return -1;
}

/* splitmix64: a deterministic spread is all that is wanted here. */
static uint64_t
step(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int64_t
schedule_next(enum outbox_class class, int64_t first_ms, int64_t now_ms, uint64_t *seed)
{
	int64_t elapsed = now_ms > first_ms ? now_ms - first_ms : 0, gap, spread;
	int64_t offset = next_offset(class, elapsed);

	if (offset < 0)
		return -1;
	gap = offset - elapsed;
	spread = (int64_t)(step(seed) % 401) - 200; /* permille */
	gap += gap * spread / 1000;
	return now_ms + (gap > 500 ? gap : 500);
}

int64_t
retry_after_ms(const char *value, int64_t now_ms)
{
	struct tm tm = {0};
	const char *end;
	int64_t wait;

	while (isspace((unsigned char)*value))
		value++;
	if (isdigit((unsigned char)*value)) {
		size_t n = strspn(value, "0123456789");

		if (value[n + strspn(value + n, " \t\r\n")] != '\0')
			return -1;
		wait = n > 7 ? RETRY_AFTER_CAP_MS : strtoll(value, NULL, 10) * S;
	} else {
		/* The fixed form of RFC 9110; the two obsolete ones are not worth their code. */
		end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		if (end == NULL)
			return -1;
		wait = (int64_t)timegm(&tm) * S - now_ms;
	}
	if (wait < 0)
		wait = 0;
	return wait < RETRY_AFTER_CAP_MS ? wait : RETRY_AFTER_CAP_MS;
}

enum notify_result
notify_judge(int http)
{
	if (http >= 200 && http < 300)
		return NOTIFY_DELIVERED;
	if (http == 0 || http >= 500 || http == 408 || http == 425 || http == 429)
		return NOTIFY_RETRY;
	if (http == 410)
		return NOTIFY_DISABLE;
	if (http == 413)
		return NOTIFY_TOO_LARGE;
	return NOTIFY_DEAD; /* 3xx too: a redirect is not followed, and asking again will not change
			       it */
}

void
breaker_failed(
    struct breaker *b, enum outbox_class class, int64_t retry_after, int64_t now_ms, uint64_t *seed)
{
	int64_t next;

	if (b->fails++ == 0)
		b->since_ms = now_ms;
	if (b->opened_ms == 0
	    && (b->fails >= BREAKER_FAILS || now_ms - b->since_ms >= BREAKER_FAIL_MS))
		b->opened_ms = now_ms;
	b->hold_ms = 0;
	if (b->opened_ms != 0) {
		/* Past its end the schedule repeats its last step: a receiver is never given up,
		 * only messages are. */
		next = schedule_next(class, b->since_ms, now_ms, seed);
		b->hold_ms = next >= 0 ? next : now_ms + 30 * M;
	}
	if (retry_after >= 0 && now_ms + retry_after > b->hold_ms)
		b->hold_ms = now_ms + retry_after;
}

bool
breaker_succeeded(struct breaker *b)
{
	bool was_open = b->opened_ms != 0;

	*b = (struct breaker){0};
	return was_open;
}

bool
breaker_lets(const struct breaker *b, int64_t now_ms)
{
	/* A hold beyond what any schedule gives comes from a clock that went back. */
	return now_ms >= b->hold_ms || b->hold_ms - now_ms > SCHEDULE_HORIZON_MS;
}
