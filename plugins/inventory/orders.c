/*
 * orders.c - see orders.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/inventory/orders.h"

#include <stdlib.h>
#include <string.h>
#include <tillwatch/plugin.h>
#include <xxhash.h>

#define SILENT_MAX 3                  /* readings of single orders that a source left unanswered */

const char *const role_names[ROLE_N] = {
    "orders", "payments", "exports", "shipments", "refunds", "bookings"};
const char *const fault_names[FAULT_N] = {"paid_without_order", "order_without_payment",
    "charged_twice", "total_mismatch", "not_exported", "not_shipped", "refund_not_booked"};
const char *const fault_words[FAULT_N] = {"paid without an order", "without a payment",
    "charged twice", "paid another amount", "not exported", "not shipped",
    "paid back and not booked"};

void
orders_init(struct orders *o)
{
	for (int role = 0; role < ROLE_N; role++)
		o->lags_ms[role] = -1;
	for (unsigned i = 0; i < o->n_sides; i++) {
		int64_t *lag_ms = &o->lags_ms[o->sides[i].role];

		if (o->sides[i].max_lag_ms > *lag_ms)
			*lag_ms = o->sides[i].max_lag_ms;
	}
	for (int role = 0; role < ROLE_N; role++)
		if (o->keep_ms < 2 * o->lags_ms[role])
			o->keep_ms = 2 * o->lags_ms[role];
}

static unsigned
shard_of(const char *id, size_t len)
{
	return (unsigned)(XXH3_64bits(id, len) % ORDER_SHARDS);
}

static void
drop(struct orders *o, struct order_row *r)
{
	unsigned shard = shard_of(r->id, strlen(r->id));

	HASH_DEL(o->shards[shard], r);
	o->n_rows--;
	o->dirty |= UINT64_C(1) << shard;
	for (int i = 0; i < ROLE_N; i++)
		free(r->legs[i]);
	free(r);
}

void
orders_clear(struct orders *o)
{
	struct order_row *r, *next;

	ORDERS_EACH(o, i, r, next)
		drop(o, r);
	free(o->asked);
	o->asked = NULL;
	o->n_asked = 0;
}

/* ---- rows ---- */

static int64_t
newest_ms(const struct order_row *r)
{
	int64_t ms = 0;

	for (int i = 0; i < ROLE_N; i++)
		if (r->legs[i] != NULL && r->legs[i]->last_ms > ms)
			ms = r->legs[i]->last_ms;
	return ms;
}

static bool
is_well(const struct order_row *r)
{
	for (int i = 0; i < FAULT_N; i++)
		if (r->confirmed_ms[i] != 0)
			return false;
	return true;
}

struct age { struct order_row *row; int64_t ms; bool is_well; };

static int
by_age(const void *a, const void *b)
{
	const struct age *x = a, *y = b;

	if (x->is_well != y->is_well)
		return x->is_well ? -1 : 1;
	return x->ms < y->ms ? -1 : x->ms > y->ms;
}

/* There is no room: a tenth goes, well and old ones first. */
static void
make_room(struct orders *o)
{
	size_t n = 0;
	struct age *list = calloc(o->n_rows + 1, sizeof(*list));
	struct order_row *r, *next;

	if (list == NULL)
		return;
	ORDERS_EACH(o, i, r, next)
		list[n++] = (struct age){r, newest_ms(r), is_well(r)};
	qsort(list, n, sizeof(*list), by_age);
	for (size_t i = 0; i < n / 10; i++)
		drop(o, list[i].row);
	o->n_dropped += n / 10;
	free(list);
	o->n_asked = 0; /* its pointers may be gone */
}

struct order_row *
orders_row(struct orders *o, const char *id, size_t len)
{
	unsigned shard;
	struct order_row *r;

	if (len == 0 || len > ORDER_ID_MAX || memchr(id, '\0', len) != NULL)
		return NULL;
	shard = shard_of(id, len);
	o->dirty |= UINT64_C(1) << shard;
	HASH_FIND(hh, o->shards[shard], id, len, r);
	if (r != NULL)
		return r;
	if (o->n_rows >= ORDERS_MAX)
		make_room(o);
	if (o->n_rows >= ORDERS_MAX || (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	memcpy(r->id, id, len);
	HASH_ADD(hh, o->shards[shard], id, len, r);
	o->n_rows++;
	return r;
}

struct leg *
orders_leg(struct order_row *r, enum role role)
{
	if (r->legs[role] == NULL && (r->legs[role] = calloc(1, sizeof(struct leg))) != NULL)
		r->legs[role]->has_amount = true;
	return r->legs[role];
}

static void
remove_part(struct order_row *r, enum role role, uint32_t part)
{
	struct leg *l = r->legs[role];

	for (unsigned i = 0; l != NULL && i < l->n; i++) {
		if (l->parts[i] != part)
			continue;
		l->n--;
		l->parts[i] = l->parts[l->n];
		l->amounts[i] = l->amounts[l->n];
		break;
	}
	if (l == NULL || l->n > 0 || l->is_more)
		return;
	free(l);
	r->legs[role] = NULL;
}

/* True: the leg is new. */
static bool
add_part(struct order_row *r, const struct order_event *e)
{
	bool is_new = r->legs[e->role] == NULL;
	struct leg *l = orders_leg(r, e->role);
	unsigned i = 0;

	if (l == NULL)
		return false;
	while (i < l->n && l->parts[i] != e->part)
		i++;
	if (i == ORDER_PARTS_MAX) {
		l->is_more = true;
		return false;
	}
	l->parts[i] = e->part;
	l->amounts[i] = e->amount;
	l->n += i == l->n;
	l->has_amount &= e->has_amount;
	memcpy(l->currency, e->currency, sizeof(l->currency));
	if (is_new || e->time_ms < l->first_ms)
		l->first_ms = e->time_ms;
	if (is_new || e->time_ms > l->last_ms)
		l->last_ms = e->time_ms;
	return is_new;
}

/* ---- events ---- */

/* Orders follow payments that came first, bookings refunds, everything else orders. */
static const struct leg *
leg_before(const struct order_row *r, enum role role)
{
	if (role == ROLE_ORDER)
		return r->legs[ROLE_PAYMENT];
	return role == ROLE_BOOKING ? r->legs[ROLE_REFUND] : r->legs[ROLE_ORDER];
}

bool
orders_event(struct orders *o, unsigned side, const char *id, size_t len,
    const struct order_event *e, bool is_history)
{
	struct order_side *s = &o->sides[side];
	struct order_row *r = orders_row(o, id, len);
	const struct leg *before;

	if (r == NULL)
		return false;
	if ((is_history || s->is_scanning) && e->time_ms < s->from_ms)
		s->from_ms = e->time_ms;
	r->is_ours |= e->is_ours;
	r->is_settled = false;
	r->answered &= (uint8_t)~(1u << e->role);
	if (e->is_void) {
		remove_part(r, e->role, e->part);
		return true;
	}
	if (!add_part(r, e) || is_history || (s->is_scanning && s->known_ms == 0) || r->is_ours
	    || o->on_lag == NULL) /* what was there before tells nothing of today */
		return r->legs[e->role] != NULL;
	before = leg_before(r, e->role);
	if (before != NULL && e->time_ms >= before->first_ms)
		o->on_lag(o->arg, s, e->time_ms - before->first_ms);
	return true;
}

void
orders_batch(struct orders *o, unsigned side, uint32_t flags, int64_t read_ms)
{
	struct order_side *s = &o->sides[side];

	if (!s->has_begun) {
		s->has_begun = true;
		s->from_ms = read_ms;
	}
	if (!(flags & TW_BATCH_SCAN))
		return;
	if (flags & TW_BATCH_FIRST) {
		s->scan_ms = read_ms;
		s->is_scanning = true;
		s->is_answer = (flags & TW_BATCH_ASKED) != 0;
	}
}

void
orders_batch_end(struct orders *o, unsigned side, uint32_t flags, int64_t complete_ms)
{
	struct order_side *s = &o->sides[side];

	if (complete_ms > s->known_ms)
		s->known_ms = complete_ms;
	if (!(flags & TW_BATCH_LAST))
		return;
	s->is_answered |= s->is_asked && (flags & TW_BATCH_ASKED) != 0
	    && (!s->is_scanning || s->is_answer);
	if ((flags & TW_BATCH_SCAN) && s->is_scanning && s->scan_ms > s->known_ms)
		s->known_ms = s->scan_ms;
	if (flags & TW_BATCH_SCAN)
		s->is_scanning = false;
}

/* ---- judging ---- */

int64_t
leg_sum(const struct leg *l)
{
	int64_t v = 0;

	for (unsigned i = 0; l != NULL && i < l->n; i++)
		v += l->amounts[i];
	return v;
}

static bool
has_sum(const struct leg *l)
{
	return l == NULL || (l->has_amount && !l->is_more);
}

/* Paid against ordered: gross, and less what was paid back. False when it cannot be said. */
static bool
surplus(const struct order_row *r, int64_t *gross, int64_t *net)
{
	const struct leg *order = r->legs[ROLE_ORDER], *paid = r->legs[ROLE_PAYMENT],
			 *back = r->legs[ROLE_REFUND];

	if (order == NULL || paid == NULL || !has_sum(order) || !has_sum(paid) || !has_sum(back))
		return false;
	if (order->currency[0] != '\0' && paid->currency[0] != '\0'
	    && memcmp(order->currency, paid->currency, ORDER_CURRENCY) != 0)
		return false;
	*gross = leg_sum(paid) - leg_sum(order);
	*net = *gross - leg_sum(back);
	return true;
}

/* Which role's silence makes the fault; ROLE_N: none's, it is told by what is there. */
static enum role
role_of(enum fault f)
{
	switch (f) {
	case FAULT_PAID_WITHOUT_ORDER: return ROLE_ORDER;
	case FAULT_ORDER_WITHOUT_PAYMENT: return ROLE_PAYMENT;
	case FAULT_NOT_EXPORTED: return ROLE_EXPORT;
	case FAULT_NOT_SHIPPED: return ROLE_SHIPMENT;
	case FAULT_REFUND_NOT_BOOKED: return ROLE_BOOKING;
	default: return ROLE_N;
	}
}

/* The leg that waits for one of the role. */
static const struct leg *
leg_that_waits(const struct order_row *r, enum fault f)
{
	if (f == FAULT_PAID_WITHOUT_ORDER)
		return r->legs[ROLE_PAYMENT];
	return r->legs[f == FAULT_REFUND_NOT_BOOKED ? ROLE_REFUND : ROLE_ORDER];
}

/* Is so old an event within what the role's sources could tell? */
static bool
is_within(const struct orders *o, const struct order_row *r, enum role role, int64_t ms)
{
	int64_t margin_ms = role == ROLE_ORDER ? o->warm_up_ms : 0;

	if (r->answered & 1u << role)
		return true;
	for (unsigned i = 0; i < o->n_sides; i++) {
		const struct order_side *s = &o->sides[i];

		if (s->role == role && (!s->has_begun || ms < s->from_ms + margin_ms))
			return false;
	}
	return true;
}

/* Since when the leg waits for one of the role, whether or not its sources could tell. */
static int64_t
waits_since_ms(const struct orders *o, const struct order_row *r, enum fault f, int64_t now_ms)
{
	enum role role = role_of(f);
	const struct leg *waits = leg_that_waits(r, f), *l = r->legs[role];
	int64_t since_ms;

	if (r->is_ours || o->lags_ms[role] < 0 || waits == NULL)
		return 0;
	since_ms = waits->first_ms;
	if (l != NULL) {
		if (f != FAULT_REFUND_NOT_BOOKED || !has_sum(waits) || !has_sum(l)
		    || leg_sum(waits) - leg_sum(l) <= o->tolerance)
			return 0;
		since_ms = waits->last_ms; /* one of them is in the books */
	}
	if (f == FAULT_ORDER_WITHOUT_PAYMENT && waits->has_amount && leg_sum(waits) <= 0)
		return 0; /* it costs nothing */
	return now_ms - since_ms >= o->lags_ms[role] ? since_ms : 0;
}

/* Less was paid than was ordered, or more, and it was not paid back. What is paid back beyond that
 * is goodwill, or part of the order that was returned. */
static int64_t
judge_amounts(const struct orders *o, const struct order_row *r, enum fault f, int64_t now_ms)
{
	const struct leg *order = r->legs[ROLE_ORDER], *paid = r->legs[ROLE_PAYMENT];
	int64_t gross = 0, net = 0, since_ms;

	if (!surplus(r, &gross, &net) || (gross >= -o->tolerance && net <= o->tolerance))
		return 0;
	if ((paid->n > 1 && net > 0) != (f == FAULT_CHARGED_TWICE))
		return 0;
	since_ms = paid->last_ms > order->last_ms ? paid->last_ms : order->last_ms;
	return now_ms - since_ms >= o->lags_ms[ROLE_PAYMENT] ? since_ms : 0;
}

int64_t
orders_judge(const struct orders *o, const struct order_row *r, enum fault f, int64_t now_ms)
{
	int64_t since_ms;

	if (role_of(f) == ROLE_N)
		return r->is_ours ? 0 : judge_amounts(o, r, f, now_ms);
	since_ms = waits_since_ms(o, r, f, now_ms);
	return since_ms != 0 && is_within(o, r, role_of(f), since_ms) ? since_ms : 0;
}

int64_t
orders_at_stake(const struct order_row *r, enum fault f)
{
	const struct leg *l = role_of(f) != ROLE_N ? leg_that_waits(r, f) : NULL;
	int64_t gross = 0, net = 0;

	if (role_of(f) != ROLE_N)
		return l != NULL && has_sum(l) ? leg_sum(l) : 0;
	(void)surplus(r, &gross, &net);
	return gross < 0 ? -gross : net;
}

/* Everything that could take the fault back has been seen since it was due. */
static bool
is_proven(const struct orders *o, const struct order_row *r, enum fault f, int64_t since_ms)
{
	enum role role = role_of(f);
	int64_t due_ms = since_ms + o->lags_ms[role != ROLE_N ? role : ROLE_PAYMENT];

	for (unsigned i = 0; i < o->n_sides; i++) {
		const struct order_side *s = &o->sides[i];

		if (role != ROLE_N ? s->role != role
				   : s->role != ROLE_ORDER && s->role != ROLE_PAYMENT
			&& s->role != ROLE_REFUND)
			continue;
		if (!(r->is_asked && s->is_answered) && s->known_ms < due_ms)
			return false;
	}
	return true;
}

/* ---- reading again ---- */

static int
by_turn(const void *a, const void *b)
{
	const struct order_row *x = *(struct order_row *const *)a,
			       *y = *(struct order_row *const *)b;

	if (x->asked_ms != y->asked_ms)
		return x->asked_ms < y->asked_ms ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* Is there anything that a reading could prove or take back? What happened before a source was read
 * first can be proven by a source that answers for one order. */
static bool
is_suspect(const struct orders *o, const struct order_row *r, int64_t now_ms)
{
	for (int f = 0; f < FAULT_N; f++) {
		enum fault fault = (enum fault)f;

		if (orders_judge(o, r, fault, now_ms) != 0
		    || (r->asked_ms == 0 && role_of(fault) != ROLE_N
			&& waits_since_ms(o, r, fault, now_ms) != 0))
			return true;
	}
	return false;
}

size_t
orders_ask(struct orders *o, int64_t now_ms, size_t n)
{
	struct order_row *r, *next,
	    **list = calloc(o->n_rows + 1, sizeof(struct order_row *));
	size_t n_due = 0;

	free(o->asked);
	o->asked = list;
	o->n_asked = 0;
	for (unsigned i = 0; i < o->n_sides; i++)
		o->sides[i].is_asked = o->sides[i].is_answered = false;
	ORDERS_EACH(o, i, r, next) {
		r->is_asked = false;
		if (list != NULL && !r->is_settled && is_suspect(o, r, now_ms))
			list[n_due++] = r;
	}
	if (list == NULL)
		return 0;
	qsort(list, n_due, sizeof(struct order_row *), by_turn);
	o->n_asked = n_due < n ? n_due : n;
	for (size_t i = 0; i < o->n_asked; i++)
		list[i]->is_asked = true;
	return o->n_asked;
}

bool
orders_needs(const struct orders *o, unsigned side)
{
	enum role role = o->sides[side].role;

	if (o->sides[side].n_silent >= SILENT_MAX)
		return false; /* it does not answer for single orders */
	for (size_t i = 0; i < o->n_asked; i++) {
		const struct order_row *r = o->asked[i];

		if (r->legs[role] == NULL || role == ROLE_ORDER || role == ROLE_PAYMENT)
			return true;
	}
	return false;
}

void
orders_ask_side(struct orders *o, unsigned side)
{
	o->sides[side].is_asked = true;
	o->sides[side].is_answered = false;
}

/* The roles all of whose sources have answered, a bit each. */
static uint8_t
answered_roles(struct orders *o)
{
	unsigned told = 0, silent = 0;

	for (unsigned i = 0; i < o->n_sides; i++) {
		struct order_side *s = &o->sides[i];

		if (s->is_asked && s->is_answered)
			s->n_silent = 0;
		else if (s->is_asked && s->n_silent < SILENT_MAX)
			s->n_silent++;
		*(s->is_asked && s->is_answered ? &told : &silent) |= 1u << s->role;
	}
	return (uint8_t)(told & ~silent);
}

/* Is there nothing that waits, now or ever? */
static bool
is_settled(const struct orders *o, const struct order_row *r)
{
	static const int64_t ever_ms = INT64_MAX / 2;

	for (int f = 0; f < FAULT_N; f++)
		if (role_of((enum fault)f) != ROLE_N
			? waits_since_ms(o, r, (enum fault)f, ever_ms) != 0
			: orders_judge(o, r, (enum fault)f, ever_ms) != 0)
			return false;
	return true;
}

static void
confirm(struct orders *o, struct order_row *r, int64_t now_ms)
{
	if (r->is_settled)
		return;
	for (int f = 0; f < FAULT_N; f++) {
		int64_t since_ms = orders_judge(o, r, (enum fault)f, now_ms);

		if (since_ms == 0)
			r->confirmed_ms[f] = 0;
		else if (r->confirmed_ms[f] == 0 && is_proven(o, r, (enum fault)f, since_ms))
			r->confirmed_ms[f] = now_ms;
	}
	r->is_settled = is_settled(o, r);
}

void
orders_confirm(struct orders *o, int64_t now_ms)
{
	uint8_t answered = answered_roles(o);
	struct order_row *r, *next;

	o->n_asked = 0;
	ORDERS_EACH(o, i, r, next) {
		if (r->is_asked) {
			r->answered |= answered;
			r->asked_ms = now_ms;
		}
		confirm(o, r, now_ms);
		r->is_asked = false;
		if (now_ms - newest_ms(r) > o->keep_ms)
			drop(o, r);
	}
}

/* ---- totals ---- */

void
orders_totals(const struct orders *o, int64_t now_ms, struct order_totals t[FAULT_N])
{
	struct order_row *r, *next;

	memset(t, 0, FAULT_N * sizeof(*t));
	ORDERS_EACH(o, i, r, next) {
		for (int f = 0; f < FAULT_N && !r->is_settled; f++) {
			int64_t since_ms;

			if (r->confirmed_ms[f] == 0)
				continue;
			since_ms = orders_judge(o, r, (enum fault)f, now_ms);
			t[f].n++;
			t[f].value += orders_at_stake(r, (enum fault)f);
			if (since_ms > 0 && now_ms - since_ms > t[f].age_ms)
				t[f].age_ms = now_ms - since_ms;
		}
	}
}

uint64_t
orders_compared(const struct orders *o, uint64_t *n_well)
{
	struct order_row *r, *next;
	uint64_t n = 0;

	*n_well = 0;
	ORDERS_EACH(o, i, r, next) {
		unsigned n_legs = 0;

		for (int role = 0; role < ROLE_N; role++)
			n_legs += r->legs[role] != NULL;
		if (r->is_ours || (n_legs < 2 && is_well(r)))
			continue;
		n++;
		*n_well += is_well(r);
	}
	return n;
}
