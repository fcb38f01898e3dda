/*
 * cmd-status.c - "is it watching, and is my shop well?" in one screen.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/status.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xmalloc.h"

#define SCREEN_LINES 24

int
status_rank(const json_t *p)
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

int
status_compare(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int d = status_rank(x) - status_rank(y);

	return d != 0 ? d : strcmp(member_text(x, "name"), member_text(y, "name"));
}

const char *
status_verdict(const json_t *p)
{
	return status_rank(p) == 1 ? "stale" : member_text(p, "verdict");
}

size_t
status_count(const json_t *list, const char *name, const char *value)
{
	const json_t *o;
	size_t i, n = 0;

	json_array_foreach(list, i, o)
		n += strcmp(member_text(o, name), value) == 0;
	return n;
}

/* --all: every probe, worst first. */
static void
print_probes(const struct cli *cli, const json_t *probes)
{
	static const char *const heads[] = {
	    "", "probe", "plugin", "last run", "since", "what", NULL};
	size_t n = json_array_size(probes);
	json_t **sorted = xcalloc(n + 1, sizeof(json_t *));
	struct table *t = table_new(heads);
	char a[SHORT_TEXT], b[SHORT_TEXT];

	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(probes, i);
	qsort(sorted, n, sizeof(json_t *), status_compare);
	for (size_t i = 0; i < n; i++) {
		const json_t *p = sorted[i];

		table_cell(t, tint_of_verdict(status_verdict(p)), "%s", status_verdict(p));
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

/* ---- what is still learnt ---- */

/* Value by probe of a query; NULL when it was not answered. */
static json_t *
values_of(struct cli *cli, const char *metric)
{
	json_t *data = NULL, *values = json_object();
	const json_t *one;
	struct buf url, said, *before = cli->said;
	size_t i;

	buf_init(&url, 512);
	buf_init(&said, 4096);
	buf_text(&url, "/api/v1/query");
	client_param(&url, "query", metric);
	cli->said = &said; /* not knowing is no reason to fail */
	(void)client_get(cli, buf_str(&url), &data);
	cli->said = before;
	json_array_foreach(json_object_get(data, "result"), i, one) {
		const char *text =
		    json_string_value(json_array_get(json_object_get(one, "value"), 1));

		json_object_set_new(values, member_text(json_object_get(one, "metric"), "probe"),
		    json_real(text != NULL ? strtod(text, NULL) : 0));
	}
	json_decref(data);
	buf_free(&url);
	buf_free(&said);
	return values;
}

/* Who does not yet know all that it will look back at, and until when. */
static json_t *
learning_of(struct cli *cli)
{
	json_t *days = values_of(cli, "max by (probe) (checkout_history_days)"),
	       *targets = values_of(cli, "max by (probe) (checkout_history_target_days)"),
	       *list = json_array(), *target;
	double now = (double)wall_now().ms / 1e3;
	const char *probe;

	json_object_foreach(targets, probe, target) {
		double whole = json_number_value(target), has = member_number(days, probe);

		if (has < whole)
			json_array_append_new(list,
			    json_pack("{s:s, s:f, s:f, s:f}", "probe", probe, "days", has,
				"target_days", whole, "until", now + (whole - has) * 86400));
	}
	json_decref(days);
	json_decref(targets);
	return list;
}

/* ---- all ---- */

static void
print(const struct cli *cli, const json_t *probes, const struct status *s)
{
	const json_t *list = s->probes;
	bool is_blind = isfinite(member_number(probes, "blind_since"));

	fputs("shop ", stdout);
	print_text(member_text(probes, "shop"));
	printf(": %zu probes, %zu ok, %zu warn, %zu crit, %zu unknown; %zu alerts firing\n",
	    json_array_size(list), status_count(list, "verdict", "ok"),
	    status_count(list, "verdict", "warn"), status_count(list, "verdict", "crit"),
	    status_count(list, "verdict", "unknown"), status_count(s->alerts, "state", "firing"));
	if (is_blind) {
		print_tint(
		    cli, TINT_CRIT, "this agent is blind: what it says of the shop is old");
		putchar('\n');
	}
	if (cli_option(cli, "all") != NULL)
		print_probes(cli, list);
	else
		status_screen(cli, s, SCREEN_LINES - 1 - is_blind);
}

int
status_ask(struct cli *cli, struct status_answers *a)
{
	int rc;

	*a = (struct status_answers){NULL, NULL, NULL, NULL};
	if ((rc = client_get(cli, "/tillwatch/v1/probes", &a->probes)) != 0
	    || (rc = client_get(cli, "/api/v1/alerts", &a->alerts)) != 0
	    || (rc = client_get(cli, "/tillwatch/v1/outbox", &a->outbox)) != 0)
		return rc;
	a->learning = learning_of(cli);
	return 0;
}

void
status_free(struct status_answers *a)
{
	json_decref(a->probes);
	json_decref(a->alerts);
	json_decref(a->outbox);
	json_decref(a->learning);
}

json_t *
status_json(const struct status_answers *a)
{
	return json_pack("{sOsOsOsO}", "probes", a->probes, "alerts", a->alerts, "outbox",
	    a->outbox, "learning", a->learning);
}

static int
run(struct cli *cli)
{
	struct status_answers a;
	struct status s;
	int rc;

	if (cli->n_shops > 1)
		return status_shops(cli);
	if ((rc = status_ask(cli, &a)) == 0) {
		s = (struct status){.probes = json_object_get(a.probes, "probes"),
		    .alerts = json_object_get(a.alerts, "alerts"),
		    .receivers = json_object_get(a.outbox, "receivers"),
		    .learning = a.learning};
		if (cli->json) {
			json_t *all = status_json(&a);

			print_json(all);
			json_decref(all);
		} else {
			print(cli, a.probes, &s);
		}
		rc = status_count(s.probes, "verdict", "crit") > 0 ? 1 : 0;
	}
	status_free(&a);
	return rc;
}

static const struct cli_option options[] = {
    {"all", 'a', NULL, "every probe with its last run, in place of the families"},
    {NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_status;
const struct cmd cmd_status = {
    .name = "status",
    .arguments = "",
    .summary = "is it watching, and is the shop well? (exit 1: a probe is crit)",
    .help = "One screen: a line a family, what is wrong below it, alerts that fire, what is still\n"
	    "learnt (its judgement is not whole before), receivers.\n"
	    "Of several shops (--shop, --socket, more than once): a line each, worst first, and\n"
	    "what is worst in it; exit 1 when any has a probe that is crit, else 69 when any does\n"
	    "not answer.\n\n"
	    "Examples\n  tillwatch status || echo \"look at the shop\"\n"
	    "  tillwatch status --shop all\n",
    .has_shops = true,
    .options = options,
    .exits = "0 no probe is crit\n1 a probe is crit\n" EXITS_OF_ASKING,
    .run = run,
};
