/*
 * sandbox.h - what a host may do once it has read its settings: taken away before any plugin is
 * loaded, for all threads to come.
 *
 * DESIGN. Three layers, each by itself, as far as the kernel offers them:
 *   1 limits    no new privileges, no dumps, no tracing of us, ceilings of descriptors and memory
 *   2 files     Landlock: what is listed may be read, nothing may be written, made or executed
 *   3 calls     a filter over system calls: no programs, no processes, no signals to others, no
 *               kernel interfaces that a probe does not need; refused with EPERM
 * `audit` applies 1, lets the kernel log what 3 would refuse, and leaves 2 out (it cannot only
 * log). A build with sanitizers stops at 1: they read /proc and stop threads by ptrace.
 *
 * Runs in: the main thread, once, before other threads exist. sandbox-linux.c or sandbox-none.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

enum sandbox_mode { SANDBOX_ENFORCE, SANDBOX_AUDIT, SANDBOX_OFF };

struct sandbox_opts {
	enum sandbox_mode mode;
	const char *const
	    *read; /* absolute paths, files or directories; absent ones are no error */
	size_t n_read;
	int64_t memory_bytes;        /* RLIMIT_DATA; 0 = 1 GiB */
};

struct sandbox_report {
	uint32_t level;              /* the highest that holds, all below it too; HELLO's numbers */
	char text[160]; /* "limits, Landlock 7, system calls"; what is missing and why */
};

/* Never fails: what could not be had is missing in the report. */
void sandbox_enter(const struct sandbox_opts *opts, struct sandbox_report *report);

/* "enforce", "audit", "off" (NULL = enforce); -1: none of them. */
int sandbox_mode_parse(const char *name);

#endif
