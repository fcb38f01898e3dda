/*
 * webhook.c - the source's words, and a look at its inbox: bodies become records, records go to
 * whoever reads them. See webhook.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "plugins/webhook/webhook.h"

#define BATCH 512                   /* records handed on at once, if no body has more */
#define BATCH_BODIES 512
#define BATCH_BYTES (4 << 20)       /* of their bodies */
#define BATCH_SPAN_MS 60000         /* of event time, while old bodies are read */
#define FUTURE_MS 3600000           /* a record that is later than this is none */
#define BAD_IN_TURN 3               /* so many bad bodies: they are not understood */
#define RESERVE_SHARE 10            /* of a run's time is left for its end */
#define EXCERPT 200

enum metric { RECORDS, BODIES, LAG };
static const struct tw_metric metrics[] = {
    [RECORDS] = {"webhook_records_total", "", TW_COUNTER, 0, 1, "result",
	"Records of posted bodies, by what became of them"},
    [BODIES] = {"webhook_bodies_total", "", TW_COUNTER, 0, 1, "result", "Posted bodies"},
    [LAG] = {"webhook_lag_seconds", "seconds", TW_GAUGE, 0, 0.001, "",
	"Since the newest record's time"},
};

enum result { R_OK, R_SYNTHETIC, R_REJECTED, R_N };
static const char *const results[R_N] = {"ok", "synthetic", "rejected"};
enum body_result { B_OK, B_REPEATED, B_BAD, B_N };
static const char *const body_results[B_N] = {"ok", "repeated", "bad"};

struct webhook {
	/* options; secret, signature and header are the agent's to use */
	struct tw_list secret, fields, units;
	int32_t signature;
	const char *header, *records, *time;
	int64_t lateness, dedupe;

	/* made by start */
	struct body_format format;
	struct inbox_reader inbox;
	struct seen *seen;
	int64_t newest_ms, complete_ms;
	int64_t known_ms;           /* all that came before was read */
	uint64_t n[R_N], n_bodies[B_N], n_bad_in_turn, damaged;
	char why[256];              /* of the last bad one */
	/* a batch */
	struct body bodies[BATCH_BODIES];
	size_t n_open, bytes;
	struct tw_record *batch;
	struct tw_value *values;
	size_t n_records, cap;
	int64_t oldest_ms, latest_ms;
};

static const struct tw_option options[] = {
    TW_OPTION(struct webhook, secret, TW_SECRET, .flags = TW_REQUIRED | TW_MANY,
	.help = "what the sender signs with; several while it is replaced"),
    TW_OPTION(struct webhook, signature, TW_CHOICE, .choices = "standard|shopify|github|plain",
	.def = "standard", .help = "how it signs; plain: HMAC-SHA256 of the body in `header`"),
    TW_OPTION(struct webhook, header, TW_STRING,
	.help = "with plain: where the signature stands, in hex or base64"),
    TW_OPTION(struct webhook, records, TW_STRING,
	.help = "JSON pointer to an array of records in the body; absent: the body is one"),
    TW_OPTION(struct webhook, fields, TW_PAIRS, .flags = TW_REQUIRED,
	.help = "our name: JSON pointer in a record {id: /id, value: /total_price}"),
    TW_OPTION(struct webhook, units, TW_PAIRS, .help = "our name: cents {value: cents}"),
    TW_OPTION(struct webhook, time, TW_STRING,
	.help = "JSON pointer to the event's time: RFC 3339 or unix time; absent: when it was "
		"sent, if the sender says so, or came"),
    TW_OPTION(struct webhook, lateness, TW_DURATION, .def = "60s", .max = 86400,
	.help = "events come so long after their time"),
    TW_OPTION(struct webhook, dedupe, TW_DURATION, .def = "24h", .min = 60, .max = 31 * 86400.0,
	.help = "an event id that came within this time is the same event"),
};

static const struct tw_alert alerts[] = {
    {.name = "WebhookBad", .severity = "ticket", .hold = "5m", .keep_firing_for = "15m",
	.expr = "increase(webhook_bodies_total{probe=\"${probe}\",result=\"bad\"}[15m]) > 0",
	.summary = "{{ $labels.probe }}: posted bodies cannot be read, so their events are not "
		   "counted"},
};

/* ---- start ---- */

static enum tw_verdict
take_units(struct tw_ctx *ctx, struct webhook *s)
{
	const struct tw_pair *units = s->units.items;
	struct body_format *f = &s->format;

	for (uint32_t i = 0; i < s->units.n; i++) {
		uint32_t k;

		for (k = 0; k < f->n_fields && strcmp(f->names[k], units[i].name) != 0; k++)
			;
		if (k == f->n_fields || strcmp(units[i].value, "cents") != 0)
			return tw_api_->refuse(ctx, "units", "%s: %s", units[i].name,
			    k == f->n_fields ? "is not among fields" : "the one unit is cents");
		f->is_cents[k] = true;
	}
	return TW_OK;
}

static enum tw_verdict
take_format(struct tw_ctx *ctx, struct webhook *s)
{
	const struct tw_pair *fields = s->fields.items;
	struct body_format *f = &s->format;

	if (s->records != NULL && !json_pointer_ok(s->records))
		return tw_api_->refuse(ctx, "records", "is no JSON pointer (/data/orders)");
	if (s->time != NULL && !json_pointer_ok(s->time))
		return tw_api_->refuse(ctx, "time", "is no JSON pointer (/created_at)");
	if (s->fields.n > FIELDS_MAX)
		return tw_api_->refuse(ctx, "fields", "more than %d", FIELDS_MAX);
	for (uint32_t i = 0; i < s->fields.n; i++) {
		if (!json_pointer_ok(fields[i].value))
			return tw_api_->refuse(
			    ctx, "fields", "%s: is no JSON pointer (/id)", fields[i].name);
		f->names[i] = fields[i].name;
		f->pointers[i] = fields[i].value;
		f->is_email[i] = strcmp(fields[i].name, "email") == 0;
		f->is_sku[i] = strcmp(fields[i].name, "sku") == 0;
		f->is_money[i] = strcmp(fields[i].name, "value") == 0;
	}
	f->n_fields = s->fields.n;
	f->records = s->records;
	f->time = s->time;
	f->email = tw_api_->setting(ctx, "synthetic/email");
	f->sku = tw_api_->setting(ctx, "synthetic/sku");
	return take_units(ctx, s);
}

/* What the state has of us. A damaged position, which no crash can do: better all that is still
 * there, and told apart by id, than a gap. */
static enum tw_verdict
restore(struct tw_ctx *ctx, struct webhook *s, const char *path)
{
	struct inbox_position at = {0, 0};
	const void *kept;
	char key[16];
	size_t len;

	if ((kept = tw_api_->state_get(ctx, "position", &len)) != NULL
	    && !inbox_position_read(&at, kept, len))
		tw_api_->log(ctx, 4, "the stored position is damaged: reading from the start");
	for (uint32_t i = 0; i < SEEN_PAGES; i++) {
		snprintf(key, sizeof(key), "seen/%u", i);
		if ((kept = tw_api_->state_get(ctx, key, &len)) != NULL
		    && !seen_load(s->seen, i, kept, len))
			tw_api_->log(ctx, 4, "stored event ids are damaged");
	}
	seen_ready(s->seen);
	if (inbox_reader_open(&s->inbox, path, at) != 0)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	return TW_OK;
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	const char *inbox = tw_api_->setting(ctx, "ingest/inbox");
	struct webhook *s = self;
	enum tw_verdict rc;
	char path[4096];

	s->inbox.fd = -1;
	if (s->signature == 3 && s->header == NULL)
		return tw_api_->refuse(ctx, "header", "the signature plain needs it");
	if ((rc = take_format(ctx, s)) != TW_OK)
		return rc;
	if ((s->seen = calloc(1, sizeof(*s->seen))) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	tw_api_->fields(ctx, s->format.names, s->format.n_fields);
	if (inbox == NULL)
		return TW_OK; /* tail says so */
	snprintf(path, sizeof(path), "%s/%s", inbox, tw_api_->probe_name(ctx));
	return restore(ctx, s, path);
}

static void
empty_batch(struct webhook *s)
{
	while (s->n_open > 0)
		body_close(&s->bodies[--s->n_open]);
	s->n_records = s->bytes = 0;
	s->oldest_ms = s->latest_ms = 0;
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct webhook *s = self;

	(void)ctx;
	empty_batch(s);
	inbox_reader_close(&s->inbox);
	free(s->seen);
	free(s->batch);
	free(s->values);
}

/* ---- a look ---- */

static void
count_all(struct tw_ctx *ctx, struct webhook *s)
{
	for (int i = 0; i < R_N; i++) {
		if (s->n[i] > 0)
			tw_count(ctx, RECORDS, (double)s->n[i], "result", results[i]);
		s->n[i] = 0;
	}
	for (int i = 0; i < B_N; i++) { /* zeros too: the first bad one is an increase */
		tw_count(ctx, BODIES, (double)s->n_bodies[i], "result", body_results[i]);
		s->n_bodies[i] = 0;
	}
}

static void
put_position(struct tw_ctx *ctx, struct webhook *s)
{
	uint8_t position[INBOX_POSITION], page[SEEN_PAGE_BYTES];
	char key[16];

	inbox_position_write(position, s->inbox.at);
	tw_api_->state_put(ctx, "position", position, sizeof(position));
	for (uint32_t i = 0; i < SEEN_PAGES; i++) {
		if (!(s->seen->dirty & 1u << i))
			continue;
		snprintf(key, sizeof(key), "seen/%u", i);
		seen_save(s->seen, i, page);
		tw_api_->state_put(ctx, key, page, sizeof(page));
	}
}

/* What was read goes, with everything that must not come apart from it. known_ms: no body that came
 * before is still to be read; it is believed only while bodies are understood. */
static void
hand_on(struct tw_ctx *ctx, struct webhook *s, int64_t known_ms, int64_t read_ms)
{
	struct tw_batch b = {.size = sizeof(b), .read_ms = read_ms};
	int64_t complete_ms = (known_ms < read_ms ? known_ms : read_ms) - s->lateness / 1000;

	if (complete_ms > s->complete_ms && s->n_bad_in_turn < BAD_IN_TURN)
		s->complete_ms = complete_ms;
	b.complete_ms = s->complete_ms;
	for (size_t i = 0; i < s->n_records; i++)
		s->batch[i].values = s->values + i * s->format.n_fields;
	count_all(ctx, s);
	put_position(ctx, s);
	tw_api_->records(ctx, &b, s->batch, s->n_records);
	empty_batch(s);
}

/* Room for n records more. */
static bool
reserve(struct webhook *s, size_t n)
{
	size_t cap = s->cap > 0 ? s->cap : BATCH;
	void *p;

	while (cap < s->n_records + n)
		cap *= 2;
	if (cap == s->cap)
		return true;
	if ((p = reallocarray(s->batch, cap, sizeof(*s->batch))) == NULL)
		return false;
	s->batch = p;
	p = reallocarray(s->values, cap * (s->format.n_fields + 1), sizeof(*s->values));
	if (p == NULL)
		return false;
	s->values = p;
	s->cap = cap;
	return true;
}

/* How many of them are of use. */
static size_t
take_records(struct tw_ctx *ctx, struct webhook *s, const struct body *b,
    const struct inbox_record *from, int64_t read_ms)
{
	int64_t when_ms = from->sent_ms > 0 ? from->sent_ms : from->received_ms;
	size_t excerpt = from->body_len < EXCERPT ? from->body_len : EXCERPT;
	size_t before = s->n_records;

	for (size_t i = 0; i < b->n; i++) {
		struct tw_record *r = &s->batch[s->n_records];
		const char *why = body_record(b, &s->format, i, when_ms, r,
		    s->values + s->n_records * s->format.n_fields, s->why, sizeof(s->why));

		if (why == NULL && r->time_ms > read_ms + FUTURE_MS)
			why = "is from the future";
		if (why != NULL) {
			tw_api_->reject(ctx, why, from->body, excerpt);
			s->n[R_REJECTED]++;
			continue;
		}
		s->n[r->flags & TW_RECORD_SYNTHETIC ? R_SYNTHETIC : R_OK]++;
		s->newest_ms = r->time_ms > s->newest_ms ? r->time_ms : s->newest_ms;
		if (s->n_records == 0 || r->time_ms < s->oldest_ms)
			s->oldest_ms = r->time_ms;
		if (s->n_records == 0 || r->time_ms > s->latest_ms)
			s->latest_ms = r->time_ms;
		s->n_records++;
	}
	return s->n_records - before;
}

static void
bad(struct tw_ctx *ctx, struct webhook *s, const struct inbox_record *from)
{
	s->n_bodies[B_BAD]++;
	s->n_bad_in_turn++;
	tw_api_->reject(
	    ctx, s->why, from->body, from->body_len < EXCERPT ? from->body_len : EXCERPT);
}

static void
take_body(struct tw_ctx *ctx, struct webhook *s, const struct inbox_record *from, int64_t read_ms)
{
	uint64_t hash = XXH3_64bits(from->id, from->id_len);
	struct body *b = &s->bodies[s->n_open];

	if (from->id_len > 0 && seen_has(s->seen, hash, from->received_ms, s->dedupe / 1000)) {
		s->n_bodies[B_REPEATED]++;
		return;
	}
	if (from->id_len > 0)
		seen_add(s->seen, hash, from->received_ms);
	if (body_open(b, &s->format, from->body, from->body_len, s->why, sizeof(s->why)) != 0) {
		bad(ctx, s, from);
		return;
	}
	if (!reserve(s, b->n)) {
		snprintf(s->why, sizeof(s->why), "does not fit into memory");
		body_close(b);
		bad(ctx, s, from);
		return;
	}
	s->n_open++;
	s->bytes += from->body_len;
	if (take_records(ctx, s, b, from, read_ms) > 0 || b->n == 0) {
		s->n_bodies[B_OK]++;
		s->n_bad_in_turn = 0;
	} else {
		s->n_bodies[B_BAD]++; /* its records were rejected, each with its reason */
		s->n_bad_in_turn++;
	}
}

static bool
is_full(const struct webhook *s)
{
	return s->n_records >= BATCH || s->n_open == BATCH_BODIES || s->bytes >= BATCH_BYTES
	    || s->latest_ms - s->oldest_ms > BATCH_SPAN_MS;
}

/* All there is, or as much as the run's time allows: 1, then; 0: the end; -errno. */
static int
read_all(struct tw_ctx *ctx, struct webhook *s, int64_t *read_ms)
{
	int64_t reserve_us = tw_api_->left_us(ctx) / RESERVE_SHARE;
	struct inbox_record r;
	int rc;

	while ((rc = inbox_read(&s->inbox, &r)) > 0) {
		s->known_ms = r.received_ms;
		take_body(ctx, s, &r, *read_ms);
		if (is_full(s))
			hand_on(ctx, s, s->known_ms, *read_ms);
		if (tw_api_->left_us(ctx) < reserve_us)
			break;
	}
	return rc;
}

static enum tw_verdict
tail(struct tw_ctx *ctx, void *self)
{
	struct webhook *s = self;
	int64_t read_ms = wall_now().ms;
	int rc;

	if (s->inbox.path == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "ingest", "agent.ingest is not configured");
	rc = read_all(ctx, s, &read_ms);
	if (s->inbox.damaged > s->damaged) {
		s->n_bodies[B_BAD] += s->inbox.damaged - s->damaged;
		s->damaged = s->inbox.damaged;
		tw_api_->reject(ctx, "is damaged on disk", "", 0);
	}
	/* Looked for after read_ms was taken: what came until then was there. */
	hand_on(ctx, s, rc == 0 ? read_ms : s->known_ms, read_ms);
	if (s->newest_ms > 0)
		tw_emit(ctx, LAG, (double)(read_ms - s->newest_ms) / 1e3);
	if (rc < 0)
		return tw_fail(ctx, TW_UNKNOWN, "inbox", "%s: %s", s->inbox.path, strerror(-rc));
	if (s->n_bad_in_turn >= BAD_IN_TURN)
		return tw_fail(ctx, TW_UNKNOWN, "bodies",
		    "the last %llu bodies could not be used: %s",
		    (unsigned long long)s->n_bad_in_turn, s->why);
	return TW_OK;
}

TW_PLUGIN(.name = "webhook", .version = "1.0", .summary = "Bodies that are posted to us",
    .prefix = "webhook_", .flags = TW_SOURCE | TW_BLOCKING, .self_size = sizeof(struct webhook),
    .start = start, .stop = stop, .tail = tail, .options = TW_TABLE(options),
    .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts), .interval_us = 2000000);
