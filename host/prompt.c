/*
 * prompt.c - see prompt.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/prompt.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000           /* the kernel's least */
#define RESET_ON_FORK 1u          /* SCHED_FLAG_RESET_ON_FORK: of threads, too */

/* The kernel's struct sched_attr, first version. Newer C libraries have one of that name. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t slice_ns, deadline_ns, period_ns;
};

void
prompt_ask(void)
{
	struct attributes a = {.size = sizeof(a), .policy = SCHED_OTHER, .flags = RESET_ON_FORK,
	    .nice = getpriority(PRIO_PROCESS, 0), .slice_ns = SLICE_NS};

	if (sched_getscheduler(0) == SCHED_OTHER)
		(void)syscall(SYS_sched_setattr, 0, &a, 0);
}
