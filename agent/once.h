/*
 * once.h - what the agent's program does and then ends: check, upgrade, schema, map,
 * doctor, one run of a probe.
 *
 * Each prints to stdout, mistakes to stderr, and returns a sysexits code.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_ONCE_H
#define AGENT_ONCE_H

#include <jansson.h>
#include <stdbool.h>

struct setup;
struct buf;
struct footprint_probe;
int once_check(const char *path, bool json);
/* once-start.c: 0, or -EINVAL with what plugins refuse, a line each as setup_load gives them. */
int once_start(const struct setup *s, struct buf *errors);
/* once-asked.c: what a running agent has counted, put into the rows; nobody there: they stay. */
void once_asked(const char *socket, struct footprint_probe *probes, size_t n);
/* once-footprint.c: what the configuration costs shop and disk, a new reference; is_printed: to
 * stdout too, for people. */
json_t *once_footprint(const struct setup *s, bool is_printed);
/* once-upgrade.c: rewrites the old words of the configuration's files; is_dry: prints a diff
 * instead. 1: some are left to be written by hand. */
int once_upgrade(const char *path, bool is_dry, bool json);
int once_schema(void);
/* The map of the shop as the API's /tillwatch/v1/map gives it, without verdicts. */
int once_map(const char *path);
/* doctor.c: what is wrong with this machine, and what to do about it. user: the agent's; NULL: as
 * doctor_user finds. */
int once_doctor(const char *path, const char *user);
/* The probe runs in a host of its own; its run as one JSON object, as the API's /tillwatch/v1/run
 * gives it. */
int once_run(const char *path, const char *probe);

#endif
