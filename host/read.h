/*
 * read.h - a probe asks for a source to be read again: some keys, or everything.
 *
 * DESIGN. Each call of tw_api->read is a reading: it waits in the line of its source, is served by
 * a run of the source (scan() or read_keys(), with the source's own timeout), and calls back when
 * that run is over; what was read came through on_records meanwhile, to all who read the source.
 * Who waits for a scan is served together with all others who do. A source does one thing at a
 * time: a slot that falls into a reading is filled right after it. A probe whose run ends first is
 * called back then, but the reading goes on: its records are as good as ever.
 *
 *     tw_api->read --> waiting ---------> served --- run of the source over ---> done()
 *                                next turn (a timer at once: never inside of another callback)
 *
 * Runs in: the loop thread, but for read_turn and read_is_for, which are in the source's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_READ_H
#define HOST_READ_H

#include "host/probe.h"

#define READ_KEYS_MAX 4096            /* of one reading */
#define READ_BYTES_MAX (256 * 1024)   /* of its keys together */
#define READ_WAITING_MAX 64           /* of one source */

/* For tw_api->read. NULL: refused, fail() has been told why. */
struct reading *read_ask(
    struct tw_ctx *ctx, const char *source, const char *const *keys, size_t n, struct op *op);
void read_forget(struct reading *r);  /* its op is gone */

enum tw_verdict read_turn(struct probe *source); /* what the source is to do now */
bool read_is_for(const struct probe *source, const struct probe *reader);
void read_turn_over(struct probe *p);            /* its run has ended: what waited begins */
bool read_is_busy(const struct probe *p);        /* it runs, or is read for others */
/* A slot fell into a reading: it is filled behind it. False: no reading is under way. */
bool read_delays_slot(struct probe *source, int64_t slot_ms);
void read_clear(struct probe *source);           /* it goes: whoever waits is called back */

/* api-async.c: the reading is over */
void op_read(struct op *op);

#endif
