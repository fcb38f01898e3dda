/*
 * word-table.c - what the configuration's own keys (table.c) were called before. A plugin's former
 * words stand beside its options.
 *
 * A row stays for as long as a file that has the old word may be met: a year of versions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/words.h"

static const struct tw_word rows[] = {
    /* A map of headers is `headers` everywhere; `header` names one. */
    {"synthetic/header", "synthetic/headers", "0.1.0"},
};
const struct tw_table config_words = TW_TABLE(rows);
