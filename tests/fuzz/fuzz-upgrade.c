/*
 * fuzz-upgrade.c - exercises config/words.c and config/upgrade.c: whatever a file holds, its old
 * words are taken, and rewriting them changes nothing of what it means. Where an anchor stands the
 * program compares, and writes nothing (agent/once-upgrade.c); there, here, it only must not crash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "config/upgrade.h"

static const struct tw_word rows[] = {
    {"a", "aa", "0"},
    {"*/a", "*/longer", "0"},
    {"*/*/a", "*/*/b", "0"},
    {"k=v", "k=w", "0"},
    {"*/k=v", "*/k=value", "0"},
    {"m/x", "n/y", "0"},
    {"*/m/x", "*/m/n/y", "0"},
    {"e", "/f", "0"},
};
static const struct tw_table words_rows = TW_TABLE(rows);

struct side {
	struct yaml_doc *doc;
	struct heap heap;
	struct errors errors;
	struct words words;
	struct yaml_node *root;
};

static int
read_side(struct side *s, const char *text, size_t len)
{
	struct yaml_error err;

	if (yaml_read(&s->doc, "fuzz", text, len, &err) != 0)
		return -1;
	errors_init(&s->errors);
	s->words = (struct words){.heap = &s->heap, .errors = &s->errors};
	s->root = words_take(&s->words, &words_rows, yaml_root(s->doc), "");
	words_sort(&s->words);
	return 0;
}

static void
clear_side(struct side *s)
{
	if (s->doc == NULL)
		return;
	words_clear(&s->words);
	errors_free(&s->errors);
	heap_free(&s->heap);
	yaml_free(s->doc);
}

static void
must(int is_so)
{
	if (!is_so)
		abort();
}

static void
say(struct side *s, const char *text, size_t len)
{
	struct errors told;
	struct buf lines;

	errors_init(&told);
	words_tell(&s->words, &told);
	errors_free(&told);
	buf_init(&lines, 1 << 20);
	for (size_t i = 0; i < s->words.n && i < 20; i++)
		if (s->words.uses[i].is_by_hand)
			upgrade_by_hand(&s->words.uses[i], text, len, &lines);
	buf_free(&lines);
}

static void
compare(struct side *before, const char *text, size_t len, const struct buf *out)
{
	struct side after = {0};
	struct buf diff;

	buf_init(&diff, 16 << 20);
	upgrade_diff("fuzz", text, len, buf_str(out), out->len, &diff);
	buf_free(&diff);
	if (memchr(text, '*', len) != NULL || before->errors.n > 0)
		return;
	/* A word that is longer may be what makes the file too large, and nothing else. */
	must(read_side(&after, buf_str(out), out->len) == 0 || out->len > YAML_BYTES_MAX);
	if (after.doc != NULL)
		must(yaml_same(before->root, after.root));
	clear_side(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct side before = {0};
	struct buf out;

	if (read_side(&before, text, size) != 0)
		return 0;
	buf_init(&out, 4 * YAML_BYTES_MAX);
	if (upgrade_text(before.words.uses, before.words.n, "fuzz", text, size, &out) >= 0) {
		must(!out.failed);
		compare(&before, text, size, &out);
	}
	say(&before, text, size);
	buf_free(&out);
	clear_side(&before);
	return 0;
}
