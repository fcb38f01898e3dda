/*
 * cmd-map.c - the map of the shop: its systems, what flows between them and how well; or what
 * nobody watches there, for people and for CI.
 *
 * Of a running agent, or (-c FILE) of a configuration alone: then tillwatchd reads it, and there
 * are no figures.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/agent-run.h"
#include "cli/map.h"
#include "lib/units.h"

static int
without_agent(struct cli *cli, json_t **map)
{
	const char *arguments[] = {"--map", "-c", cli->config, NULL};
	struct buf text;
	int rc;

	buf_init(&text, CLI_ANSWER_MAX);
	rc = agent_run(arguments, &text);
	if (rc == 0 && (*map = json_loads(buf_str(&text), 0, NULL)) == NULL)
		rc = cli_fail(EX_PROTOCOL, "tillwatchd answered something that is no JSON");
	buf_free(&text);
	return rc;
}

static void
print_coverage(const struct cli *cli, const json_t *coverage)
{
	double share = member_number(coverage, "share");
	char percent[SHORT_TEXT], text[512];
	const json_t *f;
	size_t i;

	if (isnan(share)) {
		puts("the map is empty: systems: names the tools the shop is made of");
		return;
	}
	snprintf(text, sizeof(text),
	    "coverage %s %%: %.0f of %.0f checks pass. A system is watched and has an owner; a "
	    "flow is measured, has a max_lag that its hops can keep, and an owner.",
	    map_share(share, percent), member_number(coverage, "passed"),
	    member_number(coverage, "checks"));
	map_wrap(text, 0);
	json_array_foreach(json_object_get(coverage, "findings"), i, f) {
		print_tint(cli, TINT_WARN, "- ");
		map_wrap(member_text(f, "text"), 2);
	}
}

/* min: what the share must be at least; NaN: whatever. 0, or 1: it is less. */
static int
judge(const json_t *coverage, double min)
{
	double share = member_number(coverage, "share");
	char is[SHORT_TEXT], wanted[SHORT_TEXT];

	if (isnan(min) || share >= min - 1e-9)
		return 0;
	if (isnan(share))
		return cli_fail(1, "nothing is on the map");
	return cli_fail(
	    1, "coverage %s %% is less than %s %%", map_share(share, is), map_share(min, wanted));
}

static int
show(struct cli *cli, json_t *map, double min)
{
	const json_t *coverage = json_object_get(map, "coverage");
	bool is_coverage = cli_option(cli, "coverage") != NULL || !isnan(min);

	if (cli->json)
		print_json(is_coverage ? coverage : map);
	else if (is_coverage)
		print_coverage(cli, coverage);
	else
		map_print(cli, map);
	return judge(coverage, min);
}

static int
run(struct cli *cli)
{
	bool is_offline = cli_option(cli, "offline") != NULL || cli->config_given != NULL;
	const char *least = cli_option(cli, "min");
	bool is_drawn = cli_option(cli, "coverage") == NULL && least == NULL;
	json_t *map = NULL;
	double min = NAN;
	int rc;

	if (least != NULL && (share_parse(least, &min) != 0 || min > 1))
		return cli_fail(EX_USAGE, "--min takes a share such as 80%%, not \"%s\"", least);
	rc = is_offline ? without_agent(cli, &map) : client_get(cli, "/tillwatch/v1/map", &map);
	if (rc == 0 && !is_offline && is_drawn)
		rc = map_live(cli, map);
	if (rc == 0)
		rc = show(cli, map, min);
	json_decref(map);
	return rc;
}

static const struct cli_option options[] = {
    {"coverage", 0, NULL, "what nobody watches, and promises that cannot be kept"},
    {"min", 0, "SHARE", "of --coverage: exit 1 when less of its checks pass (80%)"},
    {"offline", 'o', NULL, "of the configuration alone, as with -c FILE: no agent, no figures"},
    {NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_map;
const struct cmd cmd_map = {
    .name = "map",
    .arguments = "",
    .summary = "the shop's systems, what flows between them, what nobody watches",
    .help = "A probe stands in the system of its `system:`, or of the first source it reads. A\n"
	    "compare is a flow from the system of its reference to those of the others; `flows:`\n"
	    "adds what no compare sees, and gives owners and limits.\n"
	    "Lag, errors and canaries are of the last hour; the rest is as of now. Errors are the\n"
	    "worst share of a probe: server errors, errors inside answers, answers in part.\n\n"
	    "Examples\n  tillwatch map\n"
	    "  tillwatch map --coverage --min 80% -c shop.yaml  # in CI\n",
    .options = options,
    .exits =
	    "0 fine\n"
	    "1 less than --min passes\n"
	    "78 configuration, with -c or --offline\n"
	    EXITS_OF_ASKING,
    .run = run,
};
