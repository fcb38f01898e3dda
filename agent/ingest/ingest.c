/*
 * ingest.c - frames become staged runs; see ingest.h for the whole.
 *
 * Runs in: the loop thread. Blocks: never, but for ingest_restore and ingest_free.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ingest/internal.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define FUTURE_MS 300000  /* nothing that claims to be later than this ahead is taken */

int64_t
ingest_now_ms(const struct ingest *in)
{
	return in->opts.now_ms != NULL ? in->opts.now_ms(in->opts.now_arg) : wall_now().ms;
}

struct ingest *
ingest_new(const struct ingest_opts *opts)
{
	struct ingest *in = xcalloc(1, sizeof(*in));
	struct label *labels = xcalloc(opts->n_labels, sizeof(*labels));

	in->opts = *opts;
	in->opts.shop = xstrdup(opts->shop);
	for (size_t i = 0; i < opts->n_labels; i++)
		labels[i] =
		    (struct label){xstrdup(opts->labels[i].name), xstrdup(opts->labels[i].value)};
	in->opts.labels = labels;
	pthread_mutex_init(&in->lock, NULL);
	in->writer = writer_new(in);
	return in;
}

static void
free_labels(const struct label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)labels[i].name);
		free((char *)(uintptr_t)labels[i].value);
	}
	free((struct label *)(uintptr_t)labels);
}

static void
probe_clear(struct iprobe *p)
{
	free(p->name);
	free(p->plugin);
	free(p->system);
	free_labels(p->labels, p->n_labels);
	p->name = p->plugin = p->system = NULL;
	p->labels = NULL;
	p->n_labels = 0;
}

static void take_recorded(struct ingest *in);

void
ingest_free(struct ingest *in)
{
	take_recorded(in);
	writer_free(in->writer);
	for (size_t i = 0; i < in->n_probes; i++) {
		struct probe_status *s = &in->probes[i].status;

		probe_clear(&in->probes[i]);
		free(in->probes[i].series);
		free(s->name);
		free(s->plugin);
		free(s->system);
		free(s->cause);
		free(s->reason);
	}
	free(in->probes);
	series_free_all(in);
	free_labels(in->opts.labels, in->opts.n_labels);
	free((char *)(uintptr_t)in->opts.shop);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

/* A name keeps its number; else the next one. Numbers are never given to another name. */
static uint32_t
probe_slot(struct ingest *in, const char *name)
{
	struct iprobe *grown;

	for (size_t i = 0; i < in->n_probes; i++)
		if (strcmp(in->probes[i].status.name, name) == 0)
			return (uint32_t)i;
	pthread_mutex_lock(&in->lock);
	grown = xrealloc(in->probes, in->n_probes + 1, sizeof(*grown));
	memset(&grown[in->n_probes], 0, sizeof(*grown));
	grown[in->n_probes].last_verdict = PROBE_PENDING;
	grown[in->n_probes].status = (struct probe_status){.name = xstrdup(name),
	    .plugin = xstrdup(""),
	    .system = xstrdup(""),
	    .cause = xstrdup(""),
	    .reason = xstrdup(""),
	    .verdict = PROBE_PENDING};
	in->probes = grown;
	in->n_probes++;
	pthread_mutex_unlock(&in->lock);
	return (uint32_t)(in->n_probes - 1);
}

uint32_t
ingest_probe_add(struct ingest *in, const struct ingest_probe *d)
{
	uint32_t id = probe_slot(in, d->name);
	struct iprobe *p = &in->probes[id];

	probe_clear(p);
	p->name = xstrdup(d->name);
	p->plugin = xstrdup(d->plugin);
	p->system = xstrdup(d->system);
	p->labels = xcalloc(d->n_labels, sizeof(*p->labels));
	p->n_labels = d->n_labels;
	for (size_t i = 0; i < d->n_labels; i++)
		p->labels[i] =
		    (struct label){xstrdup(d->labels[i].name), xstrdup(d->labels[i].value)};
	p->interval_ms = d->interval_ms;
	p->offset_ms = d->offset_ms;
	p->timeout_ms = d->timeout_ms;
	memset(p->own, 0, sizeof(p->own));
	pthread_mutex_lock(&in->lock);
	p->used = true;
	free(p->status.plugin);
	free(p->status.system);
	p->status.plugin = xstrdup(d->plugin);
	p->status.system = xstrdup(d->system);
	p->status.interval_ms = d->interval_ms;
	p->status.timeout_ms = d->timeout_ms;
	p->status.next_run_ms = slot_next(ingest_now_ms(in) + 1, d->interval_ms, d->offset_ms);
	pthread_mutex_unlock(&in->lock);
	return id;
}

bool
ingest_probe_is(const struct ingest *in, uint32_t probe, const char *name)
{
	return probe < in->n_probes && in->probes[probe].used
	       && strcmp(in->probes[probe].name, name) == 0;
}

uint32_t
ingest_probe_find(const struct ingest *in, const char *name)
{
	for (size_t i = 0; i < in->n_probes; i++)
		if (ingest_probe_is(in, (uint32_t)i, name))
			return (uint32_t)i;
	return INGEST_NO_PROBE;
}

void
ingest_probe_remove(struct ingest *in, uint32_t probe)
{
	probe_end(in, probe, ingest_now_ms(in));
	pthread_mutex_lock(&in->lock);
	in->probes[probe].used = false;
	pthread_mutex_unlock(&in->lock);
}

struct ingest_host *
ingest_host_new(struct ingest *in, void *owner)
{
	struct ingest_host *h = xcalloc(1, sizeof(*h));

	*h = (struct ingest_host){
	    .next = in->hosts, .in = in, .life = ++in->lives, .owner = owner};
	h->tied_last = &h->tied;
	in->hosts = h;
	return h;
}

void
ingest_host_gone(
    struct ingest_host *h, const uint32_t *probes, size_t n, const char *cause, const char *reason)
{
	struct ingest_host **at = &h->in->hosts;
	struct run *r;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	while ((r = h->tied) != NULL) {
		h->tied = r->next;
		run_free(r);
	}
	for (size_t i = 0; i < h->n_staging; i++)
		run_free(h->staging[i]);
	for (size_t i = 0; i < n; i++)
		probe_abort(h->in, probes[i], cause, reason);
	free(h->staging);
	free(h->series);
	free(h);
}

static struct run **
staging(struct ingest_host *h, uint32_t probe)
{
	if (probe >= h->n_staging) {
		h->staging = xrealloc(h->staging, probe + 1, sizeof(struct run *));
		for (; h->n_staging <= probe; h->n_staging++)
			h->staging[h->n_staging] = NULL;
	}
	if (h->staging[probe] == NULL)
		h->staging[probe] = run_new(probe);
	return &h->staging[probe];
}

static int
take_series(struct ingest_host *h, struct iprobe *p, const struct frame *f)
{
	struct labels *given = NULL, *l = NULL;
	struct msg_series m;
	int rc = -EBADMSG;
	size_t at;

	if (msg_series_decode(&m, f) != 0)
		return -EBADMSG;
	/* Numbers ascend without gaps: no index that a host sends can make us allocate more than it
	 * sent frames. */
	if (m.id != h->n_series || labels_parse(&given, m.labels, strlen(m.labels), &at) != 0)
		goto out;
	if (h->n_series == h->cap_series) {
		h->cap_series = h->cap_series > 0 ? h->cap_series * 2 : 64;
		h->series = xrealloc(h->series, h->cap_series, sizeof(struct iseries *));
	}
	if (p->used)
		l = series_labels(h->in, p, given);
	h->series[h->n_series++] =
	    l != NULL ? series_intern(h->in, l, (enum store_kind)m.kind, m.resolution) : NULL;
	rc = 0;
out:
	labels_unref(given);
	labels_unref(l);
	msg_series_clear(&m);
	return rc;
}

/* A sample from the future is refused and counted, not fatal: the host's clock is ours, a source's
 * is not. */
static int
stage_sample(struct ingest_host *h, struct run *r, uint32_t series, int64_t t_ms, double v,
    struct hist *hist)
{
	if (series >= h->n_series) {
		hist_free(hist);
		return -EBADMSG;
	}
	if (h->series[series] == NULL || t_ms <= 0 || t_ms > ingest_now_ms(h->in) + FUTURE_MS) {
		hist_free(hist);
		pthread_mutex_lock(&h->in->lock);
		h->in->stats.refused++;
		pthread_mutex_unlock(&h->in->lock);
		return 0;
	}
	return run_sample(r, h->series[series], t_ms, v, hist) == 0 ? 0 : -EBADMSG;
}

static int
stage_samples(struct ingest_host *h, struct run *r, const struct wire_sample *s, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = stage_sample(h, r, s[i].series, s[i].t_ms, s[i].v, NULL);
	return rc;
}

static int
take_samples(struct ingest_host *h, struct run *r, const struct frame *f)
{
	struct wire_sample *s;
	size_t n;
	int rc;

	if (msg_samples_decode(&s, &n, f) != 0)
		return -EBADMSG;
	rc = stage_samples(h, r, s, n);
	free(s);
	return rc;
}

static int
take_hist(struct ingest_host *h, struct run *r, const struct frame *f)
{
	struct hist *hist = xcalloc(1, sizeof(*hist));
	struct msg_hist m;

	hist_init(hist);
	if (msg_hist_decode(&m, f) != 0 || hist_decode(hist, m.bytes, m.len) != (ptrdiff_t)m.len) {
		hist_free(hist);
		return -EBADMSG;
	}
	return stage_sample(h, r, m.series, m.t_ms, 0, hist);
}

static int
take_state(struct run *r, const struct frame *f)
{
	struct msg_state m;
	int rc;

	if (msg_state_decode(&m, f) != 0)
		return -EBADMSG;
	rc = run_state(r, m.key, m.remove ? NULL : m.blob, m.len) == 0 ? 0 : -EBADMSG;
	msg_state_clear(&m);
	return rc;
}

/* The API hands facts on as they came: they must be a JSON object, or nothing. */
static bool
facts_ok(const char *facts)
{
	return facts[0] == '\0' || json_is_object_text(facts, strlen(facts));
}

/* The run waits for what it commits with: -EBADMSG when that is too much. */
static int
tie(struct ingest_host *h, struct run *r)
{
	if (r->bytes > INGEST_QUEUE_BYTES / 2 - h->tied_bytes) {
		run_free(r);
		return -EBADMSG;
	}
	r->is_tied = true;
	*h->tied_last = r;
	h->tied_last = &r->next;
	h->tied_bytes += r->bytes;
	return 0;
}

/* To the writer, with all that is tied to it. */
static void
push(struct ingest_host *h, struct run *r)
{
	*h->tied_last = r;
	writer_push(h->in->writer, h->tied);
	h->tied = NULL;
	h->tied_last = &h->tied;
	h->tied_bytes = 0;
}

static int
take_commit(struct ingest_host *h, struct iprobe *p, struct run **slot, const struct frame *f)
{
	struct run *r = *slot;

	if (msg_commit_decode(&r->commit, f) != 0)
		return -EBADMSG;
	*slot = NULL;
	r->generation = f->generation;
	r->life = h->life;
	r->name = xstrdup(p->name);
	probe_gave(p, r);
	if (f->flags & FRAME_TOGETHER)
		return tie(h, r);
	push(h, r);
	return 0;
}

static int
take_result(struct ingest_host *h, struct iprobe *p, struct run **slot, const struct frame *f)
{
	struct run *r = *slot;
	struct msg_result m;

	if (msg_result_decode(&m, f) != 0)
		return -EBADMSG;
	if (m.slot_ms <= 0 || m.slot_ms > ingest_now_ms(h->in) + FUTURE_MS || !facts_ok(m.facts)
	    || stage_samples(h, r, m.samples, m.n_samples) != 0) {
		msg_result_clear(&m);
		return -EBADMSG;
	}
	if (m.flags & RESULT_ASKED)
		r->asked = f->generation;
	if (m.refused_samples > 0) {
		pthread_mutex_lock(&h->in->lock);
		h->in->stats.refused += m.refused_samples;
		pthread_mutex_unlock(&h->in->lock);
	}
	*slot = NULL;
	ingest_scrub(h->in, m.cause);
	ingest_scrub(h->in, m.reason);
	scrub_facts(h->in, &m.facts);
	probe_finish_run(h->in, p, r, &m);
	push(h, r);
	msg_result_clear(&m);
	return 0;
}

int
ingest_frame(struct ingest_host *h, const struct frame *f)
{
	struct iprobe *p;
	struct run **r;

	if (f->probe >= h->in->n_probes)
		return -EBADMSG;
	p = &h->in->probes[f->probe];
	if (f->type == FRAME_SERIES)
		return take_series(h, p, f);
	if (!p->used)
		return 0; /* what was under way when the probe was removed */
	r = staging(h, f->probe);
	switch (f->type) {
	case FRAME_SAMPLES: return take_samples(h, *r, f);
	case FRAME_HIST: return take_hist(h, *r, f);
	case FRAME_STATE: return take_state(*r, f);
	case FRAME_COMMIT: return take_commit(h, p, r, f);
	case FRAME_RESULT: return take_result(h, p, r, f);
	default: return -EBADMSG;
	}
}

int
ingest_restore(struct ingest *in, uint32_t probe,
    void (*each)(void *, const char *key, const void *data, size_t len), void *arg)
{
	/* The state of a run that is still queued is newer than what is stored. */
	writer_settle(in->writer);
	return store_state_each(in->opts.store, in->probes[probe].name, each, arg);
}

void
ingest_own(struct ingest *in, const struct ingest_own *samples, size_t n, int64_t t_ms)
{
	struct run *r = run_new(RUN_OWN);

	for (size_t i = 0; i < n; i++) {
		struct label pairs[16] = {{LABEL_NAME, samples[i].name}};
		struct labels *given = NULL, *l = NULL;
		struct iseries *s;
		size_t k = 1;

		for (const char *const *p = samples[i].labels; p != NULL && p[0] != NULL && k < 16;
		     p += 2)
			pairs[k++] = (struct label){p[0], p[1]};
		if (isfinite(samples[i].v) && labels_new(&given, pairs, k) == 0
		    && (l = series_labels(in, NULL, given)) != NULL
		    && (s = series_intern(in, l, samples[i].kind, 0)) != NULL)
			(void)run_sample(r, s, t_ms, samples[i].v, NULL);
		labels_unref(given);
		labels_unref(l);
	}
	writer_push(in->writer, r);
}

void
ingest_recorded(struct ingest *in, const struct labels *l, int64_t t_ms, double v)
{
	struct recorded *r = xcalloc(1, sizeof(*r));

	*r = (struct recorded){.labels = labels_ref(l), .t_ms = t_ms, .v = v};
	pthread_mutex_lock(&in->lock);
	if (in->n_recorded < RECORDED_MAX) {
		in->n_recorded++;
		r->next = in->recorded;
		in->recorded = r;
		r = NULL;
	} else {
		in->stats.refused++;
	}
	pthread_mutex_unlock(&in->lock);
	if (r != NULL)
		labels_unref(r->labels);
	free(r);
}

/* The series that rules gave since the last tick, as one run. */
static void
take_recorded(struct ingest *in)
{
	struct recorded *r, *next;
	struct run *run;

	pthread_mutex_lock(&in->lock);
	r = in->recorded;
	in->recorded = NULL;
	in->n_recorded = 0;
	pthread_mutex_unlock(&in->lock);
	if (r == NULL)
		return;
	run = run_new(RUN_OWN);
	for (; r != NULL; r = next) {
		struct labels *full = labels_get(r->labels, "shop")[0] != '\0'
					  ? labels_ref(r->labels)
					  : series_labels(in, NULL, r->labels);
		struct iseries *s = full != NULL ? series_intern(in, full, STORE_GAUGE, 0) : NULL;

		next = r->next;
		if (s != NULL)
			(void)run_sample(run, s, r->t_ms, r->v, NULL);
		labels_unref(full);
		labels_unref(r->labels);
		free(r);
	}
	writer_push(in->writer, run);
}

/* The host that waits for it, if it lives. */
static void
answer_commit(struct ingest *in, const struct run *r)
{
	struct ingest_host *h = in->hosts;

	while (h != NULL && h->life != r->life)
		h = h->next;
	if (h != NULL && in->opts.on_commit != NULL)
		in->opts.on_commit(h->owner, r->probe, r->generation, r->commit);
}

void
ingest_committed(struct ingest *in)
{
	struct run *r = writer_done(in->writer), *next;

	for (; r != NULL; r = next) {
		next = r->next;
		if (r->probe != RUN_OWN)
			probe_known(in, r);
		if (r->commit != 0)
			answer_commit(in, r);
		run_free(r);
	}
}

void
ingest_tick(struct ingest *in)
{
	int64_t now = ingest_now_ms(in);

	take_recorded(in);
	for (size_t i = 0; i < in->n_probes; i++)
		if (in->probes[i].used)
			probe_tick(in, (uint32_t)i, now);
}

int64_t
ingest_last_slot_ms(const struct ingest *in, uint32_t probe)
{
	return in->probes[probe].last_slot_ms;
}

void
ingest_status_each(struct ingest *in, void (*each)(void *, const struct probe_status *), void *arg)
{
	pthread_mutex_lock(&in->lock);
	for (size_t i = 0; i < in->n_probes; i++)
		if (in->probes[i].used)
			each(arg, &in->probes[i].status);
	pthread_mutex_unlock(&in->lock);
}

bool
ingest_blind(struct ingest *in, int64_t *since_ms)
{
	bool blind;

	pthread_mutex_lock(&in->lock);
	blind = in->blind;
	if (since_ms != NULL)
		*since_ms = in->blind_since_ms;
	pthread_mutex_unlock(&in->lock);
	return blind;
}

void
ingest_stats(struct ingest *in, struct ingest_stats *out)
{
	pthread_mutex_lock(&in->lock);
	*out = in->stats;
	pthread_mutex_unlock(&in->lock);
}
