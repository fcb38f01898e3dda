/*
 * fixture.h - an agent that is a folder of JSON files: for goldens, tests and the demo program.
 *
 *     probes.json alerts.json rules.json plugins.json outbox.json runs-newest.json
 *     runs-slowest.json
 *         answered as they are (a missing file: 404)
 *     series.json   {"series":[{"metric":{..}, "values":[[t,"v"]..] or "histograms":[[t,{..}]..]}]}
 *         queries are answered from it: the metric's name and label="value" pairs select, "by (..)"
 *         groups by the maximum, a time shows the last value not older than LOOKBACK.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_GOLDEN_FIXTURE_H
#define TESTS_GOLDEN_FIXTURE_H

#include "tui/source.h"

#define FIXTURE_T 1795444327000LL       /* 2026-11-23T14:32:07Z, the time of all fixtures */

/* 0 or -errno. calls: NULL, or a buffer that gets each path, one a line. */
int fixture_open(struct source *out, const char *dir, struct buf *calls);

#endif
