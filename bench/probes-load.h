/*
 * probes-load.h - what the two clients of bench/probes share: one command line, one result line.
 *
 *     PROGRAM --url URL --host ADDRESS... [--ca FILE] [--count N] [--concurrency N]
 *
 * N probes, so many at once, each on a connection of its own, to the addresses in turn. Prints the
 * processor time a probe took (user and system of the whole process, microseconds), and exits 1
 * when one did not end with status 200.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_PROBES_LOAD_H
#define BENCH_PROBES_LOAD_H

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define HOSTS_MAX 32

struct load {
	const char *url;             /* with a name; the addresses say where it is */
	const char *hosts[HOSTS_MAX];
	const char *ca_file;
	unsigned n_hosts, count, concurrency;
	unsigned started, ended, failed;
};

static inline double
load_cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6
	       + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static inline void
load_options(struct load *l, int argc, char **argv)
{
	static const struct option options[] = {{"url", 1, NULL, 'u'}, {"host", 1, NULL, 'h'},
	    {"ca", 1, NULL, 'c'}, {"count", 1, NULL, 'n'}, {"concurrency", 1, NULL, 'k'}, {0}};
	int c;

	*l = (struct load){.count = 1000, .concurrency = 64};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'u')
			l->url = optarg;
		else if (c == 'h' && l->n_hosts < HOSTS_MAX)
			l->hosts[l->n_hosts++] = optarg;
		else if (c == 'c')
			l->ca_file = optarg;
		else if (c == 'n')
			l->count = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'k')
			l->concurrency = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(64);
	}
	if (l->url == NULL || l->n_hosts == 0 || l->count == 0 || l->concurrency == 0) {
		fprintf(stderr, "usage: %s --url URL --host ADDRESS...\n", argv[0]);
		exit(64);
	}
}

/* The exit status. */
static inline int
load_report(const struct load *l, double cpu_us)
{
	printf("%.3f\n", cpu_us / l->count);
	if (l->failed > 0)
		fprintf(stderr, "%u of %u probes failed\n", l->failed, l->count);
	return l->failed > 0;
}

#endif
