/*
 * test-upgrade.c - words that were: taken, told, and rewritten where they stand, whatever a file
 * looks like. The rows are of this file, one of each kind; so is the plugin.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/upgrade.h"

/* ---- a plugin that has renamed everything once ---- */

struct canary {
	int64_t interval;
};
struct page {
	const char *url, *label;
	int32_t robots;
	uint32_t ways;
	struct canary canary;
	struct {
		const char *units;
	} normalize;
	struct tw_list steps;
	const char *other;
};
struct step {
	const char *name;
};
static const struct tw_option canary_rows[] = {
    TW_OPTION(struct canary, interval, TW_DURATION, .def = "15m")};
static const struct tw_option normalize_rows[] = {{.name = "units", .type = TW_TREE}};
static const struct tw_option step_rows[] = {TW_OPTION(struct step, name, TW_STRING)};
static const struct tw_option page_rows[] = {
    TW_OPTION(struct page, url, TW_URL),
    TW_OPTION(struct page, label, TW_STRING),
    TW_OPTION(struct page, robots, TW_CHOICE, .choices = "obey|ignore", .def = "obey"),
    TW_OPTION(struct page, ways, TW_SET, .choices = "ipv4|ipv6", .def = "ipv4"),
    TW_OPTION(struct page, canary, TW_MAP, .nested = TW_TABLE(canary_rows),
	.nested_size = sizeof(struct canary)),
    TW_OPTION(struct page, normalize, TW_MAP, .nested = TW_TABLE(normalize_rows),
	.nested_size = sizeof(const char *)),
    TW_OPTION(struct page, steps, TW_MAPS, .nested = TW_TABLE(step_rows),
	.nested_size = sizeof(struct step)),
    TW_OPTION(struct page, other, TW_TREE),
};
static const struct tw_word page_words[] = {
    {"address", "url", "0.2.0"},
    {"canary/every", "canary/interval", "0.2.0"},
    {"robots=heed", "robots=obey", "0.2.0"},
    {"ways=v6", "ways=ipv6", "0.2.0"},
    {"canary/units", "normalize/units", "0.3.0"},
    {"steps/*/title", "steps/*/name", "0.2.0"},
    {"label=8", "label=eight", "0.2.0"},
    {"currency", "/shop.currency", "0.2.0"},
};
static const struct manifest page_plugin = {.plugin = {.size = sizeof(struct tw_plugin),
						.name = "page",
						.options = TW_TABLE(page_rows),
						.self_size = sizeof(struct page),
						.words = TW_TABLE(page_words)}};

static const struct manifest *
manifest(void *ctx, const struct config *c, const char *plugin, char *err, size_t cap)
{
	(void)ctx;
	(void)c;
	if (strcmp(plugin, "page") == 0)
		return &page_plugin;
	snprintf(err, cap, "no plugin is called \"%s\"", plugin);
	return NULL;
}

/* ---- help ---- */

static char dir[64], path[128], said[8192];

static void
put_file(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	chmod(name, 0600);
}

static struct config *
load_instead(const struct config_text *texts, size_t n)
{
	struct config_env env = {NULL, manifest, NULL, texts, n};
	struct errors errors;
	struct config *c;

	errors_init(&errors);
	(void)config_load(&c, path, &env, &errors);
	snprintf(said, sizeof(said), "%s", buf_str(c != NULL ? &c->warnings.text : &errors.text));
	errors_free(&errors);
	return c;
}

static struct config *
load(const char *text)
{
	put_file(path, text, strlen(text));
	return load_instead(NULL, 0);
}

/* What stands behind "shop: ...", a probe's map, rewritten; what comes out means the same. */
static struct config *
upgrade(const char *text, struct buf *out)
{
	struct config *c = load(text), *after;
	struct config_text instead;
	size_t n_left = 0;

	if (c == NULL)
		fail_msg("%s", said);
	buf_init(out, 1 << 20);
	assert_true(upgrade_text(c->words.uses, c->words.n, path, text, strlen(text), out) >= 0);
	instead = (struct config_text){path, buf_str(out), out->len};
	if ((after = load_instead(&instead, 1)) == NULL)
		fail_msg("%s\n%s", said, buf_str(out));
	for (size_t i = 0; i < c->words.n; i++)
		n_left += c->words.uses[i].is_by_hand;
	assert_int_equal(after->words.n, n_left);
	assert_true(config_same(c, after));
	config_free(after);
	return c;
}

#define HEAD "shop: {name: acme}\n"

static void
becomes(const char *before, const char *after)
{
	struct buf out;
	struct config *c = upgrade(before, &out);

	assert_string_equal(buf_str(&out), after);
	config_free(c);
	buf_free(&out);
}

/* ---- taken and told ---- */

static void
an_old_word_is_taken_and_told(void **state)
{
	char want[512];
	struct config *c = load(HEAD "probes:\n  - name: a\n    plugin: page\n"
				     "    address: http://x/\n    robots: heed\n");

	(void)state;
	assert_non_null(c);
	assert_string_equal(
	    json_string_value(json_object_get(c->probes[0].options, "url")), "http://x/");
	assert_string_equal(
	    json_string_value(json_object_get(c->probes[0].options, "robots")), "obey");
	snprintf(want, sizeof(want),
	    "%s:5:5: probes[0].address is now \"url\"; 'tillwatch config upgrade' rewrites it\n"
	    "%s:6:13: probes[0].robots: \"heed\" is now \"obey\"; 'tillwatch config upgrade' "
	    "rewrites it\n",
	    path, path);
	assert_string_equal(said, want);
	config_free(c);
}

static void
both_words_are_an_error(void **state)
{
	(void)state;
	assert_null(load(HEAD "probes:\n  - {name: a, plugin: page, url: http://x/,\n"
			      "     address: http://y/}\n"));
	assert_non_null(
	    strstr(said, ":4:6: probes[0].address: is what \"url\" in line 3 was called "
			 "before: leave one of them\n"));
}

static void
what_belongs_elsewhere_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_null(load(HEAD "probes:\n  - {name: a, plugin: page, currency: EUR}\n"));
	assert_non_null(strstr(
	    said, ":3:29: probes[0].currency: belongs elsewhere now: write it as shop.currency\n"));
}

static void
what_moved_is_taken_and_left_to_its_writer(void **state)
{
	struct buf out, lines;
	const char *text = HEAD "probes:\n  - name: a\n    plugin: page\n    canary:\n"
				"      units: {price: cents}\n      every: 1h\n";
	struct config *c = upgrade(text, &out);
	json_t *units =
	    json_object_get(json_object_get(c->probes[0].options, "normalize"), "units");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(units, "price")), "cents");
	assert_non_null(strstr(buf_str(&out), "      units: {price: cents}\n      interval: 1h\n"));
	assert_int_equal(c->words.n, 2);
	assert_true(c->words.uses[0].is_by_hand);
	buf_init(&lines, 4096);
	upgrade_by_hand(&c->words.uses[0], text, strlen(text), &lines);
	assert_string_equal(buf_str(&lines), "normalize:\n  units: {price: cents}");
	assert_string_equal(c->words.uses[0].base, "probes[0]");
	buf_free(&lines);
	buf_free(&out);
	config_free(c);
}

static void
a_core_key_has_its_own_row(void **state)
{
	(void)state;
	becomes(HEAD "synthetic: {header: {X-S: t}}\nprobes: [{name: a, plugin: page}]\n",
	    HEAD "synthetic: {headers: {X-S: t}}\nprobes: [{name: a, plugin: page}]\n");
}

/* ---- rewritten ---- */

static void
only_the_words_change(void **state)
{
	(void)state;
	/* block style, comments, order, blanks, quotes of both kinds */
	becomes(HEAD "probes:   # address: of nothing\n- name: a\n  plugin: page\n"
		     "  \"address\" :   'http://address/'   # address, every\n"
		     "  canary:\n    'every': 1h\n  robots: \"heed\"\n  label: heed\n",
	    HEAD "probes:   # address: of nothing\n- name: a\n  plugin: page\n"
		 "  \"url\" :   'http://address/'   # address, every\n"
		 "  canary:\n    'interval': 1h\n  robots: \"obey\"\n  label: heed\n");
	/* flow style, lists of values, items of lists */
	becomes(HEAD "probes: [{name: a, plugin: page, address: http://x/, ways: [ipv4, v6],\n"
		     "  steps: [{title: one}, {name: title}, {\"title\":two}]}]",
	    HEAD "probes: [{name: a, plugin: page, url: http://x/, ways: [ipv4, ipv6],\n"
		 "  steps: [{name: one}, {name: title}, {\"name\":two}]}]");
	/* an explicit key, a value below its key */
	becomes(HEAD "probes:\n- ? name\n  : a\n  ? address\n  : http://x/\n  ? plugin\n  : page\n"
		     "  robots:\n    heed\n",
	    HEAD "probes:\n- ? name\n  : a\n  ? url\n  : http://x/\n  ? plugin\n  : page\n"
		 "  robots:\n    obey\n");
}

static void
bytes_are_not_characters(void **state)
{
	(void)state;
	becomes("\xef\xbb\xbfshop: {name: \xc3\xa4\xe2\x82\xac\xf0\x9f\x9b\x92}\r\nprobes:\r\n"
		"- name: a\r\n  plugin: page\t# \xc3\xbc\r\n  address: http://x/\t\r\n"
		"  label: \"\xc3\xa9\"\r\n  robots: heed\r\n",
	    "\xef\xbb\xbfshop: {name: \xc3\xa4\xe2\x82\xac\xf0\x9f\x9b\x92}\r\nprobes:\r\n"
	    "- name: a\r\n  plugin: page\t# \xc3\xbc\r\n  url: http://x/\t\r\n"
	    "  label: \"\xc3\xa9\"\r\n  robots: obey\r\n");
	/* ends of lines that are several bytes, and a lone CR */
	becomes("shop: {name: acme}\xc2\x85probes:\xe2\x80\xa8- name: a\r  plugin: page\n"
		"  address: http://x/\n",
	    "shop: {name: acme}\xc2\x85probes:\xe2\x80\xa8- name: a\r  plugin: page\n"
	    "  url: http://x/\n");
}

static void
an_anchor_stands_once(void **state)
{
	(void)state;
	/* the same map twice, an anchor before a key, one before a value */
	becomes(HEAD "probes:\n- name: a\n  plugin: page\n  canary: &c {every: 1h}\n"
		     "  &k address: http://x/\n  robots: &r heed\n"
		     "- name: b\n  plugin: page\n  canary: *c\n  robots: *r\n",
	    HEAD "probes:\n- name: a\n  plugin: page\n  canary: &c {interval: 1h}\n"
		 "  &k url: http://x/\n  robots: &r obey\n"
		 "- name: b\n  plugin: page\n  canary: *c\n  robots: *r\n");
}

/* The anchor's map has the old word in one place and is a map of the user's in the other. */
static void
an_anchor_of_two_meanings_is_seen(void **state)
{
	const char *text = HEAD "probes:\n- name: a\n  plugin: page\n  canary: &c {every: 1h}\n"
				"- name: b\n  plugin: page\n  other: *c\n";
	struct config *c = load(text), *after;
	struct config_text instead;
	struct buf out;

	(void)state;
	assert_non_null(c);
	assert_non_null(json_object_get(json_object_get(c->probes[1].options, "other"), "every"));
	buf_init(&out, 1 << 20);
	assert_int_equal(
	    upgrade_text(c->words.uses, c->words.n, path, text, strlen(text), &out), 1);
	instead = (struct config_text){path, buf_str(&out), out.len};
	after = load_instead(&instead, 1);
	assert_non_null(after);
	assert_false(config_same(c, after));
	config_free(after);
	config_free(c);
	buf_free(&out);
}

static void
what_is_written_otherwise_is_left(void **state)
{
	struct buf out;
	const char *text = HEAD "probes:\n- name: a\n  plugin: page\n"
				"  \"addre\\x73s\": http://x/\n  robots: |-\n    heed\n"
				"  canary: {every: 1h}\n";
	struct config *c = upgrade(text, &out);

	(void)state;
	assert_int_equal(c->words.n, 3);
	assert_true(c->words.uses[0].is_by_hand && c->words.uses[1].is_by_hand);
	assert_false(c->words.uses[2].is_by_hand);
	assert_non_null(
	    strstr(buf_str(&out), "\"addre\\x73s\": http://x/\n  robots: |-\n    heed\n"));
	config_free(c);
	buf_free(&out);
}

/* An escape may end as the word does; and the file may have changed since it was loaded. */
static void
what_only_looks_like_it_is_left(void **state)
{
	struct buf out;
	const char *text = HEAD "probes:\n- {name: a, plugin: page, label: \"\\x38\"}\n";
	struct config *c = upgrade(text, &out);

	(void)state;
	assert_int_equal(c->words.n, 1);
	assert_true(c->words.uses[0].is_by_hand);
	assert_string_equal(buf_str(&out), text);
	config_free(c);
	buf_free(&out);
	c = load(HEAD "probes:\n- {name: a, plugin: page, address: http://x/}\n");
	assert_non_null(c);
	text = HEAD "probes:\n- {name: a, plugin: page, another: http://x/}\n";
	buf_init(&out, 4096);
	assert_int_equal(
	    upgrade_text(c->words.uses, c->words.n, path, text, strlen(text), &out), 0);
	assert_string_equal(buf_str(&out), text);
	config_free(c);
	buf_free(&out);
}

static void
another_encoding_is_refused(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(upgrade_text(NULL, 0, path,
			     "\xff\xfe"
			     "a\0",
			     4, &out),
	    -EILSEQ);
	buf_free(&out);
}

/* ---- several files, diffs, writing ---- */

static void
conf_d_is_rewritten_too(void **state)
{
	char sub[160], piece[200];
	const char *text = "sources: {}\nprobes:\n- {name: b, plugin: page, address: http://y/}\n";
	struct config *c;
	struct buf out;

	(void)state;
	snprintf(sub, sizeof(sub), "%s/conf.d", dir);
	snprintf(piece, sizeof(piece), "%s/10-b.yaml", sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	put_file(piece, text, strlen(text));
	c = load(HEAD "probes:\n- {name: a, plugin: page, address: http://x/}\n");
	assert_non_null(c);
	assert_int_equal(c->words.n, 2);
	buf_init(&out, 4096);
	assert_int_equal(
	    upgrade_text(c->words.uses, c->words.n, piece, text, strlen(text), &out), 1);
	assert_non_null(strstr(buf_str(&out), "plugin: page, url: http://y/}"));
	config_free(c);
	buf_free(&out);
	unlink(piece);
	rmdir(sub);
}

static void
a_diff_has_three_lines_around(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	upgrade_diff("f", "1\n2\n3\n4\nold\n6", 13, "1\n2\n3\n4\nnew\n6", 13, &out);
	assert_string_equal(buf_str(&out), "--- f.orig\n+++ f\n@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-old\n"
					   "+new\n 6\n\\ No newline at end of file\n");
	buf_free(&out);
}

/* Six lines between two changes are around both of them; seven are not. As diff -u has it. */
static void
changes_that_are_near_are_one_piece(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	upgrade_diff("f", "a\n1\n2\n3\n4\n5\n6\na\n", 16, "b\n1\n2\n3\n4\n5\n6\nb\n", 16, &out);
	assert_non_null(strstr(buf_str(&out), "@@ -1,8 +1,8 @@\n-a\n+b\n 1\n"));
	assert_null(strstr(buf_str(&out), "\n@@ -5"));
	buf_reset(&out);
	upgrade_diff(
	    "f", "a\n1\n2\n3\n4\n5\n6\n7\na\n", 18, "b\n1\n2\n3\n4\n5\n6\n7\nb\n", 18, &out);
	assert_non_null(strstr(buf_str(&out), "@@ -1,4 +1,4 @@\n-a\n+b\n 1\n 2\n 3\n"
					      "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-a\n+b\n"));
	buf_free(&out);
}

static void
a_file_is_replaced_whole(void **state)
{
	char link_path[160], first[200], *orig, *text;
	struct stat before, after;
	size_t len;

	(void)state;
	put_file(path, "old\n", 4);
	chmod(path, 0640);
	snprintf(link_path, sizeof(link_path), "%s/link.yaml", dir);
	snprintf(first, sizeof(first), "%s.orig", path);
	put_file(first, "mine\n", 5);
	assert_int_equal(symlink("shop.yaml", link_path), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(upgrade_write(link_path, "other\n", 6, "new!\n", 5, &orig), -ESTALE);
	assert_null(orig);
	assert_int_equal(upgrade_write(link_path, "old\n", 4, "new!\n", 5, &orig), 0);
	assert_int_equal(lstat(link_path, &after), 0);
	assert_true(S_ISLNK(after.st_mode));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_string_equal(orig + strlen(path), ".orig.1");
	assert_int_equal(yaml_slurp(orig, &text, &len), 0);
	assert_int_equal(len, 4);
	free(text);
	assert_int_equal(yaml_slurp(first, &text, &len), 0);
	assert_memory_equal(text, "mine\n", 5);
	free(text);
	unlink(orig);
	free(orig);
	unlink(first);
	unlink(link_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_old_word_is_taken_and_told),
	    cmocka_unit_test(both_words_are_an_error),
	    cmocka_unit_test(what_belongs_elsewhere_is_refused_with_its_place),
	    cmocka_unit_test(what_moved_is_taken_and_left_to_its_writer),
	    cmocka_unit_test(a_core_key_has_its_own_row),
	    cmocka_unit_test(only_the_words_change),
	    cmocka_unit_test(bytes_are_not_characters),
	    cmocka_unit_test(an_anchor_stands_once),
	    cmocka_unit_test(an_anchor_of_two_meanings_is_seen),
	    cmocka_unit_test(what_is_written_otherwise_is_left),
	    cmocka_unit_test(what_only_looks_like_it_is_left),
	    cmocka_unit_test(another_encoding_is_refused),
	    cmocka_unit_test(conf_d_is_rewritten_too),
	    cmocka_unit_test(a_diff_has_three_lines_around),
	    cmocka_unit_test(changes_that_are_near_are_one_piece),
	    cmocka_unit_test(a_file_is_replaced_whole),
	};
	int rc;

	snprintf(dir, sizeof(dir), "/tmp/tillwatch-test-upgrade.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/shop.yaml", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(dir);
	return rc;
}
