/*
 * receiver-webhook.c - Alertmanager's webhook v4 body, signed as Standard Webhooks.
 * docs/WEBHOOK.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/notify/notice.h"
#include "agent/notify/receiver.h"

#define SHORT_ALERTS 1 /* what is left of a message that was too large */

static int
check(const struct receiver *r, char *err, size_t cap)
{
	static const char *const ours[] = {"content-type", "content-length", "host", "webhook-id",
	    "webhook-timestamp", "webhook-signature", "transfer-encoding"};
	const char *rest;

	if (r->url == NULL || *r->url == '\0') {
		snprintf(err, cap, "url is missing");
		return -EINVAL;
	}
	rest = strncasecmp(r->url, "https://", 8) == 0  ? r->url + 8
	       : strncasecmp(r->url, "http://", 7) == 0 ? r->url + 7
							: NULL;
	if (rest == NULL || *rest == '\0' || *rest == '/' || strpbrk(r->url, " \t\r\n") != NULL) {
		snprintf(err, cap, "url: must be http:// or https://");
		return -EINVAL;
	}
	for (size_t i = 0; i < r->n_headers; i++)
		for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
			if (strcasecmp(r->headers[i].name, ours[k]) == 0) {
				snprintf(err, cap, "headers: %s is set by tillwatch", ours[k]);
				return -EINVAL;
			}
	return 0;
}

static int
render(const struct receiver *r, const struct webhook_key *keys, size_t n_keys,
    const struct outbox_row *row, int64_t now_ms, struct receiver_request *out)
{
	char signature[WEBHOOK_SIGNATURE_CAP];
	int rc = 0;

	if (row->truncated)
		rc = notice_truncate(&out->body, row->message, SHORT_ALERTS);
	else
		buf_text(&out->body, row->message);
	if (rc != 0)
		return rc;
	buf_printf(&out->headers,
	    "Content-Type: application/json\nwebhook-id: %s\nwebhook-timestamp: %lld\n",
	    row->msg_id, (long long)(now_ms / 1000));
	if (n_keys > 0) {
		rc = webhook_sign(signature, keys, n_keys, row->msg_id, now_ms / 1000,
		    buf_str(&out->body), out->body.len);
		buf_printf(&out->headers, "webhook-signature: %s\n", signature);
	}
	for (size_t i = 0; i < r->n_headers; i++)
		buf_printf(&out->headers, "%s: %s\n", r->headers[i].name, r->headers[i].value);
	if (rc == 0 && (out->body.failed || out->headers.failed))
		rc = -ENOMEM;
	return rc;
}

const struct receiver_driver receiver_webhook = {
    .type = "webhook",
    .coalesce = true,
    .check = check,
    .render = render,
};
