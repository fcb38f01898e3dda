/*
 * main.c - tillwatch: finds the verb, reads the options, runs it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "cli/cli.h"
#include "config/errors.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERBS_MAX 32
#define OPTIONS_MAX 64

extern const struct cmd cmd_alerts, cmd_check, cmd_completion, cmd_config, cmd_db, cmd_doctor,
    cmd_init, cmd_map, cmd_notify, cmd_plugin, cmd_probes, cmd_query, cmd_reload, cmd_rules,
    cmd_run, cmd_schema, cmd_source, cmd_status, cmd_top;

/* In the order of the help: a line each, so that adding one is one line. */
const struct cmd *const cli_commands[] = {
    &cmd_init,
    &cmd_top,
    &cmd_status,
    &cmd_map,
    &cmd_probes,
    &cmd_run,
    &cmd_query,
    &cmd_alerts,
    &cmd_rules,
    &cmd_notify,
    &cmd_plugin,
    &cmd_check,
    &cmd_config,
    &cmd_doctor,
    &cmd_source,
    &cmd_schema,
    &cmd_reload,
    &cmd_db,
    &cmd_completion,
    NULL,
};

const struct cli_option cli_common_options[] = {
    {"config", 'c', "FILE",
	"configuration to read (default: " TW_SYSCONFDIR "/tillwatch.yaml)"},
    {"shop", 'S', "NAME",
	"of several shops the one of " TW_SYSCONFDIR "/NAME.yaml; top and status: also several, "
	"or all"},
    {"socket", 's', "PATH", "the agent's socket (default: " TW_RUNDIR "/agent.sock)"},
    {"url", 'u', "URL", "an agent, or a Prometheus-compatible server, over HTTP"},
    {"token-file", 0, "FILE", "file with the bearer token for --url"},
    {"json", 'j', NULL, "answer as JSON"},
    {"no-color", 0, NULL, "no colours (also: NO_COLOR set)"},
    {"help", 'h', NULL, "this text"},
    {NULL, 0, NULL, NULL},
};

/* Whoever asked for JSON gets it, also from what fails before the options are read. Of the process,
 * as stdout is. */
static bool is_json;

bool
cli_is_json(void)
{
	return is_json;
}

int
cli_fail_json(int code, const char *text)
{
	size_t len = strlen(text);
	json_t *o;

	if (!is_json || print_has_json())
		return code;
	while (len > 0 && text[len - 1] == '\n')
		len--;
	o = json_pack("{s:s%, s:i}", "error", text, len, "exit_code", code);
	if (o == NULL) /* bytes that are no UTF-8 */
		o = json_pack("{s:s, s:i}", "error", "see stderr", "exit_code", code);
	print_json(o);
	json_decref(o);
	return code;
}

int
cli_fail(int code, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "tillwatch: %s\n", text);
	return cli_fail_json(code, text);
}

const char *
cli_option(const struct cli *cli, const char *name)
{
	const struct cli_option *o = cli->cmd->options;

	for (int i = 0; o != NULL && o[i].name != NULL; i++)
		if (strcmp(o[i].name, name) == 0)
			return cli->values[i];
	return NULL;
}

/* ---- help ---- */

static void
help_options(FILE *f, const struct cli_option *o, const struct cmd *c)
{
	char text[64];

	for (; o != NULL && o->name != NULL; o++) {
		if (c->no_json != NULL && strcmp(o->name, "json") == 0)
			continue;
		snprintf(text, sizeof(text), "--%s%s%s", o->name, o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "");
		if (o->letter != 0)
			fprintf(f, "  -%c, %-22s %s\n", o->letter, text, o->help);
		else
			fprintf(f, "      %-22s %s\n", text, o->help);
	}
}

static void
help_exits(FILE *f, const char *exits)
{
	fputs("\nExit codes\n", f);
	for (; exits != NULL && *exits != '\0'; exits += strcspn(exits, "\n") + 1)
		fprintf(f, "  %.*s\n", (int)strcspn(exits, "\n"), exits);
	fputs("  64 usage\n", f);
}

static void
help_verb(FILE *f, const struct cmd *c)
{
	fprintf(f, "tillwatch %s%s%s: %s\n\n", c->name, c->arguments[0] ? " " : "", c->arguments,
	    c->summary);
	if (c->options != NULL && c->options[0].name != NULL) {
		fputs("Options\n", f);
		help_options(f, c->options, c);
	}
	fputs("Common options\n", f);
	help_options(f, cli_common_options, c);
	if (c->help != NULL)
		fprintf(f, "\n%s", c->help);
	help_exits(f, c->exits);
}

static void
help_all(FILE *f)
{
	fputs("tillwatch: watches a shop\n\nusage: tillwatch VERB [options]\n\n", f);
	for (int i = 0; cli_commands[i] != NULL; i++)
		fprintf(f, "  %-10s %-22s %s\n", cli_commands[i]->name, cli_commands[i]->arguments,
		    cli_commands[i]->summary);
	fputs("\n`tillwatch VERB --help` says more, `man tillwatch-VERB` the rest; `tillwatch help "
	      "--json` tells it to\nprograms. Exit codes: 0 fine, 1 the answer is no, 64 "
	      "usage, 65 bad data,\n"
	      "69 the agent does not answer, 77 not allowed, 78 configuration.\n",
	    f);
}

static int
no_such_verb(const char *verb)
{
	const char *names[VERBS_MAX];
	char hint[96];
	size_t n = 0;

	for (; cli_commands[n] != NULL && n < VERBS_MAX; n++)
		names[n] = cli_commands[n]->name;
	return cli_fail(EX_USAGE, "no verb \"%s\"%s; `tillwatch help` lists them", verb,
	    did_you_mean(verb, names, n, hint));
}

static int
no_such_option(const struct cli *cli, const char *text)
{
	const struct cli_option *tables[] = {cli->cmd->options, cli_common_options};
	const char *names[OPTIONS_MAX];
	char hint[96], name[64];
	size_t n = 0;

	for (size_t t = 0; t < 2; t++)
		for (const struct cli_option *o = tables[t];
		     o != NULL && o->name != NULL && n < OPTIONS_MAX; o++)
			names[n++] = o->name;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "="), text);
	return cli_fail(EX_USAGE, "%s has no option %s%s; see `tillwatch %s --help`",
	    cli->cmd->name, name, did_you_mean(name + strspn(name, "-"), names, n, hint),
	    cli->cmd->name);
}

static int
help(const char *verb)
{
	if (verb != NULL && (strcmp(verb, "--json") == 0 || strcmp(verb, "-j") == 0)) {
		help_json();
		return 0;
	}
	for (int i = 0; verb != NULL && cli_commands[i] != NULL; i++)
		if (strcmp(cli_commands[i]->name, verb) == 0) {
			help_verb(stdout, cli_commands[i]);
			return 0;
		}
	if (verb != NULL)
		return no_such_verb(verb);
	help_all(stdout);
	return 0;
}

/* ---- options ---- */

static int
find_option(const struct cli_option *o, const char *name, size_t len, char letter)
{
	for (int i = 0; o != NULL && o[i].name != NULL; i++)
		if ((name != NULL && strlen(o[i].name) == len && strncmp(o[i].name, name, len) == 0)
		    || (letter != 0 && o[i].letter == letter))
			return i;
	return -1;
}

static int
set_common(struct cli *cli, const char *name, const char *value)
{
	if (strcmp(name, "config") == 0)
		cli->config = cli->config_given = value;
	else if (strcmp(name, "shop") == 0)
		return shops_add(cli, value);
	else if (strcmp(name, "socket") == 0)
		return shops_add_socket(cli, value);
	else if (strcmp(name, "url") == 0)
		cli->url = value, cli->is_url_given = true;
	else if (strcmp(name, "token-file") == 0)
		cli->token_file = value;
	else if (strcmp(name, "json") == 0)
		cli->json = true;
	else if (strcmp(name, "no-color") == 0)
		cli->color = false;
	return 0;
}

/* One option at argv[*i]. 0, -1: help was asked, or an exit code. */
static int
take_option(struct cli *cli, char **argv, int *i)
{
	const char *text = argv[*i], *equals = strchr(text, '='), *value = NULL;
	bool is_long = text[1] == '-';
	size_t len =
	    is_long ? (equals != NULL ? (size_t)(equals - text - 2) : strlen(text + 2)) : 0;
	const struct cli_option *table = cli->cmd->options;
	int at = find_option(table, is_long ? text + 2 : NULL, len, is_long ? 0 : text[1]);
	bool common = at < 0;

	if (common) {
		table = cli_common_options;
		at = find_option(table, is_long ? text + 2 : NULL, len, is_long ? 0 : text[1]);
	}
	if (at < 0 || (!is_long && text[2] != '\0' && table[at].value == NULL))
		return no_such_option(cli, text);
	if (strcmp(table[at].name, "help") == 0)
		return -1;
	if (table[at].value == NULL)
		value = "";
	else if (is_long && equals != NULL)
		value = equals + 1;
	else if (!is_long && text[2] != '\0')
		value = text + 2;
	else if ((value = argv[++*i]) == NULL)
		return cli_fail(EX_USAGE, "%s needs a value (%s)", text, table[at].value);
	if (common)
		return set_common(cli, table[at].name, value);
	cli->values[at] = value;
	return 0;
}

static int
take_arguments(struct cli *cli, char **argv)
{
	bool only_args = false;
	int rc;

	for (int i = 0; argv[i] != NULL; i++) {
		if (!only_args && strcmp(argv[i], "--") == 0) {
			only_args = true;
		} else if (!only_args && argv[i][0] == '-' && argv[i][1] != '\0') {
			if ((rc = take_option(cli, argv, &i)) != 0)
				return rc;
		} else if (cli->n_args == cli->cmd->max_args || cli->n_args == CLI_ARGS_MAX) {
			return cli_fail(EX_USAGE, "%s takes no \"%s\"; see `tillwatch %s --help`",
			    cli->cmd->name, argv[i], cli->cmd->name);
		} else {
			cli->args[cli->n_args++] = argv[i];
		}
	}
	if (cli->n_args < cli->cmd->min_args)
		return cli_fail(EX_USAGE, "%s needs %s; see `tillwatch %s --help`", cli->cmd->name,
		    cli->cmd->arguments, cli->cmd->name);
	return 0;
}

static int
run_verb(const struct cmd *c, char **argv)
{
	const char *no_color = getenv("NO_COLOR");
	struct cli cli = {.cmd = c,
	    .config = getenv("TILLWATCH_CONFIG"),
	    .socket = getenv("TILLWATCH_SOCKET"),
	    .url = getenv("TILLWATCH_URL"),
	    .color = isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0')};
	int rc = take_arguments(&cli, argv);

	if (rc == -1) {
		help_verb(stdout, c);
		rc = 0;
	} else if (rc == 0 && cli.json && c->no_json != NULL) {
		rc = cli_fail(EX_USAGE, "%s has no JSON: %s", c->name, c->no_json);
	} else if (rc == 0 && (rc = shops_settle(&cli)) == 0) {
		rc = c->run(&cli);
	}
	client_close(&cli);
	shops_free(&cli);
	if (fflush(stdout) != 0 && rc == 0)
		rc = EX_IOERR;
	return rc;
}

/* Before anything can go wrong. A value of another option that looks so is not worth a parser. */
static void
look_for_json(char **argv)
{
	for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++)
		is_json = is_json || strcmp(*argv, "--json") == 0 || strcmp(*argv, "-j") == 0;
}

int
main(int argc, char **argv)
{
	/* A reader that has seen enough (head, less) ends us quietly. */
	signal(SIGPIPE, SIG_DFL);
	if (argc < 2) {
		help_all(stderr);
		return EX_USAGE;
	}
	look_for_json(argv + 1);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0
	    || strcmp(argv[1], "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		puts("tillwatch " PACKAGE_VERSION);
		return 0;
	}
	for (int i = 0; cli_commands[i] != NULL; i++)
		if (strcmp(cli_commands[i]->name, argv[1]) == 0)
			return run_verb(cli_commands[i], argv + 2);
	return no_such_verb(argv[1]);
}
