/*
 * doctor.h - `tillwatchd --doctor`: does the machine give the agent what its configuration needs?
 *
 *     {"version","config","socket","user","findings":[{"check","level","text","remedy"}],
 *      "passed":[check...],"skipped":[check...]}
 *
 * DESIGN. A table of checks (doctor.c), a file each theme: doctor-files.c what sources read,
 * doctor-store.c the store and its disk, doctor-net.c clock and names, doctor-host.c plugins,
 * sandbox, geo databases. A check says what is wrong (`fail`: something will not work; `warn`: it
 * works, and worse than it looks) and always what to do. One that cannot be asked here is skipped
 * and named so. What only a running agent knows is asked by the command line, through the API.
 *
 * What the agent may read is tried as the agent's user: root runs the question in a child that has
 * become that user (doctor-user.c), because root itself may read everything.
 *
 * Runs in: a process of its own, which then ends; every check is bounded in time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_DOCTOR_H
#define AGENT_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "agent/setup.h"
#include "lib/buf.h"

struct doctor_user {
	char name[64];
	uid_t uid;
	gid_t gid;
	bool is_other;  /* than who we are: a child has to become it */
};

struct doctor {
	const char *config_path;
	const struct setup *setup;      /* NULL: the configuration does not load */
	struct doctor_user user;        /* the agent's */
	json_t *findings;
	const char *check;              /* the one that runs */
	bool is_skipped;                /* it could not be asked */
};

enum doctor_level { DOCTOR_WARN, DOCTOR_FAIL };

/* A finding of the check that runs; doctor_remedy follows, and says what to do about it. */
void doctor_find(struct doctor *d, enum doctor_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_remedy(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Calls each for every text of an option tree; name: the key it stands under, or its list does. */
void doctor_texts(const json_t *values, const char *name,
    void (*each)(void *arg, const char *name, const char *text), void *arg);

/* doctor-user.c. name NULL: who owns the store, unless root; else the user tillwatch, if there is
 * one; else we. 0, or -1 with why. */
int doctor_user(struct doctor_user *u, const char *name, const char *store_path, char *err,
    size_t cap);
/* fn(arg) in a child that is this user; what it prints to stdout is in out. Its exit code, or -1
 * when it did not end in time (it is killed) or could not be made. */
int doctor_as_user(const struct doctor_user *u, int (*fn)(void *arg), void *arg, int timeout_ms,
    struct buf *out);
/* May the user? NULL, or the first part of the path that stops it (in part). mode as access(2). */
const char *doctor_blocked(
    const struct doctor_user *u, const char *path, int mode, char *part, size_t cap);
/* What lets the user through a part that stopped it. */
void doctor_remedy_access(struct doctor *d, const char *part, int mode);

/* The checks. */
void doctor_sources(struct doctor *d);          /* doctor-files.c */
void doctor_store(struct doctor *d);            /* doctor-store.c */
void doctor_disk(struct doctor *d);
void doctor_integrity(struct doctor *d);
void doctor_clock(struct doctor *d);            /* doctor-net.c */
void doctor_date(struct doctor *d);
void doctor_resolver(struct doctor *d);
void doctor_plugins(struct doctor *d);          /* doctor-host.c */
void doctor_sandbox(struct doctor *d);
void doctor_geoip(struct doctor *d);

#endif
