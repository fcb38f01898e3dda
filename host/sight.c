/*
 * sight.c - is it me? Asks every reference target once, fresh; one that answers anything at all
 * means that we see. The answer is shared by all who ask within ENGINE_SIGHT_US.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>
#include <stdlib.h>

#include "host/engine-internal.h"

#define BEFORE_US 30000         /* the answer comes so long before the asker's deadline */
#define CHECK_US 3000000        /* a reference that takes longer does not answer */
#define REFERENCES_MAX 8

struct engine_sight {
	struct engine_sight *next;
	struct engine *engine;
	struct loop_timer later, late;
	void (*done)(void *, int);
	void *arg;
	int sees;
};

struct sight_check {
	struct engine *engine;
	struct engine_run *run;
	struct engine_http *asks[REFERENCES_MAX];
	size_t n, left;
	bool sees;
};

static void
tell_later(void *arg)
{
	struct engine_sight *s = arg;
	void (*done)(void *, int) = s->done;
	void *their_arg = s->arg;
	int sees = s->sees;

	free(s);
	done(their_arg, sees);
}

static void
settle(struct engine_sight *s, int sees)
{
	s->sees = sees;
	loop_timer_clear(s->engine->loop, &s->late);
	loop_timer_set(s->engine->loop, &s->later, mono_now(), tell_later, s);
}

static void
unlink_waiting(struct engine_sight *s)
{
	for (struct engine_sight **at = &s->engine->waiting; *at != NULL; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			return;
		}
}

/* No reference has answered, and who asks can wait no longer: that is an answer. */
static void
on_late(void *arg)
{
	struct engine_sight *s = arg;

	unlink_waiting(s);
	settle(s, 0);
}

static void
finish(struct sight_check *c)
{
	struct engine *e = c->engine;
	struct engine_sight *s;

	e->sight = c->sees ? 1 : 0;
	e->sight_at = mono_now();
	e->check = NULL;
	for (size_t i = 0; i < c->n; i++)
		if (c->asks[i] != NULL)
			engine_http_cancel(c->asks[i]);
	while ((s = e->waiting) != NULL) {
		e->waiting = s->next;
		s->next = NULL;
		settle(s, e->sight);
	}
	engine_run_free(c->run);
	free(c);
}

static void
on_answer(void *arg, const struct tw_answer *a)
{
	struct sight_check *c = arg;

	/* Which one it was: the answer carries its number. */
	c->asks[(size_t)(uintptr_t)a->arg] = NULL;
	c->left--;
	if (a->error == TW_HTTP_OK || a->error == TW_HTTP_CERTIFICATE
	    || a->error == TW_HTTP_BODY_TOO_LARGE)
		c->sees = true;
	if (c->sees || c->left == 0)
		finish(c);
}

static int
begin(struct engine *e)
{
	struct sight_check *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->run = engine_run_new(e)) == NULL) {
		free(c);
		return -1;
	}
	c->engine = e;
	e->check = c;
	for (size_t i = 0; i < e->n_references && i < REFERENCES_MAX; i++) {
		struct tw_request r = {.size = sizeof(r),
		    .url = e->references[i],
		    .max_redirects = -1,
		    .arg = (void *)(uintptr_t)i};

		c->asks[i] =
		    engine_http(c->run, &r, mono_add_us(mono_now(), CHECK_US), on_answer, NULL, c);
		c->n++;
		c->left += c->asks[i] != NULL;
	}
	if (c->left == 0)
		finish(c);
	return 0;
}

struct engine_sight *
engine_sight(struct engine *e, mono_t deadline, void (*done)(void *, int), void *arg)
{
	struct engine_sight *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct engine_sight){.engine = e, .done = done, .arg = arg};
	if (e->n_references == 0) {
		settle(s, -1);
	} else if (e->sight_at.us != 0 && mono_sub_us(mono_now(), e->sight_at) < ENGINE_SIGHT_US) {
		settle(s, e->sight);
	} else {
		s->next = e->waiting;
		e->waiting = s;
		loop_timer_set(e->loop, &s->late, mono_add_us(deadline, -BEFORE_US), on_late, s);
		if (e->check == NULL && begin(e) != 0) {
			e->waiting = s->next;
			settle(s, -1);
		}
	}
	return s;
}

void
engine_sight_cancel(struct engine_sight *s)
{
	unlink_waiting(s);
	loop_timer_clear(s->engine->loop, &s->late);
	loop_timer_clear(s->engine->loop, &s->later);
	free(s);
}

void
sight_clear(struct engine *e)
{
	struct sight_check *c = e->check;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++)
		if (c->asks[i] != NULL)
			engine_http_cancel(c->asks[i]);
	engine_run_free(c->run);
	free(c);
	e->check = NULL;
}
