/*
 * bearer.h - a bearer token from its file, as the header line that carries it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_BEARER_H
#define LIB_BEARER_H

#define BEARER_TEXT 600

/* The first line of the file behind "Authorization: Bearer ". 0; -errno of opening and reading it;
 * -EFBIG: the line is longer than a token that an agent takes. */
int bearer_line(const char *file, char line[BEARER_TEXT]);

#endif
