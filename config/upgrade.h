/*
 * upgrade.h - old words of a configuration (words.h) are rewritten where they stand.
 *
 * Only the bytes of the words change: comments, order, quotes, blanks and ends of lines are those
 * of the writer. Where a word stands the YAML parser has said; nothing is parsed here. What it
 * means is not judged here either: who writes the text loads it first, and compares (config_same).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_UPGRADE_H
#define CONFIG_UPGRADE_H

#include "config/words.h"
#include "lib/buf.h"

/* Appends the file's text with its words rewritten to out. uses: sorted; those of other files are
 * left out, and one whose word does not stand there as it is (written with escapes, in a block, by
 * an anchor that stands for two words) becomes is_by_hand. The number of words rewritten, or
 * -EILSEQ: the text is no UTF-8. */
int upgrade_text(struct word_use *uses, size_t n, const char *file, const char *text, size_t len,
    struct buf *out);

/* What somebody has to write for a use that is_by_hand: lines of YAML, or a sentence. */
void upgrade_by_hand(const struct word_use *use, const char *text, size_t len, struct buf *out);

/* A unified diff with three lines around, as diff -u writes it. Both texts have as many lines. */
void upgrade_diff(const char *file, const char *old, size_t old_len, const char *new,
    size_t new_len, struct buf *out);

/* Puts the new text in the place of the old one: same mode, owner and group; of a symbolic link its
 * target. What was there is kept beside it as .orig, or .orig.1 and so on; its name goes into orig
 * (to be freed). A reader sees one or the other, also after a crash. 0; -ESTALE: the file is not
 * `old` any more; or an error of the system. Then nothing has changed. */
int upgrade_write(const char *file, const char *old, size_t old_len, const char *new,
    size_t new_len, char **orig);

#endif
