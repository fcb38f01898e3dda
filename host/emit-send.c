/*
 * emit-send.c - the end of a run as frames: SERIES*, (SAMPLES | HIST | STATE)*, RESULT. Where
 * sources are shared, what the others have gathered comes before it: all commits together.
 *
 * Everything but RESULT carries the probe's own generation; the RESULT of an asked run repeats the
 * number of the FRAME_RUN that it answers.
 *
 * Runs in: the loop thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/group.h"
#include "host/probe.h"
#include "lib/log.h"

#define RESULT_SAMPLES 512      /* samples in the RESULT itself */
#define FACTS_MAX (48 * 1024)   /* of the JSON text: the frame has 72 KiB */

struct sender {
	struct host *h;
	struct probe *p;
};

static void
sent(struct sender *s, ptrdiff_t n)
{
	if (n > 0)
		(void)link_send(&s->h->link, s->h->link.scratch, (size_t)n);
	else
		host_log(s->h, s->p, LOGL_ERROR, "a frame does not fit: left out");
}

static void
send_new_series(struct sender *s)
{
	struct emit *e = &s->p->emit;

	for (size_t i = 0; i < e->n_samples; i++) {
		struct emit_series *es = e->samples[i].series;
		const struct tw_metric *row = &e->plugin->metrics[es->metric].row;
		struct msg_series m = {.id = s->h->next_series, .kind = (uint8_t)row->kind,
		    .resolution = row->resolution, .labels = es->text};

		if (es->number != SERIES_UNSENT)
			continue;
		if (s->h->next_series == WIRE_SERIES_MAX) {
			host_end(
			    s->h, HOST_EXIT_AGAIN, "all numbers of series are used; starting anew");
			return;
		}
		es->number = s->h->next_series++;
		sent(s, msg_series_encode(s->h->link.scratch, s->p->id, s->p->generation, &m));
	}
}

static void
send_hists(struct sender *s)
{
	struct emit *e = &s->p->emit;

	for (size_t i = 0; i < e->n_samples; i++) {
		struct run_sample *r = &e->samples[i];

		if (r->hist != NULL && r->series->number != SERIES_UNSENT)
			sent(s, msg_hist_encode(s->h->link.scratch, s->p->id, s->p->generation,
				    r->series->number, r->t_ms, r->hist));
	}
}

static void
send_state(void *arg, const char *key, const void *data, size_t len)
{
	struct sender *s = arg;
	struct msg_state m = {.key = (char *)(uintptr_t)key, .remove = data == NULL, .blob = data,
	    .len = len};

	sent(s, msg_state_encode(
		    s->h->link.scratch, FRAME_STATE, s->p->id, s->p->generation, &m));
}

/* All numbers of the run: full frames go out; the last piece stays in `out` when it has no more
 * than `keep`, for the RESULT. */
static size_t
send_samples(struct sender *s, struct wire_sample *out, size_t keep)
{
	struct emit *e = &s->p->emit;
	size_t n = 0, left = 0;

	for (size_t i = 0; i < e->n_samples; i++)
		left += e->samples[i].hist == NULL;
	for (size_t i = 0; i < e->n_samples; i++) {
		struct run_sample *r = &e->samples[i];

		if (r->hist != NULL || r->series->number == SERIES_UNSENT)
			continue;
		out[n++] = (struct wire_sample){r->series->number, r->t_ms, r->v};
		left--;
		if (n < WIRE_SAMPLES_MAX && (left > 0 || n <= keep))
			continue;
		sent(s, msg_samples_encode(
			    s->h->link.scratch, s->p->id, s->p->generation, out, n));
		n = 0;
	}
	return n;
}

static struct wire_sample samples[WIRE_SAMPLES_MAX]; /* of the loop's thread; 48 KiB */

/* What of a probe's state may be told. */
static struct state *
told_state(struct probe *p)
{
	return member_is_source(p) ? &p->member.settled : &p->state;
}

static void
send_states(struct sender *s)
{
	state_each_changed(told_state(s->p), send_state, s);
}

static void
send_end(struct sender *s, unsigned flags, uint32_t number)
{
	sent(s, msg_commit_encode(s->h->link.scratch, FRAME_COMMIT, flags, s->p->id,
		    s->p->generation, number));
}

/* The samples of a reader that came between runs, or of one whose run goes on. */
static void
send_gathered(struct sender *s)
{
	send_new_series(s);
	send_hists(s);
	(void)send_samples(s, samples, 0);
	emit_forget_samples(&s->p->emit);
}

/* What everybody else has gathered commits together with what p is about to send. A source's own
 * samples wait for the end of its run: until then they are its thread's. */
static void
send_others(struct host *h, const struct probe *p)
{
	struct probe *other, *next;

	if (!h->has_sources)
		return;
	group_save(h);
	HASH_ITER(hh, h->probes, other, next) {
		struct sender s = {h, other};
		bool is_reader = other->member.n_reads > 0;

		if (other == p || (!is_reader && !member_is_source(other))
		    || ((!is_reader || other->emit.n_samples == 0)
			&& !state_is_changed(told_state(other))))
			continue;
		if (is_reader && other->emit.n_samples > 0)
			send_gathered(&s);
		send_states(&s);
		send_end(&s, FRAME_TOGETHER, 0);
	}
}

void
send_commit(struct host *h, struct probe *p, uint32_t number)
{
	struct sender s = {h, p};

	link_cork(&h->link);
	send_others(h, p);
	if (!member_is_source(p))
		emit_save_totals(&p->emit, &p->state);
	if (p->member.n_reads > 0)
		send_gathered(&s);
	send_states(&s);
	send_end(&s, 0, number);
	(void)link_uncork(&h->link);
}

void
send_run(struct host *h, struct probe *p, struct msg_result *r, bool has_samples)
{
	struct sender s = {h, p};
	uint32_t generation = r->flags & RESULT_ASKED ? p->ctx.asked : p->generation;
	static const char no_facts[] = "{}";

	link_cork(&h->link);
	if (has_samples) {
		r->samples = samples;
		send_others(h, p);
		if (member_is_source(p))
			group_settle(p);
		send_new_series(&s);
		send_hists(&s);
		r->n_samples = (uint32_t)send_samples(&s, r->samples, RESULT_SAMPLES);
		send_states(&s);
	}
	if (strlen(r->facts) > FACTS_MAX)
		r->facts = (char *)(uintptr_t)no_facts;
	sent(&s, msg_result_encode(h->link.scratch, p->id, generation, r));
	(void)link_uncork(&h->link);
	r->samples = NULL;
	r->n_samples = 0;
}
