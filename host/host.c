/*
 * host.c - the loop of a host, and the agent's frames.
 *
 * DESIGN. The agent's frames are obeyed in order. A frame that does not decode ends the host: both
 * sides come from one build, so it is not the agent that is talking. The end of the link is the
 * end of the host.
 *
 * Runs in: the loop thread; host_post and host_log in any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/group.h"
#include "host/probe.h"
#include "lib/crc32c.h"
#include "lib/log.h"
#include "lib/sanitize.h"

#define RECEIVE_BURST 64
#define BEAT_US 1000000
#define DRAIN_US 1500000          /* the agent waits 2 s before it kills */
#define DRAIN_STEP_US 20000
#define RESOLVER_S 10             /* seconds between two looks at the resolver's file */
#define STEP_US 100000            /* of the wall clock: slots are planned anew */
#define LOG_TOKENS 20             /* lines a probe may write at once; one comes back a second */
#define LOG_TEXT_MAX 1024

/* ---- posts: other threads come back to the loop ---- */

void
host_post(struct host *h, struct host_post *post, void (*fn)(void *), void *arg)
{
	uint64_t one = 1;

	*post = (struct host_post){.fn = fn, .arg = arg};
	pthread_mutex_lock(&h->lock);
	*h->last_post = post;
	h->last_post = &post->next;
	pthread_mutex_unlock(&h->lock);
	while (write(h->post_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void
run_posts(void *arg, uint32_t events)
{
	struct host *h = arg;
	struct host_post *first, *next;
	uint64_t n;

	(void)events;
	while (read(h->post_fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&h->lock);
	first = h->posts;
	h->posts = NULL;
	h->last_post = &h->posts;
	pthread_mutex_unlock(&h->lock);
	for (; first != NULL; first = next) {
		next = first->next;
		first->fn(first->arg);
	}
}

/* ---- logs ---- */

static bool
may_log(struct probe *p)
{
	int64_t now = mono_now().us, back = (now - p->log_refilled_us) / 1000000;

	if (back > 0) {
		p->log_tokens = p->log_tokens + back > LOG_TOKENS
		    ? LOG_TOKENS : p->log_tokens + (uint32_t)back;
		p->log_refilled_us = now;
	}
	if (p->log_tokens == 0) {
		p->log_dropped++;
		return false;
	}
	p->log_tokens--;
	return true;
}

struct posted_log {
	struct host_post post;
	struct host *h;
	uint32_t probe;
	uint8_t level;
	char text[LOG_TEXT_MAX];
};

static void
send_log(void *arg)
{
	struct posted_log *l = arg;
	struct link *link = &l->h->link;
	ptrdiff_t n;

	if (link->fd < 0)
		log_line((enum log_level)l->level, "%s", l->text);
	else if ((n = msg_log_encode(link->scratch, l->probe, l->level, l->text)) > 0)
		(void)link_send_minor(link, link->scratch, (size_t)n);
	free(l);
}

void
host_log(struct host *h, struct probe *p, int level, const char *text)
{
	char line[LOG_TEXT_MAX];
	struct posted_log *l;
	bool may = level <= h->setup.log_level;

	pthread_mutex_lock(&h->lock);
	may = may && (p == NULL || may_log(p));
	pthread_mutex_unlock(&h->lock);
	if (!may || (l = malloc(sizeof(*l))) == NULL)
		return;
	snprintf(
	    line, sizeof(line), "%s%s%s", p != NULL ? p->name : "", p != NULL ? ": " : "", text);
	l->h = h;
	l->probe = p != NULL ? p->id : HOST_NO_PROBE;
	l->level = (uint8_t)(level < LOGL_ERROR ? LOGL_ERROR : level);
	text_sanitize(l->text, sizeof(l->text), line, strlen(line));
	host_post(h, &l->post, send_log, l);
}

/* ---- the agent's frames ---- */

static void
send_empty(struct host *h, enum frame_type type, const struct frame *f)
{
	ptrdiff_t n = msg_empty_encode(h->link.scratch, type, f->probe, f->generation);

	(void)link_send(&h->link, h->link.scratch, (size_t)n);
}

static void
send_refused(
    struct host *h, uint32_t probe, uint32_t generation, const char *path, const char *text)
{
	ptrdiff_t n = msg_refused_encode(h->link.scratch, probe, generation, path, text);

	if (n > 0)
		(void)link_send(&h->link, h->link.scratch, (size_t)n);
}

/* Adds a piece. 1: the text is whole; 0: more follows; -errno. */
int
host_take_piece(struct host *h, const struct frame *f)
{
	const char *piece;
	size_t len;
	char *grown;

	if (msg_text_decode(&piece, &len, f) != 0)
		return -EBADMSG;
	if (h->text_len > 0 && (h->text_type != f->type || h->text_probe != f->probe))
		return -EBADMSG;
	if (len > HOST_TEXT_MAX - h->text_len)
		return -EMSGSIZE;
	if ((grown = realloc(h->text, h->text_len + len + 1)) == NULL)
		return -ENOMEM;
	memcpy(grown + h->text_len, piece, len);
	h->text = grown;
	h->text_len += len;
	h->text[h->text_len] = '\0';
	h->text_type = f->type;
	h->text_probe = f->probe;
	return !(f->flags & FRAME_MORE);
}

void
host_forget_text(struct host *h)
{
	if (h->text != NULL)
		explicit_bzero(h->text, h->text_len); /* it may hold secrets */
	free(h->text);
	h->text = NULL;
	h->text_len = 0;
}

static int
on_configure(struct host *h, const struct frame *f)
{
	char err[512] = "out of memory";
	int rc = host_take_piece(h, f);

	if (rc <= 0)
		return rc;
	if (probe_new(h, f->probe, f->generation, h->text, h->text_len, err, sizeof(err)) == NULL)
		send_refused(h, f->probe, f->generation, "", err);
	host_forget_text(h);
	return 0;
}

static int
on_restore(struct host *h, const struct frame *f)
{
	struct probe *p = probe_find(h, f->probe);
	struct msg_state m;

	if (msg_state_decode(&m, f) != 0)
		return -EBADMSG;
	if (p != NULL && p->generation == f->generation && !p->is_started && !m.remove)
		probe_restore(p, m.key, m.blob, m.len);
	msg_state_clear(&m);
	return 0;
}

static void
on_start(struct host *h, const struct frame *f)
{
	struct probe *p = probe_find(h, f->probe);
	char path[256] = "", err[REASON_MAX];

	if (p == NULL || p->generation != f->generation)
		return; /* refused before: the agent knows */
	if (probe_start(p, path, sizeof(path), err, sizeof(err)) == 0) {
		send_empty(h, FRAME_STARTED, f);
		return;
	}
	send_refused(h, f->probe, f->generation, path, err);
	probe_remove(p);
}

static int
on_committed(struct host *h, const struct frame *f)
{
	struct probe *p = probe_find(h, f->probe);
	uint32_t number;

	if (msg_commit_decode(&number, f) != 0)
		return -EBADMSG;
	if (p != NULL && p->generation == f->generation)
		op_committed(&p->ctx, number);
	return 0;
}

static int
on_frame(struct host *h, const struct frame *f)
{
	struct probe *p;

	switch (f->type) {
	case FRAME_CONFIGURE: return on_configure(h, f);
	case FRAME_RESTORE: return on_restore(h, f);
	case FRAME_START: on_start(h, f); return 0;
	case FRAME_RUN:
		if ((p = probe_find(h, f->probe)) != NULL)
			probe_ask(p, f->generation);
		return 0;
	case FRAME_REMOVE:
		if ((p = probe_find(h, f->probe)) != NULL && p->generation == f->generation)
			probe_remove(p);
		return 0;
	case FRAME_COMMITTED: return on_committed(h, f);
	case FRAME_STOP: host_drain(h); return 0;
	default: return -EBADMSG;
	}
}

/* ---- the link ---- */

static void on_link(void *arg, uint32_t events);

static void
arm_link(void *arg)
{
	struct host *h = arg;
	uint32_t events = EPOLLIN | (h->link.first != NULL ? EPOLLOUT : 0);

	if (h->link.error == -EPIPE || h->link.error == -ECONNRESET)
		host_end(h, 0, NULL); /* the agent is gone: nobody is left to tell */
	else if (h->link.error != 0)
		host_end(h, HOST_EXIT_AGAIN, strerror(-h->link.error));
	if (h->link.fd >= 0 && events != h->link_events) {
		loop_fd_set(h->loop, h->link.fd, events, on_link, h);
		h->link_events = events;
	}
}

static void
on_link(void *arg, uint32_t events)
{
	struct host *h = arg;
	struct frame f;
	int rc = 1;

	if (events & EPOLLOUT)
		(void)link_flush(&h->link);
	for (int i = 0; i < RECEIVE_BURST && rc > 0 && !h->is_over; i++) {
		if ((rc = link_receive(&h->link, &f)) <= 0)
			break;
		rc = on_frame(h, &f) == 0 ? 1 : -EBADMSG;
	}
	if (rc == -ECONNRESET)
		host_end(h, 0, NULL);
	else if (rc < 0)
		host_end(h, HOST_EXIT_AGAIN, "a frame of the agent does not decode");
	arm_link(h);
}

/* ---- each second ---- */

static void
send_beat(struct host *h)
{
	struct loop_lag lag = loop_lag_take(h->loop);
	struct msg_beat m = {.lag_p50_us = lag.p50_us, .lag_p99_us = lag.p99_us,
	    .lag_max_us = lag.max_us, .in_flight = h->counters.in_flight,
	    .probes = HASH_COUNT(h->probes), .runs = h->counters.runs,
	    .skipped = h->counters.skipped, .late = h->counters.late,
	    .timeouts = h->counters.timeouts, .dropped = h->link.n_dropped};
	ptrdiff_t n = msg_beat_encode(h->link.scratch, &m);

	(void)link_send_minor(&h->link, h->link.scratch, (size_t)n);
}

static void
watch_clock(struct host *h)
{
	int64_t offset = clock_offset_us();
	struct probe *p, *next;

	if (llabs(offset - h->clock_offset_us) > STEP_US)
		HASH_ITER(hh, h->probes, p, next)
			probe_replan(p);
	h->clock_offset_us = offset;
}

/* The check sum of what the resolver was set up from; 0 = it cannot be read. */
static uint32_t
resolver_sum(void)
{
	char text[8192];
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	if (fd >= 0)
		close(fd);
	return n >= 0 ? crc32c(1, text, (size_t)n) : 0;
}

/* A changed file may be another inode, which the sandbox does not let us read: only a new process
 * sees what it says. */
static void
watch_resolver(struct host *h)
{
	if (h->engine == NULL || h->is_draining || mono_now().us / BEAT_US % RESOLVER_S != 0)
		return;
	if (resolver_sum() == h->resolver_sum)
		return;
	log_line(LOGL_INFO, "host: /etc/resolv.conf has changed; starting anew");
	host_drain(h);
}

static void
on_second(void *arg)
{
	struct host *h = arg;

	h->second_at = mono_add_us(h->second_at, BEAT_US);
	if (mono_sub_us(mono_now(), h->second_at) > 0)
		h->second_at =
		    mono_add_us(mono_now(), BEAT_US); /* away for long: no burst of beats */
	loop_timer_set(h->loop, &h->second, h->second_at, on_second, h);
	watch_clock(h);
	watch_resolver(h);
	send_beat(h);
}

static void
drain_more(void *arg)
{
	struct host *h = arg;
	bool is_done = h->counters.in_flight == 0 && h->link.first == NULL;

	if (is_done || mono_sub_us(mono_now(), h->drain_until) >= 0)
		host_end(h, 0, NULL);
	else
		loop_timer_set(
		    h->loop, &h->drain, mono_add_us(mono_now(), DRAIN_STEP_US), drain_more, h);
}

/* What runs may end, within bounds; then the host exits. */
void
host_drain(struct host *h)
{
	if (h->is_draining)
		return;
	h->is_draining = true;
	h->drain_until = mono_add_us(mono_now(), DRAIN_US);
	drain_more(h);
}

void
host_end(struct host *h, int code, const char *why)
{
	if (h->is_over)
		return;
	h->is_over = true;
	h->exit_code = code;
	if (why != NULL)
		log_line(LOGL_ERROR, "host: %s", why);
	loop_stop(h->loop);
}

/* ---- the whole ---- */

struct plugin *
host_plugin(struct host *h, const char *name)
{
	for (size_t i = 0; name != NULL && i < h->n_plugins; i++)
		if (strcmp(h->plugins[i].table.name, name) == 0)
			return &h->plugins[i];
	return NULL;
}

int
host_init(struct host *h, int fd)
{
	memset(h, 0, sizeof(*h));
	h->last_post = &h->posts;
	h->post_fd = -1;
	h->deliver = send_run;
	pthread_mutex_init(&h->lock, NULL);
	if (group_init(h) != 0)
		return -ENOMEM;
	/* Before the sandbox: the kernel's account of our thread stands in /proc. */
	if ((h->loop = loop_new()) == NULL)
		return -ENOMEM;
	return link_init(&h->link, fd);
}

static void
open_geo(struct host *h)
{
	const char *paths[GEO_FILES];
	char err[256];

	for (int i = 0; i < GEO_FILES; i++)
		paths[i] = h->setup.geoip[i];
	h->geo = geo_open(paths, err, sizeof(err));
	if (err[0] != '\0')
		host_log(h, NULL, LOGL_WARN, err);
}

/* Blocking plugins cannot call it; a host of theirs alone does without TLS, certificates, resolver.
 */
static int
open_engine(struct host *h)
{
	struct engine_opts o = {.loop = h->loop, .ca_file = h->setup.ca_file,
	    .resolver = h->setup.resolver,
	    .references = (const char *const *)h->setup.references,
	    .n_references = h->setup.n_references, .max_in_flight = h->setup.max_in_flight};
	bool is_needed = false;

	for (size_t i = 0; i < h->n_plugins; i++)
		is_needed |= (h->plugins[i].table.flags & TW_BLOCKING) == 0;
	if (is_needed && (h->engine = engine_new(&o)) == NULL)
		return -ENOMEM;
	return 0;
}

static int
send_hello(struct host *h)
{
	struct msg_hello m = {.wire = WIRE_VERSION, .abi_major = TW_ABI_MAJOR,
	    .abi_minor = TW_ABI_MINOR, .pid = getpid(), .sandbox = h->sandbox.level,
	    .sandbox_text = h->sandbox.text};
	ptrdiff_t n = msg_hello_encode(h->link.scratch, &m);

	return n < 0 ? (int)n : link_send(&h->link, h->link.scratch, (size_t)n);
}

int
host_start(struct host *h)
{
	int rc;

	if ((h->post_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return -errno;
	if ((h->work = work_new()) == NULL)
		return -ENOMEM;
	loop_fd_set(h->loop, h->post_fd, EPOLLIN, run_posts, h);
	h->clock_offset_us = clock_offset_us();
	h->resolver_sum = resolver_sum();
	open_geo(h);
	if ((rc = open_engine(h)) != 0 || h->link.fd < 0)
		return rc;
	h->link.changed = arm_link;
	h->link.changed_arg = h;
	h->second_at = mono_add_us(mono_now(), BEAT_US);
	loop_timer_set(h->loop, &h->second, h->second_at, on_second, h);
	return send_hello(h);
}

int
host_run(struct host *h)
{
	arm_link(h);
	if (!h->is_over)
		loop_run(h->loop);
	(void)link_flush(&h->link);
	return h->exit_code;
}

bool
host_has_threads(const struct host *h)
{
	struct probe *p, *next;

	HASH_ITER(hh, h->probes, p, next)
		if (p->ctx.n_threads > 0)
			return true;
	return h->leaving != NULL;
}

void
host_clear(struct host *h)
{
	struct probe *p, *next;

	HASH_ITER(hh, h->probes, p, next)
		probe_remove(p);
	work_free(h->work);
	if (h->loop != NULL && h->post_fd >= 0)
		run_posts(h, 0);
	geo_close(h->geo);
	if (h->engine != NULL)
		engine_free(h->engine);
	loop_free(h->loop);
	if (h->post_fd >= 0)
		close(h->post_fd);
	for (size_t i = 0; i < h->n_plugins; i++)
		plugin_clear(&h->plugins[i]);
	host_forget_text(h);
	link_clear(&h->link);
	host_setup_clear(&h->setup);
	group_clear(h);
	pthread_mutex_destroy(&h->lock);
}
