/*
 * log.h - one line an event, to stderr: level, time, text (sanitised). Under a journal
 * (JOURNAL_STREAM is set) the line starts with "<n>" instead of the time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdarg.h>

enum log_level {
	LOGL_ERROR = 3,
	LOGL_WARN = 4,
	LOGL_INFO = 6,
	LOGL_DEBUG = 7
}; /* syslog(3)'s numbers */

/* Chooses the form once, at start; levels above `max` are left out. Before it: INFO, plain. */
void log_setup(enum log_level max, const char *program);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* -1 when it names no level: error, warn, info, debug. */
int log_level_parse(const char *name);

#endif
