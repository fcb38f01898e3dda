/*
 * notice.h - one notification: what a receiver is told about one group of alerts, as data and as
 * JSON.
 *
 * DESIGN. The canonical text of a notice is Alertmanager's webhook version 4 (docs/WEBHOOK.md,
 * docs/webhook.schema.json), made once when the message is enqueued and kept in the outbox; what
 * tillwatch adds stands in annotations whose names begin with "tillwatch_". A receiver's driver may
 * turn this text into its own. Merging, shortening and digests work on the JSON, so that they need
 * nothing but the outbox.
 *
 * Pure; no state, nothing blocks. -EINVAL: a text is no notice; -ENOMEM; -E2BIG past
 * NOTICE_MAX_BYTES.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_NOTIFY_NOTICE_H
#define AGENT_NOTIFY_NOTICE_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/labels.h"

#define NOTICE_MAX_BYTES                                                                           \
	(512 * 1024)          /* of one message; more alerts than fit are counted, not sent */
#define NOTICE_MAX_ALERTS 500 /* in one message */
#define DIGEST_ALERTS 20      /* named in a digest; the rest is counted */

struct notice_alert {
	bool firing;
	const struct labels *labels, *annotations;
	int64_t starts_ms, ends_ms; /* ends_ms 0 while firing */
	const char *generator_url, *fingerprint;
};

struct notice {
	const char *receiver, *group_key, *external_url;
	const char *reason; /* what made it: "firing", "resolved", "reminder", "test" */
	const struct labels *route_labels, *group_labels; /* NULL = none */
	const struct notice_alert *alerts;
	size_t n, truncated; /* truncated: alerts left out beside these n */
};

/* The canonical JSON text. */
int notice_write(struct buf *out, const struct notice *n);

/* A copy with a common annotation (and one on each alert) more: name, value pairs, NULL-terminated.
 */
int notice_annotate(struct buf *out, const char *message, const char *const *pairs);
/* A copy with at most keep alerts, the rest counted in truncatedAlerts. */
int notice_truncate(struct buf *out, const char *message, size_t keep);
/* A copy of a message for another receiver. */
int notice_redirect(struct buf *out, const char *message, const char *receiver);
/* What a receiver needs to know when it gets only the newest of several: the newest, with the ends
 * that only an older one told. messages: oldest first. late_ms > 0 is written as annotation
 * tillwatch_delivered_late. */
int notice_merge(struct buf *out, const char *const *messages, size_t n, int64_t late_ms);
/* One message about many: counts, and the first DIGEST_ALERTS alerts. late_ms as above. */
int notice_digest(
    struct buf *out, const char *receiver, const char *const *messages, size_t n, int64_t late_ms);
/* How many alerts fire and how many ended in it; an invalid text has none. */
void notice_count(const char *message, size_t *firing, size_t *resolved);
/* Does a fingerprint stand in it, firing? */
bool notice_has_firing(const char *message, const char *fingerprint);

#endif
