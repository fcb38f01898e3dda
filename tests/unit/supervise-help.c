/*
 * supervise-help.c - see supervise-help.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/supervise-help.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tillwatch/plugin.h>

#include "lib/xmalloc.h"
#include "wire/messages.h"

#define LINK 3
#define LAST_WORDS 6000

struct player {
	const char *dir, *mode;
	uint8_t in[FRAME_MAX], out[FRAME_MAX];
	char json[4096];
};

static void
say(const uint8_t *bytes, ptrdiff_t n)
{
	if (n <= 0 || send(LINK, bytes, (size_t)n, MSG_NOSIGNAL) < 0)
		_exit(99);
}

static bool
plays(const struct player *p, const char *mode)
{
	return strcmp(p->mode, mode) == 0;
}

static void
leave_mark(const struct player *p, const char *name, pid_t pid)
{
	char part[512], whole[512];
	FILE *f;

	snprintf(part, sizeof(part), "%s/%s.part", p->dir, name);
	snprintf(whole, sizeof(whole), "%s/%s", p->dir, name);
	if ((f = fopen(part, "w")) == NULL)
		_exit(98);
	fprintf(f, "%d\n", (int)pid);
	fclose(f);
	if (rename(part, whole) != 0)
		_exit(98);
}

static void
say_hello(struct player *p)
{
	char none[] = "none";
	struct msg_hello m = {.wire = WIRE_VERSION,
	    .abi_major = TW_ABI_MAJOR,
	    .abi_minor = 0,
	    .pid = getpid(),
	    .sandbox_text = none};

	m.wire += plays(p, "other-wire");
	m.abi_major += plays(p, "other-abi");
	say(p->out, msg_hello_encode(p->out, &m));
}

static void
say_result(struct player *p, uint32_t probe, uint32_t generation, unsigned flags)
{
	char none[] = "", facts[] = "{}";
	const char *slot = strstr(p->json, "\"slot\":");
	struct msg_result m = {.slot_ms = slot != NULL ? strtoll(slot + 7, NULL, 10) : T0,
	    .flags = (uint8_t)flags,
	    .cause = none,
	    .reason = none,
	    .facts = facts};

	say(p->out, msg_result_encode(p->out, probe, generation, &m));
}

static void
say_garbage(struct player *p, uint32_t probe, uint32_t generation)
{
	struct wire_sample s = {77, T0, 1};

	memset(p->out, 0xa5, sizeof(p->out));
	if (plays(p, "noise"))
		say(p->out, 300);
	else if (plays(p, "short"))
		say(p->out, 3);
	else if (plays(p, "long"))
		(void)!send(LINK, (uint8_t[FRAME_MAX + 1]){0}, FRAME_MAX + 1, MSG_NOSIGNAL);
	else if (plays(p, "type"))
		say(p->out, msg_empty_encode(p->out, 250, probe, generation));
	else if (plays(p, "ours"))
		say(p->out, msg_empty_encode(p->out, FRAME_SETUP, probe, generation));
	else if (plays(p, "beat"))
		say(p->out, msg_empty_encode(p->out, FRAME_BEAT, 0, 0));
	else if (plays(p, "log"))
		say(p->out, msg_empty_encode(p->out, FRAME_LOG, 0, 0));
	else if (plays(p, "refusal"))
		say(p->out, msg_empty_encode(p->out, FRAME_REFUSED, probe, generation));
	else if (plays(p, "undeclared"))
		say(p->out, msg_samples_encode(p->out, probe, generation, &s, 1));
}

static void
flood(struct player *p)
{
	for (;;)
		say(p->out, msg_log_encode(p->out, 0, 7, "flood"));
}

static void
on_start(struct player *p, const struct frame *f)
{
	say(p->out, msg_empty_encode(p->out, FRAME_STARTED, f->probe, f->generation));
	if (plays(p, "exits"))
		_exit(3);
	if (plays(p, "dies"))
		raise(SIGKILL);
	if (plays(p, "refuses"))
		say(p->out, msg_refused_encode(p->out, f->probe, f->generation, "a/b", "no"));
	if (plays(p, "closes")) {
		close(LINK);
		for (;;)
			pause();
	}
	if (plays(p, "floods"))
		flood(p);
	if (plays(p, "good") || plays(p, "last-words"))
		say_result(p, f->probe, f->generation, 0);
	if (plays(p, "late"))
		say_result(p, f->probe, f->generation - 1, 0);
	if (plays(p, "stranger"))
		say_result(p, f->probe + 1000, f->generation, 0);
	say_garbage(p, f->probe, f->generation);
}

static void
on_stop(struct player *p)
{
	/* More than the socket holds: who is not read stands here until he is killed. */
	for (int i = 0; plays(p, "last-words") && i < LAST_WORDS; i++)
		say(p->out, msg_log_encode(p->out, 0, 7, "going down, as I was told to"));
	if (plays(p, "last-words"))
		leave_mark(p, "said", getpid());
	if (!plays(p, "stubborn"))
		_exit(0);
}

static void
on_agent_frame(struct player *p, const struct frame *f)
{
	const char *piece;
	size_t len;

	switch (f->type) {
	case FRAME_CONFIGURE:
		if (msg_text_decode(&piece, &len, f) != 0)
			_exit(97);
		if (len >= sizeof(p->json))
			_exit(97);
		memcpy(p->json, piece, len);
		p->json[len] = '\0';
		break;
	case FRAME_START: on_start(p, f); break;
	case FRAME_RUN: say_result(p, f->probe, f->generation, RESULT_ASKED); break;
	case FRAME_STOP: on_stop(p); break;
	default: break;
	}
}

static void
beat(struct player *p)
{
	struct msg_beat m = {0};

	if (!plays(p, "stuck") && !plays(p, "stubborn"))
		say(p->out, msg_beat_encode(p->out, &m));
}

/* Whoever lives on when its parent is gone would be seen by the test. */
static void
leave_child(struct player *p)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	leave_mark(p, "child", pid);
}

int
play(const char *path)
{
	static struct player p;
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');

	*slash = '\0';
	p.dir = dir;
	p.mode = slash + 1;
	if (plays(&p, "exits-first"))
		_exit(4);
	if (plays(&p, "stubborn"))
		signal(SIGTERM, SIG_IGN);
	if (plays(&p, "child"))
		leave_child(&p);
	if (plays(&p, "no-hello"))
		beat(&p);
	else if (!plays(&p, "mute"))
		say_hello(&p);
	for (;;) {
		struct pollfd at = {LINK, POLLIN, 0};
		struct frame f;
		ssize_t n;

		if (poll(&at, 1, 20) == 0) {
			if (!plays(&p, "mute"))
				beat(&p);
			continue;
		}
		if ((n = recv(LINK, p.in, sizeof(p.in), 0)) <= 0)
			_exit(0); /* the agent is gone */
		if (frame_parse(&f, p.in, (size_t)n) != n)
			_exit(96);
		if (!plays(&p, "mute"))
			on_agent_frame(&p, &f);
	}
}
