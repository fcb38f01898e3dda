/*
 * shops.c - which shops are meant: by the name of their service (--shop acme, --shop all), by their
 * socket, or the only one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "config/errors.h"
#include "config/instance.h"
#include "lib/buf.h"
#include "lib/xmalloc.h"

void
shops_names(char *dst, size_t cap)
{
	static char names[CLI_SHOPS_MAX][INSTANCE_NAME];
	size_t n = instance_list(names, CLI_SHOPS_MAX, NULL), len = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < n && len < cap; i++)
		len += (size_t)snprintf(dst + len, cap - len, "%s%s", i > 0 ? ", " : "", names[i]);
}

/* Those of a name own their texts. */
static int
add(struct cli *cli, const char *name, const char *config, const char *socket)
{
	if (cli->n_shops == CLI_SHOPS_MAX)
		return cli_fail(EX_USAGE, "more than %d shops", CLI_SHOPS_MAX);
	cli->shops[cli->n_shops++] = (struct cli_shop){name, config, socket};
	return 0;
}

static int
add_instance(struct cli *cli, const char *name)
{
	char config[INSTANCE_PATH], socket[INSTANCE_PATH];

	for (int i = 0; i < cli->n_shops; i++)
		if (cli->shops[i].name != NULL && strcmp(cli->shops[i].name, name) == 0)
			return 0; /* `--shop all --shop acme` is each of them once */
	if (cli->n_shops == CLI_SHOPS_MAX)
		return add(cli, name, NULL, NULL);
	instance_config(name, config);
	instance_socket_of(config, socket);
	return add(cli, xstrdup(name), xstrdup(config), xstrdup(socket));
}

static int
add_all(struct cli *cli)
{
	static char names[CLI_SHOPS_MAX + 1][INSTANCE_NAME];
	bool is_hidden;
	size_t n = instance_list(names, CLI_SHOPS_MAX + 1, &is_hidden);
	int rc = 0;

	if (n == 0)
		return cli_fail(EX_USAGE,
		    "there is no shop on this machine: no %s/NAME.yaml, no %s/NAME/agent.sock%s",
		    instance_folders()->config, instance_folders()->run,
		    is_hidden ? " (and you may not read the first folder)" : "");
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_instance(cli, names[i]);
	return rc;
}

int
shops_add(struct cli *cli, const char *name)
{
	static char names[CLI_SHOPS_MAX][INSTANCE_NAME];
	const char *known[CLI_SHOPS_MAX];
	char hint[96], list[1024];
	bool is_hidden;
	size_t n;

	if (strcmp(name, INSTANCE_ALL) == 0)
		return add_all(cli);
	if (instance_exists(name))
		return add_instance(cli, name);
	n = instance_list(names, CLI_SHOPS_MAX, &is_hidden);
	for (size_t i = 0; i < n; i++)
		known[i] = names[i];
	shops_names(list, sizeof(list));
	return cli_fail(EX_USAGE, "no shop \"%.64s\"%s; there %s%s%s", name,
	    did_you_mean(name, known, n, hint), n > 0 ? "are: " : "is none on this machine", list,
	    is_hidden ? " (as far as you may see: you may not read the configurations)" : "");
}

int
shops_add_socket(struct cli *cli, const char *socket)
{
	cli->is_socket_given = true;
	return add(cli, NULL, NULL, socket);
}

/* The options of the command line hold against those of the environment. */
int
shops_settle(struct cli *cli)
{
	const struct cli_shop *only = cli->n_shops > 0 ? &cli->shops[0] : NULL;
	char config[INSTANCE_PATH], socket[INSTANCE_PATH];
	bool is_named = false;

	for (int i = 0; i < cli->n_shops; i++)
		is_named |= cli->shops[i].name != NULL;
	if (cli->n_shops > 1 && !cli->cmd->has_shops)
		return cli_fail(
		    EX_USAGE, "%s takes one shop, not %d", cli->cmd->name, cli->n_shops);
	if (is_named && cli->config_given != NULL)
		return cli_fail(
		    EX_USAGE, "either --shop or --config: a shop has its configuration");
	if ((is_named || cli->n_shops > 1) && cli->is_url_given)
		return cli_fail(EX_USAGE, "either --url or shops of this machine");
	if (is_named || cli->n_shops > 1)
		cli->url = NULL;
	if (only != NULL && only->config != NULL)
		cli->config = only->config;
	if (cli->config == NULL) {
		instance_config(INSTANCE_MAIN, config);
		cli->config = cli->own_config = xstrdup(config);
	}
	cli->is_socket_given |= cli->socket != NULL && !is_named;
	if (only != NULL)
		cli->socket = only->socket;
	if (cli->socket == NULL) {
		instance_socket_of(cli->config, socket);
		cli->socket = cli->own_socket = xstrdup(socket);
	}
	return 0;
}

void
shops_free(struct cli *cli)
{
	for (int i = 0; i < cli->n_shops; i++) {
		if (cli->shops[i].name == NULL)
			continue;
		free((char *)(uintptr_t)cli->shops[i].name);
		free((char *)(uintptr_t)cli->shops[i].config);
		free((char *)(uintptr_t)cli->shops[i].socket);
	}
	free(cli->own_config);
	free(cli->own_socket);
}
