/*
 * cli.h - what the verbs of `tillwatch` share: their table, their options, the way to the agent,
 * the way to the screen.
 *
 * One file a verb (cmd-NAME.c), each with one const struct, listed in main.c. Data goes to stdout,
 * messages to stderr. Exit codes are sysexits: 0 fine, 1 the answer is no (a check that failed), 64
 * usage, 65 bad data, 69 the agent (or the shop) does not answer, 73 a file cannot be made, 77 not
 * allowed, 78 configuration.
 *
 * With --json stdout is one JSON text, whatever happens: the verb's answer, as
 * docs/schemas/VERB.json has it, or docs/schemas/error.json: {"error":"...","exit_code":69}. A verb
 * whose answer is none refuses --json and says why (no_json).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#define CLI_ARGS_MAX 16
#define CLI_SHOPS_MAX 64
#define CLI_ANSWER_MAX (64u << 20)

struct cli_option {
	const char *name;       /* "limit": --limit */
	char letter;            /* 'n': -n; 0 = none */
	const char *value;      /* "N": takes a value, named so in the help; NULL: a switch */
	const char *help;
};

struct cli;
struct cmd {
	const char *name, *arguments, *summary;
	const char *help;       /* paragraphs and examples, below the options */
	const char *exits;      /* a line a code, "1 a probe is crit\n"; 64 is every verb's */
	const char *no_json;    /* why it refuses --json; NULL: it takes it */
	const struct cli_option *options; /* ends with a NULL name; NULL = none of its own */
	int min_args, max_args;
	bool has_shops;         /* it takes several at once */
	int (*run)(struct cli *cli);
};

struct buf;
struct cli_shop {
	const char *name;       /* as asked for with --shop; NULL: it was asked for by its socket */
	const char *config;     /* NULL: nobody said */
	const char *socket;
};
struct cli {
	const struct cmd *cmd;
	const char *args[CLI_ARGS_MAX];
	int n_args;
	const char
	    *values[32]; /* of the verb's own options, by row; a switch that is set holds "" */
	/* Common options. */
	const char *config, *socket, *url, *token_file;
	const char *config_given; /* --config of the command line; NULL: not there */
	bool json, color, is_socket_given, is_url_given;
	struct cli_shop shops[CLI_SHOPS_MAX]; /* of --shop and --socket, in their order */
	int n_shops;            /* several only where the verb says has_shops */
	char *own_config, *own_socket; /* made by shops_settle; NULL: it did not need to */
	long timeout_ms;        /* of a question; 0: as long as a query may take */
	void *curl;             /* the client's handle, made when first needed */
	struct buf *said;       /* what the client would say on stderr goes here; NULL: stderr */
};

/* Exit codes of verbs that ask an agent, beside their own. */
#define EXITS_OF_ASKING                                                                            \
	"66 the file of --token-file cannot be read\n"                                             \
	"69 no agent answers\n"                                                                    \
	"76 what answers is no agent\n"                                                            \
	"77 not allowed\n"

extern const struct cmd *const cli_commands[];    /* ends with NULL */
extern const struct cli_option cli_common_options[]; /* of every verb; ends with a NULL name */

/* The value of the verb's own option, or NULL. "" for a switch that is set. */
const char *cli_option(const struct cli *cli, const char *name);
/* A message on stderr: "tillwatch: ...", and with --json the error's JSON, unless the verb has
 * printed its answer. Returns code, so that a verb ends with `return cli_fail(...)`. */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same of what another program has said already. */
int cli_fail_json(int code, const char *text);
bool cli_is_json(void);

/* help-json.c: the table of verbs for programs: docs/schemas/help.json. */
void help_json(void);

/* shops.c: adds a shop by its name, or all that this machine has; or by its socket. Returns 0, or
 * an exit code after having said what is wrong. */
int shops_add(struct cli *cli, const char *name);
int shops_add_socket(struct cli *cli, const char *socket);
/* "acme, borealis": the shops of this machine, for a sentence; "" when there is none. */
void shops_names(char *dst, size_t cap);
/* When all options are read: which configuration and socket hold. 0 or an exit code. */
int shops_settle(struct cli *cli);
void shops_free(struct cli *cli);

/* client.c: asks the agent. path with its query ("/api/v1/query?query=up"). *data: the answer's
 * "data" (owned by the caller). Returns 0, or an exit code after having said what is wrong. */
int client_get(struct cli *cli, const char *path, json_t **data);
void client_close(struct cli *cli);
/* "name=value" percent-encoded, with the separator before it, onto an url; nothing where the value
 * is NULL. */
void client_param(struct buf *url, const char *name, const char *value);
/* With one parameter; none where the value is NULL. */
int client_post(
    struct cli *cli, const char *path, const char *name, const char *value, json_t **data);
/* The same, and says so: with --json what the agent answers, else `said`. */
int client_act(
    struct cli *cli, const char *path, const char *name, const char *value, const char *said);

/* print.c: foreign text is sanitised on its way out. */
enum tint { TINT_NONE, TINT_OK, TINT_WARN, TINT_CRIT, TINT_DIM, TINT_BOLD };
void print_text(const char *s);                                /* one foreign text */
void print_tint(const struct cli *cli, enum tint tint, const char *s);
void print_json(const json_t *v);                              /* the verb's answer */
bool print_has_json(void);                                     /* it was printed */
enum tint tint_of_verdict(const char *verdict);

/* A table: cells are foreign texts; columns as wide as their widest cell. At most 16 columns. */
struct table;
struct table *table_new(
    const char *const *heads); /* ends with NULL; a head "count>" is right-aligned */
void table_cell(struct table *t, enum tint tint, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void table_print(const struct cli *cli, struct table *t);      /* and frees */

/* Members of a JSON object, with defaults. */
const char *member_text(const json_t *o, const char *name);    /* "" when absent */
double member_number(const json_t *o, const char *name);       /* NaN when absent */
bool member_true(const json_t *o, const char *name);

/* Short human forms into a static-size buffer: "3m12s", "412 ms", "41 MB", "14:32:07". */
#define SHORT_TEXT 40
const char *short_duration(double seconds, char dst[SHORT_TEXT]);
const char *short_bytes(double bytes, char dst[SHORT_TEXT]);
const char *short_time(
    double unix_s, char dst[SHORT_TEXT]); /* local time; with the date when not today */
const char *short_ago(double unix_s, char dst[SHORT_TEXT]);    /* "3m ago", "never" */

#endif
