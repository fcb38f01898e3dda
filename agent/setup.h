/*
 * setup.h - the configuration as the agent uses it: everything resolved, checked and converted,
 * nothing started.
 *
 * setup_load reads the files, asks each plugin for its description, compiles rules and routes. It
 * changes nothing, so that a reload can fail without a trace; the agent then applies a whole setup
 * or none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_SETUP_H
#define AGENT_SETUP_H

#include "agent/alert/alert.h"
#include "agent/api/api.h"
#include "agent/inbox/inbox.h"
#include "agent/notify/receiver.h"
#include "agent/rules/rule.h"
#include "lib/buf.h"
#include "lib/labels.h"

struct map;

struct setup_probe {
	char *name, *plugin, *system;
	char *plugin_path,
	    *group; /* the plugin; the probe's own for blocking plugins; or that of its sources */
	bool is_source, is_shared;      /* shared: of a group that sources and readers form */
	bool reads_input;               /* the agent's standard input */
	char *json;                     /* CONFIGURE's text */
	int64_t interval_ms, offset_ms, timeout_ms;
	struct label *labels;
	size_t n_labels;
};

struct setup {
	void *config;                   /* struct tw_config: owns most texts */
	const char *warnings;           /* a line each: what is taken, but should be changed */
	const char *shop, *currency;    /* currency "": not set */
	const struct label *labels;     /* of the shop */
	size_t n_labels;
	const char *store_path;
	int64_t retention_raw_ms, store_max_bytes, runs_max_bytes;
	const char *socket_path, *act_group, *listen;
	char *inbox_path;               /* directory of webhooks that wait; NULL: no listener */
	const char *ingest_listen;
	int64_t ingest_max_body, ingest_max_size;
	struct inbox_source *inbox_sources;
	size_t n_inbox_sources;
	struct api_token *tokens;
	size_t n_tokens;
	const char *host_path;
	char *host_json;                /* SETUP's text */
	struct setup_probe *probes;
	size_t n_probes;
	struct map *map;                /* of the shop: systems and flows (config/map.h) */
	struct rule_set rules;          /* taken over by the alert engine */
	struct alert_config alerts;
	struct receiver *receivers;
	size_t n_receivers;
	void *arena;                    /* what the structs above point into */
};

/* 0, or -EINVAL with all that is wrong in `errors`, a line each: "shop.yaml:14:9:
 * probes[2].timeout: ...". Blocks: reads files and runs tillwatch-host --describe for each plugin.
 */
int setup_load(struct setup **out, const char *path, struct buf *errors);
void setup_free(struct setup *s);

/* Where an option of a probe stands: "shop.yaml:14:9", or "" when it stands nowhere. */
void setup_place(
    const struct setup *s, const char *probe, const char *option_path, char *dst, size_t cap);
/* The metrics of the plugins that are used; each lives as long as the setup. */
struct tw_metric;
void setup_metrics(const struct setup *s,
    void (*each)(void *arg, const struct tw_metric *m), void *arg);
/* Says the warnings in the log. */
void setup_log(const struct setup *s);
/* Replaces the values of secrets in a text that came from outside, in place. */
void setup_scrub(const struct setup *s, char *text);

#endif
