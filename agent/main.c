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
#include "agent/once.h"
#include "lib/log.h"

static const char usage[] =
    "tillwatchd: watches a shop\n\n"
    "usage: tillwatchd [-c FILE] [--log-level LEVEL] [--check-config]\n\n"
    "  -c, --config FILE       configuration (default: " TW_SYSCONFDIR "/tillwatch.yaml)\n"
    "      --log-level LEVEL   error, warn, info (default) or debug\n"
    "      --check-config      say whether the configuration is right; exit 0 or 78\n"
    "      --upgrade           rewrite words of the configuration that have changed\n"
    "      --dry-run           of --upgrade: print what would change, as a diff\n"
    "      --json              of --check-config and --upgrade: as JSON, as the others print it\n"
    "      --map               print the map of the shop as JSON, of the configuration alone\n"
    "      --doctor            does this machine give what the configuration needs? As JSON\n"
    "      --user NAME         of --doctor: the agent's user, when root asks\n"
    "      --schema            print the configuration's JSON Schema\n"
    "      --run PROBE         run a probe once, without an agent, and print its run as JSON\n"
    "      --version\n"
    "  -h, --help\n\n"
    "Examples\n"
    "  tillwatchd -c shop.yaml --log-level debug\n"
    "  tillwatchd -c shop.yaml --check-config --json\n"
    "  tillwatchd -c shop.yaml --run home\n\n"
    "Exit codes\n"
    "  0 fine\n"
    "  64 usage\n"
    "  69 an address or a socket is taken\n"
    "  73 the store cannot be made\n"
    "  75 another agent owns the store\n"
    "  78 configuration\n";

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"config", 1, NULL, 'c'},
	    {"log-level", 1, NULL, 'l'}, {"check-config", 0, NULL, 'k'}, {"json", 0, NULL, 'j'},
	    {"schema", 0, NULL, 's'}, {"map", 0, NULL, 'm'}, {"run", 1, NULL, 'r'},
	    {"doctor", 0, NULL, 'd'}, {"user", 1, NULL, 'u'},
	    {"upgrade", 0, NULL, 'g'}, {"dry-run", 0, NULL, 'n'},
	    {"version", 0, NULL, 'v'}, {"help", 0, NULL, 'h'}, {0}};
	const char *path = TW_SYSCONFDIR "/tillwatch.yaml", *probe = NULL, *user = NULL;
	bool only_check = false, json = false, schema = false, map = false, doctor = false;
	bool upgrade = false, is_dry = false;
	int level = LOGL_INFO, c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c': path = optarg; break;
		case 'l': level = log_level_parse(optarg); break;
		case 'k': only_check = true; break;
		case 'j': json = true; break;
		case 's': schema = true; break;
		case 'm': map = true; break;
		case 'd': doctor = true; break;
		case 'g': upgrade = true; break;
		case 'n': is_dry = true; break;
		case 'u': user = optarg; break;
		case 'r': probe = optarg; break;
		case 'v': puts("tillwatchd " PACKAGE_VERSION); return 0;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return EX_USAGE;
		}
	}
	if (optind != argc || level < 0) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	if (json && !only_check && !schema && !map && !doctor && !upgrade && probe == NULL) {
		fputs("tillwatchd: --json is of --check-config and --upgrade; an agent answers "
		    "through its API\n", stderr);
		return EX_USAGE;
	}
	log_setup((enum log_level)level, "tillwatchd");
	if (schema)
		return once_schema();
	if (map)
		return once_map(path);
	if (upgrade)
		return once_upgrade(path, is_dry, json);
	if (doctor)
		return once_doctor(path, user);
	if (probe != NULL)
		return once_run(path, probe);
	return only_check ? once_check(path, json) : agent_run(path);
}
