/*
 * probe.c - what a run means for its probe: own metrics, run record, stale markers, status,
 * blindness.
 *
 * Runs in: the loop thread.
 *
 * DESIGN. Two moments. When RESULT arrives (probe_finish_run) the agent adds its own samples to the
 * run, so that they commit with it. When the writer has committed (probe_known) the status changes
 * and listeners hear of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/ingest/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/sanitize.h"
#include "lib/xmalloc.h"

#define HOUR_MS 3600000
#define KEPT_FAILURES 3

enum own_metric {
	OWN_VERDICT, OWN_FAILED,
	OWN_DURATION,
	OWN_START_LAG,
	OWN_ENGINE_LAG,
	OWN_LATE,
	OWN_SKIPPED,
	OWN_TIMEOUTS,
	OWN_RUNS_OK,
	OWN_RUNS_WARN,
	OWN_RUNS_CRIT,
	OWN_RUNS_UNKNOWN,
	OWN_N
};
_Static_assert(OWN_N <= 16, "struct iprobe keeps 16");

static const struct {
	const char *name, *verdict;
	enum store_kind kind;
	double resolution;
} own_table[OWN_N] = {
	[OWN_VERDICT] = {"tillwatch_probe_verdict", NULL, STORE_GAUGE, 1},
	[OWN_FAILED] = {"tillwatch_probe_failed", NULL, STORE_GAUGE, 1},
	[OWN_DURATION] = {"tillwatch_probe_duration_seconds", NULL, STORE_GAUGE, 1e-5},
	[OWN_START_LAG] = {"tillwatch_probe_start_lag_seconds", NULL, STORE_GAUGE, 1e-5},
	[OWN_ENGINE_LAG] = {"tillwatch_probe_engine_lag_seconds", NULL, STORE_GAUGE, 1e-5},
	[OWN_LATE] = {"tillwatch_probe_late_total", NULL, STORE_COUNTER, 1},
	[OWN_SKIPPED] = {"tillwatch_probe_skipped_total", NULL, STORE_COUNTER, 1},
	[OWN_TIMEOUTS] = {"tillwatch_probe_timeouts_total", NULL, STORE_COUNTER, 1},
	[OWN_RUNS_OK] = {"tillwatch_probe_runs_total", "ok", STORE_COUNTER, 1},
	[OWN_RUNS_WARN] = {"tillwatch_probe_runs_total", "warn", STORE_COUNTER, 1},
	[OWN_RUNS_CRIT] = {"tillwatch_probe_runs_total", "crit", STORE_COUNTER, 1},
	[OWN_RUNS_UNKNOWN] = {"tillwatch_probe_runs_total", "unknown", STORE_COUNTER, 1},
};

static struct iseries *
own_series(struct ingest *in, struct iprobe *p, enum own_metric m)
{
	struct label pairs[] = {{LABEL_NAME, own_table[m].name}, {"verdict", own_table[m].verdict}};
	struct labels *given, *l;

	if (p->own[m] != NULL)
		return p->own[m];
	if (labels_new(&given, pairs, own_table[m].verdict != NULL ? 2 : 1) != 0)
		return NULL;
	if ((l = series_labels(in, p, given)) != NULL)
		p->own[m] = series_intern(in, l, own_table[m].kind, own_table[m].resolution);
	labels_unref(given);
	labels_unref(l);
	return p->own[m];
}

static void
add_own(struct ingest *in, struct iprobe *p, struct run *r, enum own_metric m, double v)
{
	struct iseries *s = own_series(in, p, m);

	if (s != NULL)
		(void)run_sample(r, s, r->slot_ms, v, NULL);
}

static void
add_own_all(struct ingest *in, struct iprobe *p, struct run *r, const struct msg_result *m)
{
	if (!(m->flags & RESULT_SKIPPED)) {
		add_own(in, p, r, OWN_VERDICT, m->verdict);
		add_own(in, p, r, OWN_FAILED, m->verdict == PROBE_CRIT);
		add_own(in, p, r, OWN_DURATION, (double)m->duration_us / 1e6);
		add_own(in, p, r, OWN_START_LAG, (double)m->start_lag_us / 1e6);
		add_own(in, p, r, OWN_ENGINE_LAG, (double)m->engine_lag_us / 1e6);
		add_own(in, p, r, OWN_RUNS_OK + m->verdict, (double)p->runs[m->verdict]);
	}
	add_own(in, p, r, OWN_LATE, (double)p->late);
	add_own(in, p, r, OWN_SKIPPED, (double)p->skipped);
	add_own(in, p, r, OWN_TIMEOUTS, (double)p->timeouts);
}

void
probe_gave(struct iprobe *p, struct run *r)
{
	for (size_t i = 0; i < r->n_samples; i++)
		r->samples[i].series->run = p->run + 1;
}

/* Keeps the list of series that are alive: what this run gave is refreshed, what it no longer gives
 * ends now. A sample with a time of its own is an event's: nobody repeats it, and it ages alone. */
static void
refresh_series(struct iprobe *p, struct run *r)
{
	size_t n = r->n_samples, kept = 0;

	p->run++;
	for (size_t i = 0; i < n; i++) {
		struct iseries *s = r->samples[i].series;

		if (r->samples[i].t_ms != r->slot_ms)
			continue;
		s->run = p->run;
		s->last = r->samples[i].v;
		s->is_hist = r->samples[i].h != NULL;
		s->ended = false;
		if (s->listed)
			continue;
		if (p->n_series == p->cap_series) {
			p->cap_series = p->cap_series > 0 ? p->cap_series * 2 : 16;
			p->series = xrealloc(p->series, p->cap_series, sizeof(struct iseries *));
		}
		p->series[p->n_series++] = s;
		s->listed = true;
	}
	for (size_t i = 0; i < p->n_series; i++) {
		struct iseries *s = p->series[i];

		if (s->run == p->run) {
			p->series[kept++] = s;
			continue;
		}
		if (!s->ended)
			(void)run_sample(r, s, r->slot_ms, stale_nan(), NULL);
		s->listed = false;
		s->ended = true;
	}
	p->n_series = kept;
}

/* Among the first three failures of this cause and hour? */
static bool
keep_failure(struct iprobe *p, const char *cause, int64_t slot_ms)
{
	if (slot_ms / HOUR_MS != p->fail_hour
	    || strncmp(p->fail_cause, cause, sizeof(p->fail_cause) - 1) != 0) {
		p->fail_hour = slot_ms / HOUR_MS;
		snprintf(p->fail_cause, sizeof(p->fail_cause), "%s", cause);
		p->fails = 0;
	}
	return p->fails++ < KEPT_FAILURES;
}

static char *
clean_text(const char *s)
{
	size_t cap = strlen(s) * 2 + 1;
	char *out = xcalloc(1, cap);

	text_sanitize(out, cap, s, strlen(s));
	return out;
}

static void
make_record(struct iprobe *p, struct run *r, const struct msg_result *m)
{
	r->cause = clean_text(m->cause);
	r->reason = clean_text(m->reason);
	r->facts = xstrdup(m->facts[0] != '\0' ? m->facts : "{}");
	r->record = (struct store_run){.probe = r->name,
	    .at_ms = r->slot_ms,
	    .verdict = m->verdict,
	    .cause = r->cause,
	    .reason = r->reason,
	    .facts = r->facts,
	    .duration_us = m->duration_us};
	if (p->last_verdict != m->verdict)
		r->record.keep |= STORE_KEEP_CHANGE;
	if (m->verdict != PROBE_OK && keep_failure(p, r->cause, r->slot_ms))
		r->record.keep |= STORE_KEEP_FAILURE;
	p->last_verdict = m->verdict;
	r->has_record = true;
	r->bytes += strlen(r->reason) + strlen(r->facts);
}

void
probe_finish_run(struct ingest *in, struct iprobe *p, struct run *r, const struct msg_result *m)
{
	bool skipped = (m->flags & RESULT_SKIPPED) != 0;

	r->name = xstrdup(p->name);
	r->slot_ms = m->slot_ms;
	r->verdict = m->verdict;
	r->late = (m->flags & RESULT_LATE) != 0;
	p->late += r->late;
	p->skipped += skipped;
	p->timeouts += (m->flags & RESULT_TIMEOUT) != 0;
	if (!(m->flags & RESULT_ASKED) && m->slot_ms > p->last_slot_ms)
		p->last_slot_ms = m->slot_ms;
	if (!skipped) {
		p->runs[m->verdict]++;
		p->overdue = false;
		p->republished_ms = m->slot_ms;
		make_record(p, r, m);
		r->is_result = true;
	} else {
		r->cause = clean_text(m->cause);
	}
	add_own_all(in, p, r, m);
	if (!skipped)
		refresh_series(p, r);
}

static void
replace(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
}

/* One page says that the agent sees nothing; the shop's alerts wait meanwhile (DESIGN: is it me?).
 */
static void
note_blind(struct ingest *in, const struct run *r)
{
	bool blind = strcmp(r->cause, "blind") == 0;

	if (blind && !in->blind)
		in->blind_since_ms = r->slot_ms;
	if (blind || strcmp(r->cause, "aborted") != 0)
		in->blind = blind;
}

static void
note_status(struct ingest *in, const struct run *r)
{
	struct probe_status *s = &in->probes[r->probe].status;

	pthread_mutex_lock(&in->lock);
	if (s->verdict != (enum probe_verdict)r->verdict)
		s->since_ms = r->slot_ms;
	s->verdict = (enum probe_verdict)r->verdict;
	replace(&s->cause, r->cause);
	replace(&s->reason, r->reason);
	s->last_run_ms = r->slot_ms;
	s->late = r->late;
	s->stale = false;
	s->runs++;
	note_blind(in, r);
	pthread_mutex_unlock(&in->lock);
}

void
probe_known(struct ingest *in, struct run *r)
{
	struct iprobe *p = &in->probes[r->probe];
	struct ingest_result result;

	if (!p->used || (!r->is_result && r->asked == 0))
		return;
	result = (struct ingest_result){.probe = r->probe,
	    .name = p->name,
	    .slot_ms = r->slot_ms,
	    .verdict = (enum probe_verdict)r->verdict,
	    .before = p->status.verdict,
	    .cause = r->cause,
	    .reason = r->reason,
	    .facts = r->facts,
	    .duration_us = r->record.duration_us,
	    .asked = r->asked,
	    .is_skipped = !r->is_result};
	if (r->is_result)
		note_status(in, r);
	if (in->opts.on_result != NULL)
		in->opts.on_result(in->opts.on_result_arg, &result);
}

void
probe_abort(struct ingest *in, uint32_t probe, const char *cause, const char *reason)
{
	int64_t now = ingest_now_ms(in), slot;
	struct iprobe *p = &in->probes[probe];
	char facts[] = "{}", *c = xstrdup(cause), *why = xstrdup(reason);
	struct msg_result m = {.verdict = 3, .cause = c, .reason = why, .facts = facts};
	struct run *r;

	/* The newest slot at or before now: in flight if no result came and its deadline has not
	 * passed long ago. */
	slot = slot_next(now, p->interval_ms, p->offset_ms);
	if (slot > now)
		slot -= p->interval_ms;
	if (p->used && slot > p->last_slot_ms
	    && now - slot <= p->timeout_ms + 4 * INGEST_GRACE_MS) {
		m.slot_ms = slot;
		m.duration_us = (now - slot) * 1000;
		r = run_new(probe);
		probe_finish_run(in, p, r, &m);
		writer_push(in->writer, r);
	}
	free(c);
	free(why);
}

static void
mark_stale(struct ingest *in, uint32_t probe, int64_t now_ms)
{
	struct iprobe *p = &in->probes[probe];
	struct run *r = run_new(probe);

	r->name = xstrdup(p->name);
	for (size_t i = 0; i < p->n_series; i++) {
		(void)run_sample(r, p->series[i], now_ms, stale_nan(), NULL);
		p->series[i]->listed = false;
		p->series[i]->ended = true;
	}
	p->n_series = 0;
	writer_push(in->writer, r);
}

static void
republish(struct ingest *in, uint32_t probe, int64_t at_ms)
{
	struct iprobe *p = &in->probes[probe];
	struct run *r = run_new(probe);

	r->name = xstrdup(p->name);
	for (size_t i = 0; i < p->n_series; i++)
		/* tillwatch_probe_failed has one sample a run and no more: rules count runs by it.
		 */
		if (!p->series[i]->is_hist && p->series[i] != p->own[OWN_FAILED])
			(void)run_sample(r, p->series[i], at_ms, p->series[i]->last, NULL);
	writer_push(in->writer, r);
}

void
probe_tick(struct ingest *in, uint32_t probe, int64_t now_ms)
{
	struct iprobe *p = &in->probes[probe];
	int64_t due = p->last_slot_ms + p->interval_ms;

	pthread_mutex_lock(&in->lock);
	p->status.next_run_ms = slot_next(now_ms + 1, p->interval_ms, p->offset_ms);
	pthread_mutex_unlock(&in->lock);
	if (p->last_slot_ms == 0 || p->overdue)
		return;
	if (now_ms > due + p->timeout_ms + INGEST_GRACE_MS) {
		p->overdue = true;
		mark_stale(in, probe, now_ms);
		pthread_mutex_lock(&in->lock);
		p->status.stale = true;
		pthread_mutex_unlock(&in->lock);
		return;
	}
	if (now_ms - p->republished_ms >= REPUBLISH_MS && p->republished_ms + REPUBLISH_MS < due) {
		p->republished_ms += REPUBLISH_MS;
		republish(in, probe, p->republished_ms);
	}
}

void
probe_end(struct ingest *in, uint32_t probe, int64_t now_ms)
{
	mark_stale(in, probe, now_ms);
}
