/*
 * host.c - the process of a host: spawn, kill, reap, back-off.
 *
 * Runs in: the loop thread. uv_spawn forks from a threaded process; between fork and exec libuv
 * calls only async-signal-safe functions (uv__process_child_init), so no code of ours runs there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/supervise/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/xmalloc.h"

#define CHILD_FD 3
#define PLUGINS_MAX 32 /* a host loads no more */

struct host *
host_new(struct supervisor *s, const char *group)
{
	struct host *h = xcalloc(1, sizeof(*h));

	h->s = s;
	h->group = xstrdup(group);
	h->state = HOST_WAITING;
	h->wanted = true;
	h->fd = -1;
	h->out_last = &h->out;
	h->retry_at = mono_now();
	snprintf(h->last_exit, sizeof(h->last_exit), "%s", "");
	pthread_mutex_lock(&s->lock);
	h->next = s->hosts;
	s->hosts = h;
	pthread_mutex_unlock(&s->lock);
	host_publish(h);
	return h;
}

void
host_probe_clear(struct host_probe *p)
{
	free(p->json);
	free(p->plugin_path);
}

void
host_free(struct host *h)
{
	for (size_t i = 0; i < h->n_probes; i++)
		host_probe_clear(&h->probes[i]);
	free(h->probes);
	free(h->group);
	free(h);
}

static void
unlink_host(struct host *h)
{
	struct host **at;

	pthread_mutex_lock(&h->s->lock);
	for (at = &h->s->hosts; *at != h; at = &(*at)->next)
		;
	*at = h->next;
	pthread_mutex_unlock(&h->s->lock);
	host_free(h);
}

/* 1, 2, 4 .. 60 s, each plus or minus a fifth, so that hosts that died together do not start
 * together. */
static int64_t
backoff_us(uint32_t fails)
{
	int64_t ms = fails > 6 ? BACKOFF_MAX_MS : (int64_t)1000 << (fails > 0 ? fails - 1 : 0);
	uint32_t random = 0;

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	return ms * 1000 * (800 + random % 401) / 1000;
}

static void
close_free(uv_handle_t *handle)
{
	free(handle);
}

static void
tell_aborted(struct host *h)
{
	uint32_t *ids = xcalloc(h->n_probes, sizeof(*ids));
	char reason[256];
	size_t n = 0;

	for (size_t i = 0; i < h->n_probes; i++) {
		if (h->probes[i].since_ms > 0 && !h->is_renewed)
			ids[n++] = h->probes[i].id;
		h->probes[i].since_ms = 0;
	}
	snprintf(reason, sizeof(reason), "the plugin host ended during the run (%s)", h->last_exit);
	if (h->ingest != NULL)
		ingest_host_gone(h->ingest, ids, n, "aborted", reason);
	h->ingest = NULL;
	free(ids);
}

static void
stopped_all(struct supervisor *s)
{
	if (s->stopping && s->hosts == NULL && s->stopped != NULL) {
		void (*done)(void *) = s->stopped;

		s->stopped = NULL;
		done(s->stopped_arg);
	}
}

static void
host_exited(uv_process_t *process, int64_t status, int term_signal)
{
	struct host *h = process->data;
	struct supervisor *s = h->s;

	if (term_signal != 0)
		snprintf(h->last_exit, sizeof(h->last_exit), "%s%s%s", strsignal(term_signal),
		    h->why[0] ? ", " : "", h->why);
	else
		snprintf(h->last_exit, sizeof(h->last_exit), "exit %d%s%s", (int)status,
		    h->why[0] ? ", " : "", h->why);
	uv_close((uv_handle_t *)process, close_free);
	h->process = NULL;
	link_drain(h);
	link_close(h);
	tell_aborted(h);
	h->life++;
	h->why[0] = '\0';
	if (!h->wanted) {
		unlink_host(h);
		stopped_all(s);
		return;
	}
	h->state = HOST_WAITING;
	if (h->is_renewed) {
		h->is_renewed = false;
		h->retry_at = mono_now();
		host_spawn(h);
		return;
	}
	h->fails++;
	h->status.restarts++;
	h->retry_at = mono_add_us(mono_now(), backoff_us(h->fails));
	log_line(LOGL_WARN, "host %s ended: %s; next try in %.1f s", h->group, h->last_exit,
	    (double)mono_sub_us(h->retry_at, mono_now()) / 1e6);
	host_publish(h);
}

/* "--plugin FILE" for each file that its probes need; where they end. */
static char **
add_plugins(const struct host *h, char **args)
{
	static char plugin[] = "--plugin";
	size_t n = 0;

	for (size_t i = 0; i < h->n_probes && n < PLUGINS_MAX; i++) {
		char *path = h->probes[i].plugin_path;
		bool is_known = false;

		for (size_t k = 0; k < n && !is_known; k++)
			is_known = strcmp(args[2 * k + 1], path) == 0;
		if (is_known)
			continue;
		args[2 * n] = plugin;
		args[2 * n + 1] = path;
		n++;
	}
	return args + 2 * n;
}

static int
spawn(struct host *h, int child_fd)
{
	uv_stdio_container_t stdio[4] = {{.flags = UV_IGNORE}, {.flags = UV_IGNORE},
	    {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
	    {.flags = UV_INHERIT_FD, .data.fd = child_fd}};
	char name[] = "tillwatch-host", fd[] = "--fd", fd_text[] = "3";
	char *args[4 + 2 * PLUGINS_MAX] = {name}, **end;
	char *environment[] = {NULL};
	uv_process_options_t o = {.exit_cb = host_exited,
	    .file = h->s->opts.host_path,
	    .args = args,
	    .env = environment,
	    .flags = UV_PROCESS_DETACHED,
	    .stdio_count = 4,
	    .stdio = stdio};
	int rc;

	_Static_assert(CHILD_FD == 3, "fd_text and the stdio table say 3");
	end = add_plugins(h, args + 1);
	end[0] = fd;
	end[1] = fd_text;
	for (size_t i = 0; i < h->n_probes; i++)
		if (h->probes[i].reads_input)
			stdio[0] =
			    (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = STDIN_FILENO};
	h->process = xcalloc(1, sizeof(*h->process));
	h->process->data = h;
	if ((rc = uv_spawn(h->s->opts.loop, h->process, &o)) != 0) {
		uv_close((uv_handle_t *)h->process, close_free);
		h->process = NULL;
	}
	return rc;
}

static void
spawn_failed(struct host *h, const char *why)
{
	h->fails++;
	h->state = HOST_WAITING;
	h->retry_at = mono_add_us(mono_now(), backoff_us(h->fails));
	snprintf(h->last_exit, sizeof(h->last_exit), "cannot start: %s", why);
	log_line(LOGL_ERROR, "host %s: %s", h->group, h->last_exit);
	host_publish(h);
}

void
host_spawn(struct host *h)
{
	int child_fd, rc;

	if ((rc = link_open(h, &child_fd)) != 0) {
		spawn_failed(h, strerror(-rc));
		return;
	}
	rc = spawn(h, child_fd);
	close(child_fd);
	if (rc != 0) {
		link_close(h);
		spawn_failed(h, uv_strerror(rc));
		return;
	}
	h->state = HOST_STARTING;
	h->killed = false;
	h->kill_at = (mono_t){0};
	h->started = h->last_beat = mono_now();
	h->status.started_ms = wall_now().ms;
	h->ingest = ingest_host_new(h->s->opts.ingest, h);
	link_watch(h);
	link_setup(h);
	for (int sources = 0; sources < 2; sources++) /* no record comes before who reads it */
		for (size_t i = 0; i < h->n_probes; i++)
			if (h->probes[i].is_source == (sources == 1))
				link_configure(h, &h->probes[i]);
	host_publish(h);
}

void
host_renew(struct host *h)
{
	ptrdiff_t n = msg_empty_encode(h->s->frame, FRAME_STOP, 0, 0);

	if (h->process == NULL || h->state == HOST_STOPPING)
		return;
	(void)link_send(h, h->s->frame, (size_t)n);
	h->is_renewed = true;
	h->state = HOST_STOPPING;
	h->kill_at = mono_add_us(mono_now(), TERM_GRACE_MS * 1000);
	host_publish(h);
}

void
host_kill(struct host *h, const char *why)
{
	if (h->process == NULL || h->state == HOST_STOPPING)
		return;
	snprintf(h->why, sizeof(h->why), "%s", why);
	if (h->wanted)
		log_line(LOGL_WARN, "host %s (pid %d): %s: killing it", h->group,
		    (int)h->process->pid, why);
	h->state = HOST_STOPPING;
	h->kill_at = mono_add_us(mono_now(), TERM_GRACE_MS * 1000);
	kill(-h->process->pid, SIGTERM);
	host_publish(h);
}

static const char *
state_name(enum host_state state)
{
	static const char *const names[] = {"waiting", "starting", "running", "stopping"};

	return names[state];
}

void
host_publish(struct host *h)
{
	struct host_status *st = &h->status;

	pthread_mutex_lock(&h->s->lock);
	snprintf(st->group, sizeof(st->group), "%s", h->group);
	snprintf(st->plugin, sizeof(st->plugin), "%s",
	    h->n_probes > 0 ? h->probes[0].plugin_path : "");
	snprintf(st->state, sizeof(st->state), "%s", state_name(h->state));
	snprintf(st->last_exit, sizeof(st->last_exit), "%s", h->last_exit);
	st->pid = h->process != NULL ? h->process->pid : 0;
	st->probes = (uint32_t)h->n_probes;
	st->next_try_ms = h->state == HOST_WAITING
	    ? wall_now().ms + mono_sub_us(h->retry_at, mono_now()) / 1000 : 0;
	pthread_mutex_unlock(&h->s->lock);
}
