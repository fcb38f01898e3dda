/*
 * sandbox-none.c - where the kernel offers none of it: limits alone. See sandbox.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

int
sandbox_mode_parse(const char *name)
{
	if (name == NULL || strcmp(name, "enforce") == 0)
		return SANDBOX_ENFORCE;
	if (strcmp(name, "audit") == 0)
		return SANDBOX_AUDIT;
	return strcmp(name, "off") == 0 ? SANDBOX_OFF : -1;
}

void
sandbox_enter(const struct sandbox_opts *opts, struct sandbox_report *report)
{
	struct rlimit none = {0, 0};

	report->level = 0;
	if (opts->mode == SANDBOX_OFF) {
		snprintf(report->text, sizeof(report->text), "off");
		return;
	}
	report->level = setrlimit(RLIMIT_CORE, &none) == 0;
	snprintf(report->text, sizeof(report->text), "limits; this system offers no more");
}
