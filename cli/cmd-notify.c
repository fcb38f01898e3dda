/*
 * cmd-notify.c - receivers and their messages: what waits, what could not be delivered; a test
 * message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "cli/cli.h"

static void
print_receivers(const struct cli *cli, const json_t *data)
{
	static const char *const heads[] = {"receiver", "type", "state", "delivered>", "waiting>",
	    "dead>", "oldest", "last", "last error", NULL};
	struct table *t = table_new(heads);
	char oldest[SHORT_TEXT], last[SHORT_TEXT];
	const json_t *r;
	size_t i;

	json_array_foreach(json_object_get(data, "receivers"), i, r) {
		bool ok = strcmp(member_text(r, "state"), "ok") == 0;

		table_cell(t, TINT_BOLD, "%s", member_text(r, "name"));
		table_cell(t, TINT_NONE, "%s", member_text(r, "type"));
		table_cell(t, ok ? TINT_OK : TINT_WARN, "%s", member_text(r, "state"));
		table_cell(t, TINT_NONE, "%.0f", member_number(r, "delivered"));
		table_cell(t, TINT_NONE, "%.0f", member_number(r, "pending"));
		table_cell(t, TINT_NONE, "%.0f", member_number(r, "dead"));
		table_cell(t, TINT_NONE, "%s", short_ago(member_number(r, "oldest"), oldest));
		table_cell(t, TINT_NONE, "%s", short_ago(member_number(r, "last_delivery"), last));
		table_cell(t, TINT_NONE, "%s", member_text(r, "last_error"));
	}
	table_print(cli, t);
}

static void
print_messages(const struct cli *cli, const json_t *data)
{
	static const char *const heads[] = {
	    "id>", "receiver", "kind", "state", "created", "tries>", "http>", "error", NULL};
	struct table *t = table_new(heads);
	char when[SHORT_TEXT];
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(data, "messages"), i, m) {
		table_cell(t, TINT_NONE, "%.0f", member_number(m, "id"));
		table_cell(t, TINT_NONE, "%s", member_text(m, "receiver"));
		table_cell(t, TINT_NONE, "%s", member_text(m, "kind"));
		table_cell(t,
		    strcmp(member_text(m, "state"), "dead") == 0 ? TINT_CRIT : TINT_NONE, "%s",
		    member_text(m, "state"));
		table_cell(t, TINT_NONE, "%s", short_time(member_number(m, "created"), when));
		table_cell(t, TINT_NONE, "%.0f", member_number(m, "attempts"));
		table_cell(t, TINT_NONE, "%.0f", member_number(m, "http"));
		table_cell(t, TINT_NONE, "%s", member_text(m, "error"));
	}
	putchar('\n');
	table_print(cli, t);
}

static int
list(struct cli *cli)
{
	json_t *data;
	int rc = client_get(cli, "/tillwatch/v1/outbox", &data);

	if (rc != 0)
		return rc;
	if (cli->json) {
		print_json(data);
	} else {
		print_receivers(cli, data);
		if (json_array_size(json_object_get(data, "messages")) > 0)
			print_messages(cli, data);
	}
	json_decref(data);
	return 0;
}

static int
test(struct cli *cli)
{
	if (cli->n_args < 2)
		return cli_fail(EX_USAGE, "notify test needs a receiver's name");
	return client_act(cli, "/tillwatch/v1/notify/test", "receiver", cli->args[1],
	    "a test message is on its way; `tillwatch notify` shows its delivery");
}

static int
run(struct cli *cli)
{
	if (cli->n_args == 0 || strcmp(cli->args[0], "list") == 0)
		return list(cli);
	if (strcmp(cli->args[0], "test") == 0)
		return test(cli);
	return cli_fail(EX_USAGE, "notify takes list or test, not \"%s\"", cli->args[0]);
}

extern const struct cmd cmd_notify;
const struct cmd cmd_notify = {
	.name = "notify",
	.arguments = "[list | test RECEIVER]",
	.summary = "receivers and their messages: what waits, what could not be delivered",
	.help = "Examples\n  tillwatch notify\n  tillwatch notify test oncall\n",
	.max_args = 2,
	.exits = "0 fine\n1 no such receiver\n" EXITS_OF_ASKING,
	.run = run,
};
