/*
 * loop.c - see loop.h. Timers are a binary heap on (time, sequence); the timerfd is armed for its
 * top.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS 256
#define LAGS 1024                 /* kept for loop_lag_take */
#define SECONDS 64                /* of history for loop_lag_since */

struct watched {
	int fd;                   /* -1 = free */
	uint32_t events, life;
	void (*fn)(void *, uint32_t);
	void *arg;
};

struct entry {                    /* the order stands here, so that sifting reads no timer */
	mono_t at;
	uint64_t sequence;
	struct loop_timer *timer;
};

struct loop {
	int epoll_fd, timer_fd, sched_fd; /* sched_fd: the kernel's account of our thread, or -1 */
	bool is_over;
	mono_t woke;
	struct entry *heap;
	uint32_t n, cap;
	uint64_t sequence;
	mono_t armed;             /* what the timerfd is set to; -1 = it has gone off */
	int64_t lead_us;          /* by so much earlier for one that is exact */
	struct watched *fds;      /* by descriptor */
	int n_fds;
	int64_t lags[LAGS];
	uint32_t n_lags;
	struct { int64_t second, max_us; } worst[SECONDS];
};

/* ---- the heap ---- */

static bool
before(const struct entry *a, const struct entry *b)
{
	return a->at.us != b->at.us ? a->at.us < b->at.us : a->sequence < b->sequence;
}

static void
put(struct loop *l, uint32_t i, struct entry e)
{
	l->heap[i] = e;
	e.timer->index = i + 1;
}

static void
sift_up(struct loop *l, uint32_t i)
{
	struct entry e = l->heap[i];

	for (; i > 0 && before(&e, &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		put(l, i, l->heap[(i - 1) / 2]);
	put(l, i, e);
}

static void
sift_down(struct loop *l, uint32_t i)
{
	struct entry e = l->heap[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < l->n && before(&l->heap[child + 1], &l->heap[child]))
			child++;
		if (child >= l->n || !before(&l->heap[child], &e))
			break;
		put(l, i, l->heap[child]);
		i = child;
	}
	put(l, i, e);
}

void
loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	uint32_t i = t->index;
	struct entry last;

	if (i == 0)
		return;
	t->index = 0;
	last = l->heap[--l->n];
	if (last.timer == t)
		return;
	put(l, i - 1, last);
	sift_up(l, i - 1);
	sift_down(l, last.timer->index - 1);
}

void
loop_timer_set(struct loop *l, struct loop_timer *t, mono_t at, void (*fn)(void *), void *arg)
{
	loop_timer_clear(l, t);
	t->at = at;
	t->fn = fn;
	t->arg = arg;
	if (l->n == l->cap) {
		uint32_t cap = l->cap > 0 ? l->cap * 2 : 64;
		struct entry *heap = reallocarray(l->heap, cap, sizeof(*heap));

		/* A timer that cannot be set is a run without a deadline: nothing sane is left to
		 * do. */
		if (heap == NULL)
			abort();
		l->heap = heap;
		l->cap = cap;
	}
	l->heap[l->n++] = (struct entry){at, l->sequence++, t};
	sift_up(l, l->n - 1);
}

/* ---- lag ---- */

static void
note_lag(struct loop *l, int64_t us, mono_t now)
{
	int64_t second = now.us / 1000000;
	int at = (int)(second % SECONDS);

	if (us < 0)
		us = 0;
	l->lags[l->n_lags++ % LAGS] = us;
	if (l->worst[at].second != second) {
		l->worst[at].second = second;
		l->worst[at].max_us = 0;
	}
	if (us > l->worst[at].max_us)
		l->worst[at].max_us = us;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct loop_lag
loop_lag_take(struct loop *l)
{
	uint32_t n = l->n_lags < LAGS ? l->n_lags : LAGS;
	struct loop_lag lag = {0};

	l->n_lags = 0;
	if (n == 0)
		return lag;
	qsort(l->lags, n, sizeof(l->lags[0]), by_value);
	lag.p50_us = l->lags[n / 2];
	lag.p99_us = l->lags[n * 99 / 100];
	lag.max_us = l->lags[n - 1];
	return lag;
}

int64_t
loop_lag_since(const struct loop *l, mono_t since)
{
	int64_t first = since.us / 1000000, worst = 0;

	for (int i = 0; i < SECONDS; i++)
		if (l->worst[i].second >= first && l->worst[i].max_us > worst)
			worst = l->worst[i].max_us;
	return worst;
}

int64_t
loop_lag_recent(const struct loop *l)
{
	return loop_lag_since(l, mono_add_us(mono_now(), -1000000));
}

mono_t
loop_turn_began(const struct loop *l)
{
	return l->woke;
}

int64_t
loop_starved_us(const struct loop *l)
{
	char text[96];
	ssize_t n = l->sched_fd >= 0 ? pread(l->sched_fd, text, sizeof(text) - 1, 0) : -1;
	char *second;

	if (n <= 0)
		return -1;
	text[n] = '\0';
	second = strchr(text, ' ');
	return second != NULL ? (int64_t)(strtoull(second, NULL, 10) / 1000) : -1;
}

/* ---- descriptors ---- */

static int
grow_fds(struct loop *l, int fd)
{
	int n = l->n_fds > 0 ? l->n_fds : 64;
	struct watched *fds;

	while (n <= fd)
		n *= 2;
	if (n == l->n_fds)
		return 0;
	if ((fds = reallocarray(l->fds, (size_t)n, sizeof(*fds))) == NULL)
		return -ENOMEM;
	for (int i = l->n_fds; i < n; i++)
		fds[i] = (struct watched){.fd = -1};
	l->fds = fds;
	l->n_fds = n;
	return 0;
}

int
loop_fd_set(struct loop *l, int fd, uint32_t events, void (*fn)(void *, uint32_t), void *arg)
{
	struct epoll_event ev = {.events = events};
	struct watched *w;
	bool is_new;

	if (fd < 0 || grow_fds(l, fd) != 0)
		return -EINVAL;
	w = &l->fds[fd];
	if (events == 0) {
		/* Most are closed next, which takes them out of the kernel's list for nothing:
		 * dispatch removes the rest when one speaks. */
		w->fd = -1;
		w->life++;
		return 0;
	}
	is_new = w->fd < 0;
	w->life += is_new;
	*w = (struct watched){fd, events, w->life, fn, arg};
	ev.data.u64 = (uint64_t)w->life << 32 | (uint32_t)fd;
	/* libcurl closes and opens descriptors behind our back: what we think of one may be wrong
	 * either way. */
	if (epoll_ctl(l->epoll_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev) == 0
	    || (errno == (is_new ? EEXIST : ENOENT)
		&& epoll_ctl(l->epoll_fd, is_new ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) == 0))
		return 0;
	w->fd = -1;
	return -errno;
}

static void
dispatch(struct loop *l, const struct epoll_event *ev)
{
	int fd = (int)(ev->data.u64 & 0xffffffff);
	struct watched *w = &l->fds[fd];

	if (w->fd == fd && w->life == ev->data.u64 >> 32)
		w->fn(w->arg, ev->events);
	else if (w->fd < 0) /* forgotten, and still open */
		(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- turns ---- */

static void
arm(struct loop *l)
{
	struct itimerspec t = {{0, 0}, {0, 0}};
	mono_t at = l->n > 0 ? l->heap[0].at : (mono_t){0};

	if (l->n > 0 && l->heap[0].timer->is_exact)
		at = mono_add_us(at, -l->lead_us);
	/* Setting it also takes back that it has gone off: nobody reads it. */
	if (at.us == l->armed.us)
		return;
	l->armed = at;
	if (at.us > 0) {
		t.it_value.tv_sec = at.us / 1000000;
		t.it_value.tv_nsec = at.us % 1000000 * 1000;
	}
	(void)timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* The timerfd has gone off, by the lead before the time of a timer that is exact: until then. The
 * lead follows the ninetieth of a hundred: it grows nine times as fast as it shrinks. */
static void
await(struct loop *l)
{
	int64_t late_us = mono_sub_us(l->woke, l->armed);
	mono_t at = l->n > 0 ? l->heap[0].at : (mono_t){0};

	if (l->n == 0 || !l->heap[0].timer->is_exact || mono_sub_us(at, l->armed) != l->lead_us)
		return;
	l->lead_us += late_us > l->lead_us ? 9 : -1;
	l->lead_us = l->lead_us < 0 ? 0
	    : l->lead_us > LOOP_LEAD_MAX_US ? LOOP_LEAD_MAX_US : l->lead_us;
	while (mono_sub_us(at, mono_now()) > 0)
		;
}

static void
fire(struct loop *l)
{
	/* Only what was set before this turn: a callback that sets a timer for now must not keep
	 * the loop here. */
	uint64_t until = l->sequence;
	mono_t now = mono_now();

	while (l->n > 0 && l->heap[0].at.us <= now.us && l->heap[0].sequence < until
	       && !l->is_over) {
		struct loop_timer *t = l->heap[0].timer;

		note_lag(l, mono_sub_us(now, t->at), now);
		loop_timer_clear(l, t);
		t->fn(t->arg);
		now = mono_now();
	}
}

static void
turn(struct loop *l)
{
	struct epoll_event events[EVENTS];
	/* Timers that are due already do not wait for the kernel to say so. */
	bool is_due = l->n > 0 && l->heap[0].at.us <= mono_now().us, has_rung = false;
	mono_t now;
	int n;

	if (!is_due)
		arm(l);
	n = epoll_wait(l->epoll_fd, events, EVENTS, is_due ? 0 : -1);
	l->woke = mono_now();
	for (int i = 0; i < n && !l->is_over; i++) {
		if ((int)(events[i].data.u64 & 0xffffffff) == l->timer_fd)
			has_rung = true;
		else
			dispatch(l, &events[i]);
	}
	if (has_rung) {
		await(l);
		l->armed = (mono_t){-1};
	}
	if (!l->is_over)
		fire(l);
	now = mono_now();
	note_lag(l, mono_sub_us(now, l->woke), now);
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct epoll_event ev = {.events = EPOLLIN};

	if (l == NULL)
		return NULL;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->sched_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ev.data.u64 = (uint32_t)l->timer_fd;
	if (l->epoll_fd >= 0 && l->timer_fd >= 0 && grow_fds(l, l->timer_fd) == 0
	    && epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &ev) == 0)
		return l;
	loop_free(l);
	return NULL;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	if (l->sched_fd >= 0)
		close(l->sched_fd);
	free(l->heap);
	free(l->fds);
	free(l);
}

int
loop_run(struct loop *l)
{
	while (!l->is_over)
		turn(l);
	return 0;
}

void
loop_stop(struct loop *l)
{
	l->is_over = true;
}
