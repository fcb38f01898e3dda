/*
 * query_sums.c - a shop in one row: how slow its storefronts are, how many orders came, what does
 * not come. See struct sums; of several probes the one that is worst.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/ask.h"
#include "tui/format.h"

static const char *
label_of(const json_t *one, const char *name)
{
	const char *text =
	    json_string_value(json_object_get(json_object_get(one, "metric"), name));

	return text != NULL ? text : "";
}

static double
value_of(const json_t *one)
{
	return ask_number(json_array_get(json_object_get(one, "value"), 1));
}

static double
target_of(const struct status *s, const char *probe)
{
	for (int i = 0; i < s->n_probes; i++)
		if (strcmp(s->probes[i].name, probe) == 0)
			return s->probes[i].target;
	return NAN;
}

/* Is a nearer to its target, or beyond it, than b? Without a target: is it slower? */
static bool
is_slower(double p95, double target, const struct sums *than)
{
	bool has = isfinite(target), had = isfinite(than->target);

	if (!isfinite(than->p95))
		return true;
	if (has != had)
		return has;
	return has ? p95 / target > than->p95 / than->target : p95 > than->p95;
}

static void
take_slowest(struct status *s, json_t *result)
{
	const json_t *one;
	char name[96];
	size_t i;

	json_array_foreach(result, i, one) {
		double p95 = value_of(one), target;

		ask_copy_text(name, sizeof(name), label_of(one, "probe"));
		target = target_of(s, name);
		if (!isfinite(p95) || !is_slower(p95, target, &s->sums))
			continue;
		s->sums.p95 = p95;
		s->sums.target = target;
		snprintf(s->sums.slow, sizeof(s->sums.slow), "%s", name);
	}
	json_decref(result);
}

/* The value of a probe's series (with this bound where one is asked for); NAN = there is none. */
static double
of_probe(const json_t *result, const char *probe, const char *bound)
{
	const json_t *one;
	size_t i;

	json_array_foreach(result, i, one)
		if (strcmp(label_of(one, "probe"), probe) == 0
		    && (bound == NULL || strcmp(label_of(one, "bound"), bound) == 0))
			return value_of(one);
	return NAN;
}

/* Of several rates of orders: the first that fires, else the one of which most is usual. */
static void
take_orders(struct sums *k, json_t *events, json_t *expected, json_t *alarms)
{
	const json_t *one;
	size_t i;

	json_array_foreach(events, i, one) {
		const char *probe = label_of(one, "probe");
		double usual = of_probe(expected, probe, "mid");
		bool is_few = of_probe(alarms, probe, NULL) > 0;

		if (isfinite(k->orders)
		    && (k->is_few > is_few || (k->is_few == is_few && !(usual > k->usual))))
			continue;
		k->orders = value_of(one);
		k->usual = usual;
		k->low = of_probe(expected, probe, "low");
		k->high = of_probe(expected, probe, "high");
		k->is_few = is_few;
	}
	json_decref(events);
	json_decref(expected);
	json_decref(alarms);
}

/* What a window misses, for an hour of it. Rates may count the same orders: the largest, no sum. */
static void
take_risk(struct sums *k, json_t *result)
{
	const json_t *one, *other;
	size_t i, j;

	json_array_foreach(result, i, one) {
		const char *probe = label_of(one, "probe"), *window = label_of(one, "window");
		double hours, high = value_of(one);
		int64_t ms;

		if (strcmp(label_of(one, "bound"), "high") != 0
		    || format_span_parse(window, &ms) != 0)
			continue;
		hours = (double)ms / 3600e3;
		if (!isfinite(high) || (isfinite(k->risk_high) && high / hours <= k->risk_high))
			continue;
		k->risk_high = high / hours;
		k->risk_low = NAN;
		json_array_foreach(result, j, other)
			if (strcmp(label_of(other, "bound"), "low") == 0
			    && strcmp(label_of(other, "probe"), probe) == 0
			    && strcmp(label_of(other, "window"), window) == 0)
				k->risk_low = value_of(other) / hours;
	}
	json_decref(result);
}

void
query_sums(struct asking *a, struct status *s, int64_t now_ms)
{
	int64_t at_ms = isfinite(s->now) ? (int64_t)(s->now * 1e3) : now_ms;
	json_t *events, *expected, *alarms;

	s->sums = sums_none();
	take_slowest(s,
	    ask_instant(a,
		"max by (probe) (quantile_over_time(0.95, storefront_ttfb_seconds[1h]))", at_ms));
	events = ask_instant(a, "max by (probe) (checkout_rate_events{window=\"1h\"})", at_ms);
	expected = ask_instant(
	    a, "max by (probe, bound) (checkout_rate_expected_events{window=\"1h\"})", at_ms);
	alarms = ask_instant(a, "max by (probe) (checkout_alarm{test=\"rate\"})", at_ms);
	take_orders(&s->sums, events, expected, alarms);
	take_risk(&s->sums,
	    ask_instant(a, "max by (probe, window, bound) (checkout_at_risk_value)", at_ms));
}
