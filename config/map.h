/*
 * map.h - the map of the shop: its systems, what flows between them, and what nobody watches there.
 *
 *     system   declared, or named by a probe or a source
 *     probe    stands in its own system, else in that of the first source it reads
 *     flow     declared, or derived: a compare says that what its sources show comes from the
 *              reference, so something flows from the reference's system to each of theirs
 *
 *     fields:                                         sources: wms is of warehouse, shop_db of shop
 *       available: {reference: wms, compare: {shop_db: {grace: 5m}}}     warehouse -> shop, <= 5m
 *
 * DESIGN. Which options are a compare says the plugin, by flags of its rows (TW_FLOW_FROM and its
 * kin), so nothing here knows a plugin. Between two systems there is one flow in each direction:
 * declared and derived ones of the same way are one, with all that measures it. What a flow may
 * take is its own max_lag, else the smallest limit of what measures it.
 *
 * The findings are the checks that fail, out of n_checks: each system is watched and has an owner;
 * each flow is measured, has a limit and an owner; a flow may take no less than the limits of the
 * hops it goes through, together; each source that is compared says of which system it is.
 *
 * Pure: a map is made of a configuration whose options are still there, keeps nothing of it, and
 * does not change. Shared by threads through map_ref.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_MAP_H
#define CONFIG_MAP_H

#include "config/config.h"
#include "lib/buf.h"

struct map_system {
	const char *name, *title, *owner, *runbook; /* NULL = none; of all texts here */
	const char **probes, **sources;
	size_t n_probes, n_sources;
};

struct map_measure {
	const char *probe, *source;     /* source: the one that is compared */
	const char *field;              /* NULL: the probe compares at its top level */
};

struct map_flow {
	size_t from, to;                /* systems[] */
	const char *name, *title, *owner; /* name NULL: derived alone */
	int64_t max_lag_us;             /* -1 = none */
	bool has_own_limit;             /* max_lag_us is the declared one */
	bool is_direct;
	size_t *via, n_via;             /* systems[] */
	struct map_measure *measures;
	size_t n_measures;
};

struct map_finding {
	const char *kind;               /* flow_without_owner: stable */
	const char *system, *source;    /* what it is of, or: */
	const struct map_flow *flow;
	const char *text;               /* a sentence */
};

struct map {
	struct map_system *systems;
	size_t n_systems;
	struct map_flow *flows;         /* declared ones first, in written order */
	size_t n_flows;
	struct map_finding *findings;
	size_t n_findings, n_checks;
	/* private */
	struct heap heap;
	_Atomic unsigned refs;
};

struct map *map_new(const struct config *c);
struct map *map_ref(struct map *m);
void map_free(struct map *m);           /* of one who holds it; NULL does nothing */

/* The system in which a probe or source stands; NULL = none. */
const char *map_system_of(const struct config *c, const struct config_probe *p);

/* Of those who make a map. A text in its heap, NULL of NULL; room for one more item of a list,
 * whose capacities are powers of two. */
const char *map_keep(struct map *m, const char *text);
void *map_grow(void *items, size_t n, size_t size);
/* map-check.c: fills in findings. is_compared: of the configuration's probes[]. */
void map_check(struct map *m, const bool *is_compared, const struct config *c);

/* map-json.c: the map as members of a JSON object (docs/API.md), without its braces. verdict: of
 * system i, NULL = not known; may be NULL itself. */
void map_write(const struct map *m, const char *(*verdict)(void *arg, size_t i), void *arg,
    struct buf *out);

#endif
