/*
 * plan.c - joins the fault in a request's query with those in force: what this request will meet.
 * Runs in the thread of a connection; never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <string.h>

#include "tests/shop/shop.h"

#define ANSWERS (1u << FAULT_POLITE | 1u << FAULT_HOSTILE)

static void plan_delay(struct plan *p, const struct fault *f)
{
	if (strcmp(f->variant, "wait") == 0)
		p->wait_us += f->ms * 1000;
	else if (strcmp(f->variant, "transfer") == 0)
		p->transfer_us += f->ms * 1000;
	else if (strcmp(f->variant, "send") == 0)
		p->send_us += f->ms * 1000;
	else
		snprintf(p->error, sizeof(p->error), "phase: %s is over when a query is read",
			f->variant);
}

static void plan_query(struct request *r, struct plan *p)
{
	struct fault f;

	if (fault_from_query(r->query, &f, p->error, sizeof(p->error)))
		return;
	if (strcmp(f.variant, "accept") == 0)
		snprintf(p->error, sizeof(p->error), "at: accept is over when a query is read");
	else if (strcmp(f.variant, "shop") == 0)
		snprintf(p->error, sizeof(p->error), "at: shop is for all requests, not for one");
	else if (f.kind->class == FAULT_DELAY)
		plan_delay(p, &f);
	else if (f.kind->class == FAULT_STATE)
		*(strcmp(f.kind->name, "stale") == 0 ? &r->is_stale : &r->is_soldout) = true;
	else
		p->has_fault = true;
	p->fault = f;
}

void plan_make(struct request *r, struct plan *p)
{
	struct faults *all = r->shop->faults;

	memset(p, 0, sizeof(*p));
	r->is_soldout = r->is_stale = false;
	if (r->step == STEP_CONTROL) /* the way to heal stays open */
		return;
	plan_query(r, p);
	if (!p->has_fault)
		p->has_fault = faults_pick(all, r->step, ANSWERS, &p->fault);
	p->send_us += faults_delay_ms(all, r->step, "send") * 1000;
	p->wait_us +=
		faults_delay_ms(all, r->step, "wait") * 1000 + route_think_us(r->shop, r->step);
	p->transfer_us += faults_delay_ms(all, r->step, "transfer") * 1000;
}

void plan_answer(const struct plan *p, struct request *r, struct answer *a)
{
	if (p->error[0])
		answer_error(a, 400, p->error);
	else if (p->has_fault)
		p->fault.kind->polite(&p->fault, r, a);
	else
		route_answer(r, a);
}
