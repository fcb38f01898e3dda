/*
 * act.c - what changes something: reload, run, retry, test message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "agent/api/request.h"

void
handle_reload(struct request *r)
{
	char err[1024] = "";

	if (r->agent->reload(r->agent->ctx, err, sizeof(err)) != 0) {
		answer_error(r, "bad_data", "%s", err);
		return;
	}
	answer_begin(r);
	buf_text(&r->out, "{\"reloaded\":true}");
	answer_end(r);
}

void
handle_run(struct request *r)
{
	const char *probe = param(r, "probe");
	char err[512] = "";
	int rc;

	if (probe == NULL) {
		answer_error(r, "bad_data", "the parameter \"probe\" is missing");
		return;
	}
	answer_begin(r);
	rc = r->agent->run(r->agent->ctx, probe, &r->out, err, sizeof(err));
	if (rc != 0) {
		answer_error(r,
		    rc == -ENOENT      ? "not_found"
		    : rc == -ETIMEDOUT ? "timeout"
				       : "unavailable",
		    "%s", err);
		return;
	}
	answer_end(r);
}

void
handle_retry(struct request *r)
{
	if (r->agent->retry(r->agent->ctx, param(r, "group")) != 0) {
		answer_error(r, "not_found", "no group of hosts is called \"%.200s\"",
		    param(r, "group"));
		return;
	}
	answer_begin(r);
	buf_text(&r->out, "{\"retried\":true}");
	answer_end(r);
}

void
handle_notify_test(struct request *r)
{
	const char *receiver = param(r, "receiver");
	char err[512] = "";

	if (receiver == NULL) {
		answer_error(r, "bad_data", "the parameter \"receiver\" is missing");
		return;
	}
	if (r->agent->notify_test(r->agent->ctx, receiver, err, sizeof(err)) != 0) {
		answer_error(r, "not_found", "%s", err);
		return;
	}
	answer_begin(r);
	buf_text(&r->out, "{\"queued\":true}");
	answer_end(r);
}
