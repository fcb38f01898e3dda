/*
 * markup.h - the little of HTML and XML that must be understood to find what is in it.
 *
 * DESIGN. No parser: a page is looked through for <script type="application/ld+json">, as the HTML
 * standard finds the begin and the end of a script (tags with quoted attributes, comments, and the
 * elements whose content is text). What is inside of a script is never unescaped. A script that is
 * not closed was cut off: it is none.
 *
 * Runs in: any thread; nothing is kept, one pass.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_MARKUP_H
#define LIB_MARKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct markup {
	const char *at, *end;
	uint32_t n_unclosed;        /* scripts of ours that are cut off */
};

/* The next script of JSON-LD: its content without the CDATA and comment marks around it. False:
 * there is none. */
bool markup_next(struct markup *m, const char **text, size_t *len);

/* &amp; &lt; &gt; &quot; &apos; and numbers, in place; what else begins with & stays. The new
 * length. */
size_t markup_unescape(char *text, size_t len);

#endif
