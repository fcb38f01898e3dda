/*
 * model.h - what the dashboard knows at one moment, as an immutable snapshot.
 *
 * The worker (query.c) builds it, the UI thread draws it, nobody changes it after that. It has two
 * halves that age differently: `status` (verdicts, alerts, hosts, receivers; each 2 s) and `charts`
 * (series on one time axis; when a bucket fills or the range changes). Each half counts its
 * references. All texts have passed the sanitiser; numbers may be NaN: unknown is not zero.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_MODEL_H
#define TUI_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tui/glyph.h"

#define BUCKETS_MAX 800         /* of an axis */
#define PROBES_MAX 2000
#define ALERTS_MAX 500
#define HOSTS_MAX 200
#define RECEIVERS_MAX 50
#define RUNS_MAX 20
#define LINES_MAX 4
#define HEAT_ROWS 24
#define HEAT_FLOOR 0.0125       /* seconds: row r holds (FLOOR * 2^((r-1)/2), FLOOR * 2^(r/2)] */
#define PHASES 6

/* The one time axis of all panes: bucket i ends at start + (i + 1) * step and is aligned to the
 * epoch, so that a value never moves between buckets. */
struct axis {
	int64_t start_ms, step_ms;
	int n;
	bool live;              /* the last bucket is still filling */
};
/* The axis that shows at least `span` until `end` in n buckets. live: the last bucket holds end;
 * else it is the last one that is full at end. */
struct axis axis_make(int64_t end_ms, int64_t span_ms, int n, bool live);
static inline int64_t
axis_end(const struct axis *a)
{
	return a->start_ms + a->n * a->step_ms;
}
/* End of bucket i, in milliseconds. */
static inline int64_t
axis_time(const struct axis *a, int i)
{
	return a->start_ms + (i + 1) * a->step_ms;
}
/* Bucket that holds t, or -1. */
int axis_bucket(const struct axis *a, int64_t t_ms);

struct series {
	char name[96];          /* label that tells it from the others */
	float *v;               /* axis.n values, NaN = no data */
};

struct probe_row {
	char name[96], plugin[48], reason[256];
	enum state state;
	double since, last_run, next_run, interval; /* unix seconds; seconds */
	bool late;
	double target;          /* seconds to first byte from which a rule complains; NaN = none */
};

struct alert_row {
	char name[96], probe[96], summary[256], severity[24];
	enum state state;       /* crit or warn (firing, by severity), pending, muted */
	double since;
};

struct host_row {
	char group[64], state[32], last_exit[96];
	double probes, restarts, rss, cpu_s, lag_p99, late, skipped, runs;
};

struct receiver_row {
	char name[64], type[24], state[32], last_error[160];
	double pending, oldest, delivered, dead;
};

/* What the list of shops says of one beside its verdict (query_sums.c); NAN = not known. Money is
 * in the shop's own currency and is never added to that of another. */
struct sums {
	char slow[96];          /* the storefront that is slowest for its target; "" = none */
	double p95, target;     /* its seconds to first byte in the last hour; NAN = no target */
	double orders, usual, low, high; /* in the last hour, and what is usual for it */
	bool is_few;            /* chance does not explain that */
	double risk_low, risk_high; /* money that does not come in an hour, an estimate */
};

struct status {
	_Atomic unsigned refs;
	char shop[96];
	char currency[8];       /* of the shop: "EUR"; "" = it does not say */
	char error[200];        /* why the newest attempt failed; the rest is the last answer */
	bool ever;              /* something was read at least once */
	double now;             /* the agent's clock, unix seconds */
	double blind_since;     /* the agent itself lacks sight; NaN = it sees */
	int64_t fetched_ms;     /* our wall clock at the last good answer */
	int n_probes, n_alerts, n_hosts, n_receivers;
	int probes_cut;         /* left out at the ceiling */
	bool has_hosts, has_receivers;  /* the server knows such a thing (a plain Prometheus not) */
	struct probe_row *probes;
	struct alert_row *alerts;
	struct host_row *hosts;
	struct receiver_row *receivers;
	struct sums sums;
};

struct hop_row {
	char url[160], address[64], http_version[8], failed_phase[16], pop[16], cache[24],
	    country[8], asn[16];
	double status, phase[PHASES];   /* seconds, NaN = unknown */
};

struct run_row {
	double at, total;       /* unix seconds; seconds over all hops */
	enum state state;
	char reason[160], connection[8];
	int n_hops;
	struct hop_row last;    /* the hop that answered */
};

struct charts {
	_Atomic unsigned refs;
	unsigned generation;    /* of the request it answers */
	struct axis axis;
	char error[200];
	/* Overview */
	int n_ttfb, n_verdict, n_alerts;
	struct series *ttfb;    /* by probe, seconds */
	struct series *verdict; /* by probe, 0..3 */
	struct series *alerts;  /* by alertname and probe ("name\037probe"), 1 while firing */
	bool knows_alerts;      /* the server keeps the history of alerts (series ALERTS) */
	/* Storefront, of one probe */
	char probe[96];
	int n_lines, n_runs;
	struct series lines[LINES_MAX]; /* time to first byte, by connection and family */
	struct series phases[PHASES];   /* of cold runs */
	float *heat;            /* [axis.n][HEAT_ROWS] runs, NaN = no data; NULL = no histogram */
	double outcome_ok, outcome_all, certificate_s;  /* runs in the range; seconds left */
	struct run_row newest;  /* at 0: none */
	struct run_row runs[RUNS_MAX];  /* slowest first */
	struct api_data *api;           /* of the view API; NULL = not asked (traffic.h) */
	struct funnel_data *funnel;     /* of the view Funnel */
	struct stock_data *stock;       /* of the view Stock (stock.h) */
};

#define SHOPS_MAX 64

struct shop {
	char name[96];          /* as it was asked for; "" = what its agent says */
	struct status *status;  /* NULL: not answered yet */
};

struct model {
	struct status *status;  /* of the shop that is open; either may be NULL */
	struct charts *charts;
	const struct shop *shops; /* all, in the order they were asked for */
	int n_shops;            /* 0 and 1: there is no list of shops */
};

struct sums sums_none(void);
struct status *status_new(void);
struct status *status_ref(struct status *s);
void status_unref(struct status *s);            /* NULL allowed */
struct charts *charts_new(const struct axis *axis);
struct charts *charts_ref(struct charts *c);
void charts_unref(struct charts *c);

float *series_values(int n);                    /* n NaN */
const struct series *series_find(const struct series *s, int n, const char *name);
const char *phase_name(int i);                  /* dns connect tls send wait transfer */
/* The state that a probe had in bucket i, from its verdict series; STATE_STALE without data. */
enum state verdict_state(const struct series *s, int i);
/* Rank for sorting and counting: worst first. */
int state_rank(enum state s);

#endif
