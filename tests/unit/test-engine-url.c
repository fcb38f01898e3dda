/*
 * test-engine-url.c - the pure parts of the probe engine: redirects, addresses and cookies follow
 * their rules.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "host/engine-internal.h"
#include "host/redirect.h"

/* ---- redirects ---- */

static void
a_location_counts_with_the_right_status_only(void **state)
{
	static const struct tw_header headers[] = {
	    {"X", "y"}, {"Location", ""}, {"lOCATION", "/a"}, {"Location", "/b"}};
	struct tw_hop hop = {.headers = headers, .n_headers = 4};

	(void)state;
	for (hop.status = 0; hop.status < 700; hop.status++) {
		bool is_one = hop.status == 301 || hop.status == 302 || hop.status == 303
		    || hop.status == 307 || hop.status == 308;
		const char *to = redirect_location(&hop);

		if ((to != NULL) != is_one || (is_one && strcmp(to, "/a") != 0))
			fail_msg("status %d", hop.status);
	}
	hop.status = 302;
	hop.n_headers = 2;
	assert_null(redirect_location(&hop));
}

static void
locations_become_urls_or_nothing(void **state)
{
	static const char *const rows[][2] = {{"/a?b=1", "https://shop.example/a?b=1"},
	    {"c", "https://shop.example/x/c"}, {"../c", "https://shop.example/c"},
	    {"?q", "https://shop.example/x/y?q"}, {"//other.example/z", "https://other.example/z"},
	    {"http://other.example:8080/#part", "http://other.example:8080/"},
	    {"HTTPS://Other.Example/", "https://Other.Example/"},
	    {"http://[::1]/", "http://[::1]/"}, {"file:///etc/passwd", NULL},
	    {"gopher://other.example/", NULL}, {"javascript:alert(1)", NULL},
	    {"ftp://other.example/", NULL}, {"http://", NULL}, {"http://a b/", NULL},
	    {"https://shop.example:99999/", NULL}};
	CURLU *base = curl_url();
	struct heap heap = {0};

	(void)state;
	assert_int_equal(
	    curl_url_set(base, CURLUPART_URL, "https://shop.example/x/y?z=1#f", 0), CURLUE_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *url = redirect_resolve(base, rows[i][0], &heap);

		if ((url == NULL) != (rows[i][1] == NULL)
		    || (url != NULL && strcmp(url, rows[i][1]) != 0))
			fail_msg("%s becomes %s", rows[i][0], url != NULL ? url : "nothing");
	}
	curl_url_cleanup(base);
	heap_free(&heap);
}

static void
methods_change_as_the_rfc_says(void **state)
{
	static const struct { int status; const char *before, *after; } rows[] = {
	    {301, "POST", "GET"}, {301, "GET", "GET"}, {301, "PUT", "PUT"}, {302, "POST", "GET"},
	    {302, "HEAD", "HEAD"}, {303, "POST", "GET"}, {303, "PUT", "GET"},
	    {303, "HEAD", "HEAD"}, {307, "POST", "POST"}, {308, "POST", "POST"},
	    {308, "DELETE", "DELETE"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct redirect_rules r = {.method = rows[i].before, .status = rows[i].status};

		if (strcmp(redirect_method(&r), rows[i].after) != 0)
			fail_msg("%d %s becomes %s", r.status, r.method, redirect_method(&r));
	}
}

static void
secrets_stay_with_their_origin(void **state)
{
	static const struct { const char *a, *b; bool same; } rows[] = {
	    {"https://a.example/", "https://a.example/x?y", true},
	    {"https://a.example/", "https://A.EXAMPLE:443/", true},
	    {"http://a.example/", "http://a.example:80/", true},
	    {"https://a.example/", "http://a.example/", false},
	    {"https://a.example/", "https://a.example:8443/", false},
	    {"https://a.example/", "https://b.a.example/", false},
	    {"https://a.example/", "https://a.example.evil.example/", false},
	    {"https://a.example/", "https://a.example@evil.example/", false},
	    {"https://a.example/", "nonsense://", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (redirect_same_origin(rows[i].a, rows[i].b) != rows[i].same
		    || redirect_same_origin(rows[i].b, rows[i].a) != rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	assert_true(redirect_keeps_header("ACCEPT-language"));
	assert_true(redirect_keeps_header("User-Agent"));
	assert_false(redirect_keeps_header("Authorization"));
	assert_false(redirect_keeps_header("X-Api-Key"));
	assert_false(redirect_keeps_header("Cookie"));
	assert_false(redirect_keeps_header("Accept-"));
}

/* ---- addresses ---- */

static void
addresses_are_told_apart(void **state)
{
	static const struct { const char *text; bool is_private; } rows[] = {
	    {"8.8.8.8", false}, {"172.15.255.255", false}, {"172.16.0.0", true},
	    {"172.31.255.255", true}, {"172.32.0.0", false}, {"100.63.255.255", false},
	    {"100.64.0.0", true}, {"100.127.255.255", true}, {"100.128.0.0", false},
	    {"9.255.255.255", false}, {"10.0.0.1", true}, {"11.0.0.0", false}, {"0.0.0.1", true},
	    {"127.255.255.254", true}, {"169.254.169.254", true}, {"192.168.1.1", true},
	    {"192.0.0.8", true}, {"192.0.2.1", false}, {"198.18.0.1", true}, {"198.20.0.0", false},
	    {"223.255.255.255", false}, {"224.0.0.1", true}, {"255.255.255.255", true},
	    {"::1", true}, {"::", true}, {"::127.0.0.1", true}, {"::ffff:127.0.0.1", true},
	    {"::ffff:8.8.8.8", false}, {"64:ff9b::10.0.0.1", true}, {"64:ff9b::8.8.8.8", false},
	    {"2002:7f00:1::", true}, {"2002:808:808::", false}, {"fc00::1", true},
	    {"fdff::1", true}, {"fe80::1", true}, {"febf::1", true}, {"fec0::1", false},
	    {"ff02::1", true}, {"2606:4700::1111", false}, {"[::1]", true}, {"[8.8.8.8]", false}};
	static const char *const bad[] = {"", "[]", "[", "1.2.3", "1.2.3.4.5", "0x7f.1",
	    "localhost", "::1%lo", "[::1", "::1]", "1.2.3.4 ", "256.1.1.1",
	    "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]"};
	struct sockaddr_storage a;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!address_parse(rows[i].text, &a)
		    || address_is_private((struct sockaddr *)&a) != rows[i].is_private)
			fail_msg("%s", rows[i].text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_parse(bad[i], &a))
			fail_msg("\"%s\" is an address", bad[i]);
	assert_true(address_parse("[2606:4700::1111]", &a));
	address_text((struct sockaddr *)&a, text, sizeof(text));
	assert_string_equal(text, "2606:4700::1111");
	a.ss_family = AF_UNIX;
	assert_true(address_is_private((struct sockaddr *)&a)); /* unknown is not let through */
}

/* ---- cookies ---- */

static int
count_cookies(CURL *easy, const char *part)
{
	struct curl_slist *all = NULL;
	int n = 0;

	assert_int_equal(curl_easy_getinfo(easy, CURLINFO_COOKIELIST, &all), CURLE_OK);
	for (const struct curl_slist *c = all; c != NULL; c = c->next)
		n += strstr(c->data, part) != NULL;
	curl_slist_free_all(all);
	return n;
}

static void
a_jar_carries_cookies_from_hop_to_hop_and_no_further(void **state)
{
	struct loop *l = loop_new();
	struct engine_opts opts = {.loop = l};
	struct engine *e = engine_new(&opts);
	struct tw_jar *mine = engine_jar_new(e), *other = engine_jar_new(e);
	CURL *easy = easy_take(e), *again;
	char line[128];

	(void)state;
	jar_load(mine, easy);
	for (int i = 0; i < 300; i++) {
		/* libcurl takes 50 of one domain. */
		snprintf(line, sizeof(line), "d%d.example\tFALSE\t/\tFALSE\t0\tc%d\tv", i / 20, i);
		assert_int_equal(curl_easy_setopt(easy, CURLOPT_COOKIELIST, line), CURLE_OK);
	}
	assert_int_equal(count_cookies(easy, "d"), 300);
	jar_store(mine, easy);
	easy_give(e, easy, true);
	assert_ptr_equal(again = easy_take(e), easy);
	assert_int_equal(count_cookies(again, "d"), 0); /* it went back to the pool empty */
	jar_load(other, again);
	assert_int_equal(count_cookies(again, "d"), 0);
	jar_load(mine, again);
	assert_int_equal(count_cookies(again, "d"), 256);
	easy_give(e, again, true); /* not stored, as when a run is cancelled */
	again = easy_take(e);
	assert_int_equal(count_cookies(again, "d"), 0);
	jar_store(mine, again);
	jar_load(mine, again);
	assert_int_equal(count_cookies(again, "d"), 0); /* deleted is deleted */
	easy_give(e, again, false);
	engine_jar_free(mine);
	engine_jar_free(other);
	engine_jar_free(NULL);
	engine_free(e);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_location_counts_with_the_right_status_only),
	    cmocka_unit_test(locations_become_urls_or_nothing),
	    cmocka_unit_test(methods_change_as_the_rfc_says),
	    cmocka_unit_test(secrets_stay_with_their_origin),
	    cmocka_unit_test(addresses_are_told_apart),
	    cmocka_unit_test(a_jar_carries_cookies_from_hop_to_hop_and_no_further)};

	return cmocka_run_group_tests_name("engine-url", tests, NULL, NULL);
}
