/*
 * test-access-log.c - formats, times, broken lines; and files that are rotated, cut, compressed and
 * left behind while nobody reads: each line once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>
#include <arpa/inet.h>

#include "lib/clock.h"
#include "plugins/access_log/log.h"
#include "plugins/common/network.h"

/* The clock is the test's: a grace is over when it says so. */
static int64_t now_us = 1000000000;
mono_t __wrap_mono_now(void);
mono_t
__wrap_mono_now(void)
{
	return (mono_t){now_us};
}

/* ---- formats ---- */

static const struct tw_pair draft_fields[] = {
    {"session", "sid"}, {"duration", "urt"}, {"synthetic", "syn"}};
static const char draft[] =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
    "\"$http_referer\" \"$http_user_agent\" rt=$request_time urt=$upstream_response_time "
    "sid=$cookie_visitor syn=$http_x_synthetic";

/* "name=value ..." of a line; texts as they are, numbers shortest. */
static void
show(struct log_format *f, const char *line, char *dst, size_t cap)
{
	struct tw_value v[LOG_FIELDS_MAX];
	char *copy = calloc(1, strlen(line) + 1 + LOG_PAD);
	uint32_t n_fields;
	const char *const *names = log_format_fields(f, &n_fields), *why;
	size_t n = 0;
	int64_t ms;

	assert_non_null(copy);
	memcpy(copy, line, strlen(line));
	if ((why = log_format_parse(f, copy, strlen(copy), strchr(line, '\\') != NULL, v, &ms))
	    != NULL) {
		snprintf(dst, cap, "! %s", why);
		free(copy);
		return;
	}
	n += (size_t)snprintf(dst, cap, "%lld", (long long)ms);
	for (uint32_t i = 0; i < n_fields; i++)
		if (v[i].type == TW_FIELD_TEXT)
			n += (size_t)snprintf(dst + n, cap - n, " %s=%.*s", names[i],
			    (int)v[i].len, v[i].as.text);
		else if (v[i].type == TW_FIELD_INT)
			n += (size_t)snprintf(dst + n, cap - n, " %s=%lld", names[i],
			    (long long)v[i].as.integer);
		else if (v[i].type == TW_FIELD_REAL)
			n += (size_t)snprintf(dst + n, cap - n, " %s=%g", names[i], v[i].as.real);
	free(copy);
}

static const struct { const char *format, *line, *says; } lines[] = {
    {"combined",
	"1.2.3.4 - - [10/Oct/2026:13:55:36 +0200] \"GET /p/1?x=2 HTTP/1.1\" 200 512 \"-\" "
	"\"Mozilla \\\"5\\\"\"",
	"1791633336000 address=1.2.3.4 method=GET path=/p/1 query=x=2 protocol=HTTP/1.1 status=200 "
	"bytes=512 user_agent=Mozilla \"5\""},
    {"combined", "1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] \"\\x16\\x03\\x01\" 400 0 \"-\" \"-\"",
	"1791640536000 address=1.2.3.4 status=400 bytes=0"},
    {"combined", "garbage", "! is cut, or of another format"},
    {"combined", "", "! is cut, or of another format"},
    {"combined", "1.2.3.4 - - [10/Oct/2026:13:55", "! is cut, or of another format"},
    {"combined", "1.2.3.4 - - [32/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"",
	"! has no time"},
    {"combined", "1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 2x0 1 \"-\" \"-\"",
	"! has a number that is none"},
    {"common", "::1 - jo [10/Oct/2026:13:55:36 -0330] \"POST /api/cart HTTP/2.0\" 302 -",
	"1791653136000 address=::1 method=POST path=/api/cart protocol=HTTP/2.0 status=302"},
    {"draft",
	"9.9.9.9 - - [10/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\" rt=0.500 "
	"urt=0.004, 0.120 : - sid=abc syn=-",
	"1791640536000 address=9.9.9.9 method=GET path=/ protocol=HTTP/1.1 status=200 bytes=1 "
	"user_agent=x duration=0.124 session=abc"},
    {"draft",
	"9.9.9.9 - - [10/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\" rt=0.500 "
	"urt=- sid=- syn=tillwatch",
	"1791640536000 address=9.9.9.9 method=GET path=/ protocol=HTTP/1.1 status=200 bytes=1 "
	"user_agent=x duration=0.5 synthetic=tillwatch"},
    {"%h %l %u %t \"%r\" %>s %b %D \"%{User-Agent}i\" %{visitor}C",
	"1.1.1.1 - - [10/Oct/2026:13:55:36 +0000] \"GET /a HTTP/1.1\" 500 7 1500 \"curl/8\" v1",
	"1791640536000 address=1.1.1.1 method=GET path=/a protocol=HTTP/1.1 status=500 bytes=7 "
	"duration=0.0015 user_agent=curl/8"},
    {"$msec|$status|$request_uri|$upstream_status", "1791640536.250|200|/x?y|502, 200",
	"1791640536250 status=200 path=/x query=y upstream_status=200"},
    {"${time_iso8601} $status $uri", "2026-10-10T15:55:36+02:00 404 /a",
	"1791640536000 status=404 path=/a"},
    {"json",
	"{\"ts\":\"2026-10-10T13:55:36.5Z\",\"status\":200,\"method\":\"GET\","
	"\"uri\":\"\\/p\\u00e9?q\",\"request_time\":0.25,"
	"\"nested\":{\"a\":[1,\"}\"]},\"bytes\":12}",
	"1791640536500 method=GET path=/p\303\251 query=q status=200 bytes=12 duration=0.25"},
    {"json", "{\"status\":\"200\", \"time\":1791640536, \"upstream_response_time\":\"0.1\"}",
	"1791640536000 status=200 duration=0.1"},
    {"json", "{\"status\":200}", "! has no time"},
    {"json", "{\"ts\":1791640536,\"status\":200", "! is no whole JSON object"},
    {"json", "[1]", "! is no JSON object"},
    {"json", "{\"ts\":1791640536,\"status\":null}", "! has no status"},
    {"json", "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]],\"ts\":1,\"status\":200}",
	"! is no whole JSON object"},
};

static void
lines_say_what_they_say(void **state)
{
	char err[256], got[1024];
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		bool is_draft = strcmp(lines[i].format, "draft") == 0;
		struct log_format *f;

		if (log_format_new(&f, is_draft ? draft : lines[i].format, draft_fields,
			is_draft ? 3 : 0, err, sizeof(err))
		    != 0)
			fail_msg("%s: %s", lines[i].format, err);
		show(f, lines[i].line, got, sizeof(got));
		if (strcmp(got, lines[i].says) != 0) {
			printf("%s\n  got  %s\n  want %s\n", lines[i].line, got, lines[i].says);
			wrong++;
		}
		log_format_free(f);
	}
	assert_int_equal(wrong, 0);
}

/* Values of every length from 0 to 150, and a literal longer than a block: what is looked at in
 * blocks has its seams everywhere. Every byte that could end a value too early is in them. */
static void
values_have_any_length(void **state)
{
	static const char hard[] = " ]\"'x\\-[ a", *format =
	    "$remote_addr a literal longer than any block [$time_iso8601] \"$request\" $status "
	    "$body_bytes_sent \"$http_user_agent\" end";
	struct log_format *f = NULL;
	char line[1024], wanted[1024], got[1024], path[151], value[151], escaped[302], err[256];

	(void)state;
	assert_int_equal(log_format_new(&f, format, NULL, 0, err, sizeof(err)), 0);
	for (size_t n = 0; n <= 150; n++) {
		int bytes = (int)(n * 7919 % 100000), status = 100 + (int)n;
		size_t k = 0;

		memset(path, 'p', n);
		for (size_t i = 0; i < n; i++) {
			value[i] = i == 0 || i + 1 == n ? 'z' : hard[(i + n) % (sizeof(hard) - 1)];
			if (value[i] == '"' || value[i] == '\\')
				escaped[k++] = '\\';
			escaped[k++] = value[i];
		}
		path[n] = value[n] = escaped[k] = '\0';
		snprintf(line, sizeof(line),
		    "10.0.0.%zu a literal longer than any block [2026-10-10T13:55:36Z] "
		    "\"GET /%s HTTP/1.1\" %d %d \"%s\" end", n, path, status, bytes, escaped);
		snprintf(wanted, sizeof(wanted),
		    "1791640536000 address=10.0.0.%zu method=GET path=/%s protocol=HTTP/1.1 "
		    "status=%d bytes=%d%s%s", n, path, status, bytes,
		    n > 0 ? " user_agent=" : "", value);
		show(f, line, got, sizeof(got));
		assert_string_equal(got, wanted);
		for (size_t cut = 0; cut < 20; cut++) { /* no part of a line is a line */
			line[strlen(line) - 1] = '\0';
			show(f, line, got, sizeof(got));
			assert_int_equal(got[0], '!');
		}
	}
	log_format_free(f);
}

/* Members of members, as Caddy writes them: what is named is found wherever it stands, and what is
 * broken inside is refused like what is broken outside. */
static void
members_of_members(void **state)
{
	static const struct tw_pair fields[] = {{"path", "/request/uri"},
	    {"method", "/request/method"}, {"address", "/request/remote_ip"},
	    {"user_agent", "/request/headers/User-Agent/0"}, {"session", "/cookies/1/v"}};
	static const struct { const char *line, *says; } nested[] = {
	    {"{\"ts\":1791640536.25,\"status\":200,\"duration\":0.01,\"request\":{\"remote_ip\":"
	     "\"9.9.9.9\",\"method\":\"GET\",\"uri\":\"/p?x=1\",\"headers\":{\"Accept\":[],"
	     "\"User-Agent\":[\"Mozilla\",\"no\"]}},\"cookies\":[{}, {\"v\" : \"abc\"}]}",
		"1791640536250 method=GET path=/p query=x=1 status=200 duration=0.01 "
		"address=9.9.9.9 user_agent=Mozilla session=abc"},
	    {"{\"request\":{\"uri\":\"/a\",\"uri2\":\"/b\"},\"uri\":\"/outer\",\"ts\":1791640536,"
	     "\"status\":200}",
		"1791640536000 path=/a status=200"},
	    {"{\"request\":[],\"cookies\":{\"1\":{\"v\":\"k\"}},\"ts\":1791640536,"
	     "\"status\":200}",
		"1791640536000 status=200 session=k"},
	    {"{\"request\":{\"uri\":\"/a\"", "! is no whole JSON object"},
	    {"{\"request\":{\"uri\":\"/a\"],\"ts\":1791640536,\"status\":200}",
		"! is no whole JSON object"},
	    {"{\"request\":{\"uri\"},\"ts\":1791640536,\"status\":200}",
		"! is no whole JSON object"},
	    {"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	     "1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
	     ",\"ts\":1,\"status\":200}",
		"! is no whole JSON object"}};
	char err[256], got[1024];
	struct log_format *f;

	(void)state;
	if (log_format_new(&f, "json", fields, 5, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
		show(f, nested[i].line, got, sizeof(got));
		assert_string_equal(got, nested[i].says);
	}
	log_format_free(f);
}

static void
formats_are_refused(void **state)
{
	static const struct tw_pair unknown = {"session", "nope"}, deep = {"duration",
	    "/a/23456789012345678901234567890123456789012345678901234567890123456789012345678901234"
	    "5678901234567890123456789012345678901234567890"};
	static const struct { const char *format; const struct tw_pair *field; const char *says; }
	bad[] = {{"$status $body_bytes_sent", NULL, "has no time ($time_local"},
	    {"[$time_local] $request", NULL, "has no status"},
	    {"[$time_local] $status$bytes_sent", NULL,
		"status and bytes_sent touch each other: nothing tells where one ends"},
	    {"combined", &unknown, "fields.session: the format has nothing called \"nope\""},
	    {"json", &deep, "fields.duration: is over 127 bytes"}};
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct log_format *f;

		assert_int_not_equal(log_format_new(&f, bad[i].format, bad[i].field,
					 bad[i].field != NULL, err, sizeof(err)),
		    0);
		if (strncmp(err, bad[i].says, strlen(bad[i].says)) != 0)
			fail_msg("%s", err);
	}
}

static void
the_screen_knows_whose_time_it_is(void **state)
{
	char err[128];
	struct log_format *f;

	(void)state;
	assert_int_equal(log_format_new(&f, "[$time_local] $status $request_time", NULL, 0, err,
			     sizeof(err)),
	    0);
	assert_true(log_format_has_client_time(f));
	log_format_free(f);
	assert_int_equal(log_format_new(&f, draft, draft_fields, 3, err, sizeof(err)), 0);
	assert_false(log_format_has_client_time(f));
	log_format_free(f);
}

/* ---- files ---- */

static char dir[64], live[96];
static unsigned written;            /* lines so far: each carries its number */
static int64_t file_time = 1790000000;

static void
name_of(char *dst, size_t cap, const char *ending)
{
	snprintf(dst, cap, "%s%s", live, ending);
}

static void
append(unsigned n)
{
	FILE *f = fopen(live, "a");

	assert_non_null(f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "line %u of many\n", written++);
	fclose(f);
}

/* Times of change in order, as in life: a minute between two rotations. */
static void
stamp(const char *path, int64_t s)
{
	struct timespec t[2] = {{.tv_sec = s}, {.tv_sec = s}};

	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void
rotate(bool is_compressed)
{
	char from[128], to[128];

	for (int i = 8; i >= 1; i--)
		for (int k = 0; k < 2; k++) {
			snprintf(from, sizeof(from), "%s.%d%s", live, i, k ? ".gz" : "");
			snprintf(to, sizeof(to), "%s.%d%s", live, i + 1, k ? ".gz" : "");
			(void)rename(from, to);
		}
	name_of(to, sizeof(to), ".1");
	assert_int_equal(rename(live, to), 0);
	stamp(to, file_time += 60);
	if (is_compressed) {
		char bytes[65536], gz[140];
		FILE *f = fopen(to, "r");
		size_t n;
		gzFile out;

		snprintf(gz, sizeof(gz), "%s.gz", to);
		out = gzopen(gz, "wb");
		while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
			gzwrite(out, bytes, (unsigned)n);
		fclose(f);
		gzclose(out);
		stamp(gz, file_time);
		unlink(to);
	}
	fclose(fopen(live, "w"));
	stamp(live, file_time + 1);
}

/* Reads all there is; how often each number was seen. */
static void
drain(struct follow *f, unsigned char *seen)
{
	char err[256], *text;
	uint32_t file;
	size_t n;
	int rc;

	for (int turn = 0; turn < 3; turn++) { /* the grace after a rotation goes by between */
		while ((rc = follow_read(f, &text, &n, &file, err, sizeof(err))) > 0) {
			assert_int_equal(text[n - 1], '\n');
			for (char *at = text, *end; at < text + n; at = end + 1) {
				char line[64];
				unsigned number;

				end = memchr(at, '\n', (size_t)(text + n - at));
				snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
				if (sscanf(line, "line %u of many", &number) == 1
				    && number < written)
					seen[number]++;
			}
			follow_time(f, file, 1);
		}
		now_us += 3000000;
	}
}

static unsigned
wrong(const unsigned char *seen)
{
	unsigned n = 0;

	for (unsigned i = 0; i < written; i++)
		if (seen[i] != 1 && n++ < 3)
			printf("line %u was seen %u times\n", i, seen[i]);
	return n;
}

static struct follow *
reader(int64_t history_ms)
{
	const char *paths[] = {live};

	return follow_new(paths, 1, 65536, history_ms);
}

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/tillwatch-log-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(live, sizeof(live), "%s/access.log", dir);
	written = 0;
	append(3);
	stamp(live, file_time += 60);
	return 0;
}

static int
tear_down(void **state)
{
	char path[160];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "%s.%d%s", live, i / 2, i % 2 ? ".gz" : "");
		unlink(path);
	}
	unlink(live);
	return rmdir(dir);
}

/* Steps at random: lines, rotations while nobody looks, restarts, falls back to an older position
 * with the counts of then. At the end each line was seen once. */
static void
each_line_once(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 7;
	static unsigned char seen[100000], seen_then[100000];
	struct follow *f = reader(0);
	size_t len = 0;
	void *kept = NULL;
	int rotated = 0;

	(void)state;
	srandom(seed);
	memset(seen, 0, sizeof(seen));
	drain(f, seen);
	for (int step = 0; step < 200; step++) {
		append((unsigned)random() % 50);
		switch (rotated < 6 ? random() % 6 : 2) { /* eight rotated files are kept */
		case 0: rotate(false); rotated++; break;
		case 1:
			rotate(true);
			rotated++;
			if (random() % 2) {
				append(5);
				rotate(false);
				rotated++;
			}
			break;
		case 2: /* a commit */
			drain(f, seen);
			free(kept);
			kept = follow_position(f, 0, &len);
			memcpy(seen_then, seen, sizeof(seen));
			rotated = 0;
			break;
		case 3: /* a crash: back to what was committed */
			if (kept == NULL)
				break;
			follow_free(f);
			f = reader(0);
			assert_true(follow_restore(f, kept, len));
			memcpy(seen, seen_then, sizeof(seen));
			break;
		default: drain(f, seen);
		}
	}
	drain(f, seen);
	printf("%u lines, seed %u\n", written, seed);
	assert_int_equal(follow_counts(f).lost, 0);
	assert_int_equal(wrong(seen), 0);
	follow_free(f);
	free(kept);
}

static void
a_cut_file_begins_anew(void **state)
{
	static unsigned char seen[1000];
	struct follow *f = reader(0);

	(void)state;
	memset(seen, 0, sizeof(seen));
	drain(f, seen);
	assert_int_equal(truncate(live, 0), 0);
	append(2);
	drain(f, seen);
	assert_int_equal(follow_counts(f).truncations, 1);
	assert_int_equal(wrong(seen), 0);
	follow_free(f);
}

static void
lines_without_an_end_wait(void **state)
{
	static unsigned char seen[1000];
	struct follow *f = reader(0);
	FILE *out = fopen(live, "a");

	(void)state;
	memset(seen, 0, sizeof(seen));
	fputs("line 3 of ma", out);
	fflush(out);
	written = 4;
	drain(f, seen);
	assert_int_equal(seen[3], 0);
	fputs("ny\n", out);
	for (int i = 0; i < 600000; i++) /* a line that no buffer holds */
		fputc(i == 599999 ? '\n' : 'x', out);
	fputs("line 4 of many", out);
	fclose(out);
	written = 5;
	drain(f, seen);
	assert_int_equal(seen[4], 0);
	rotate(false); /* nobody writes it any more: its last line needs no end */
	drain(f, seen);
	assert_int_equal(wrong(seen), 0);
	assert_int_equal(follow_counts(f).too_long, 1);
	follow_free(f);
}

static void
history_is_read_back(void **state)
{
	static unsigned char seen[1000];
	struct follow *f;

	(void)state;
	file_time = (int64_t)time(NULL) - 3600;
	rotate(true);
	append(3);
	rotate(false);
	append(3);
	memset(seen, 0, sizeof(seen));
	f = reader(INT64_C(86400000));
	drain(f, seen);
	assert_int_equal(wrong(seen), 0);
	follow_free(f);
	memset(seen, 0, sizeof(seen));
	f = reader(0); /* without history only what stands in the file itself */
	drain(f, seen);
	assert_int_equal(seen[0] + seen[3], 0);
	assert_int_equal(seen[6], 1);
	follow_free(f);
	file_time = 1790000000;
}

static void
damaged_positions_are_refused(void **state)
{
	static unsigned char seen[1000];
	struct follow *f = reader(0), *other;
	size_t len;
	char *kept;

	(void)state;
	drain(f, seen);
	kept = follow_position(f, 0, &len);
	for (size_t cut = 0; cut < len; cut++) {
		other = reader(0);
		(void)follow_restore(other, kept, cut);
		follow_free(other);
	}
	for (size_t i = 0; i < len; i++) {
		kept[i] ^= 0x55;
		other = reader(0);
		(void)follow_restore(other, kept, len);
		follow_free(other);
		kept[i] ^= 0x55;
	}
	free(kept);
	follow_free(f);
}

static void
files_that_are_not_there(void **state)
{
	const char *paths[] = {"/nonexistent/*.log"};
	struct follow *f = follow_new(paths, 1, 65536, 0);
	char err[256], *text;
	uint32_t file;
	size_t n;

	(void)state;
	assert_true(follow_read(f, &text, &n, &file, err, sizeof(err)) < 0);
	assert_string_equal(err, "/nonexistent/*.log: no such file");
	follow_free(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static bool
is_in(const struct network *nets, size_t n, const char *text)
{
	struct address a;

	assert_true(address_read(&a, text, strlen(text)));
	return network_has(nets, n, &a);
}

static void
addresses_are_read_strictly(void **state)
{
	static const char *const none[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
	    "1.2.3.4x", "1..3.4", "::g", "[::1", ":80", "2001:db8::1%eth0", "1.2.3.1234"};
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (address_read(&a, none[i], strlen(none[i])))
			fail_msg("\"%s\" is an address", none[i]);
	for (unsigned i = 0; i < 100000; i++) { /* as the C library reads and writes them */
		struct in_addr wanted = {.s_addr = i * 2654435761u};
		char text[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &wanted, text, sizeof(text));
		assert_true(address_read(&a, text, strlen(text)));
		assert_memory_equal(a.bytes + 12, &wanted, 4);
	}
}

/* Behind proxies that are ours the client is the first from the right who is not. */
static void
clients_behind_proxies(void **state)
{
	static const struct { const char *peer, *forwarded, *client; } cases[] = {
	    {"203.0.113.9", "198.51.100.1", "203.0.113.9"}, /* not ours: what it says counts not */
	    {"10.1.2.3", "198.51.100.1", "198.51.100.1"},
	    {"10.1.2.3", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"},
	    {"10.1.2.3", "198.51.100.1:4711", "198.51.100.1"},
	    {"fd00::1", "\"[2001:db8::7]:80\"", "2001:db8::7"},
	    {"10.1.2.3", "unknown, 10.9.9.9", NULL}, {"10.1.2.3", "", NULL},
	    {"10.1.2.3", "10.4.4.4", NULL}, {"not an address", "1.2.3.4", NULL}};
	struct network nets[2], one;
	struct address client;
	char text[NETWORK_TEXT];

	(void)state;
	assert_int_equal(network_parse(&nets[0], "10.0.0.0/8"), 0);
	assert_int_equal(network_parse(&nets[1], "fd00::/8"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_known = network_client(&client, nets, 2, cases[i].peer,
		    strlen(cases[i].peer), cases[i].forwarded, strlen(cases[i].forwarded));

		assert_int_equal(is_known, cases[i].client != NULL);
		if (is_known)
			assert_string_equal(address_text(text, &client), cases[i].client);
	}
	assert_true(is_in(nets, 2, "::ffff:10.3.3.3"));
	assert_false(is_in(nets, 2, "11.0.0.1"));
	assert_int_equal(network_parse(&one, "10.0.0.1/8"), -22);
	assert_int_equal(network_parse(&one, "10.0.0.0/33"), -22);
	assert_int_equal(network_parse(&one, "10.0.0.0/"), -22);
	assert_int_equal(network_parse(&one, "shop"), -22);
	assert_int_equal(network_parse(&one, "0.0.0.0/0"), 0);
	assert_true(is_in(&one, 1, "203.0.113.9"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines_say_what_they_say),
	    cmocka_unit_test(values_have_any_length),
	    cmocka_unit_test(addresses_are_read_strictly), cmocka_unit_test(clients_behind_proxies),
	    cmocka_unit_test(members_of_members), cmocka_unit_test(formats_are_refused),
	    cmocka_unit_test(the_screen_knows_whose_time_it_is), T(each_line_once),
	    T(a_cut_file_begins_anew), T(lines_without_an_end_wait), T(history_is_read_back),
	    T(damaged_positions_are_refused), cmocka_unit_test(files_that_are_not_there)};

	return cmocka_run_group_tests_name("access-log", tests, NULL, NULL);
}
