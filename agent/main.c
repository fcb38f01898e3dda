/*
 * main.c - tillwatchd: reads its command line and runs the agent in the foreground.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "agent/agent.h"
#include "lib/log.h"

static const char usage[] =
    "tillwatchd: watches a shop\n\n"
    "usage: tillwatchd [-c FILE] [--log-level LEVEL] [--check-config]\n\n"
    "  -c, --config FILE       configuration (default: " TW_SYSCONFDIR "/tillwatch.yaml)\n"
    "      --log-level LEVEL   error, warn, info (default) or debug\n"
    "      --check-config      say whether the configuration is right; exit 0 or 78\n"
    "      --version\n"
    "  -h, --help\n";

static int
check(const char *path)
{
	struct buf errors;
	struct setup *s;
	int rc;

	buf_init(&errors, 1 << 20);
	rc = setup_load(&s, path, &errors);
	fputs(buf_str(&errors), stderr);
	if (rc == 0) {
		printf("%s: ok: %zu probes, %zu receivers, %zu rules\n", path, s->n_probes,
		    s->n_receivers, s->rules.n_rules);
		setup_free(s);
	}
	buf_free(&errors);
	return rc == 0 ? 0 : EX_CONFIG;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"config", 1, NULL, 'c'},
	    {"log-level", 1, NULL, 'l'}, {"check-config", 0, NULL, 'k'}, {"version", 0, NULL, 'v'},
	    {"help", 0, NULL, 'h'}, {0}};
	const char *path = TW_SYSCONFDIR "/tillwatch.yaml";
	int level = LOGL_INFO, c;
	bool only_check = false;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c': path = optarg; break;
		case 'l': level = log_level_parse(optarg); break;
		case 'k': only_check = true; break;
		case 'v': puts("tillwatchd " PACKAGE_VERSION); return 0;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return EX_USAGE;
		}
	}
	if (optind != argc || level < 0) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	log_setup((enum log_level)level, "tillwatchd");
	return only_check ? check(path) : agent_run(path);
}
