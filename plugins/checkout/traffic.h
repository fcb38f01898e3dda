/*
 * traffic.h - what the kinds that read real traffic share (rate, ratio, funnel): their sources,
 * their judged series, and the way from event time to samples.
 *
 *   records -> kind -> traffic_add -> season of a series (minutes, of event time)
 *                                          |  settled: nothing older will come
 *                                          v
 *                    totals, published minute by minute;   judged at each run, up to `settled`
 *
 * DESIGN. A minute is settled when every source has told all of it, and `settle` more has gone by:
 * the time that a conversion may take, so that the newest window does not look like a drop. Totals
 * are counted from the seasons, when a minute settles: what is stored is stored once. What comes
 * for a minute that has settled is counted at once, and as late. Old records, from before the
 * probe was first started, teach the seasons and are counted nowhere.
 *
 * The whole of a ratio is kept by the minute; its parts (by gateway, by country) by the quarter of
 * an hour, which costs a tenth, and their totals move once in a quarter of an hour.
 *
 * Runs in: callbacks of the probe. Nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_CHECKOUT_TRAFFIC_H
#define PLUGINS_CHECKOUT_TRAFFIC_H

#include <jansson.h>
#include <stdbool.h>
#include <tillwatch/plugin.h>

#include "plugins/common/season.h"

#define TRAFFIC_SOURCES_MAX 8
#define TRAFFIC_WINDOWS_MAX 6
#define TRAFFIC_PARTS_MAX 24            /* values of one dimension; the rest is "other" */
#define TRAFFIC_SERIES_MAX 320
#define TRAFFIC_VALUE_BYTES 64          /* of a part's label */

/* The words that say what is normal; each kind has them. */
struct baseline_options {
	struct tw_list windows;         /* int64_t microseconds */
	int32_t season;                 /* 0 week, 1 day */
	int64_t history;                /* microseconds */
	double dispersion;              /* 0: learnt */
};
#define BASELINE_ROWS(type_, windows_)                                                             \
	{.name = "windows", .type = TW_DURATION, .flags = TW_MANY,                                 \
	    .offset = offsetof(type_, baseline.windows), .def = (windows_), .min = 60,             \
	    .max = 48 * 3600, .help = "windows that are judged, each at each run"},                \
	{.name = "season", .type = TW_CHOICE, .offset = offsetof(type_, baseline.season),          \
	    .choices = "week|day", .def = "week",                                                  \
	    .help = "what repeats: the same local hours of earlier weeks, or of earlier days"},    \
	{.name = "history", .type = TW_DURATION, .offset = offsetof(type_, baseline.history),      \
	    .def = "4w", .min = 2 * 86400, .max = 84 * 86400.0,                                    \
	    .help = "how far back it is looked"},                                                  \
	{                                                                                          \
		.name = "dispersion", .type = TW_REAL,                                             \
		.offset = offsetof(type_, baseline.dispersion), .def = "0", .max = 10,             \
		.help = "how much days differ beyond chance, 0.15 = 15 %; 0: learnt"               \
	}

struct traffic_source {
	char *name;
	const char *const *fields;      /* of its batches; NULL = none came yet */
	uint32_t n_fields;
	int64_t oldest_ms;              /* of its records, at the first start */
	int64_t complete_ms;            /* 0 = not known */
};

enum series_flags {
	SERIES_GOOD = 1,
	SERIES_VALUE = 2,
	SERIES_OPEN = 4,
	SERIES_PART = 8,
	SERIES_CAUSE = 16               /* a part that only bad ones have */
};

/* One judged series, or a part of one. */
struct series {
	char *step, *dimension, *value; /* labels; NULL = none */
	struct season *season;
	uint64_t key;                   /* of its state */
	unsigned flags;                 /* enum series_flags */
	bool is_part;                   /* by the quarter of an hour */
};

/* How totals are counted: the kind says for a series what a stretch of it means. */
typedef void traffic_count_fn(
    struct tw_ctx *, void *kind, const struct series *, const struct season_total *);

struct traffic {
	const struct baseline_options *o;
	traffic_count_fn *count;
	void *kind;
	int64_t settle_ms;
	int64_t windows_ms[TRAFFIC_WINDOWS_MAX];
	int n_windows;
	struct tz *tz;
	struct season_calendar *calendar;
	struct traffic_source sources[TRAFFIC_SOURCES_MAX];
	int n_sources;
	struct series *series[TRAFFIC_SERIES_MAX];
	int n_series;
	bool has_new_series;            /* since the last save */
	json_t *known;                  /* series of an earlier process; until the first save */
	struct traffic_times {
		int64_t first_ms;       /* the quarter in which the probe was first started */
		int64_t covered_from_ms, settled_ms; /* what was watched; 0 = nothing */
		int64_t closed_ms;      /* minutes up to here are counted */
	} at;
	struct traffic_worth {
		double mean, n;         /* of what events were worth lately */
	} worth;
};

/* The zone, the calendar, windows, and what an earlier process left. TW_OK, or refused. */
enum tw_verdict traffic_start(struct tw_ctx *ctx, struct traffic *t,
    const struct baseline_options *o, const char *option, int64_t settle_us,
    traffic_count_fn *count, void *kind); /* option: the kind's, for what is refused */
void traffic_stop(struct traffic *t);
/* Index of the source, made when new; -1: too many, or no memory. In start(). */
int traffic_source(struct traffic *t, const char *name);
/* Finds or makes; NULL: too many, or no memory. Labels may be NULL; flags: enum series_flags. */
struct series *traffic_series(struct tw_ctx *ctx, struct traffic *t, const char *step,
    const char *dimension, const char *value, unsigned flags);
/* The parts of a dimension that an earlier process knew. In start(). */
void traffic_known_parts(struct tw_ctx *ctx, struct traffic *t, const char *step,
    const char *dimension, unsigned flags);
/* The part of that value; past TRAFFIC_PARTS_MAX values of the dimension, the part "other". */
struct series *traffic_part(struct tw_ctx *ctx, struct traffic *t, const char *step,
    const char *dimension, const struct tw_value *value, unsigned flags);

/* A field's value as a label's: printable and short. false: it says nothing. */
bool traffic_value_text(char *dst, size_t cap, const struct tw_value *v);
/* A part that is new has the whole's history: as many tried, and all of them good. */
void traffic_as_whole(struct traffic *t, struct series *part, const struct series *whole);

/* Begins a batch: which source, NULL = not one of ours. *is_first: its fields are new. */
struct traffic_source *traffic_batch(
    struct traffic *t, const struct tw_batch *b, bool *is_first);
/* What an event is worth: that number, or where it is none the mean so far. */
double traffic_worth(struct traffic *t, const struct tw_value *v);
/* To be counted: it has a time, and is a customer's. */
bool traffic_is_ours(struct traffic_source *s, const struct tw_record *r);
/* An event of that time. */
void traffic_add(struct tw_ctx *ctx, struct traffic *t, struct series *s, int64_t time_ms,
    uint32_t count, uint32_t good, double value);
/* Up to when every source has told all; 0 = not known. */
int64_t traffic_complete(const struct traffic *t);
/* Ends a batch: minutes that are settled now are counted and published. */
void traffic_settle(struct tw_ctx *ctx, struct traffic *t);
void traffic_save(struct tw_ctx *ctx, struct traffic *t);

/* This probe's share of the false pages that the shop bears, as alpha for each of n series. */
double traffic_alpha(struct tw_ctx *ctx, const struct traffic *t, int n, bool has_leak);
/* TW_OK; or fails: no source has told anything yet, or one has fallen silent. */
enum tw_verdict traffic_freshness(struct tw_ctx *ctx, const struct traffic *t);
/* How far it is: what is settled, and how much of the history there is. At each run. */
void traffic_publish(struct tw_ctx *ctx, const struct traffic *t);
/* "15m", "1h", "1d" */
const char *traffic_window_name(int64_t ms, char dst[16]);
/* -log10 of p, at most 300. */
double traffic_surprise(double p);

#endif
