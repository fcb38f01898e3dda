/*
 * work.h - a few threads for what would block the loop: bulk parsing, files, databases.
 *
 * DESIGN. A fixed pool, started with the first job, and a bounded queue. A job runs once; then
 * `finished` is called on the same worker thread (it posts to the loop). A job that never returns
 * keeps its thread: the host notices by the run's deadline and ends the process.
 *
 * Runs in: work_add on the loop thread; fn and finished on a worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_WORK_H
#define HOST_WORK_H

#include <stddef.h>

#define WORK_THREADS 4
#define WORK_QUEUE_MAX 4096

struct work_pool;

struct work_pool *work_new(void);    /* NULL: no memory. Starts no thread yet */
/* 0; -EAGAIN: the queue is full, or no thread can be had; -ENOMEM. */
int work_add(struct work_pool *p, void (*fn)(void *), void (*finished)(void *), void *arg);
/* Jobs that wait are dropped (neither fn nor finished is called); waits for those that run. */
void work_free(struct work_pool *p);

#endif
