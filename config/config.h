/*
 * config.h - the configuration, read, merged and checked: plain structs for the agent, JSON for the
 * plugins.
 *
 * One file, plus conf.d/(*).yaml beside it in order of their names (maps merge, lists append, a
 * value given twice is an error that names both places). The structs are filled from tables
 * (table.c) by the same code as a plugin's options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/errors.h"
#include "config/secret.h"
#include "config/words.h"
#include "lib/manifest.h"

struct config_system { const char *name, *title, *owner, *runbook; };

struct config_flow {                    /* between systems; compares derive theirs (map.h) */
	const char *name, *from, *to, *title, *owner;
	struct tw_list via;             /* systems, in the order in which it goes through them */
	int64_t max_lag;                /* microseconds; 0 = none */
	bool is_direct;                 /* made by config_load: `via: []`, through none */
};

struct config_probe {
	const char *name, *plugin, *system;
	int64_t interval, timeout;      /* microseconds; 0 = defaults */
	struct tw_list labels;          /* struct tw_pair */
	uint8_t alerts;                 /* false: the plugin's default alerts are off */
	/* made by config_load */
	bool is_source;                 /* of `sources`; its name is its key there */
	json_t *reads;                  /* names of the sources that it reads; NULL = none */
	char path[64];                  /* in the file: probes[2], sources.orders */
	json_t *options;                /* normal form, for the plugin */
	const struct manifest *manifest;
	struct yaml_node *node;         /* for places; its words are those of today */
};

struct config_alert {
	const char *name, *probe, *failures, *expr, *severity, *summary, *description, *runbook;
	int64_t hold, keep_firing_for;  /* `for`; microseconds */
	struct tw_list labels;
	struct yaml_place place;        /* made by config_load */
};

struct config_route {
	const char *receiver;
	struct tw_list matchers, group_by, routes; /* texts, texts, struct config_route */
	int64_t group_wait, group_interval, repeat_interval; /* microseconds; -1 inherited */
	uint8_t continue_;
};

struct config_receiver {
	const char *name;
	int32_t type;
	const char *url, *secret, *secret_old, *fallback, *ca_file, *proxy;
	struct tw_list headers;
	int64_t timeout, max_alerts;
	uint8_t send_resolved;
};

struct config_inhibit { struct tw_list source_matchers, target_matchers, equal; };
struct config_token { int32_t scope; const char *token; }; /* 0 read, 1 act */

struct config {
	struct { const char *name, *currency, *timezone; struct tw_list labels, calendar; } shop;
	struct {
		struct {
			const char *path;
			struct { int64_t raw; } retention;
			int64_t max_size;
			struct { int64_t max_size; } runs;
		} store;
		struct { const char *socket, *act_group, *listen; struct tw_list tokens; } api;
		struct { struct tw_list path; int32_t sandbox; } plugins;
		struct { const char *country, *asn; } geoip;
		struct tw_list reference;       /* URLs */
		struct { const char *listen; int64_t max_body, max_size; } ingest;
	} agent;
	struct { int64_t interval, timeout; } defaults;
	struct { struct tw_list headers; const char *email, *sku; } synthetic;
	const char *false_pages;
	double false_pages_month;       /* made by config_load */
	struct tw_list systems;         /* struct config_system */
	struct tw_list flows;           /* struct config_flow */
	struct tw_list rules;           /* paths and globs */
	struct tw_list alerts;          /* struct config_alert */
	struct config_route route;
	struct tw_list receivers;       /* struct config_receiver */
	struct tw_list inhibit_rules;
	struct config_probe *probes;    /* and, behind them, sources */
	size_t n_probes;
	struct words words;             /* that were, and stand in the files; sorted */
	struct errors warnings;         /* told: a line each */
	/* private */
	const struct yaml_node *root;
	struct heap heap;
	struct secrets *secrets;
	struct yaml_doc **docs;
	size_t n_docs;
};

struct config_text { const char *file, *text; size_t len; };

struct config_env {
	const char *(*env)(void *, const char *); /* NULL: the process's */
	/* The description of a plugin, kept until the configuration is freed; NULL with a sentence.
	 */
	const struct manifest *(*manifest)(
	    void *ctx, const struct config *c, const char *plugin, char *err, size_t err_cap);
	void *ctx;
	const struct config_text *texts; /* instead of what stands in these files: would it load? */
	size_t n_texts;
};

/* 0, or -EINVAL with what is wrong in errors. Blocks on files. */
int config_load(
    struct config **out, const char *path, const struct config_env *env, struct errors *errors);
void config_free(struct config *c);
/* Do both mean the same, whatever words and however many files they are written in? */
bool config_same(const struct config *a, const struct config *b);

/* The JSON Schema (draft 2020-12) of the file; the options of the plugins that `manifests` lists
 * are in it. */
json_t *config_schema(const struct manifest *const *manifests, size_t n);

extern const struct tw_table config_rows, config_probe_rows, config_source_rows; /* table.c */

#endif
