/*
 * main.c - tillwatch-host: what it was asked for.
 *
 *     tillwatch-host --plugin FILE [--plugin FILE ...] --fd N     a group's host; the agent is at N
 *     tillwatch-host --describe FILE                              the plugin's manifest, one line
 *     tillwatch-host --once FILE --probe JSON [--setup JSON]      one run, the result as one line
 *     tillwatch-host --start FILE --setup JSON                    would these probes start?
 *     tillwatch-host --inspect JSON                               what a host has here, one line
 *     tillwatch-host --help, --version
 *
 * JSON given as "-" is read from standard input: a command line is seen by every user, and options
 * hold secrets. Exit codes: 0; 64 wrong arguments; 75 start me again; 78 the plugin cannot be used.
 *
 * In a group's host the order counts: SETUP is read first (it says what the sandbox allows), then
 * the sandbox is entered, then the plugins are loaded, then HELLO is sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "host/host.h"
#include "host/prompt.h"
#include "lib/log.h"

#define KEPT_BYTES (1 << 20)

#define SETUP_MS 10000
#define EXIT_USAGE 64

struct arguments {
	const char *plugins[HOST_PLUGINS_MAX];
	size_t n_plugins;
	int fd;
	const char *describe, *once, *start, *probe, *setup, *inspect, *told;
};

static const char help[] =
    "tillwatch-host: the process that loads plugins\n\n"
    "usage: tillwatch-host --describe FILE\n"
    "       tillwatch-host --once FILE --probe JSON|- [--setup JSON]\n"
    "       tillwatch-host --start FILE --setup JSON\n"
    "       tillwatch-host --inspect JSON\n"
    "       tillwatch-host --plugin FILE [--plugin FILE ...] --fd N\n\n"
    "  --describe FILE   what a plugin says of itself: options, metrics, alerts\n"
    "  --once FILE       run a probe of the plugin once, and print its run\n"
    "  --probe JSON      of --once: {\"name\",\"options\"}; -: read it from standard input\n"
    "  --setup JSON      what the agent tells its hosts; -: read it from standard input\n"
    "  --start FILE      would the probes on standard input start? One a line\n"
    "  --inspect JSON    what a host with that setup has here: sandbox, geo databases\n"
    "  --plugin FILE     a plugin of the group that the agent starts\n"
    "  --fd N            where the agent that started it is\n"
    "  --version\n"
    "  --help\n\n"
    "All that is printed is JSON, a text a line.\n\n"
    "Examples\n"
    "  tillwatch-host --describe ./greeting.so\n"
    "  tillwatch-host --once ./greeting.so --probe \"$(cat hello.json)\"\n\n"
    "Exit codes\n"
    "  0 fine; of --once: it ran, whatever its verdict\n"
    "  64 usage\n"
    "  75 it failed, and may be tried again\n"
    "  78 the plugin or its options are refused\n";

static int
usage(void)
{
	fputs(help, stderr);
	return EXIT_USAGE;
}

static int
parse(struct arguments *a, int argc, char **argv)
{
	static const struct option names[] = {{"plugin", required_argument, NULL, 'p'},
	    {"fd", required_argument, NULL, 'f'}, {"describe", required_argument, NULL, 'd'},
	    {"once", required_argument, NULL, 'o'}, {"probe", required_argument, NULL, 'c'},
	    {"setup", required_argument, NULL, 's'}, {"start", required_argument, NULL, 'b'},
	    {"inspect", required_argument, NULL, 'i'}, {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
	char *end;
	int c;

	*a = (struct arguments){.fd = -1};
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'p':
			if (a->n_plugins == HOST_PLUGINS_MAX)
				return -1;
			a->plugins[a->n_plugins++] = optarg;
			break;
		case 'f':
			a->fd = (int)strtol(optarg, &end, 10);
			if (*end != '\0' || a->fd < 0)
				return -1;
			break;
		case 'd': a->describe = optarg; break;
		case 'o': a->once = optarg; break;
		case 'c': a->probe = optarg; break;
		case 's': a->setup = optarg; break;
		case 'b': a->start = optarg; break;
		case 'i': a->inspect = optarg; break;
		case 'h': a->told = help; break;
		case 'v': a->told = "tillwatch-host " PACKAGE_VERSION "\n"; break;
		default: return -1;
		}
	}
	return optind == argc ? 0 : -1;
}

/* Waits for SETUP, bounded: an agent that says nothing is none. */
static int
read_setup(struct host *h)
{
	int64_t until = mono_now().us + SETUP_MS * 1000LL;
	struct pollfd fd = {.fd = h->link.fd, .events = POLLIN};
	char err[256] = "";
	struct frame f;
	int rc;

	for (;;) {
		int64_t left = until - mono_now().us;

		if (left <= 0 || poll(&fd, 1, (int)(left / 1000) + 1) < 0)
			return -ETIMEDOUT;
		if ((rc = link_receive(&h->link, &f)) == 0)
			continue;
		if (rc < 0 || f.type != FRAME_SETUP || (rc = host_take_piece(h, &f)) < 0)
			return rc < 0 ? rc : -EBADMSG;
		if (rc > 0)
			break;
	}
	rc = host_setup_read(&h->setup, h->text, h->text_len, err, sizeof(err));
	host_forget_text(h);
	if (rc != 0)
		log_line(LOGL_ERROR, "host: its settings: %s", err);
	return rc;
}

static int
load_plugins(struct host *h, const struct arguments *a)
{
	char err[512];

	for (size_t i = 0; i < a->n_plugins; i++) {
		struct plugin *p = &h->plugins[i];

		if (plugin_load(p, a->plugins[i], &host_api, err, sizeof(err)) == 0) {
			h->n_plugins++;
			if (plugin_runs_here(p, err, sizeof(err)) == 0)
				continue;
		}
		log_line(LOGL_ERROR, "host: %s", err);
		return -1;
	}
	return 0;
}

static int
serve(const struct arguments *a)
{
	struct host *h = calloc(1, sizeof(*h));
	int code = HOST_EXIT_AGAIN, rc;

	if (h == NULL)
		return HOST_EXIT_AGAIN;
	/* Without its agent a host is nothing: it dies with it, also when it is stuck. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if ((rc = host_init(h, a->fd)) != 0 || (rc = read_setup(h)) != 0) {
		log_line(LOGL_ERROR, "host: no settings from the agent: %s", strerror(-rc));
		goto out;
	}
	log_setup((enum log_level)h->setup.log_level, "tillwatch-host");
	prompt_ask();
	host_sandbox(h, a->plugins, a->n_plugins);
	if (load_plugins(h, a) != 0) {
		code = HOST_EXIT_CONFIG;
		goto out;
	}
	if ((rc = host_start(h)) != 0) {
		log_line(LOGL_ERROR, "host: cannot start: %s", strerror(-rc));
		goto out;
	}
	code = host_run(h);
out:
	/* A thread that is still inside a plugin must not meet freed memory: leave without
	 * clearing. */
	if (host_has_threads(h))
		_exit(code);
	host_clear(h);
	free(h);
	return code;
}

int
main(int argc, char **argv)
{
	struct arguments a;

	(void)signal(SIGPIPE, SIG_IGN);
	/* What a run took the next one takes again: it need not go back to the kernel between. */
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	(void)mallopt(M_MXFAST, 0); /* else each large block that is freed sweeps all small ones */
	if (parse(&a, argc, argv) != 0)
		return usage();
	if (a.told != NULL)
		return fputs(a.told, stdout) < 0 || fflush(stdout) != 0 ? HOST_EXIT_AGAIN : 0;
	if (a.describe != NULL)
		return host_describe(a.describe);
	if (a.inspect != NULL)
		return host_inspect(a.inspect);
	if (a.once != NULL && a.probe != NULL)
		return host_once(a.once, a.probe, a.setup);
	if (a.start != NULL && a.setup != NULL)
		return host_start_only(a.start, a.setup);
	if (a.n_plugins > 0 && a.fd >= 0)
		return serve(&a);
	return usage();
}
