/*
 * test-config.c - a good file fills the structs; each broken file of tests/config/ is refused at
 * the place, and with the words, that its first line says:
 *
 *     # 4:13: probes[0].interval: "5x" is not a duration (try 5s)
 *
 * The plugin is a table of this file, so that no host is needed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/check.h"
#include "config/config.h"

struct page {
	const char *url;
	uint32_t connection;
	struct tw_list asserts;
	int64_t limit;
	struct { int64_t warn; } ttfb;
};
struct page_assert { struct tw_list status; const char *body; };

static const struct tw_option assert_rows[] = {
	{.name = "status", .type = TW_RANGES, .offset = offsetof(struct page_assert, status)},
	{.name = "body", .type = TW_REGEX, .offset = offsetof(struct page_assert, body)},
};
static const struct tw_option ttfb_rows[] = {{.name = "warn", .type = TW_DURATION, .def = "800ms"}};
static const struct tw_option page_rows[] = {
    TW_OPTION(struct page, url, TW_URL, .flags = TW_REQUIRED, .help = "the page"),
    TW_OPTION(struct page, connection, TW_SET, .choices = "cold|warm", .def = "cold"),
    {.name = "assert",
	.type = TW_MAPS,
	.offset = offsetof(struct page, asserts),
	.nested = TW_TABLE(assert_rows),
	.nested_size = sizeof(struct page_assert)},
    TW_OPTION(struct page, limit, TW_BYTES, .min = 1, .max = 1000),
    {.name = "ttfb",
	.type = TW_MAP,
	.offset = offsetof(struct page, ttfb),
	.nested = TW_TABLE(ttfb_rows),
	.nested_size = sizeof(int64_t)},
};
static const struct manifest page_plugin = {
    .plugin = {.name = "page", .options = TW_TABLE(page_rows), .self_size = sizeof(struct page)}};

/* A source, and who reads one. */
struct lines {
	struct tw_list path, windows;
};
static const struct tw_option lines_rows[] = {
    TW_OPTION(struct lines, path, TW_PATH, .flags = TW_MANY | TW_AROUND, .help = "files"),
    TW_OPTION(struct lines, windows, TW_DURATION, .flags = TW_MANY, .def = "15m, 1h, 4h"),
};
static const struct manifest lines_plugin = {.plugin = {.name = "lines",
    .flags = TW_SOURCE,
    .options = TW_TABLE(lines_rows),
    .self_size = sizeof(struct lines),
    .interval_us = 2000000}};
static const struct tw_option reader_rows[] = {{.name = "source",
    .type = TW_STRING,
    .flags = TW_REQUIRED | TW_NAMES_SOURCE,
    .help = "what it reads"}};
static const struct manifest reader_plugin = {.plugin = {.name = "reader",
    .options = TW_TABLE(reader_rows),
    .self_size = sizeof(const char *)}};

static const char *
env(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "HOOK_SECRET") == 0 ? "whsec_c2VjcmV0" : NULL;
}

static const struct manifest *
manifest(void *ctx, const struct config *c, const char *plugin, char *err, size_t cap)
{
	(void)ctx;
	(void)c;
	if (strcmp(plugin, "page") == 0)
		return &page_plugin;
	if (strcmp(plugin, "lines") == 0)
		return &lines_plugin;
	if (strcmp(plugin, "reader") == 0)
		return &reader_plugin;
	snprintf(err, cap, "no plugin is called \"%s\"", plugin);
	return NULL;
}

static const struct config_env test_env = {env, manifest, NULL};

static char dir[256];

static int
load(const char *text, struct config **c, struct errors *errors)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/shop.yaml", dir);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
	errors_init(errors);
	return config_load(c, path, &test_env, errors);
}

static void
probes_read_sources(void **state)
{
	static const int64_t windows[] = {900000000, 3600000000, 14400000000};
	struct errors errors;
	struct config *c;
	struct lines lines = {0};
	struct heap heap = {0};
	char err[128];

	(void)state;
	if (load("shop: {name: acme}\nfalse_pages: 2/week\nsources:\n"
		 "  log: {type: lines, path: [/var/log/a*.log, /srv/b.log]}\n"
		 "probes:\n  - {name: p, plugin: reader, source: log}\n",
		&c, &errors)
	    != 0)
		fail_msg("%s", buf_str(&errors.text));
	assert_true(c->false_pages_month > 8.5 && c->false_pages_month < 8.6);
	assert_int_equal(c->n_probes, 2);
	assert_false(c->probes[0].is_source);
	assert_int_equal(json_array_size(c->probes[0].reads), 1);
	assert_string_equal(json_string_value(json_array_get(c->probes[0].reads, 0)), "log");
	assert_true(c->probes[1].is_source);
	assert_string_equal(c->probes[1].name, "log");
	assert_int_equal(c->probes[1].interval, 2000000);
	assert_int_equal(options_fill(&lines_plugin.plugin.options, &lines, c->probes[1].options,
			     &heap, err, sizeof(err)),
	    0);
	assert_int_equal(lines.path.n, 2);
	assert_string_equal(((const char *const *)lines.path.items)[1], "/srv/b.log");
	assert_int_equal(lines.windows.n, 3);
	assert_memory_equal(lines.windows.items, windows, sizeof(windows));
	heap_free(&heap);
	config_free(c);
	errors_free(&errors);
}

static void
six_lines_suffice(void **state)
{
	const struct config_receiver *r;
	struct errors errors;
	struct config *c;
	struct page page = {0};
	struct heap heap = {0};
	char err[128];

	(void)state;
	if (load("shop: {name: acme}\nprobes:\n  - {name: p, plugin: page, url: "
		 "\"https://shop.example/\"}\n"
		 "receivers:\n  oncall: {url: \"https://pager.example/hook\", secret: "
		 "\"${env:HOOK_SECRET}\"}\n",
		&c, &errors)
	    != 0)
		fail_msg("%s", buf_str(&errors.text));
	assert_string_equal(c->shop.name, "acme");
	assert_int_equal(c->n_probes, 1);
	assert_int_equal(c->probes[0].interval, 30000000);
	assert_int_equal(c->probes[0].timeout, 10000000);
	assert_string_equal(c->route.receiver, "oncall");
	assert_int_equal(c->route.group_wait, -1);
	r = c->receivers.items;
	assert_string_equal(r->name, "oncall");
	assert_string_equal(r->secret, "whsec_c2VjcmV0");
	assert_string_equal(
	    secret_hide(c->secrets, "key whsec_c2VjcmV0 in a text"), "key <secret> in a text");
	assert_int_equal(options_fill(&page_plugin.plugin.options, &page, c->probes[0].options,
			     &heap, err, sizeof(err)),
	    0);
	assert_string_equal(page.url, "https://shop.example/");
	assert_int_equal(page.connection, 1);
	assert_int_equal(page.ttfb.warn, 800000);
	heap_free(&heap);
	config_free(c);
	errors_free(&errors);
}

static void
places_of_plugin_options(void **state)
{
	struct errors errors;
	struct yaml_place at;
	struct config *c;

	(void)state;
	assert_int_equal(load("shop: {name: acme}\nprobes:\n  - name: p\n    plugin: page\n    "
			      "url: https://shop.example/\n"
			      "    assert:\n      - status: 200\n      - body: x\n",
			     &c, &errors),
	    0);
	at = check_place(c->probes[0].node, "assert/1/body");
	assert_int_equal(at.line, 8);
	assert_int_equal(at.column, 15);
	config_free(c);
	errors_free(&errors);
}

static void
several_files(void **state)
{
	struct errors errors;
	char path[300], more[320];
	struct config *c;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/conf.d", dir);
	mkdir(path, 0700);
	snprintf(more, sizeof(more), "%s/10-more.yaml", path);
	f = fopen(more, "w");
	fputs("probes:\n  - {name: q, plugin: page, url: \"http://b/\"}\n", f);
	fclose(f);
	chmod(more, 0600);
	assert_int_equal(
	    load("shop: {name: a}\nprobes: [{name: p, plugin: page, url: \"http://a/\"}]\n", &c,
		&errors),
	    0);
	assert_int_equal(c->n_probes, 2);
	config_free(c);
	f = fopen(more, "w");
	fputs("shop: {name: b}\n", f);
	fclose(f);
	assert_int_not_equal(
	    load("shop: {name: a}\nprobes: [{name: p, plugin: page, url: \"http://a/\"}]\n", &c,
		&errors),
	    0);
	assert_non_null(strstr(buf_str(&errors.text), "10-more.yaml:1:8: \"name\" is given twice"));
	assert_non_null(strstr(buf_str(&errors.text), "shop.yaml:1"));
	unlink(more);
	rmdir(path);
	errors_free(&errors);
}

static void
others_must_not_write(void **state)
{
	struct errors errors;
	char path[300];
	struct config *c;

	(void)state;
	assert_int_equal(
	    load("shop: {name: a}\nprobes: [{name: p, plugin: page, url: \"http://a/\"}]\n", &c,
		&errors),
	    0);
	config_free(c);
	snprintf(path, sizeof(path), "%s/shop.yaml", dir);
	chmod(path, 0666);
	assert_int_not_equal(config_load(&c, path, &test_env, &errors), 0);
	assert_non_null(strstr(buf_str(&errors.text), "can be written by others"));
	errors_free(&errors);
}

/* ---- the broken ones ---- */

static int
is_fixture(const struct dirent *e)
{
	return strstr(e->d_name, ".yaml") != NULL;
}

static int
one_broken(const char *path, const char *name)
{
	char line[512] = "", want[2048];
	struct errors errors;
	struct config *c;
	FILE *f = fopen(path, "r");
	int bad = 0;

	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		return 1;
	fclose(f);
	chmod(path, 0644);
	line[strcspn(line, "\n")] = '\0';
	snprintf(want, sizeof(want), "%s:%s\n", path, line + 2);
	errors_init(&errors);
	if (config_load(&c, path, &test_env, &errors) == 0) {
		print_error("%s: is taken\n", name);
		config_free(c);
		bad = 1;
	} else if (strstr(buf_str(&errors.text), want) == NULL) {
		print_error("%s: expected %s    got: %s", name, want, buf_str(&errors.text));
		bad = 1;
	}
	errors_free(&errors);
	return bad;
}

static void
broken_files(void **state)
{
	const char *top = getenv("top_srcdir");
	struct dirent **names;
	char folder[512], path[1024];
	int n, bad = 0;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/tests/config", top != NULL ? top : ".");
	n = scandir(folder, &names, is_fixture, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		bad += one_broken(path, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	print_message("%d broken configurations, %d without the right place and words\n", n, bad);
	assert_true(n >= 50);
	assert_int_equal(bad, 0);
}

static void
schema_is_made(void **state)
{
	const struct manifest *const all[] = {&page_plugin};
	json_t *s = config_schema(all, 1), *probe;

	(void)state;
	assert_non_null(s);
	probe = json_array_get(
	    json_object_get(
		json_object_get(
		    json_object_get(json_object_get(s, "properties"), "probes"), "items"),
		"oneOf"),
	    0);
	assert_non_null(json_object_get(json_object_get(probe, "properties"), "url"));
	assert_non_null(json_object_get(json_object_get(probe, "properties"), "interval"));
	json_decref(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(six_lines_suffice),
	    cmocka_unit_test(probes_read_sources),
	    cmocka_unit_test(places_of_plugin_options), cmocka_unit_test(several_files),
	    cmocka_unit_test(others_must_not_write), cmocka_unit_test(broken_files),
	    cmocka_unit_test(schema_is_made)};
	char path[300];
	int rc;

	snprintf(dir, sizeof(dir), "%s/tillwatch-config.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(path, sizeof(path), "%s/shop.yaml", dir);
	unlink(path);
	rmdir(dir);
	return rc;
}
