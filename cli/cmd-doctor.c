/*
 * cmd-doctor.c - what is wrong around the agent, and what to do about it.
 *
 * What the machine gives is asked of the agent's own program (tillwatchd --doctor: files, store,
 * clock, names, plugins); what only a running agent knows is asked here, over its API
 * (doctor-agent.c). Both give findings of one form: {"check","level","text","remedy"}.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <string.h>

#include "cli/agent-run.h"
#include "cli/doctor.h"

#define ANSWER_MAX (16u << 20)

void
doctor_add(struct doctor *d, const char *level, const char *remedy, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(d->findings, json_pack("{s:s, s:s, s:s, s:s}", "check", d->check,
					       "level", level, "text", text, "remedy", remedy));
}

/* The machine's part. 0, or an exit code after having said why. */
static int
ask_machine(struct cli *cli, json_t **out)
{
	const char *user = cli_option(cli, "user");
	const char *arguments[] = {
	    "--doctor", "-c", cli->config, user != NULL ? "--user" : NULL, user, NULL};
	struct buf text;
	int rc;

	buf_init(&text, ANSWER_MAX);
	rc = agent_run(arguments, &text);
	if (rc == 0 && (*out = json_loadb(buf_str(&text), text.len, 0, NULL)) == NULL)
		rc = cli_fail(EX_SOFTWARE, "tillwatchd --doctor answered something else");
	buf_free(&text);
	return rc;
}

static void
ask_agent(struct cli *cli, json_t *all)
{
	struct doctor d = {.cli = cli, .findings = json_object_get(all, "findings"), .all = all};
	struct buf said;

	/* Of a configuration that is asked about by name, also the socket that it names. */
	if (!cli->is_socket_given && member_text(all, "socket")[0] != '\0')
		cli->socket = member_text(all, "socket");
	buf_init(&said, 4096);
	cli->said = d.said = &said;
	doctor_ask_agent(&d, cli_option(cli, "no-test") == NULL);
	cli->said = NULL;
	buf_free(&said);
}

static void
print_names(const char *head, const json_t *names)
{
	const json_t *name;
	size_t i;

	if (json_array_size(names) == 0)
		return;
	fputs(head, stdout);
	json_array_foreach(names, i, name)
	    printf("%s%s", i > 0 ? ", " : "", json_string_value(name));
	putchar('\n');
}

static void
print(const struct cli *cli, const json_t *all)
{
	const json_t *findings = json_object_get(all, "findings"), *f;
	size_t i;

	json_array_foreach(findings, i, f) {
		bool is_fail = strcmp(member_text(f, "level"), "fail") == 0;

		print_tint(cli, is_fail ? TINT_CRIT : TINT_WARN, is_fail ? "fail " : "warn ");
		print_tint(cli, TINT_BOLD, member_text(f, "check"));
		fputs(": ", stdout);
		print_text(member_text(f, "text"));
		fputs("\n     -> ", stdout);
		print_text(member_text(f, "remedy"));
		putchar('\n');
	}
	print_names("ok   ", json_object_get(all, "passed"));
	print_names("not asked: ", json_object_get(all, "skipped"));
}

static int
run(struct cli *cli)
{
	json_t *all = NULL;
	size_t n;
	int rc = ask_machine(cli, &all);

	if (rc != 0)
		return rc;
	ask_agent(cli, all);
	n = json_array_size(json_object_get(all, "findings"));
	if (cli->json)
		print_json(all);
	else
		print(cli, all);
	json_decref(all);
	return n > 0;
}

static const struct cli_option options[] = {
    {"user", 0, "NAME",
	"the agent's user, when root asks (default: the store's owner, or tillwatch)"},
    {"no-test", 0, NULL, "send no TEST message to the receivers"},
    {NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_doctor;
const struct cmd cmd_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "what is wrong around the agent, and what to do about it (exit 1: something is)",
    .help =
	"Each finding has its remedy below it. Asked are: configuration, plugins, sandbox, geo\n"
	"databases, what sources read (as the agent's user), store and disk, clock, names, and\n"
	"the running agent: its user, its version, its configuration, its hosts, and whether a\n"
	"TEST message reaches each receiver.\n\n"
	"Examples\n  tillwatch doctor || echo \"there is something to do\"\n"
	"  tillwatch doctor -c shop.yaml --no-test --json | jq '.findings[].remedy'\n",
    .options = options,
    .exits = "0 all is well\n1 there are findings\n",
    .run = run,
};
