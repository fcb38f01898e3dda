/*
 * alert.h - from rule results to notifications: the life of alerts, routing, grouping, muting.
 *
 *                for              expr false, keep_firing_for over
 *   inactive --> pending --> firing --------------------------> resolved --> told, forgotten
 *      ^            |           |                                  |
 *      `-expr false-'           `--- group_wait, group_interval ---'----> outbox
 *
 * DESIGN. Prometheus' and Alertmanager's semantics, with these differences, each for a reason:
 *  - A change of state, its history row and, when its group is due, the outbox rows commit in ONE
 * transaction; what a group still owes its receiver is in the same file. A crash at any point loses
 * no notification.
 *  - A resolve always reaches whoever was told of the firing: silences, inhibition and mute times
 * do not stop it.
 *  - The clock of `for` counts evaluated time, not wall time: a restart, a suspended machine or a
 * stepped clock neither fires alerts by itself nor starts them over.
 *  - While the agent is blind (its own network is gone) nothing about the shop fires or resolves:
 * it cannot be known. One alert, AgentBlind, says so. After it, as after a start, an alert that
 * fires is held until its rule could have seen enough (rule.hold_ms). What is true when sight
 * returns fires at once.
 *
 * Threads: one calls alert_engine_tick (it blocks in queries and for an fsync); the others may be
 * called from any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_ALERT_ALERT_H
#define AGENT_ALERT_ALERT_H

#include "agent/notify/receiver.h"
#include "agent/rules/eval.h"
#include "agent/store/state.h"
#include "lib/labels.h"

#define ALERTS_MAX 20000 /* that live at once; more are counted and not kept */
#define ROUTES_MAX 1000
#define ROUTE_DEPTH_MAX 16
#define SILENCES_MAX 5000
#define ALERT_KEEP_RESOLVED_MS 900000 /* a resolved alert is shown for 15 minutes */
#define ALERT_BLIND_FOR_MS 15000
#define ALERT_BLIND_KEEP_MS 120000 /* a network that flaps is one page */

/* ---- configuration: plain, copied by alert_engine_new and _configure ---- */

struct alert_route {
	const char *receiver;        /* NULL: inherited; the root must name one */
	const char *const *matchers; /* Alertmanager's: severity="page", path=~"/api/.*" */
	size_t n_matchers;
	const char *const *group_by; /* NULL: inherited; "..." = every alert alone */
	size_t n_group_by;
	int64_t group_wait_ms, group_interval_ms,
	    repeat_interval_ms;                  /* -1: inherited (root: 30 s, 5 min, 4 h) */
	const char *const *mute, *const *active; /* names of time intervals */
	size_t n_mute, n_active;
	bool continue_; /* also try the routes after this one */
	const struct alert_route *routes;
	size_t n_routes;
};

struct alert_inhibit {
	const char *const *source, *const *target,
				       *const *equal; /* matchers, matchers, label names */
	size_t n_source, n_target, n_equal;
};

struct alert_range {
	int from, to;
};                                     /* inclusive; negative days of month count from the end */
struct alert_times {                   /* all that is given must hold; an empty list holds always */
	struct alert_range minutes[8]; /* of the day, [from, to) */
	struct alert_range weekdays[8]; /* 0 Sunday .. 6 */
	struct alert_range days[16], months[12], years[8];
	size_t n_minutes, n_weekdays, n_days, n_months, n_years;
	const char *location; /* NULL or "UTC"; others are refused in this version */
};
struct alert_interval {
	const char *name;
	const struct alert_times *times;
	size_t n;
};

struct alert_config {
	struct alert_route route;
	const struct alert_inhibit *inhibit;
	size_t n_inhibit;
	const struct alert_interval *intervals;
	size_t n_intervals;
	const struct receiver *receivers;
	size_t n_receivers;
};
/* 0, or -EINVAL and a sentence with its place ("route.routes[2].matchers[0]: ..."). */
int alert_config_check(const struct alert_config *c, char *err, size_t cap);

/* ---- the engine ---- */

struct alert_opts {
	struct state *state;       /* outlives the engine */
	int64_t (*now_ms)(void *); /* wall clock, of the API's calls; NULL = CLOCK_REALTIME */
	void *now_arg;
	void *ctx; /* of the callbacks below */
	int (*query)(void *ctx, struct rule *r, int64_t t_ms, struct rule_vector *out, char *err,
	    size_t cap);
	void (*record)(void *ctx, const struct labels *l, int64_t t_ms,
	    double v);                               /* also ALERTS; NULL = dropped */
	bool (*blind)(void *ctx, int64_t *since_ms); /* NULL = never */
	void (*outbox)(void *ctx); /* rows were committed: wake the sender; NULL = nobody */
	void (*log)(void *ctx, int level, const char *text);
	const char *external_url; /* where people look: externalURL, generatorURL; NULL = none */
};

struct alert_engine;

/* The rule set is taken over. Loads what state.db holds. 0, -EINVAL (err says why), or another
 * negative code. */
int alert_engine_new(struct alert_engine **out, const struct alert_opts *opts,
    const struct alert_config *config, struct rule_set *set, char *err, size_t cap);
/* New rules and routes, alerts live on; those whose rule is gone resolve. The old ones stay on an
 * error. */
int alert_engine_configure(struct alert_engine *e, const struct alert_config *config,
    struct rule_set *set, char *err, size_t cap);
void alert_engine_free(struct alert_engine *e);
/* Evaluates and tells what is due. Returns the time (wall ms) of the next work. */
int64_t alert_engine_tick(struct alert_engine *e, int64_t now_ms);
void alert_engine_poke(struct alert_engine *e,
    const char *probe); /* it had a bad run: evaluate now, at the next tick */

/* ---- questions: each calls back without a lock of the caller's; texts live for the call ---- */

enum alert_phase { ALERT_PENDING = 1, ALERT_FIRING, ALERT_RESOLVED };

struct alert_view {
	const struct rule *rule;
	const struct labels *labels, *annotations;
	enum alert_phase phase;
	double value;
	int64_t active_ms, fired_ms, resolved_ms, last_ms; /* 0 = not */
	const char *fingerprint;
	const char *silenced_by, *inhibited_by; /* id, fingerprint; "" = not */
	bool held;                    /* no data since a start or a blindness: unknown, not false */
	const char *const *receivers; /* that are to be told */
	size_t n_receivers;
};
void alerts_each(
    struct alert_engine *e, void (*each)(void *, const struct alert_view *), void *arg);
void alert_rules_each(
    struct alert_engine *e, void (*each)(void *, const struct rule_status *), void *arg);
void alert_rules_write(struct alert_engine *e, struct buf *out); /* `tillwatch rules --show` */

struct alert_event { /* history */
	int64_t id, at_ms;
	const char *kind; /* pending | firing | resolved | removed */
	const char *rule, *fingerprint, *labels, *annotations; /* the last two: JSON objects */
	double value;
};
/* Newest first, at most limit, in [from_ms, to_ms]. */
int alert_events_each(struct alert_engine *e, int64_t from_ms, int64_t to_ms, size_t limit,
    void (*each)(void *, const struct alert_event *), void *arg);

struct alert_silence {
	const char *id; /* of a new one: NULL */
	const char *const *matchers;
	size_t n_matchers;
	int64_t starts_ms, ends_ms;
	const char *created_by, *comment;
};
/* A new silence; id: 37 bytes, a UUID. 0, -EINVAL with a sentence, -E2BIG, or a code of the state.
 */
int alert_silence_add(
    struct alert_engine *e, const struct alert_silence *s, char id[37], char *err, size_t cap);
int alert_silence_expire(struct alert_engine *e, const char *id); /* 0 or -ENOENT */
void alert_silences_each(
    struct alert_engine *e, void (*each)(void *, const struct alert_silence *), void *arg);

struct alert_stats {
	size_t pending, firing, resolved, groups, silences;
	uint64_t notifications, ticks, failed_commits, dropped /* past ALERTS_MAX */;
	int64_t commit_us; /* of the last transaction */
	bool blind;
};
void alert_stats(struct alert_engine *e, struct alert_stats *out);

/* FNV-1a 64 over name, 0xff, value, 0xff of each label in order: Prometheus'
 * model.LabelSet.Fingerprint, and so the `fingerprint` of Alertmanager. */
uint64_t alert_fingerprint(const struct labels *l);

/* One matcher of Alertmanager's text form. 0 or -EINVAL with a sentence. Cleared with
 * matcher_clear. */
struct matcher;
int alert_matcher_parse(struct matcher *m, const char *text, char *err, size_t cap);

#endif
