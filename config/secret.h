/*
 * secret.h - values that nobody may see: ${file:PATH}, ${env:NAME}, ${cred:NAME} in a text of the
 * configuration.
 *
 * Resolved when the configuration is read; the values are remembered, so that a text that comes
 * from outside (an error of a plugin, an excerpt of an answer) can be scrubbed of them, and wiped
 * at the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include <stddef.h>

#define SECRET_BYTES_MAX 65536
#define SECRET_SCRUB_MIN                                                                           \
	6 /* shorter values are not scrubbed: they would tear holes into every text */

struct secrets;

/* env and ctx: getenv as the caller wants it (tests); NULL = the process's own. */
struct secrets *secrets_new(const char *(*env)(void *, const char *), void *ctx);
void secrets_free(struct secrets *s);   /* wipes */

/* text with its references replaced; lives until the next call. NULL: *wrong is a sentence. "$${"
 * stands for "${". */
const char *secrets_expand(struct secrets *s, const char *text, const char **wrong);
/* text, with every secret's value replaced by "<secret>"; lives until the next call. s may be NULL.
 */
const char *secret_hide(struct secrets *s, const char *text);
/* The same in place: the values are overwritten by '*'. */
void secret_scrub(const struct secrets *s, char *text);

#endif
