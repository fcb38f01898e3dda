/*
 * traffic.c - sources, series, and minutes that settle. See traffic.h.
 *
 * State: "times" (struct traffic_times), "worth" (struct traffic_worth), "series" (JSON: [step,
 * dimension, value, flags] each), "s/KEY/SLOT" (a page of a season, as season.h writes it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/traffic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "plugins/checkout/checkout.h"

#define MINUTE_MS 60000
#define QUARTER_MS 900000
#define FUTURE_MS 3600000               /* what is later than now by more is no event */
#define LONG_GAP_MS (6 * 3600000)       /* counted by the quarter of an hour */
#define DAY_MS 864e5
#define SILENT_MS 300000                /* complete so far behind: what we know is old */
#define WORTH_MAX 1e9
#define WORTH_EVENTS 1000                /* the mean of about so many of the latest */
#define INTERVAL_MS 60000               /* between two looks, for the budget */

static int64_t
floor_to(int64_t ms, int64_t step)
{
	return ms - ms % step;
}

/* ---- start ---- */

static enum tw_verdict
take_windows(struct tw_ctx *ctx, struct traffic *t, const char *option)
{
	const int64_t *us = t->o->windows.items;
	char path[64];

	snprintf(path, sizeof(path), "%s/windows", option);
	if (t->o->windows.n > TRAFFIC_WINDOWS_MAX)
		return tw_api_->refuse(ctx, path, "more than %d windows", TRAFFIC_WINDOWS_MAX);
	for (uint32_t i = 0; i < t->o->windows.n; i++)
		t->windows_ms[t->n_windows++] = us[i] / 1000;
	return TW_OK;
}

static enum tw_verdict
take_zone(struct tw_ctx *ctx, struct traffic *t)
{
	const char *zone = tw_api_->setting(ctx, "shop/timezone");
	int rc = tz_open(&t->tz, zone != NULL ? zone : "UTC", NULL);

	if (rc != 0)
		return tw_fail(ctx, TW_UNKNOWN, "timezone", "no time zone %s here: %s", zone,
		    strerror(-rc));
	return TW_OK;
}

/* "2026-11-27=2025-11-28,12-25=sunday,12-26=": as config/ has checked it. */
static enum tw_verdict
take_calendar(struct tw_ctx *ctx, struct traffic *t)
{
	const char *at = tw_api_->setting(ctx, "shop/calendar");
	char date[16], like[16];
	int n;

	if (season_calendar_new(&t->calendar) != 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	for (; at != NULL && *at != '\0'; at += n + (at[n] == ',')) {
		like[0] = '\0';
		n = 0;
		(void)sscanf(at, "%15[0-9-]=%n%15[^,]%n", date, &n, like, &n);
		if (n == 0 || season_calendar_add(t->calendar, date, like[0] ? like : NULL) != 0)
			return tw_fail(
			    ctx, TW_UNKNOWN, "calendar", "shop.calendar: not a day: %.40s", at);
	}
	return TW_OK;
}

static void
restore(struct tw_ctx *ctx, struct traffic *t)
{
	const void *kept;
	char err[128];
	size_t len;

	t->at.first_ms = floor_to(wall_now().ms, QUARTER_MS);
	t->at.closed_ms = t->at.first_ms;
	if ((kept = tw_api_->state_get(ctx, "times", &len)) != NULL && len == sizeof(t->at))
		memcpy(&t->at, kept, len);
	if ((kept = tw_api_->state_get(ctx, "worth", &len)) != NULL && len == sizeof(t->worth))
		memcpy(&t->worth, kept, len);
	if ((kept = tw_api_->state_get(ctx, "series", &len)) != NULL)
		t->known = json_read(kept, len, err, sizeof(err));
}

enum tw_verdict
traffic_start(struct tw_ctx *ctx, struct traffic *t, const struct baseline_options *o,
    const char *option, int64_t settle_us, traffic_count_fn *count, void *kind)
{
	*t = (struct traffic){
	    .o = o, .count = count, .kind = kind, .settle_ms = (settle_us + 999) / 1000};
	if (take_windows(ctx, t, option) != TW_OK || take_zone(ctx, t) != TW_OK
	    || take_calendar(ctx, t) != TW_OK)
		return TW_UNKNOWN;
	restore(ctx, t);
	return TW_OK;
}

static void
series_free(struct series *s)
{
	if (s == NULL)
		return;
	season_free(s->season);
	free(s->step);
	free(s->dimension);
	free(s->value);
	free(s);
}

void
traffic_stop(struct traffic *t)
{
	for (int i = 0; i < t->n_series; i++)
		series_free(t->series[i]);
	for (int i = 0; i < t->n_sources; i++)
		free(t->sources[i].name);
	season_calendar_free(t->calendar);
	tz_free(t->tz);
	json_decref(t->known);
	*t = (struct traffic){.n_series = 0};
}

int
traffic_source(struct traffic *t, const char *name)
{
	char *copy;

	for (int i = 0; i < t->n_sources; i++)
		if (strcmp(t->sources[i].name, name) == 0)
			return i;
	if (t->n_sources == TRAFFIC_SOURCES_MAX || (copy = strdup(name)) == NULL)
		return -1;
	t->sources[t->n_sources].name = copy;
	return t->n_sources++;
}

/* ---- series ---- */

static uint64_t
key_of(const char *step, const char *dimension, const char *value, unsigned flags)
{
	const char *const parts[] = {step, dimension, value};
	uint64_t h = flags;

	for (int i = 0; i < 3; i++)
		h = parts[i] != NULL ? XXH3_64bits_withSeed(parts[i], strlen(parts[i]), h)
				     : XXH3_64bits_withSeed("\xff", 1, h);
	return h;
}

static void
page_key(char dst[48], uint64_t key, int slot)
{
	snprintf(dst, 48, "s/%016llx/%d", (unsigned long long)key, slot);
}

static char *
copy_of(const char *s, bool *is_out)
{
	char *copy = s != NULL ? strdup(s) : NULL;

	*is_out |= s != NULL && copy == NULL;
	return copy;
}

static void
load_pages(struct tw_ctx *ctx, struct series *s)
{
	const void *blob;
	char key[48];
	size_t len;

	for (int slot = 0; slot < season_slots(s->season); slot++) {
		page_key(key, s->key, slot);
		if ((blob = tw_api_->state_get(ctx, key, &len)) != NULL)
			(void)season_load(s->season, blob, len); /* refused: that day is unknown */
	}
}

static struct series *
series_new(struct tw_ctx *ctx, struct traffic *t, const char *step, const char *dimension,
    const char *value, unsigned flags)
{
	struct series *s = calloc(1, sizeof(*s));
	int64_t day_us = INT64_C(86400000000);
	bool is_daily = t->o->season == 1, is_out = s == NULL;
	struct season_opts o = {.tz = t->tz,
	    .calendar = t->calendar,
	    .is_daily = is_daily,
	    .has_good = flags & SERIES_GOOD,
	    .has_value = flags & SERIES_VALUE,
	    .is_open = flags & SERIES_OPEN,
	    .bucket_min = flags & SERIES_PART ? 15 : 1,
	    .dispersion = t->o->dispersion};

	o.history = (int)(t->o->history / (is_daily ? day_us : 7 * day_us));
	o.history = o.history < 2 ? 2 : o.history;
	if (is_out)
		return NULL;
	s->step = copy_of(step, &is_out);
	s->dimension = copy_of(dimension, &is_out);
	s->value = copy_of(value, &is_out);
	s->key = key_of(step, dimension, value, flags);
	s->flags = flags;
	s->is_part = flags & SERIES_PART;
	if (is_out || season_new(&s->season, &o) != 0) {
		series_free(s);
		return NULL;
	}
	season_advance(s->season, wall_now().ms + FUTURE_MS);
	load_pages(ctx, s);
	if (t->at.covered_from_ms > 0)
		(void)season_covered(s->season, t->at.covered_from_ms, t->at.settled_ms);
	return s;
}

struct series *
traffic_series(struct tw_ctx *ctx, struct traffic *t, const char *step, const char *dimension,
    const char *value, unsigned flags)
{
	uint64_t key = key_of(step, dimension, value, flags);
	struct series *s;

	for (int i = 0; i < t->n_series; i++)
		if (t->series[i]->key == key)
			return t->series[i];
	if (t->n_series == TRAFFIC_SERIES_MAX
	    || (s = series_new(ctx, t, step, dimension, value, flags)) == NULL)
		return NULL;
	t->has_new_series = true;
	return t->series[t->n_series++] = s;
}

static bool
is_text(const json_t *v, const char *text)
{
	return text != NULL ? json_is_string(v) && strcmp(json_string_value(v), text) == 0
			    : json_is_null(v);
}

void
traffic_known_parts(struct tw_ctx *ctx, struct traffic *t, const char *step,
    const char *dimension, unsigned flags)
{
	json_t *known;
	size_t i;

	flags |= SERIES_PART;
	json_array_foreach(t->known, i, known)
		if (is_text(json_array_get(known, 0), step)
		    && is_text(json_array_get(known, 1), dimension)
		    && json_is_string(json_array_get(known, 2))
		    && json_integer_value(json_array_get(known, 3)) == (json_int_t)flags)
			(void)traffic_series(ctx, t, step, dimension,
			    json_string_value(json_array_get(known, 2)), flags);
}

bool
traffic_value_text(char *dst, size_t cap, const struct tw_value *v)
{
	size_t n = v->len < cap - 1 ? v->len : cap - 1;

	if (v->type == TW_FIELD_INT)
		snprintf(dst, cap, "%lld", (long long)v->as.integer);
	else if (v->type == TW_FIELD_REAL)
		snprintf(dst, cap, "%.6g", v->as.real);
	if (v->type == TW_FIELD_INT || v->type == TW_FIELD_REAL)
		return true;
	if (v->type != TW_FIELD_TEXT || v->len == 0 || (v->len == 1 && *v->as.text == '-'))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)v->as.text[i];

		dst[i] = (char)(c > 32 && c < 127 ? c : '_');
	}
	dst[n] = '\0';
	return true;
}

struct series *
traffic_part(struct tw_ctx *ctx, struct traffic *t, const char *step, const char *dimension,
    const struct tw_value *value, unsigned flags)
{
	char text[TRAFFIC_VALUE_BYTES];
	uint64_t key;
	int n = 0;

	if (value == NULL || !traffic_value_text(text, sizeof(text), value))
		return NULL;
	flags |= SERIES_PART;
	key = key_of(step, dimension, text, flags);
	for (int i = 0; i < t->n_series; i++) {
		const struct series *s = t->series[i];

		if (s->key == key)
			return t->series[i];
		n += s->dimension != NULL && strcmp(s->dimension, dimension) == 0
		     && (step == NULL || strcmp(s->step, step) == 0);
	}
	return traffic_series(
	    ctx, t, step, dimension, n < TRAFFIC_PARTS_MAX ? text : "other", flags);
}

void
traffic_as_whole(struct traffic *t, struct series *part, const struct series *whole)
{
	int64_t at = floor_to(t->at.covered_from_ms, QUARTER_MS), now = wall_now().ms;

	for (; at > 0 && at <= now + FUTURE_MS; at += QUARTER_MS) {
		struct season_total sum = season_total(whole->season, at, at + QUARTER_MS);

		if (sum.count > 0)
			(void)season_add(part->season, at, (uint32_t)sum.count,
			    (uint32_t)sum.count, 0);
	}
}

/* ---- batches ---- */

struct traffic_source *
traffic_batch(struct traffic *t, const struct tw_batch *b, bool *is_first)
{
	for (int i = 0; i < t->n_sources; i++) {
		struct traffic_source *s = &t->sources[i];

		if (strcmp(s->name, b->source) != 0)
			continue;
		*is_first = s->fields != b->fields;
		s->fields = b->fields;
		s->n_fields = b->n_fields;
		if (b->complete_ms > s->complete_ms)
			s->complete_ms = b->complete_ms;
		for (int k = 0; b->read_ms > 0 && k < t->n_series; k++)
			season_advance(t->series[k]->season, b->read_ms + FUTURE_MS);
		return s;
	}
	return NULL;
}

double
traffic_worth(struct traffic *t, const struct tw_value *v)
{
	double worth = NAN;

	if (v != NULL && v->type == TW_FIELD_REAL)
		worth = v->as.real;
	else if (v != NULL && v->type == TW_FIELD_INT)
		worth = (double)v->as.integer;
	if (!(fabs(worth) <= WORTH_MAX))
		return t->worth.mean;
	t->worth.n = fmin(t->worth.n + 1, WORTH_EVENTS);
	t->worth.mean += (worth - t->worth.mean) / t->worth.n;
	return worth;
}

bool
traffic_is_ours(struct traffic_source *s, const struct tw_record *r)
{
	if (r->time_ms <= 0)
		return false;
	if (s->oldest_ms == 0 || r->time_ms < s->oldest_ms)
		s->oldest_ms = r->time_ms;
	return (r->flags & (TW_RECORD_SYNTHETIC | TW_RECORD_BOT)) == 0;
}

void
traffic_add(struct tw_ctx *ctx, struct traffic *t, struct series *s, int64_t time_ms,
    uint32_t count, uint32_t good, double value)
{
	int64_t closed;

	if (s == NULL || season_add(s->season, time_ms, count, good, value) != 0)
		return; /* of another year, or no number */
	closed = floor_to(t->at.closed_ms, s->is_part ? QUARTER_MS : MINUTE_MS);
	if (time_ms >= closed || time_ms < t->at.first_ms)
		return;
	if (!s->is_part)
		tw_count(ctx, M_LATE, 1);
	t->count(ctx, t->kind, s, &(struct season_total){count, good, value});
}

int64_t
traffic_complete(const struct traffic *t)
{
	int64_t complete = INT64_MAX;

	for (int i = 0; i < t->n_sources; i++)
		if (t->sources[i].complete_ms < complete)
			complete = t->sources[i].complete_ms;
	return t->n_sources > 0 ? complete : 0;
}

static void
count_until(struct tw_ctx *ctx, struct traffic *t, int64_t from, int64_t until)
{
	for (int i = 0; i < t->n_series; i++) {
		const struct series *s = t->series[i];
		struct season_total sum;

		if (s->is_part && until % QUARTER_MS != 0)
			continue;
		sum = season_total(
		    s->season, s->is_part ? until - QUARTER_MS : from, until);
		if (sum.count > 0 || sum.good > 0)
			t->count(ctx, t->kind, s, &sum);
	}
	tw_api_->publish(ctx, until);
}

static void
publish(struct tw_ctx *ctx, struct traffic *t)
{
	struct traffic_times *at = &t->at;

	while (at->closed_ms + MINUTE_MS <= at->settled_ms) {
		bool is_far = at->settled_ms - at->closed_ms > LONG_GAP_MS
			      && at->closed_ms % QUARTER_MS == 0;
		int64_t until = at->closed_ms + (is_far ? QUARTER_MS : MINUTE_MS);

		count_until(ctx, t, at->closed_ms, until);
		at->closed_ms = until;
	}
}

/* Where knowledge begins: what the youngest of the sources has told first. */
static int64_t
oldest(const struct traffic *t, int64_t settled)
{
	int64_t from = 0;

	for (int i = 0; i < t->n_sources; i++) {
		int64_t at = t->sources[i].oldest_ms > 0 ? t->sources[i].oldest_ms : settled;

		from = at > from ? at : from;
	}
	return from < settled ? from : settled;
}

void
traffic_settle(struct tw_ctx *ctx, struct traffic *t)
{
	int64_t complete = traffic_complete(t), settled, from;

	if (complete <= 0)
		return;
	settled = floor_to(complete - t->settle_ms, MINUTE_MS);
	if (t->at.covered_from_ms == 0)
		t->at.covered_from_ms = oldest(t, settled);
	if (settled <= t->at.settled_ms)
		return;
	from = t->at.settled_ms > 0 ? t->at.settled_ms : t->at.covered_from_ms;
	for (int i = 0; i < t->n_series; i++)
		(void)season_covered(t->series[i]->season,
		    t->series[i]->is_part ? floor_to(from, QUARTER_MS) : from, settled);
	t->at.settled_ms = settled;
	publish(ctx, t);
}

/* ---- state ---- */

/* Series of an earlier configuration: their pages go. */
static void
forget_others(struct tw_ctx *ctx, struct traffic *t)
{
	json_t *known;
	char key[48];
	size_t i;

	json_array_foreach(t->known, i, known) {
		uint64_t h = key_of(json_string_value(json_array_get(known, 0)),
		    json_string_value(json_array_get(known, 1)),
		    json_string_value(json_array_get(known, 2)),
		    (unsigned)json_integer_value(json_array_get(known, 3)));
		bool is_used = false;

		for (int k = 0; k < t->n_series; k++)
			is_used |= t->series[k]->key == h;
		for (int slot = 0; !is_used && slot < SEASON_HISTORY_MAX * 7 + 9; slot++) {
			page_key(key, h, slot);
			tw_api_->state_put(ctx, key, NULL, 0);
		}
	}
	json_decref(t->known);
	t->known = NULL;
}

static void
save_list(struct tw_ctx *ctx, struct traffic *t)
{
	json_t *list = json_array();
	char *text;

	for (int i = 0; i < t->n_series; i++) {
		const struct series *s = t->series[i];

		json_array_append_new(list, json_pack("[s?, s?, s?, I]", s->step, s->dimension,
						s->value, (json_int_t)s->flags));
	}
	text = json_dumps(list, JSON_COMPACT);
	if (text != NULL && tw_api_->state_put(ctx, "series", text, strlen(text)) == 0)
		t->has_new_series = false;
	free(text);
	json_decref(list);
}

void
traffic_save(struct tw_ctx *ctx, struct traffic *t)
{
	uint8_t *blob = malloc(SEASON_BLOB_MAX);
	char key[48];
	int len;

	forget_others(ctx, t);
	if (t->has_new_series)
		save_list(ctx, t);
	for (int i = 0; blob != NULL && i < t->n_series; i++) {
		struct series *s = t->series[i];

		for (int slot = 0;
		     (len = season_save(s->season, &slot, blob, SEASON_BLOB_MAX)) > 0; slot++) {
			page_key(key, s->key, slot);
			(void)tw_api_->state_put(ctx, key, blob, (size_t)len);
		}
	}
	free(blob);
	tw_api_->state_put(ctx, "times", &t->at, sizeof(t->at));
	tw_api_->state_put(ctx, "worth", &t->worth, sizeof(t->worth));
}

/* ---- judging ---- */

static double
setting_number(struct tw_ctx *ctx, const char *name, double otherwise)
{
	const char *text = tw_api_->setting(ctx, name);
	double v = text != NULL ? strtod(text, NULL) : 0;

	return v > 0 ? v : otherwise;
}

double
traffic_alpha(struct tw_ctx *ctx, const struct traffic *t, int n, bool has_leak)
{
	double month = setting_number(ctx, "false_pages/month", 1),
	       probes = setting_number(ctx, "false_pages/probes", 1);
	int64_t windows[TRAFFIC_WINDOWS_MAX + 1];
	int k = 0;

	for (; k < t->n_windows; k++)
		windows[k] = t->windows_ms[k];
	if (has_leak)
		windows[k++] = INT64_C(16) * 86400000;
	return season_alpha(month / probes, n, windows, k, INTERVAL_MS);
}

enum tw_verdict
traffic_freshness(struct tw_ctx *ctx, const struct traffic *t)
{
	int64_t now = tw_api_->slot_ms(ctx);

	for (int i = 0; i < t->n_sources; i++) {
		const struct traffic_source *s = &t->sources[i];

		if (s->complete_ms == 0)
			return tw_fail(ctx, TW_UNKNOWN, "source",
			    "nothing was read from %s yet", s->name);
		if (now - s->complete_ms > SILENT_MS)
			return tw_fail(ctx, TW_UNKNOWN, "stale",
			    "%s says nothing of the last %.0f minutes: none seen is not none",
			    s->name, (double)(now - s->complete_ms) / 6e4);
	}
	return TW_OK;
}

void
traffic_publish(struct tw_ctx *ctx, const struct traffic *t)
{
	double target = (double)t->o->history / (DAY_MS * 1e3);
	double days = (double)(t->at.settled_ms - t->at.covered_from_ms) / DAY_MS;

	tw_emit(ctx, M_COMPLETE, (double)t->at.settled_ms / 1e3);
	tw_emit(ctx, M_HISTORY, days < target ? days : target);
	tw_emit(ctx, M_HISTORY_TARGET, target);
}

const char *
traffic_window_name(int64_t ms, char dst[16])
{
	int min = (int)(ms / MINUTE_MS % 1000000);

	if (min % 1440 == 0)
		snprintf(dst, 16, "%dd", min / 1440);
	else if (min % 60 == 0)
		snprintf(dst, 16, "%dh", min / 60);
	else
		snprintf(dst, 16, "%dm", min);
	return dst;
}

double
traffic_surprise(double p)
{
	return p > 1e-300 ? fmax(-log10(p), 0) : 300;
}
