/*
 * control.c - the endpoints by which a test breaks and heals the shop and reads what happened.
 * Runs in the thread of a connection; never blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <string.h>
#include <unistd.h>

#include "tests/shop/shop.h"

void control_fault(struct request *r, struct answer *a)
{
	json_t *in = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL);
	struct fault fault;
	char why[160] = "";

	if (!json_is_object(in))
		answer_error(a, 400, "body: no JSON object");
	else if (fault_from_json(in, &fault, why, sizeof(why)))
		answer_error(a, 400, why);
	else if (faults_add(r->shop->faults, &fault))
		answer_error(a, 409, "too many faults in force");
	else
		answer_json(a, 200, json_pack("{s:s}", "fault", fault.kind->name));
	json_decref(in);
}

/* POST /control/heal, all of them, or {"name": "wall"}, that one. */
void control_heal(struct request *r, struct answer *a)
{
	json_t *in = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(in, "name"));

	answer_json(a, 200, json_pack("{s:i}", "healed", faults_heal(r->shop->faults, name)));
	json_decref(in);
}

void control_state(struct request *r, struct answer *a)
{
	struct shop *s = r->shop;
	json_t *steps = json_object();

	for (int i = 0; i < STEP_MAX; i++)
		json_object_set_new(steps, step_name((enum step)i),
			json_integer((json_int_t)atomic_load(&s->requests[i])));
	answer_json(a, 200,
		json_pack("{s:i, s:i, s:i, s:i, s:I, s:o, s:o, s:o, s:o, s:I}", "pid",
			(int)getpid(), "http", s->http_port, "tls", s->tls_port, "raw", s->raw_port,
			"seed", (json_int_t)s->opt.seed, "requests", steps, "sales",
			carts_state(s->carts), "visitors", visitors_state(s->visitors), "faults",
			faults_state(s->faults), "uptime_ms",
			(json_int_t)(wall_now().ms - s->started_ms)));
}

void control_webhooks(struct request *r, struct answer *a)
{
	answer_json(a, 200, hooks_state(r->shop->hooks));
}
