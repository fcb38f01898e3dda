/*
 * robots.h - may this path be fetched? RFC 9309.
 *
 * The groups of our own name count, all of them together; where there is none, those of `*`. The
 * longest rule that matches decides, Allow before Disallow of the same length; `*` in a rule is any
 * bytes, `$` at its end the end. Paths are compared with their escapes made alike (2.2.2).
 *
 * Runs in: any thread. Bounds: ROBOTS_BYTES of a file are read, ROBOTS_RULES of its rules kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_ROBOTS_H
#define LIB_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROBOTS_BYTES (512 * 1024)
#define ROBOTS_RULES 4096
#define ROBOTS_PATH 2048            /* bytes of a rule, and of a path that is asked for */

struct robots_rule { char *path; bool allows; };
struct robots {                     /* clean when zeroed: everything is allowed */
	struct robots_rule *rules;
	size_t n;
};

/* What was there before is forgotten. name: what we are called, "tillwatch". 0 or -ENOMEM. */
int robots_parse(struct robots *r, const char *name, const char *text, size_t len);
void robots_clear(struct robots *r);
bool robots_allows(const struct robots *r, const char *path); /* with its query */

#endif
