/*
 * redirect.h - the rules of redirects, pure: where to, with which method, and which headers may go
 * along.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_REDIRECT_H
#define HOST_REDIRECT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <tillwatch/plugin.h>

#include "lib/options.h"

struct redirect_rules { const char *method; int status; };

/* The Location of an answer that redirects (301, 302, 303, 307, 308), else NULL. */
const char *redirect_location(const struct tw_hop *hop);
/* The absolute URL, or NULL: another scheme than http and https, or nonsense. */
const char *redirect_resolve(CURLU *base, const char *location, struct heap *heap);
/* RFC 9110 15.4: 303 makes a GET of everything but HEAD, 301 and 302 of a POST; 307 and 308 keep
 * the method. */
const char *redirect_method(const struct redirect_rules *r);
/* Scheme, host and port alike? Only then the request's own headers go along. */
bool redirect_same_origin(const char *a, const char *b);
bool redirect_keeps_header(const char *name);

#endif
