/*
 * labels.h - a set of name=value labels: the identity of a series, an alert, a target.
 *
 * Immutable after labels_new, reference-counted (atomically: sets travel between the store's
 * writer and the query threads), one allocation, sorted by name. The metric's name is the
 * label `__name__`, as in Prometheus' data model.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_LABELS_H
#define LIB_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABELS_MAX 64              /* labels a set */
#define LABELS_MAX_BYTES (16 * 1024) /* names and values of one set, together */
#define LABEL_NAME "__name__"

struct label {
	const char *name, *value;  /* both NUL-terminated UTF-8, owned by the set */
};

struct labels {
	uint32_t refs;             /* private */
	uint32_t n;
	uint64_t hash;             /* XXH3 of the canonical bytes: equal sets, equal hash */
	struct label at[];         /* sorted by name (byte order), names unique, no empty values */
};

/* A set of the n pairs given in any order; pairs with an empty value are left out (an absent label
 * and an empty one are the same thing). Returns 0, -EEXIST on a name given twice, -E2BIG past a
 * ceiling, -ENOMEM. The caller owns one reference. */
int labels_new(struct labels **out, const struct label *pairs, size_t n);
/* One more reference / one less (frees at the last). NULL is allowed and means the empty set. */
struct labels *labels_ref(const struct labels *l);
void labels_unref(const struct labels *l);

/* The value of a label, or "" where it is absent. Never NULL. */
const char *labels_get(const struct labels *l, const char *name);
bool labels_equal(const struct labels *a, const struct labels *b);
/* Order by (name, value) pairs, as Prometheus sorts series. <0, 0, >0. */
int labels_cmp(const struct labels *a, const struct labels *b);

/* A new set = base with n pairs set (an empty value removes). Errors as labels_new. */
int labels_with(
    struct labels **out, const struct labels *base, const struct label *pairs, size_t n);
/* A new set with only (keep=true) or without (keep=false) the given names. Errors as labels_new. */
int labels_pick(struct labels **out, const struct labels *base, const char *const *names, size_t n,
    bool keep);

/* Prometheus text: metric{a="x",b="y"}; values escaped (\\ \" \n). Returns the bytes that the whole
 * text needs without the NUL (as snprintf). */
size_t labels_format(const struct labels *l, char *dst, size_t cap);
/* The same text read back. Returns 0, or -EINVAL and the offset of the mistake in *err_at. */
int labels_parse(struct labels **out, const char *text, size_t len, size_t *err_at);

bool label_name_ok(const char *name);  /* [a-zA-Z_][a-zA-Z0-9_]* */
bool metric_name_ok(const char *name); /* [a-zA-Z_:][a-zA-Z0-9_:]* */

#endif
