/*
 * stub-host.h - for benches that load plugins as a host loads them: a host that keeps nothing,
 * sends nothing and says what goes wrong. A bench copies stub_host and sets what it looks at.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_STUB_HOST_H
#define BENCH_STUB_HOST_H

#include <tillwatch/plugin.h>

#include "lib/options.h"

#define STUB_LEFT_US INT64_C(3600000000) /* of each run */

struct tw_ctx {                       /* of one probe or source */
	const struct tw_plugin *plugin;
	void *self;
	struct heap heap;             /* of its options */
	const char *name;             /* of a source, for its readers */
	const char **fields;          /* of a source's records */
	uint32_t n_fields;
};

/* emit, count, observe, observe_all, publish, fact_text, state_put: nothing; state_get: nothing is
 * kept; fail, log: as they are said; refuse, reject: the end; fields: into ctx. */
extern const struct tw_api stub_host;

/* Loads a plugin, fills its options (JSON, normal form) and starts it; the end where that fails. */
void stub_load(
    struct tw_ctx *ctx, const struct tw_api *host, const char *path, const char *options);
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2))); /* exit 70 */
double cpu_s(void);                   /* of this process */

#endif
