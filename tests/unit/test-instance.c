/*
 * test-instance.c - where the files of a shop's agent lie: the same for agent and command line, as
 * packaging/tillwatchd@.service.in makes the folders.
 *
 * Folders: those of tests/shops/folders.c, below a folder of the test.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/instance.h"

static char root[] = "/tmp/tillwatch-instance.XXXXXX";

static const char *
at(const char *below)
{
	static char path[INSTANCE_PATH];

	snprintf(path, sizeof(path), "%s/%s", root, below);
	return path;
}

static void
write_file(const char *below, const char *text)
{
	FILE *f = fopen(at(below), "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(at(below), 0644);
}

static void
make_socket(const char *below)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.40s/%.60s", root, below);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
}

static void
is_below(const char *path, const char *wanted)
{
	assert_int_equal(strncmp(path, root, strlen(root)), 0);
	assert_string_equal(path + strlen(root) + 1, wanted);
}

static void
test_names(void **state)
{
	static const char *const good[] = {"acme", "acme-eu", "a.b", "EU_1"},
			 *const bad[] = {"", ".hidden", "a/b", "../x", "a b", "\xc3\xa9"};
	char name[INSTANCE_NAME], path[INSTANCE_PATH];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(instance_is_name(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(instance_is_name(bad[i]));
	instance_name(at("etc/acme.yaml"), name);
	assert_string_equal(name, "acme");
	instance_name(at("link/acme.yaml"), name); /* the same folder by another name */
	assert_string_equal(name, "acme");
	instance_name(at("etc/tillwatch.yaml"), name);
	assert_string_equal(name, "tillwatch");
	instance_name(at("elsewhere/acme.yaml"), name);
	assert_string_equal(name, "tillwatch");
	instance_name(at("etc/acme.yml"), name);
	assert_string_equal(name, "tillwatch");
	assert_int_equal(chdir(at("etc")), 0);
	instance_name("acme.yaml", name);
	assert_string_equal(name, "acme");
	assert_int_equal(chdir("/"), 0);
	instance_store("acme", path);
	is_below(path, "lib/acme");
	instance_socket("acme", path);
	is_below(path, "run/acme/agent.sock");
	instance_store("tillwatch", path);
	is_below(path, "lib");
	instance_socket("tillwatch", path);
	is_below(path, "run/agent.sock");
}

/* The unit makes what the defaults need. */
static void
test_unit(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[1024], line[512];
	bool state_dir = false, run_dir = false, config = false, keeps = false;
	FILE *f;

	(void)state;
	snprintf(
	    path, sizeof(path), "%s/packaging/tillwatchd@.service.in", top != NULL ? top : ".");
	assert_non_null(f = fopen(path, "re"));
	while (fgets(line, sizeof(line), f) != NULL) {
		state_dir |= strcmp(line, "StateDirectory=tillwatch/%i\n") == 0;
		run_dir |= strcmp(line, "RuntimeDirectory=tillwatch/%i\n") == 0;
		config |= strstr(line, "ExecStart=") == line
			  && strstr(line, "@sysconfdir@/tillwatch/%i.yaml\n") != NULL;
	}
	fclose(f);
	assert_true(state_dir && run_dir && config);
	/* Stopping the only shop leaves the sockets of the others where they are. */
	snprintf(
	    path, sizeof(path), "%s/packaging/tillwatchd.service.in", top != NULL ? top : ".");
	assert_non_null(f = fopen(path, "re"));
	while (fgets(line, sizeof(line), f) != NULL)
		keeps |= strcmp(line, "RuntimeDirectoryPreserve=yes\n") == 0;
	fclose(f);
	assert_true(keeps);
}

static const struct tw_option any_rows[] = {{.name = "any", .type = TW_STRING, .help = "nothing"}};
static const struct manifest any = {.plugin = {.name = "any",
    .options = TW_TABLE(any_rows),
    .self_size = sizeof(const char *)}};
static const struct manifest *
any_manifest(void *ctx, const struct config *c, const char *plugin, char *err, size_t err_cap)
{
	(void)ctx, (void)c, (void)plugin, (void)err, (void)err_cap;
	return &any;
}

#define SHOP "shop: {name: acme}\nprobes: [{name: p, plugin: any, interval: 1m}]\n"

/* The agent's half: what config_load fills in. */
static void
loads(const char *below, const char *store, const char *socket)
{
	struct config_env env = {.manifest = any_manifest};
	struct errors errors;
	struct config *c;

	errors_init(&errors);
	if (config_load(&c, at(below), &env, &errors) != 0)
		fail_msg("%s is refused:\n%s", below, buf_str(&errors.text));
	is_below(c->agent.store.path, store);
	is_below(c->agent.api.socket, socket);
	config_free(c);
	errors_free(&errors);
}

static void
test_agent_and_cli_agree(void **state)
{
	static const struct {
		const char *file, *more, *store, *socket;
	} cases[] = {
	    {"etc/acme.yaml", "", "lib/acme", "run/acme/agent.sock"},
	    {"etc/tillwatch.yaml", "", "lib", "run/agent.sock"},
	    {"elsewhere/acme.yaml", "", "lib", "run/agent.sock"},
	    {"etc/acme.yaml", "agent: {api: {listen: 127.0.0.1:9}}\n", "lib/acme",
		"run/acme/agent.sock"},
	    {"etc/acme.yaml", "agent: {store: {}, api: {}}\n", "lib/acme",
		"run/acme/agent.sock"},
	    {"etc/acme.yaml", "agent: {store: {path: @/s}, api: {socket: @/own.sock}}\n", "s",
		"own.sock"},
	};
	char text[2048], path[INSTANCE_PATH];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = (size_t)snprintf(text, sizeof(text), SHOP);

		for (const char *m = cases[i].more; *m != '\0'; m++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s",
			    *m == '@' ? (int)strlen(root) : 1, *m == '@' ? root : m);
		write_file(cases[i].file, text);
		loads(cases[i].file, cases[i].store, cases[i].socket);
		instance_socket_of(at(cases[i].file), path);
		is_below(path, cases[i].socket);
		unlink(at(cases[i].file));
	}
}

static void
test_list(void **state)
{
	char names[8][INSTANCE_NAME];
	bool is_hidden = true;

	(void)state;
	assert_int_equal(instance_list(names, 8, &is_hidden), 0);
	assert_false(is_hidden);
	write_file("etc/borealis.yaml", SHOP);
	write_file("etc/acme.yaml", "shop: {name: x}\n  wrong: [\n"); /* its agent says so */
	write_file("etc/rules.yaml", "groups: []\n");
	write_file("etc/notes.txt", "shop: {}\n");
	make_socket("run/cumulus/agent.sock");
	write_file("run/dead/agent.sock", ""); /* a file, no socket */
	assert_int_equal(instance_list(names, 8, NULL), 3);
	assert_string_equal(names[0], "acme");
	assert_string_equal(names[1], "borealis");
	assert_string_equal(names[2], "cumulus");
	assert_int_equal(instance_list(names, 2, NULL), 2);
	assert_true(instance_exists("acme") && instance_exists("cumulus"));
	assert_false(instance_exists("acm"));
	assert_false(instance_exists("dead"));
	assert_false(instance_exists("../etc/acme"));
	make_socket("run/agent.sock");
	assert_int_equal(instance_list(names, 8, NULL), 4);
	assert_string_equal(names[3], "tillwatch");
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

int
main(void)
{
	static const char *const folders[] = {"etc", "lib", "run", "run/cumulus", "run/dead",
	    "elsewhere"};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_unit),
	    cmocka_unit_test(test_agent_and_cli_agree),
	    cmocka_unit_test(test_list),
	};
	int rc;

	alarm(1800);
	if (mkdtemp(root) == NULL)
		return 1;
	setenv("TILLWATCH_TEST_ROOT", root, 1);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		mkdir(at(folders[i]), 0755);
	if (symlink("etc", at("link")) != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 || rc != 0;
}
