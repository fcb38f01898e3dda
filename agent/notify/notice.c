/*
 * notice.c - see notice.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/notify/notice.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/sanitize.h"

#define TEXT_MAX_BYTES (16 * 1024) /* of one label or annotation in a message */

/* A JSON text of foreign bytes: sanitised, cut at TEXT_MAX_BYTES. */
static json_t *
clean(const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0,
	       cap = (n < TEXT_MAX_BYTES ? n : TEXT_MAX_BYTES) * 3 + 4;
	char *text = malloc(cap);
	json_t *j;

	if (text == NULL)
		return NULL;
	text_sanitize(text, cap, n > 0 ? s : "", n < TEXT_MAX_BYTES ? n : TEXT_MAX_BYTES);
	j = json_string(text);
	free(text);
	return j;
}

static json_t *
label_object(const struct labels *l)
{
	json_t *o = json_object();

	for (size_t i = 0; o != NULL && l != NULL && i < l->n; i++)
		if (json_object_set_new(o, l->at[i].name, clean(l->at[i].value)) != 0) {
			json_decref(o);
			return NULL;
		}
	return o;
}

static json_t *
time_text(int64_t ms)
{
	char text[WALL_TEXT];

	return json_string(ms == 0 ? "0001-01-01T00:00:00Z" : wall_format((wall_t){ms}, text));
}

/* What all alerts have in common under `key` ("labels", "annotations"). */
static json_t *
common(const json_t *alerts, const char *key)
{
	json_t *o = json_copy(json_object_get(json_array_get(alerts, 0), key)), *a, *v;
	const char *name;
	size_t i;
	void *next;

	if (o == NULL)
		return json_object();
	json_array_foreach(alerts, i, a)
	{
		json_object_foreach_safe(o, next, name,
		    v) if (!json_equal(v, json_object_get(json_object_get(a, key), name)))
		    json_object_del(o, name);
	}
	return o;
}

static void
set_common(json_t *m)
{
	json_t *alerts = json_object_get(m, "alerts"), *a;
	const char *status = "resolved";
	size_t i;

	json_array_foreach(alerts, i,
	    a) if (strcmp(json_string_value(json_object_get(a, "status")), "firing") == 0) status =
	    "firing";
	json_object_set_new(m, "status", json_string(status));
	json_object_set_new(m, "commonLabels", common(alerts, "labels"));
	json_object_set_new(m, "commonAnnotations", common(alerts, "annotations"));
}

static int
dump(struct buf *out, json_t *m)
{
	char *text = m != NULL ? json_dumps(m, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	int rc = 0;

	json_decref(m);
	if (text == NULL)
		return -ENOMEM;
	if (strlen(text) > NOTICE_MAX_BYTES)
		rc = -E2BIG;
	else
		buf_text(out, text);
	free(text);
	return rc != 0 ? rc : out->failed ? -ENOMEM : 0;
}

static json_t *
alert_object(const struct notice_alert *a)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "status",
	    a->firing ? "firing" : "resolved", "labels", label_object(a->labels), "annotations",
	    label_object(a->annotations), "startsAt", time_text(a->starts_ms), "endsAt",
	    time_text(a->firing ? 0 : a->ends_ms), "generatorURL", clean(a->generator_url),
	    "fingerprint", a->fingerprint);
}

static json_t *
message_object(const struct notice *n, size_t keep)
{
	json_t *alerts = json_array();
	json_t *m = json_pack("{s:s, s:o, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:O}",
	    "version", "4", "groupKey", clean(n->group_key), "truncatedAlerts",
	    (json_int_t)(n->truncated + n->n - keep), "status", "firing", "receiver", n->receiver,
	    "notification_reason", n->reason, "routeLabels", label_object(n->route_labels),
	    "groupLabels", label_object(n->group_labels), "commonLabels", json_object(),
	    "commonAnnotations", json_object(), "externalURL", clean(n->external_url), "alerts",
	    alerts);

	for (size_t i = 0; m != NULL && i < keep; i++)
		if (json_array_append_new(alerts, alert_object(&n->alerts[i])) != 0) {
			json_decref(m);
			m = NULL;
		}
	if (m != NULL)
		set_common(m);
	json_decref(alerts);
	return m;
}

int
notice_write(struct buf *out, const struct notice *n)
{
	size_t keep = n->n < NOTICE_MAX_ALERTS ? n->n : NOTICE_MAX_ALERTS;
	int rc;

	/* Too large as a whole: halved until it fits, and the left-out ones are counted. */
	while ((rc = dump(out, message_object(n, keep))) == -E2BIG && keep > 1)
		keep /= 2;
	return rc;
}

/* A stored message read back. NULL when it is none: then nothing of it is used. */
static json_t *
load(const char *message)
{
	json_error_t err;
	json_t *m = json_loads(message, JSON_REJECT_DUPLICATES, &err), *alerts, *a;
	size_t i;

	alerts = json_object_get(m, "alerts");
	if (!json_is_array(alerts))
		goto bad;
	json_array_foreach(
	    alerts, i, a) if (!json_is_string(json_object_get(a, "status"))
			      || !json_is_object(json_object_get(a, "labels"))
			      || !json_is_object(json_object_get(a, "annotations"))
			      || !json_is_string(json_object_get(a, "fingerprint"))) goto bad;
	return m;
bad:
	json_decref(m);
	return NULL;
}

static void
annotate(json_t *m, const char *name, const char *value)
{
	json_t *a;
	size_t i;

	json_object_set_new(json_object_get(m, "commonAnnotations"), name, clean(value));
	json_array_foreach(json_object_get(m, "alerts"), i, a)
	    json_object_set_new(json_object_get(a, "annotations"), name, clean(value));
}

static void
annotate_late(json_t *m, int64_t late_ms)
{
	char text[32];

	if (late_ms <= 0)
		return;
	snprintf(text, sizeof(text), "%llds", (long long)(late_ms / 1000));
	annotate(m, "tillwatch_delivered_late", text);
}

int
notice_annotate(struct buf *out, const char *message, const char *const *pairs)
{
	json_t *m = load(message);

	if (m == NULL)
		return -EINVAL;
	for (; pairs[0] != NULL; pairs += 2)
		annotate(m, pairs[0], pairs[1]);
	return dump(out, m);
}

static void
cut_alerts(json_t *m, size_t keep)
{
	json_t *alerts = json_object_get(m, "alerts");
	json_int_t cut = json_integer_value(json_object_get(m, "truncatedAlerts"));

	while (json_array_size(alerts) > keep) {
		json_array_remove(alerts, json_array_size(alerts) - 1);
		cut++;
	}
	json_object_set_new(m, "truncatedAlerts", json_integer(cut));
}

int
notice_truncate(struct buf *out, const char *message, size_t keep)
{
	json_t *m = load(message), *a, *v;
	const char *name;
	size_t i;

	if (m == NULL)
		return -EINVAL;
	cut_alerts(m, keep);
	/* Long annotations are what makes a message large: 256 bytes each must do. */
	json_array_foreach(json_object_get(m, "alerts"), i, a) json_object_foreach(
	    json_object_get(a, "annotations"), name, v) if (json_string_length(v) > 256)
	{
		char text[260];

		text_sanitize(text, 257, json_string_value(v), json_string_length(v));
		json_string_set(v, text);
	}
	json_object_set_new(
	    m, "commonAnnotations", common(json_object_get(m, "alerts"), "annotations"));
	return dump(out, m);
}

int
notice_redirect(struct buf *out, const char *message, const char *receiver)
{
	json_t *m = load(message);

	if (m == NULL)
		return -EINVAL;
	json_object_set_new(m, "receiver", json_string(receiver));
	return dump(out, m);
}

static bool
is_firing(const json_t *alert)
{
	return strcmp(json_string_value(json_object_get(alert, "status")), "firing") == 0;
}

static json_t *
find(const json_t *alerts, const json_t *alert)
{
	json_t *fp = json_object_get(alert, "fingerprint"), *a;
	size_t i;

	json_array_foreach(
	    alerts, i, a) if (json_equal(json_object_get(a, "fingerprint"), fp)) return a;
	return NULL;
}

int
notice_merge(struct buf *out, const char *const *messages, size_t n, int64_t late_ms)
{
	json_t *m = load(messages[n - 1]), *alerts, *older, *a;
	size_t i, k;

	if (m == NULL)
		return -EINVAL;
	alerts = json_object_get(m, "alerts");
	for (k = n - 1; k-- > 0;) {
		if ((older = load(messages[k])) == NULL)
			continue;
		json_array_foreach(json_object_get(older, "alerts"), i,
		    a) if (!is_firing(a) && find(alerts, a) == NULL) json_array_append(alerts, a);
		json_decref(older);
	}
	set_common(m);
	annotate_late(m, late_ms);
	return dump(out, m);
}

/* Adds the alerts of one message to a digest; the newest word about an alert counts. */
static void
digest_add(json_t *alerts, const char *message)
{
	json_t *m = load(message), *a, *old;
	size_t i, at;

	json_array_foreach(json_object_get(m, "alerts"), i, a)
	{
		if ((old = find(alerts, a)) == NULL) {
			json_array_append(alerts, a);
			continue;
		}
		for (at = 0; json_array_get(alerts, at) != old; at++)
			;
		json_array_set(alerts, at, a);
	}
	json_decref(m);
}

int
notice_digest(
    struct buf *out, const char *receiver, const char *const *messages, size_t n, int64_t late_ms)
{
	json_t *alerts = json_array(), *m, *a;
	size_t i, firing = 0, total;
	char text[160];

	for (i = 0; i < n; i++)
		digest_add(alerts, messages[i]);
	total = json_array_size(alerts);
	json_array_foreach(alerts, i, a) firing += is_firing(a);
	snprintf(text, sizeof(text), "%zu messages waited: %zu alerts, %zu still firing, %zu ended",
	    n, total, firing, total - firing);
	m = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:{}, s:{}, s:{}, s:{}, s:s, s:o}", "version",
	    "4", "groupKey", "{}:{tillwatch=\"digest\"}", "truncatedAlerts", (json_int_t)0,
	    "status", "firing", "receiver", receiver, "notification_reason", "digest",
	    "routeLabels", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "",
	    "alerts", alerts);
	if (m == NULL)
		return -ENOMEM;
	set_common(m);
	cut_alerts(m, DIGEST_ALERTS);
	annotate_late(m, late_ms);
	annotate(m, "tillwatch_digest", text);
	return dump(out, m);
}

void
notice_count(const char *message, size_t *firing, size_t *resolved)
{
	json_t *m = load(message), *a;
	size_t i;

	*firing = *resolved = 0;
	json_array_foreach(json_object_get(m, "alerts"), i, a)(
	    *(is_firing(a) ? firing : resolved))++;
	json_decref(m);
}

bool
notice_has_firing(const char *message, const char *fingerprint)
{
	json_t *m = load(message), *a;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(m, "alerts"), i, a) found |=
	    is_firing(a)
	    && strcmp(json_string_value(json_object_get(a, "fingerprint")), fingerprint) == 0;
	json_decref(m);
	return found;
}
