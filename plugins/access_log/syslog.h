/*
 * syslog.h - what stands around a log line that came by syslog: its header, and how messages follow
 * each other on a stream.
 *
 * Sources: RFC 3164 (as it is spoken), RFC 5424, RFC 6587; nginx's access_log syslog:, HAProxy,
 * rsyslog's templates for forwarding.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PLUGINS_ACCESS_LOG_SYSLOG_H
#define PLUGINS_ACCESS_LOG_SYSLOG_H

#include <stddef.h>

#define SYSLOG_HEADER 2048          /* bytes that one may add to a line */

/* The text of a message of n bytes (any), without header, byte order mark and line ends: where it
 * begins, and *len of it. A message without a header is text as a whole. */
const char *syslog_text(const char *message, size_t n, size_t *len);

enum syslog_frame {
	SYSLOG_MORE,            /* more bytes are needed */
	SYSLOG_MESSAGE,
	SYSLOG_TOO_LONG         /* longer than max: *skip bytes are to be passed over, 0: all to
	                           the next line end */
};
/*
 * The first message of a stream's n bytes: one with its length before it ("17 <134>..."), or one
 * that ends with a newline or NUL, and has no number of at most nine digits and a blank before it.
 * *at and *len: the message; *used: bytes of it and what is around.
 */
enum syslog_frame syslog_frame(const char *s, size_t n, size_t max, const char **at, size_t *len,
    size_t *used, size_t *skip);

#endif
