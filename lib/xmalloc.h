/*
 * xmalloc.h - allocation for the programs (agent, command line, dashboard): out of memory ends the
 * process. Libraries and hosts return -ENOMEM instead.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_XMALLOC_H
#define LIB_XMALLOC_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);      /* n * size, checked for overflow */
char *xstrdup(const char *s);                        /* NULL gives "" */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
