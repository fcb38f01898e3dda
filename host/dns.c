/*
 * dns.c - names by c-ares on our loop: cancellable, a family at a time or both, timed.
 *
 * c-ares reads /etc/hosts itself. It never calls back from within a start here: the answer of a
 * name that needs no query is kept until the next turn, so that a caller's state is settled when
 * its callback comes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "host/engine-internal.h"

struct engine_dns {
	struct engine *engine;
	enum tw_family family;
	mono_t start;
	struct loop_timer deadline, later;
	void (*done)(void *, const struct tw_addresses *);
	void *arg;
	bool is_over, is_pending;   /* answered; c-ares still holds us */
	struct tw_addresses found;
	const char *texts[DNS_ADDRESSES_MAX];
	enum tw_family families[DNS_ADDRESSES_MAX];
	char store[DNS_ADDRESSES_MAX][64];
};

/* ---- c-ares on the loop ---- */

static void rearm(struct engine *e);

static void
on_socket(void *arg, uint32_t events)
{
	struct engine *e = arg;

	(void)events;
	/* Which descriptor it was does not matter: c-ares looks at all that it has (a handful). */
	ares_socket_t fds[ARES_GETSOCK_MAXNUM];
	int bits = ares_getsock(e->ares, fds, ARES_GETSOCK_MAXNUM);

	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		ares_socket_t r = ARES_GETSOCK_READABLE(bits, i) ? fds[i] : ARES_SOCKET_BAD;
		ares_socket_t w = ARES_GETSOCK_WRITABLE(bits, i) ? fds[i] : ARES_SOCKET_BAD;

		if (r != ARES_SOCKET_BAD || w != ARES_SOCKET_BAD)
			ares_process_fd(e->ares, r, w);
	}
	rearm(e);
}

static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct engine *e = arg;

	(void)loop_fd_set(
	    e->loop, fd, (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0), on_socket, e);
}

static void
on_ares_timer(void *arg)
{
	struct engine *e = arg;

	ares_process_fd(e->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(e);
}

static void
rearm(struct engine *e)
{
	struct timeval tv, *left = ares_timeout(e->ares, NULL, &tv);

	if (left == NULL)
		loop_timer_clear(e->loop, &e->ares_timer);
	else
		loop_timer_set(e->loop, &e->ares_timer,
		    mono_add_us(mono_now(), (int64_t)left->tv_sec * 1000000 + left->tv_usec),
		    on_ares_timer, e);
}

int
dns_setup(struct engine *e)
{
	struct ares_options o = {
	    .sock_state_cb = on_state, .sock_state_cb_data = e, .timeout = 2000, .tries = 3};
	int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return -1;
	if (ares_init_options(&e->ares, &o, mask) != ARES_SUCCESS)
		return -1;
	if (e->resolver != NULL && ares_set_servers_ports_csv(e->ares, e->resolver) != ARES_SUCCESS)
		return -1;
	return 0;
}

void
dns_clear(struct engine *e)
{
	if (e->ares != NULL)
		ares_destroy(e->ares);
	loop_timer_clear(e->loop, &e->ares_timer);
	ares_library_cleanup();
}

/* ---- one question ---- */

static void
release(struct engine_dns *d)
{
	loop_timer_clear(d->engine->loop, &d->deadline);
	loop_timer_clear(d->engine->loop, &d->later);
	if (!d->is_pending)
		free(d);
}

static void
tell(void *arg)
{
	struct engine_dns *d = arg;

	d->found.us = mono_sub_us(mono_now(), d->start);
	d->found.size = sizeof(d->found);
	d->found.address = d->texts;
	d->found.family = d->families;
	d->is_over = true;
	loop_timer_clear(d->engine->loop, &d->deadline);
	d->done(d->arg, &d->found);
	release(d);
}

static void
on_late(void *arg)
{
	struct engine_dns *d = arg;

	d->found.error = ARES_ETIMEOUT;
	d->found.error_text = "no answer in time";
	tell(d);
}

static void
take(struct engine_dns *d, const struct ares_addrinfo *info)
{
	for (const struct ares_addrinfo_node *n = info->nodes; n != NULL; n = n->ai_next) {
		uint32_t i = d->found.n;

		if (i == DNS_ADDRESSES_MAX || (n->ai_family != AF_INET && n->ai_family != AF_INET6))
			continue;
		d->families[i] = n->ai_family == AF_INET6 ? TW_IPV6 : TW_IPV4;
		if (d->family != TW_FAMILY_ANY && d->families[i] != d->family)
			continue;
		address_text(n->ai_addr, d->store[i], sizeof(d->store[i]));
		d->texts[i] = d->store[i];
		d->found.n++;
	}
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct engine_dns *d = arg;

	(void)timeouts;
	d->is_pending = false;
	if (d->is_over) {
		ares_freeaddrinfo(info);
		free(d);
		return;
	}
	if (status == ARES_SUCCESS)
		take(d, info);
	ares_freeaddrinfo(info);
	if (status == ARES_SUCCESS && d->found.n == 0)
		status = ARES_ENODATA;
	d->found.error = status;
	d->found.error_text = status == ARES_SUCCESS ? "" : ares_strerror(status);
	loop_timer_set(d->engine->loop, &d->later, mono_now(), tell, d);
}

struct engine_dns *
engine_dns(struct engine *e, const char *name, enum tw_family family, mono_t deadline,
    void (*done)(void *, const struct tw_addresses *), void *arg)
{
	struct ares_addrinfo_hints hints = {.ai_family = family == TW_IPV4   ? AF_INET
							 : family == TW_IPV6 ? AF_INET6
									     : AF_UNSPEC,
	    .ai_flags = ARES_AI_NOSORT};
	struct engine_dns *d = calloc(1, sizeof(*d));
	struct sockaddr_storage numeric;

	if (d == NULL)
		return NULL;
	*d = (struct engine_dns){
	    .engine = e, .family = family, .start = mono_now(), .done = done, .arg = arg};
	d->found.error_text = "";
	if (address_parse(name, &numeric)) {
		d->families[0] = numeric.ss_family == AF_INET6 ? TW_IPV6 : TW_IPV4;
		address_text((struct sockaddr *)&numeric, d->store[0], sizeof(d->store[0]));
		d->texts[0] = d->store[0];
		if (family == TW_FAMILY_ANY || family == d->families[0])
			d->found.n = 1;
		else
			d->found.error = ARES_ENODATA,
			d->found.error_text = "the address is of another family";
		loop_timer_set(e->loop, &d->later, mono_now(), tell, d);
		return d;
	}
	loop_timer_set(e->loop, &d->deadline, deadline, on_late, d);
	d->is_pending = true;
	ares_getaddrinfo(e->ares, name, NULL, &hints, on_answer, d);
	rearm(e);
	return d;
}

void
engine_dns_cancel(struct engine_dns *d)
{
	d->is_over = true;
	release(d);
}
