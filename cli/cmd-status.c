/*
 * cmd-status.c - "is it watching, and is my shop well?" in one screen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* Worst first; crit before stale before unknown before warn. */
static int
rank(const json_t *p)
{
	const char *v = member_text(p, "verdict");

	if (strcmp(v, "crit") == 0)
		return 0;
	if (member_true(p, "stale"))
		return 1;
	if (strcmp(v, "unknown") == 0)
		return 2;
	if (strcmp(v, "warn") == 0)
		return 3;
	return strcmp(v, "pending") == 0 ? 4 : 5;
}

static int
compare(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int d = rank(x) - rank(y);

	return d != 0 ? d : strcmp(member_text(x, "name"), member_text(y, "name"));
}

static void
print_probes(const struct cli *cli, const json_t *probes)
{
	static const char *const heads[] = {
	    "", "probe", "plugin", "last run", "since", "what", NULL};
	size_t n = json_array_size(probes);
	json_t **sorted = calloc(n > 0 ? n : 1, sizeof(json_t *));
	struct table *t = table_new(heads);
	char a[SHORT_TEXT], b[SHORT_TEXT];

	if (sorted == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(probes, i);
	qsort(sorted, n, sizeof(json_t *), compare);
	for (size_t i = 0; i < n; i++) {
		const json_t *p = sorted[i];
		const char *verdict = member_true(p, "stale") ? "stale" : member_text(p, "verdict");

		table_cell(t, tint_of_verdict(verdict), "%s", verdict);
		table_cell(t, TINT_BOLD, "%s", member_text(p, "name"));
		table_cell(t, TINT_NONE, "%s", member_text(p, "plugin"));
		table_cell(t, TINT_NONE, "%s", short_ago(member_number(p, "last_run"), a));
		table_cell(t, TINT_NONE, "%s", short_time(member_number(p, "since"), b));
		table_cell(t, TINT_NONE, "%s%s", member_text(p, "reason"),
		    member_true(p, "late") ? " (late)" : "");
	}
	table_print(cli, t);
	free(sorted);
}

static int
count(const json_t *list, const char *name, const char *value)
{
	const json_t *o;
	size_t i;
	int n = 0;

	json_array_foreach(list, i, o)
		n += strcmp(member_text(o, name), value) == 0;
	return n;
}

static void
print_alerts(const struct cli *cli, const json_t *alerts)
{
	const json_t *a;
	size_t i;

	json_array_foreach(alerts, i, a) {
		const json_t *labels = json_object_get(a, "labels"),
			     *notes = json_object_get(a, "annotations");

		if (strcmp(member_text(a, "state"), "firing") != 0)
			continue;
		print_tint(cli, TINT_CRIT, "firing ");
		print_text(member_text(labels, "alertname"));
		printf(" since %.19s  ", member_text(a, "activeAt"));
		print_text(member_text(notes, "summary"));
		putchar('\n');
	}
}

static void
print_delivery(const struct cli *cli, const json_t *outbox)
{
	const json_t *r;
	size_t i;

	json_array_foreach(json_object_get(outbox, "receivers"), i, r) {
		double pending = member_number(r, "pending"), dead = member_number(r, "dead");

		fputs("receiver ", stdout);
		print_text(member_text(r, "name"));
		printf(": %.0f delivered, %.0f waiting", member_number(r, "delivered"), pending);
		if (dead > 0)
			print_tint(
			    cli, TINT_WARN, ", some could not be delivered (tillwatch notify)");
		putchar('\n');
	}
}

static int
run(struct cli *cli)
{
	json_t *probes = NULL, *alerts = NULL, *outbox = NULL, *all;
	const json_t *list;
	int rc, bad;

	if ((rc = client_get(cli, "/tillwatch/v1/probes", &probes)) != 0
	    || (rc = client_get(cli, "/api/v1/alerts", &alerts)) != 0
	    || (rc = client_get(cli, "/tillwatch/v1/outbox", &outbox)) != 0)
		goto out;
	list = json_object_get(probes, "probes");
	bad = count(list, "verdict", "crit");
	if (cli->json) {
		all = json_pack("{sOsOsO}", "probes", probes, "alerts", alerts, "outbox", outbox);
		print_json(all);
		json_decref(all);
	} else {
		fputs("shop ", stdout);
		print_text(member_text(probes, "shop"));
		printf(": %zu probes, %d ok, %d warn, %d crit, %d unknown; %d alerts firing\n",
		    json_array_size(list), count(list, "verdict", "ok"),
		    count(list, "verdict", "warn"), bad, count(list, "verdict", "unknown"),
		    count(json_object_get(alerts, "alerts"), "state", "firing"));
		if (isfinite(member_number(probes, "blind_since")))
			print_tint(cli, TINT_CRIT,
			    "this agent is blind: what it says of the shop is old\n");
		print_probes(cli, list);
		print_alerts(cli, json_object_get(alerts, "alerts"));
		print_delivery(cli, outbox);
	}
	rc = bad > 0 ? 1 : 0;
out:
	json_decref(probes);
	json_decref(alerts);
	json_decref(outbox);
	return rc;
}

extern const struct cmd cmd_status;
const struct cmd cmd_status = {
	.name = "status",
	.arguments = "",
	.summary = "is it watching, and is the shop well? (exit 1: a probe is crit)",
	.help = "Example\n  tillwatch status || echo \"look at the shop\"\n",
	.run = run,
};
