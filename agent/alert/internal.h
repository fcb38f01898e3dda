/*
 * internal.h - what the files of the alert room share. See alert.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_ALERT_INTERNAL_H
#define AGENT_ALERT_INTERNAL_H

#include <pthread.h>
#include <uthash.h>
#include <utlist.h>

#include "agent/alert/alert.h"
#include "lib/series.h"

#define HOLD_MS 120000    /* of a rule that says nothing about it */
#define CHANGES_MAX 20000 /* waiting to be written; more are counted */

struct grp;

struct inst { /* one alert of one rule */
	uint64_t fp;
	char fp_text[17];
	struct rule_alerts *of;
	struct labels *labels, *annotations; /* owned */
	enum alert_phase phase;
	double value;
	int64_t active_ms, fired_ms, resolved_ms, keep_ms, last_ms;
	int64_t held_ms; /* evaluated time in which it was true: the clock of `for` */
	uint64_t seen;   /* number of the evaluation that saw it last */
	bool held;       /* not seen, and that proves nothing */
	struct labels
	    *shown;       /* the ALERTS series that was last recorded for it; owned, NULL = none */
	bool dirty, gone; /* to be written; to be removed with the next commit */
	struct grp **groups;
	size_t n_groups;
	struct inst *prev, *next; /* in the engine's list of all */
	UT_hash_handle hh;
};

struct rule_alerts {       /* the alerts of one rule */
	char *key;         /* rule.key; outlives the rule */
	struct rule *rule; /* NULL: it is no longer configured */
	struct inst *by_fp;
	UT_hash_handle hh;
};

struct change { /* a line of history that is not yet written */
	const char *kind;
	char *rule;
	char fp[17];
	struct labels *labels, *annotations;
	double value;
	int64_t at_ms;
};

struct matcher_list {
	struct matcher *at;
	size_t n;
};

struct rt { /* a compiled route */
	char *receiver, *key;
	struct matcher_list matchers;
	char **group_by;
	size_t n_group_by;
	bool group_all, continue_, no_resolved;
	int64_t wait_ms, interval_ms, repeat_ms;
	size_t *mute, *active; /* indices of intervals */
	size_t n_mute, n_active, max_alerts;
	size_t *children, n_children; /* indices of routes */
};

struct inhibit_rule {
	struct matcher_list source, target;
	char **equal;
	size_t n_equal;
};

struct interval {
	char *name;
	struct alert_times *times; /* location is not kept: always UTC */
	size_t n;
};

struct routing {           /* the compiled configuration; replaced as a whole */
	struct rt *routes; /* [0] is the root */
	size_t n_routes;
	struct inhibit_rule *inhibit;
	size_t n_inhibit;
	struct interval *intervals;
	size_t n_intervals;
};

struct told {
	uint64_t fp;
}; /* an alert whose firing the receiver was sent */

struct grp { /* a notification group */
	char *receiver, *key;
	size_t route;          /* index; SIZE_MAX: its route is gone, only resolves are owed */
	struct labels *labels; /* of the grouping; NULL = none */
	struct inst **members;
	size_t n, cap;
	struct told *told, *told_next; /* sorted by fp; _next replaces it after the commit */
	size_t n_told, n_told_next;
	int64_t first_ms, due_ms, last_ms, due_next,
	    last_next; /* last_ms: of the last message, 0 = none */
	bool flushing, dirty, gone;
	UT_hash_handle hh; /* by receiver, 0x1f, key */
	char *id;
};

struct silence {
	char id[37];
	struct matcher_list matchers;
	char **texts;
	int64_t starts_ms, ends_ms;
	char *created_by, *comment;
};

struct alert_engine {
	struct alert_opts opts;
	pthread_mutex_t
	    tick_lock; /* one tick or reconfiguration at a time; taken before the others */
	pthread_rwlock_t
	    rules_lock; /* the pointer rules: read by poke and questions, written by configure */
	pthread_mutex_t lock; /* everything below; not held during queries, taken last */
	struct rules *rules;
	struct routing *routing;
	struct rule_alerts *by_rule;
	bool has_unbound;     /* some of by_rule may be without a rule */
	struct inst *all;     /* every alert, oldest first: rules are many, alerts are few */
	struct grp *groups;
	struct silence *silences;
	size_t n_silences;
	struct change *changes;
	size_t n_changes, cap_changes;
	uint64_t evaluation;
	size_t n_alerts;
	bool blind;
	int64_t hold_from_ms; /* start, or when sight returned */
	int64_t expired_ms;
	int64_t alive_ms; /* when state.db was last told that the clock of `for` goes on */
	struct alert_stats stats;
};

int64_t engine_now(const struct alert_engine *e);
void engine_log(const struct alert_engine *e, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* silence.c */
const char *silence_check(
    const struct alert_silence *s, int64_t now_ms); /* what is wrong with it; NULL = nothing */

/* life.c */
int life_apply(struct alert_engine *e, struct rule *r, int64_t t_ms, const struct rule_vector *v,
    char *err, size_t cap);
void life_restore(
    struct alert_engine *e, const char *rule_key, struct inst *i); /* takes the instance over */
void life_orphans(
    struct alert_engine *e, int64_t now_ms); /* rules that are gone: their alerts resolve */
void life_bind(struct alert_engine *e);      /* rule pointers after a new rule set */
void life_forget(struct alert_engine *e, int64_t now_ms); /* old resolved ones become gone */
void inst_free(struct alert_engine *e, struct inst *i);
void change_add(struct alert_engine *e, const struct inst *i, const char *kind, int64_t at_ms);
void changes_clear(struct alert_engine *e);

/* route.c */
int routing_new(struct routing **out, const struct alert_config *c, char *err, size_t cap);
void routing_free(struct routing *r);
/* Indices of the routes that get these labels; returns how many (at most max). */
size_t routing_match(const struct routing *r, const struct labels *l, size_t *out, size_t max);
void matcher_list_clear(struct matcher_list *l);
int matcher_list_parse(struct matcher_list *l, const char *const *texts, size_t n,
    const char *place, char *err, size_t cap);

/* group.c */
void group_join(
    struct alert_engine *e, struct inst *i, int64_t now_ms); /* a firing alert finds its groups */
void group_leave(struct inst *i);
void groups_rebuild(struct alert_engine *e, int64_t now_ms); /* after new routes */
struct grp *group_get(struct alert_engine *e, const char *receiver, const char *key, bool make);
void group_free(struct alert_engine *e, struct grp *g);
bool group_told(const struct grp *g, uint64_t fp);

/* flush.c: inside a transaction of the state */
int groups_flush(struct alert_engine *e, int64_t now_ms);
void groups_committed(struct alert_engine *e, bool ok);
int64_t groups_next(const struct alert_engine *e);

/* mute.c */
const char *mute_silenced(
    const struct alert_engine *e, const struct labels *l, int64_t now_ms); /* id or NULL */
const struct inst *mute_inhibited(const struct alert_engine *e, const struct inst *i);
bool mute_by_time(const struct alert_engine *e, const struct rt *route, int64_t now_ms);
bool interval_contains(const struct alert_times *t, int64_t now_ms);
void silence_clear(struct silence *s);

/* save.c: the SQL of the room. Inside a transaction. 0 or a code */
int save_changes(struct alert_engine *e);
int save_groups(struct alert_engine *e);
int save_silence(struct alert_engine *e, const struct silence *s);
int save_load(struct alert_engine *e);
int save_alive(struct alert_engine *e, int64_t now_ms);
int save_expire(struct alert_engine *e, int64_t now_ms); /* old history and silences */

#endif
