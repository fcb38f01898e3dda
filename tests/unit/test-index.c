/*
 * test-index.c - the index finds what was added, by name and not by hash, at every size.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/index.h"

#define THINGS 5000u

struct thing {
	uint32_t name;
};

/* As bad as a hash may be: a hundred things each, and nothing in the low half. */
static uint64_t
crowded(uint32_t name)
{
	return (uint64_t)(name / 100) << 32;
}

static uint64_t
thing_hash(const void *thing)
{
	return crowded(((const struct thing *)thing)->name);
}

static bool
has_name(const void *thing, const void *name)
{
	return ((const struct thing *)thing)->name == *(const uint32_t *)name;
}

static const struct index_kind by_name = {thing_hash, has_name};

static struct thing *
find(const struct index *x, uint32_t name)
{
	return index_find(x, &by_name, crowded(name), &name);
}

static void
test_find(void **state)
{
	static struct thing things[THINGS];
	struct index x = {0};

	(void)state;
	assert_null(find(&x, 0));
	for (uint32_t i = 0; i < THINGS; i++) {
		things[i].name = i;
		assert_null(find(&x, i));
		assert_int_equal(index_add(&x, &by_name, &things[i]), 0);
		assert_ptr_equal(find(&x, i), &things[i]);
		assert_true(x.n < x.cap); /* a search for what is not in it ends */
	}
	for (uint32_t i = 0; i < THINGS; i++)
		assert_ptr_equal(find(&x, i), &things[i]);
	assert_null(find(&x, THINGS));
	index_clear(&x);
	assert_null(find(&x, 0));
}

static void
test_walk(void **state)
{
	static struct thing things[THINGS];
	static unsigned seen[THINGS];
	struct index x = {0};
	struct thing *t;
	uint32_t at = 0;

	(void)state;
	assert_null(index_next(&x, &at));
	for (uint32_t i = 0; i < THINGS; i++) {
		things[i].name = i;
		assert_int_equal(index_add(&x, &by_name, &things[i]), 0);
	}
	for (at = 0; (t = index_next(&x, &at)) != NULL;)
		seen[t->name]++;
	for (uint32_t i = 0; i < THINGS; i++)
		assert_int_equal(seen[i], 1);
	index_clear(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
