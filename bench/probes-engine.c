/*
 * probes-engine.c - the host's engine under load: what one probe of it costs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>

#include "bench/probes-load.h"
#include "host/engine.h"

#define TIMEOUT_US 10000000

static struct {
	struct load load;
	struct loop *loop;
	struct engine *engine;
} t;

struct probe {
	struct engine_run *run;
	struct loop_timer next;
};

static void start(void *arg);

static void
on_answer(void *arg, const struct tw_answer *a)
{
	struct probe *p = arg;

	t.load.ended++;
	if (a->error != TW_HTTP_OK || a->status != 200) {
		t.load.failed++;
		if (t.load.failed == 1)
			fprintf(stderr, "%s (status %d)\n", a->error_text, (int)a->status);
	}
	/* Not from within the callback: the request lives until it returns. */
	loop_timer_set(t.loop, &p->next, mono_now(), start, p);
}

static void
start(void *arg)
{
	struct probe *p = arg;
	struct tw_request r = {.size = sizeof(r), .url = t.load.url, .ca_file = t.load.ca_file,
	    .done = NULL};

	if (p->run != NULL)
		engine_run_free(p->run);
	p->run = NULL;
	if (t.load.started == t.load.count) {
		if (t.load.ended == t.load.count)
			loop_stop(t.loop);
		return;
	}
	r.address = t.load.hosts[t.load.started++ % t.load.n_hosts];
	p->run = engine_run_new(t.engine);
	if (p->run == NULL
	    || engine_http(
		   p->run, &r, mono_add_us(mono_now(), TIMEOUT_US), on_answer, NULL, p)
		== NULL)
		abort();
}

int
main(int argc, char **argv)
{
	struct engine_opts o = {0};
	struct probe *probes;
	double from;

	load_options(&t.load, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	o.loop = t.loop = loop_new();
	o.ca_file = t.load.ca_file;
	if (t.loop == NULL || (t.engine = engine_new(&o)) == NULL
	    || (probes = calloc(t.load.concurrency, sizeof(*probes))) == NULL)
		return 71;
	from = load_cpu_us();
	for (unsigned i = 0; i < t.load.concurrency; i++)
		start(&probes[i]);
	loop_run(t.loop);
	from = load_cpu_us() - from;
	engine_free(t.engine);
	loop_free(t.loop);
	free(probes);
	return load_report(&t.load, from);
}
