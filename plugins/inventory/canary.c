/*
 * canary.c - see canary.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/canary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define VERSION 1u
#define HEAD 24
#define WRITE_BYTES 48
#define SIDE_BYTES 32
#define TRIES 64                      /* for a value that nobody shows */

/* ---- writes ---- */

static const struct canary_write *
write_at(const struct canary *c, uint64_t number)
{
	const struct canary_write *w = &c->writes[number % CANARY_WRITES];

	return number > 0 && w->number == number ? w : NULL;
}

struct canary_write *
canary_newest(struct canary *c)
{
	struct canary_write *w = &c->writes[c->newest % CANARY_WRITES];

	return c->newest > 0 && w->number == c->newest ? w : NULL;
}

/* The oldest write that is known to be written and that the side has not shown. */
static const struct canary_write *
oldest_pending(const struct canary *c, unsigned side)
{
	uint64_t from = c->sides[side].seen + 1;

	if (c->newest >= CANARY_WRITES && from < c->newest - CANARY_WRITES + 1)
		from = c->newest - CANARY_WRITES + 1;
	for (; from <= c->newest; from++) {
		const struct canary_write *w = write_at(c, from);

		if (w != NULL && w->result == CANARY_OK)
			return w;
	}
	return NULL;
}

static bool
is_pending(const struct canary *c)
{
	for (unsigned i = 0; i < c->n_sides; i++)
		if (oldest_pending(c, i) != NULL)
			return true;
	return false;
}

bool
canary_is_due(const struct canary *c, int64_t slot_ms, int64_t now_ms)
{
	const struct canary_write *w = write_at(c, c->newest);

	if (w == NULL)
		return true;
	/* A clock that stepped back does not stop it for longer than the step was. */
	if (llabs(slot_ms - w->slot_ms) < c->every_ms)
		return false;
	return !is_pending(c) || now_ms - w->sent_ms >= CANARY_GIVE_UP * c->max_lag_ms;
}

/* Does the side's cell agree with a value of ours? */
static bool
agrees(const struct canary_side *s, int64_t value, int64_t cell)
{
	struct range r = value_range(s->rules, cell);

	value *= VALUE_SCALE;
	if (cell == CELL_NULL)
		return false;
	if (cell == CELL_ABSENT) /* what is sold out may be left out */
		return s->rule == NULL ? value <= 0 : compare_expected(s->rule, value).high <= 0;
	if (s->rule != NULL)
		return compare_agrees(s->rule, value, cell);
	return r.low <= value && value <= r.high;
}

static bool
is_shown(const struct canary *c, int64_t value)
{
	for (unsigned i = 0; i < c->n_sides; i++)
		if (agrees(&c->sides[i], value, c->sides[i].cell))
			return true;
	return false;
}

int64_t
canary_next(const struct canary *c)
{
	const struct canary_write *w = write_at(c, c->newest);
	int64_t value = c->low, reference = c->n_sides > 0 ? c->sides[0].cell : CELL_NULL;

	if (c->is_words && w != NULL && is_pending(c))
		return w->value; /* once more: the other word is what it shows already */
	if (c->is_words && reference != CELL_NULL)
		return agrees(&c->sides[0], 0, reference) ? c->high : 0;
	if (c->is_words)
		return w != NULL && w->value == 0 ? c->high : 0;
	if (w != NULL)
		value = w->value + c->stride;
	else if (value_is_amount(reference))
		value = reference / VALUE_SCALE + c->stride;
	for (int i = 0; i < TRIES; i++, value += c->stride) {
		if (value < c->low || value > c->high)
			value = c->low;
		if (!is_shown(c, value))
			break;
	}
	return value;
}

struct canary_write *
canary_intend(struct canary *c, int64_t value, int64_t slot_ms, int64_t now_ms)
{
	const struct canary_write *before = write_at(c, c->newest);
	bool is_again = before != NULL && before->value == value;
	struct canary_write *w = &c->writes[++c->newest % CANARY_WRITES];

	/* Who shows the same value already does not show that it has come once more. */
	for (unsigned i = 0; is_again && i < c->n_sides; i++)
		if (c->sides[i].seen + 1 == c->newest)
			c->sides[i].seen = c->newest;
	*w = (struct canary_write){.number = c->newest, .value = value, .sent_ms = now_ms,
	    .slot_ms = slot_ms, .result = CANARY_UNSURE};
	c->is_disturbed = false;
	return w;
}

/* ---- what systems show ---- */

/* No number: it cannot tell one write from the next. */
static void
take_words(struct canary *c)
{
	if (c->is_words)
		return;
	c->is_words = true;
	for (unsigned i = 0; i < c->n_sides; i++)
		c->sides[i].seen = c->newest;
}

static void
see(struct canary *c, struct canary_side *s, uint64_t number, int64_t now_ms)
{
	struct canary_write *w = &c->writes[number % CANARY_WRITES];
	const struct canary_write *first = w, *earlier;

	/* The same value written more than once: it may be the first of them. */
	while ((earlier = write_at(c, first->number - 1)) != NULL && earlier->number > s->seen
	       && earlier->value == w->value)
		first = earlier;
	s->seen = number;
	s->seen_ms = now_ms;
	s->lag_ms = now_ms > first->sent_ms ? now_ms - first->sent_ms : 0;
	w->result = CANARY_OK;
}

/* The reference has shown the newest value, and now shows another one: what the others show next
 * is not ours. */
static void
look_for_others(struct canary *c, int64_t read_ms)
{
	const struct canary_write *w = write_at(c, c->newest);
	const struct canary_side *r = &c->sides[0];

	if (w == NULL || r->seen != c->newest || r->seen_ms == 0 || read_ms <= r->seen_ms
	    || agrees(r, w->value, r->cell) || w->sent_ms > r->seen_ms)
		return;
	c->is_disturbed = true;
	for (unsigned i = 0; i < c->n_sides; i++)
		c->sides[i].seen = c->newest;
}

void
canary_shows(struct canary *c, unsigned side, int64_t cell, int64_t read_ms, int64_t now_ms)
{
	struct canary_side *s = &c->sides[side];

	if (cell == CELL_NULL)
		return;
	s->cell = cell;
	if (!value_is_amount(cell) && cell != CELL_ABSENT)
		take_words(c);
	for (uint64_t k = c->newest; k > s->seen; k--) {
		const struct canary_write *w = write_at(c, k);

		if (w == NULL)
			break; /* older ones are forgotten */
		if (read_ms >= w->sent_ms && agrees(s, w->value, cell)) {
			see(c, s, k, now_ms);
			break;
		}
	}
	if (side == 0)
		look_for_others(c, read_ms);
}

/* ---- what is waited for ---- */

int64_t
canary_pending_ms(const struct canary *c, unsigned side, int64_t now_ms)
{
	const struct canary_write *w = oldest_pending(c, side);

	return w == NULL ? 0 : now_ms > w->sent_ms ? now_ms - w->sent_ms : 1;
}

bool
canary_is_waiting(const struct canary *c, unsigned side, int64_t now_ms)
{
	const struct canary_write *w = write_at(c, c->newest);

	if (oldest_pending(c, side) != NULL)
		return true;
	return w != NULL && w->result == CANARY_UNSURE && c->sides[side].seen < c->newest
	    && now_ms - w->sent_ms < CANARY_GIVE_UP * c->max_lag_ms;
}

bool
canary_is_late(const struct canary *c, unsigned side, int64_t now_ms)
{
	int64_t pending_ms = canary_pending_ms(c, side, now_ms);

	return (pending_ms > 0 ? pending_ms : c->sides[side].lag_ms) > c->max_lag_ms;
}

/* ---- saved ---- */

size_t
canary_save(const struct canary *c, void *dst, size_t cap)
{
	const uint32_t head[2] = {VERSION, c->is_words};
	uint64_t n = c->n_sides;
	unsigned char *to = dst;

	if (cap < HEAD + CANARY_WRITES * WRITE_BYTES + 8 + n * SIDE_BYTES)
		return 0;
	memcpy(to, head, 8);
	memcpy(to + 8, &c->of, 8);
	memcpy(to + 16, &c->newest, 8);
	to += HEAD;
	for (unsigned i = 0; i < CANARY_WRITES; i++, to += WRITE_BYTES)
		memcpy(to, &c->writes[i], WRITE_BYTES);
	memcpy(to, &n, 8);
	to += 8;
	for (unsigned i = 0; i < c->n_sides; i++, to += SIDE_BYTES) {
		const struct canary_side *s = &c->sides[i];
		uint64_t name = XXH3_64bits(s->name, strlen(s->name));

		memcpy(to, &name, 8);
		memcpy(to + 8, &s->seen, 8);
		memcpy(to + 16, &s->seen_ms, 8);
		memcpy(to + 24, &s->lag_ms, 8);
	}
	return (size_t)(to - (unsigned char *)dst);
}
_Static_assert(sizeof(struct canary_write) == WRITE_BYTES, "written as it lies in memory");

static bool
is_time(int64_t ms)
{
	return ms >= 0 && ms < INT64_MAX / 4;
}

static bool
is_sound(const struct canary_write writes[CANARY_WRITES], uint64_t newest)
{
	if (newest > INT64_MAX)
		return false;
	for (unsigned i = 0; i < CANARY_WRITES; i++) {
		const struct canary_write *w = &writes[i];

		if (w->number > newest || (w->number > 0 && w->number % CANARY_WRITES != i)
		    || !is_time(w->sent_ms) || !is_time(w->slot_ms) || w->value < 0
		    || w->value > VALUE_MAX / VALUE_SCALE || w->result < CANARY_UNSURE
		    || w->result > CANARY_FAILED || w->status < 0 || w->status > 999)
			return false;
	}
	return true;
}

/* A system that was not there before waits for what is written next. */
static void
restore_side(struct canary *c, struct canary_side *s, const unsigned char *from, uint64_t n)
{
	uint64_t name = XXH3_64bits(s->name, strlen(s->name)), saved, seen;
	int64_t seen_ms, lag_ms;

	s->seen = c->newest;
	for (uint64_t i = 0; i < n; i++, from += SIDE_BYTES) {
		memcpy(&saved, from, 8);
		memcpy(&seen, from + 8, 8);
		memcpy(&seen_ms, from + 16, 8);
		memcpy(&lag_ms, from + 24, 8);
		if (saved != name || seen > c->newest || !is_time(seen_ms)
		    || (lag_ms != -1 && !is_time(lag_ms)))
			continue;
		s->seen = seen;
		s->seen_ms = seen_ms;
		s->lag_ms = lag_ms;
	}
}

int
canary_restore(struct canary *c, const void *src, size_t len)
{
	const size_t before_sides = HEAD + CANARY_WRITES * WRITE_BYTES + 8;
	const unsigned char *from = src;
	struct canary_write writes[CANARY_WRITES];
	uint64_t of, newest, n;
	uint32_t head[2];

	if (len < before_sides)
		return -EINVAL;
	memcpy(head, from, 8);
	memcpy(&of, from + 8, 8);
	memcpy(&newest, from + 16, 8);
	memcpy(writes, from + HEAD, sizeof(writes));
	memcpy(&n, from + before_sides - 8, 8);
	if (head[0] != VERSION || head[1] > 1 || of != c->of || !is_sound(writes, newest)
	    || n > SOURCES_MAX || len != before_sides + n * SIDE_BYTES)
		return -EINVAL;
	c->is_words = head[1] == 1;
	c->newest = newest;
	memcpy(c->writes, writes, sizeof(writes));
	for (unsigned i = 0; i < c->n_sides; i++)
		restore_side(c, &c->sides[i], from + before_sides, n);
	return 0;
}
