/*
 * test-host-driver.c - see test-host-driver.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/test-host-driver.h"

#define PATIENCE 6 /* times what a test says: a machine that is busy is no failure */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

static void
built(char *dst, size_t cap, const char *name)
{
	const char *top = getenv("top_builddir");

	snprintf(dst, cap, "%s/%s", top != NULL ? top : ".", name);
}

static void
copy_plugin(struct driver *d, const char *name)
{
	char from[1024], relative[128], bytes[65536];
	int in, out;
	ssize_t n;

	snprintf(relative, sizeof(relative), "tests/plugins/.libs/%s.so", name);
	built(from, sizeof(from), relative);
	snprintf(d->plugin, sizeof(d->plugin), "%s/%s.so", d->dir, name);
	in = open(from, O_RDONLY);
	out = open(d->plugin, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

static void
become_host(int fd, const char *host, const char *plugin)
{
	char *const environment[] = {NULL};

	if (fd != 3) {
		dup2(fd, 3);
		close(fd);
	} else {
		fcntl(fd, F_SETFD, 0);
	}
	execle(host, "tillwatch-host", "--plugin", plugin, "--fd", "3", (char *)NULL, environment);
	_exit(127);
}

struct driver *
driver_spawn(const char *plugin)
{
	struct driver *d = calloc(1, sizeof(*d));
	char host[1024];
	int pair[2];

	snprintf(d->dir, sizeof(d->dir), "/tmp/tillwatch-host-test.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	d->frame = malloc(FRAME_MAX);
	d->message = malloc(FRAME_MAX);
	copy_plugin(d, plugin);
	built(host, sizeof(host), "tillwatch-host");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	if ((d->pid = fork()) == 0)
		become_host(pair[1], host, d->plugin);
	assert_true(d->pid > 0);
	close(pair[1]);
	d->fd = pair[0];
	return d;
}

struct driver *
driver_new(const char *plugin, const char *setup)
{
	struct driver *d = driver_spawn(plugin);

	driver_send_text(d, FRAME_SETUP, setup != NULL ? setup : "{}");
	assert_int_equal(driver_wait(d, FRAME_HELLO, 10000), FRAME_HELLO);
	return d;
}

static int
send_bytes(void *arg, const uint8_t *bytes, size_t n)
{
	struct driver *d = arg;

	return send(d->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -errno;
}

void
driver_send_text(struct driver *d, enum frame_type type, const char *json)
{
	bool is_probe = type == FRAME_CONFIGURE;

	assert_int_equal(msg_text_send(d->frame, type, is_probe ? PROBE : 0,
			     is_probe ? GENERATION : 0, json, strlen(json), send_bytes, d),
	    0);
}

void
driver_send(struct driver *d, enum frame_type type, uint32_t generation)
{
	ptrdiff_t n = msg_empty_encode(d->frame, type, PROBE, generation);

	assert_int_equal(send_bytes(d, d->frame, (size_t)n), 0);
}

void
driver_start(struct driver *d, const char *plugin, int64_t interval_ms, int64_t timeout_ms,
    const char *options)
{
	char json[2048];

	snprintf(json, sizeof(json),
	    "{\"name\":\"a probe\",\"plugin\":\"%s\",\"interval_ms\":%lld,\"offset_ms\":%lld,"
	    "\"timeout_ms\":%lld,\"options\":%s}",
	    plugin, (long long)interval_ms, (long long)interval_ms / 4, (long long)timeout_ms,
	    options);
	driver_send_text(d, FRAME_CONFIGURE, json);
	for (size_t i = 0; i < d->n_state; i++) {
		struct msg_state m = {
		    .key = d->state[i].key, .blob = d->state[i].data, .len = d->state[i].len};
		ptrdiff_t n = msg_state_encode(d->frame, FRAME_RESTORE, PROBE, GENERATION, &m);

		assert_int_equal(send_bytes(d, d->frame, (size_t)n), 0);
	}
	driver_send(d, FRAME_START, GENERATION);
}

/* ---- what it says ---- */

static void
take_series(struct driver *d, const struct frame *f)
{
	struct msg_series m;

	assert_int_equal(msg_series_decode(&m, f), 0);
	assert_int_equal(m.id, d->n_series);
	d->series[d->n_series++] = m.labels;
}

static void
add_samples(struct driver *d, const struct wire_sample *s, size_t n)
{
	d->samples = realloc(d->samples, (d->n_samples + n + 1) * sizeof(*s));
	for (size_t i = 0; i < n; i++) {
		assert_true(s[i].series < d->n_series);
		d->samples[d->n_samples++] = s[i];
	}
}

static void
take_samples(struct driver *d, const struct frame *f)
{
	struct wire_sample *s;
	size_t n;

	assert_int_equal(msg_samples_decode(&s, &n, f), 0);
	add_samples(d, s, n);
	free(s);
}

static void
take_state(struct driver *d, const struct frame *f)
{
	struct kept_state *k = d->state;
	struct msg_state m;

	assert_int_equal(msg_state_decode(&m, f), 0);
	while (k < d->state + d->n_state && strcmp(k->key, m.key) != 0)
		k++;
	if (k == d->state + d->n_state) {
		assert_true(d->n_state++ < 64);
		snprintf(k->key, sizeof(k->key), "%s", m.key);
	}
	free(k->data);
	k->len = m.len;
	k->data = malloc(m.len + 1);
	if (m.len > 0)
		memcpy(k->data, m.blob, m.len);
	msg_state_clear(&m);
}

static void
take_result(struct driver *d, const struct frame *f)
{
	msg_result_clear(&d->result);
	assert_int_equal(msg_result_decode(&d->result, f), 0);
	add_samples(d, d->result.samples, d->result.n_samples);
	d->n_results++;
}

static void
take(struct driver *d, const struct frame *f)
{
	struct msg_hist h;
	uint8_t level;
	char *text;

	switch (f->type) {
	case FRAME_HELLO: assert_int_equal(msg_hello_decode(&d->hello, f), 0); break;
	case FRAME_STARTED: d->is_started = true; break;
	case FRAME_REFUSED:
		assert_int_equal(msg_refused_decode(&d->refused_path, &d->refused_text, f), 0);
		break;
	case FRAME_SERIES: take_series(d, f); break;
	case FRAME_SAMPLES: take_samples(d, f); break;
	case FRAME_HIST:
		assert_int_equal(msg_hist_decode(&h, f), 0);
		assert_true(h.series < d->n_series);
		d->n_hists++;
		break;
	case FRAME_STATE: take_state(d, f); break;
	case FRAME_RESULT: take_result(d, f); break;
	case FRAME_BEAT: assert_int_equal(msg_beat_decode(&d->beat, f), 0); break;
	case FRAME_LOG:
		assert_int_equal(msg_log_decode(&level, &text, f), 0);
		snprintf(d->log, sizeof(d->log), "%s", text);
		free(text);
		break;
	default: fail_msg("a frame of type %d", f->type);
	}
}

int
driver_wait(struct driver *d, enum frame_type type, int ms)
{
	int64_t until = mono_now().us + (int64_t)ms * 1000, left;
	struct pollfd fd = {.fd = d->fd, .events = POLLIN};
	bool is_fresh = true; /* samples belong to the next RESULT */

	while ((left = until - mono_now().us) > 0) {
		struct frame f;
		ptrdiff_t n;

		if (d->at == d->len) {
			if (poll(&fd, 1, (int)(left / 1000) + 1) <= 0)
				continue;
			if ((n = recv(d->fd, d->message, FRAME_MAX, 0)) <= 0)
				return 0;
			d->at = 0;
			d->len = (size_t)n;
		}
		if ((n = frame_parse(&f, d->message + d->at, d->len - d->at)) < 0) {
			d->n_bad++;
			d->at = d->len;
			continue;
		}
		d->at += (size_t)n;
		if (is_fresh && f.type >= FRAME_SERIES && f.type <= FRAME_RESULT) {
			d->n_samples = d->n_hists = 0;
			is_fresh = false;
		}
		take(d, &f);
		is_fresh |= f.type == FRAME_RESULT;
		if (f.type == type)
			return type;
	}
	return 0;
}

void
driver_result(struct driver *d, unsigned mask, unsigned flags, int ms)
{
	int64_t until = mono_now().us + (int64_t)ms * PATIENCE * 1000;

	while (mono_now().us < until)
		if (driver_wait(d, FRAME_RESULT, ms) == FRAME_RESULT
		    && (d->result.flags & mask) == flags)
			return;
	fail_msg("no result with flags %u of %u in %d ms (last log: %s)", flags, mask, ms, d->log);
}

static struct wire_sample *
find(struct driver *d, const char *series)
{
	for (size_t i = 0; i < d->n_samples; i++)
		if (strncmp(d->series[d->samples[i].series], series, strlen(series)) == 0)
			return &d->samples[i];
	return NULL;
}

bool
driver_has(struct driver *d, const char *series)
{
	return find(d, series) != NULL;
}

double
driver_value(struct driver *d, const char *series)
{
	struct wire_sample *s = find(d, series);

	if (s == NULL)
		fail_msg("no sample of %s", series);
	return s->v;
}

int
driver_end(struct driver *d, int ms)
{
	int64_t until = mono_now().us + (int64_t)ms * PATIENCE * 1000;
	int status = 0;

	while (waitpid(d->pid, &status, WNOHANG) != d->pid) {
		if (mono_now().us > until)
			fail_msg("the host still runs after %d ms", ms);
		(void)driver_wait(d, FRAME_SETUP, 20);
		usleep(5000);
	}
	d->pid = 0;
	return status;
}

void
driver_free(struct driver *d)
{
	if (d->pid > 0) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
	}
	close(d->fd);
	for (uint32_t i = 0; i < d->n_series; i++)
		free(d->series[i]);
	for (size_t i = 0; i < d->n_state; i++)
		free(d->state[i].data);
	msg_result_clear(&d->result);
	msg_hello_clear(&d->hello);
	free(d->samples);
	free(d->refused_path);
	free(d->refused_text);
	free(d->frame);
	free(d->message);
	(void)unlink(d->plugin);
	(void)rmdir(d->dir);
	free(d);
}
