/*
 * log.c - see log.h. The one place with process-wide state: standard error is process-wide too, and
 * a line must be writable from any thread without a context. It is set once, before threads exist.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/sanitize.h"

#define LINE_MAX_BYTES 4096

static struct {
	enum log_level max;
	const char *program;
	bool journal;
} form = {LOGL_INFO, "tillwatch", false};

void
log_setup(enum log_level max, const char *program)
{
	form.max = max;
	form.program = program;
	form.journal = getenv("JOURNAL_STREAM") != NULL;
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOGL_ERROR: return "error";
	case LOGL_WARN: return "warn";
	case LOGL_INFO: return "info";
	default: return "debug";
	}
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 128], when[WALL_TEXT];
	va_list ap;
	int n;

	if (level > form.max)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_sanitize(text, sizeof(text), raw, strlen(raw));
	if (form.journal)
		n = snprintf(line, sizeof(line), "<%d>%s: %s\n", (int)level, form.program, text);
	else
		n = snprintf(line, sizeof(line), "%s %-5s %s: %s\n", wall_format(wall_now(), when),
		    level_name(level), form.program, text);
	/* One write: lines of several processes on one terminal stay whole. Nothing can be done if
	 * it fails. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

int
log_level_parse(const char *name)
{
	static const enum log_level all[] = {LOGL_ERROR, LOGL_WARN, LOGL_INFO, LOGL_DEBUG};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, level_name(all[i])) == 0)
			return (int)all[i];
	return -1;
}
