/*
 * sanitize.h - the one door through which foreign text reaches a terminal, a log or a message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_SANITIZE_H
#define LIB_SANITIZE_H

#include <stddef.h>

/* Copies len bytes of src to dst (cap bytes with the NUL; never cuts a character) so that it is
 * safe to show, and to write as YAML: C0 and C1 controls, DEL, bidirectional and zero-width
 * controls (U+200B-200F, 202A-202E, 2060-2069, FEFF) and noncharacters (U+FFFF and their like)
 * become U+00B7 "·", bytes that are no UTF-8 become "?"; tab and newline become a space. Returns
 * the bytes written. */
size_t text_sanitize(char *dst, size_t cap, const char *src, size_t len);

/* Columns of a sanitised text in a terminal (East Asian wide = 2, combining = 0). */
int text_width(const char *s, size_t len);

#endif
