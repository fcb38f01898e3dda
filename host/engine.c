/*
 * engine.c - the engine's life, and admission.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/engine-internal.h"

#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

static bool
copy_options(struct engine *e, const struct engine_opts *o)
{
	bool ok = (e->ca_file = strdup(o->ca_file != NULL ? o->ca_file : SYSTEM_CA)) != NULL;

	e->loop = o->loop;
	e->max_in_flight = o->max_in_flight > 0 ? o->max_in_flight : ENGINE_IN_FLIGHT;
	if (o->resolver != NULL)
		ok &= (e->resolver = strdup(o->resolver)) != NULL;
	if (o->n_references > 0
	    && (e->references = calloc(o->n_references, sizeof(char *))) == NULL)
		return false;
	for (size_t i = 0; i < o->n_references && ok; i++)
		ok = (e->references[e->n_references++] = strdup(o->references[i])) != NULL;
	return ok;
}

/* The kernel stamps packets only while some socket of the machine asks for it, and switching that
 * on costs it a rewrite of its own code and reaches the first packets late: one socket asks for as
 * long as we live, so that requests do not switch it each time. */
static int
hold_stamps(void)
{
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	return fd;
}

struct engine *
engine_new(const struct engine_opts *opts)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->stamps_fd = hold_stamps();
	if (copy_options(e, opts) && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
	    && dns_setup(e) == 0 && multi_setup(&e->cold, e, 16) == 0)
		return e;
	engine_free(e);
	return NULL;
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	if (e->stamps_fd >= 0)
		close(e->stamps_fd);
	sight_clear(e);
	multi_clear(&e->cold);
	easy_pool_clear(e);
	trust_clear(e);
	dns_clear(e);
	curl_global_cleanup();
	for (size_t i = 0; i < e->n_references; i++)
		free(e->references[i]);
	free(e->references);
	free(e->ca_file);
	free(e->resolver);
	free(e);
}

bool
engine_admits(const struct engine *e)
{
	return e->in_flight < e->max_in_flight && loop_lag_recent(e->loop) < ENGINE_LAG_MAX_US;
}

uint32_t
engine_in_flight(const struct engine *e)
{
	return e->in_flight;
}

struct engine_run *
engine_run_new(struct engine *e)
{
	struct engine_run *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->engine = e;
	return r;
}

void
engine_run_free(struct engine_run *r)
{
	if (r == NULL)
		return;
	multi_clear(&r->warm);
	free(r);
}
