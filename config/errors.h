/*
 * errors.h - what is wrong with a configuration: a place, a path, a sentence with a way out.
 *
 *     shop.yaml:14:9: probes[2].timeout: "5x" is not a duration (try 5s)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include "config/yaml.h"
#include "lib/buf.h"

#define ERRORS_MAX 20   /* said; the rest is counted */

struct errors {
	struct buf text;        /* a line each */
	size_t n;
};

void errors_init(struct errors *e);
void errors_free(struct errors *e);
/* path: "probes[2].timeout", or "" for the whole file. */
void errors_add(struct errors *e, const struct yaml_place *place, const char *path, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/* " (did you mean timeout?)" for the nearest of n words within two typing mistakes, else "". dst
 * holds 96 bytes. */
const char *did_you_mean(const char *word, const char *const *words, size_t n, char dst[96]);

#endif
