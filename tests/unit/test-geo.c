/*
 * test-geo.c - countries of addresses: a real database, made by tests/make-mmdb, through the host's
 * reader and the access log's memory of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/geo.h"
#include "plugins/access_log/log.h"
#include "plugins/common/network.h"

const struct tw_api *tw_api_;

static struct geo_db *db;
static int asked;

static const struct { const char *address, *country; uint32_t prefix; } cases[] = {
    {"198.51.100.1", "DE", 25}, {"198.51.100.200", "FR", 25}, {"198.51.101.1", NULL, 0},
    {"203.1.2.3", "US", 8}, {"2001:db8::7", "NL", 48}, {"2001:db8:1:2::7", "BE", 64},
    {"2001:db9::7", NULL, 0}, {"::ffff:203.1.2.3", "US", 0}, {"127.0.0.1", NULL, 0}};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static int
set_up(void **state)
{
	const char *top = getenv("top_srcdir"), *paths[GEO_FILES] = {NULL};
	char path[] = "/tmp/tillwatch-geo.XXXXXX", command[512], err[256];
	char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, command, NULL};
	int fd = mkstemp(path), status = -1;
	pid_t pid;

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	snprintf(command, sizeof(command),
	    "printf '%%s\\n' '198.51.100.0/24 DE' '198.51.100.128/25 FR' '2001:db8::/32 NL' "
	    "'2001:db8:1:2::/64 BE' '203.0.0.0/8 US' | '%s/tests/make-mmdb' '%s'",
	    top != NULL ? top : ".", path);
	paths[0] = path;
	if (posix_spawnp(&pid, "sh", NULL, NULL, argv, environ) != 0
	    || waitpid(pid, &status, 0) != pid || status != 0)
		return -1;
	if ((db = geo_open(paths, err, sizeof(err))) == NULL
	    || err[0] != '\0')
		return -1;
	return unlink(path);
}

static int
tear_down(void **state)
{
	(void)state;
	geo_close(db);
	return 0;
}

static void
addresses_have_countries(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES; i++) {
		struct tw_geo geo = {.size = sizeof(geo)};
		int rc = geo_find(db, cases[i].address, &geo);

		assert_int_equal(rc == 0, cases[i].country != NULL);
		if (rc != 0)
			continue;
		assert_string_equal(geo.country, cases[i].country);
		if (cases[i].prefix != 0 && geo.prefix != cases[i].prefix)
			fail_msg("%s: /%u", cases[i].address, geo.prefix);
	}
}

static int
ask_db(struct tw_ctx *ctx, const char *address, struct tw_geo *out)
{
	(void)ctx;
	asked++;
	return geo_find(db, address, out);
}

static bool
country(struct country_cache *c, const char *text, char code[3])
{
	struct address a;

	assert_true(address_read(&a, text, strlen(text)));
	code[2] = '\0';
	return country_of(NULL, c, &a, code);
}

/* However often and in whatever order it is asked: what the database says; and it is asked once. */
static void
what_was_found_is_remembered(void **state)
{
	static const struct tw_api api = {.size = sizeof(api), .geo = ask_db};
	struct country_cache *c = country_cache_new();
	char code[3];

	(void)state;
	assert_non_null(c);
	tw_api_ = &api;
	asked = 0;
	for (unsigned i = 0; i < 1000; i++) {
		size_t k = (i * 7 + i / 100) % N_CASES;
		bool is_known = country(c, cases[k].address, code);

		assert_int_equal(is_known, cases[k].country != NULL);
		if (is_known)
			assert_string_equal(code, cases[k].country);
	}
	assert_int_equal(asked, N_CASES - 1); /* one of them is another in IPv6's words */
	assert_true(country(c, "203.1.2.99", code)); /* its network is known */
	assert_int_equal(asked, N_CASES - 1);
	assert_true(country(c, "203.1.3.99", code));
	assert_int_equal(asked, N_CASES);
	country_cache_free(c);
}

/* More addresses than there is room for: slower, never wrong. */
static void
what_was_forgotten_is_asked_again(void **state)
{
	static const struct tw_api api = {.size = sizeof(api), .geo = ask_db};
	struct country_cache *c = country_cache_new();

	(void)state;
	tw_api_ = &api;
	for (unsigned i = 0; i < 300000; i++) {
		unsigned n = i * 2654435761u;
		char text[32], code[3];
		struct tw_geo geo = {.size = sizeof(geo)};
		bool is_known;

		snprintf(text, sizeof(text), "%u.%u.%u.%u", i % 3 == 0 ? 198 : 203,
		    i % 3 == 0 ? 51 : n >> 8 & 255, i % 3 == 0 ? 100 : n >> 16 & 255, n & 255);
		is_known = country(c, text, code);
		assert_int_equal(is_known, geo_find(db, text, &geo) == 0);
		if (is_known)
			assert_string_equal(code, geo.country);
	}
	country_cache_free(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_have_countries),
	    cmocka_unit_test(what_was_found_is_remembered),
	    cmocka_unit_test(what_was_forgotten_is_asked_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
