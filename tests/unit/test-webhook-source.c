/*
 * test-webhook-source.c - the webhook source: what a reader sees of segments while they are
 * written, which ids are known, what becomes of a body.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/crc32c.h"
#include "plugins/webhook/webhook.h"

static char dir[256];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/tw-webhook.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	char rm[] = "rm", rf[] = "-rf", *args[] = {rm, rf, dir, NULL};
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execvp("rm", args);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void
put_file(uint64_t number, const void *bytes, size_t n)
{
	char name[INBOX_NAME], path[512];
	FILE *f;

	inbox_name_write(name, number);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void
drop_file(uint64_t number)
{
	char name[INBOX_NAME], path[512];

	inbox_name_write(name, number);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* A segment with bodies "0", "1", ... of `from` on; where each record ends. */
static size_t
segment(uint8_t *to, uint64_t number, int from, int n, size_t *ends)
{
	size_t at = INBOX_HEADER;

	inbox_header_write(to, number);
	for (int i = 0; i < n; i++) {
		char body[16];
		struct inbox_record r = {.received_ms = 5, .id = "x", .id_len = 1, .body = body};

		r.body_len = (uint32_t)snprintf(body, sizeof(body), "%d", from + i);
		inbox_record_write(to + at, &r);
		memcpy(to + at + INBOX_RECORD_HEAD, "x", 1);
		memcpy(to + at + INBOX_RECORD_HEAD + 1, body, r.body_len);
		at += INBOX_RECORD_HEAD + 1 + r.body_len;
		ends[i] = at;
	}
	return at;
}

static int
next_body(struct inbox_reader *r)
{
	struct inbox_record rec;
	char text[16];
	int rc = inbox_read(r, &rec);

	if (rc <= 0)
		return rc == 0 ? -1 : rc;
	assert_int_equal(rec.received_ms, 5);
	snprintf(text, sizeof(text), "%.*s", (int)rec.body_len, (const char *)rec.body);
	return (int)strtol(text, NULL, 10);
}

/* The newest segment, at every length that a writer's may have: what is whole is read, the rest
 * waited for, and read when it is there. */
static void
test_live_segment_at_every_byte(void **state)
{
	uint8_t bytes[1024];
	size_t ends[4], n = segment(bytes, 7, 0, 4, ends);

	(void)state;
	for (size_t len = 0; len <= n; len++) {
		struct inbox_reader r;
		int k = 0;

		put_file(7, bytes, len);
		assert_int_equal(inbox_reader_open(&r, dir, (struct inbox_position){0, 0}), 0);
		for (; k < 4 && len >= ends[k]; k++)
			assert_int_equal(next_body(&r), k);
		assert_int_equal(next_body(&r), -1);
		assert_int_equal(next_body(&r), -1);
		put_file(7, bytes, n);
		for (; k < 4; k++)
			assert_int_equal(next_body(&r), k);
		assert_int_equal(next_body(&r), -1);
		assert_int_equal(r.damaged, 0);
		assert_int_equal(r.at.segment, 7);
		assert_int_equal(r.at.offset, n);
		inbox_reader_close(&r);
	}
	drop_file(7);
}

/* With a next one it is over: what is not whole is damage, and no reason to stay. */
static void
test_finished_segment_at_every_byte(void **state)
{
	uint8_t bytes[1024], second[1024];
	size_t ends[4], other[4], n = segment(bytes, 7, 0, 4, ends);
	size_t m = segment(second, 9, 10, 1, other);

	(void)state;
	put_file(9, second, m);
	for (size_t len = 0; len <= n; len++) {
		struct inbox_position at = {0, 0};
		bool is_whole = len <= INBOX_HEADER;
		struct inbox_reader r;
		uint64_t damaged;
		int k = 0;

		put_file(7, bytes, len);
		assert_int_equal(inbox_reader_open(&r, dir, at), 0);
		for (; k < 4 && len >= ends[k]; k++) {
			is_whole |= len == ends[k];
			assert_int_equal(next_body(&r), k);
			at = r.at;
		}
		assert_int_equal(next_body(&r), 10);
		assert_int_equal(next_body(&r), -1);
		damaged = r.damaged;
		assert_int_equal(damaged, !is_whole);
		inbox_reader_close(&r);
		/* From a position that was stored, too. */
		assert_int_equal(inbox_reader_open(&r, dir, at), 0);
		assert_int_equal(next_body(&r), 10);
		inbox_reader_close(&r);
	}
	drop_file(7);
	drop_file(9);
}

/* A bit that turned costs its record; in a length, the rest of its segment; never more, and what
 * is read is never something else. */
static void
test_damage_at_every_byte(void **state)
{
	uint8_t bytes[1024], second[1024];
	size_t ends[4], other[4], n = segment(bytes, 7, 0, 4, ends);
	size_t m = segment(second, 8, 10, 1, other);

	(void)state;
	put_file(8, second, m);
	for (size_t at = 0; at < n; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct inbox_reader r;
			int got, last = -1, n_read = 0;

			bytes[at] ^= (uint8_t)(1 << bit);
			put_file(7, bytes, n);
			bytes[at] ^= (uint8_t)(1 << bit);
			assert_int_equal(
			    inbox_reader_open(&r, dir, (struct inbox_position){0, 0}), 0);
			while ((got = next_body(&r)) != 10) {
				assert_true(got > last && got < 4);
				last = got;
				n_read++;
			}
			assert_int_equal(next_body(&r), -1);
			assert_true(n_read < 4);
			assert_true(r.damaged > 0);
			if (at >= INBOX_HEADER + 4 && at < ends[0])
				assert_int_equal(n_read, 3);
			inbox_reader_close(&r);
		}
	drop_file(7);
	drop_file(8);
}

/* A position behind the end (a power cut took what was read, and not acknowledged), a segment that
 * is gone, a directory that is not there. */
static void
test_positions(void **state)
{
	uint8_t bytes[1024];
	size_t ends[4], n = segment(bytes, 3, 0, 2, ends);
	struct inbox_reader r;
	char path[512];

	(void)state;
	put_file(3, bytes, n);
	assert_int_equal(inbox_reader_open(&r, dir, (struct inbox_position){3, 90000}), 0);
	assert_int_equal(next_body(&r), -1);
	n = segment(bytes, 4, 20, 1, ends);
	put_file(4, bytes, n);
	assert_int_equal(next_body(&r), 20);
	inbox_reader_close(&r);
	assert_int_equal(inbox_reader_open(&r, dir, (struct inbox_position){2, 50}), 0);
	assert_int_equal(next_body(&r), 0);
	inbox_reader_close(&r);
	assert_int_equal(inbox_reader_open(&r, dir, (struct inbox_position){9, 50}), 0);
	assert_int_equal(next_body(&r), -1);
	inbox_reader_close(&r);
	snprintf(path, sizeof(path), "%s/nothing", dir);
	assert_int_equal(inbox_reader_open(&r, path, (struct inbox_position){0, 0}), 0);
	assert_int_equal(next_body(&r), -ENOENT);
	inbox_reader_close(&r);
	drop_file(3);
	drop_file(4);
}

/* A length that no record has says nothing of where the next one is, whatever its check sum. */
static void
test_lengths(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 40; len++) {
		uint8_t bytes[64] = {(uint8_t)len}, sum[4];
		struct inbox_record r;
		uint32_t crc = crc32c(crc32c(0, bytes, 4), bytes + 8, len);
		size_t size = 99;

		memcpy(sum, &(uint32_t){htole32(crc)}, 4);
		memcpy(bytes + 4, sum, 4);
		assert_int_equal(inbox_record_read(&r, bytes, sizeof(bytes), &size),
		    len < INBOX_RECORD_HEAD - 8 ? -EBADMSG : 1);
		assert_int_equal(size, len < INBOX_RECORD_HEAD - 8 ? 0 : len + 8);
	}
}

/* ---- ids ---- */

static uint64_t
mix(uint64_t x)
{
	x = (x + 1) * UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 31;
}

static void
save_and_load(struct seen *from, struct seen *to, uint32_t *pages)
{
	uint8_t page[SEEN_PAGE_BYTES];

	/* What is not dirty was saved before: a page of it is what `to` has. */
	for (uint32_t i = 0; i < SEEN_PAGES; i++) {
		if (!(from->dirty & 1u << i))
			continue;
		seen_save(from, i, page);
		assert_true(seen_load(to, i, page, sizeof(page)));
		++*pages;
	}
	assert_int_equal(from->dirty, 0);
	seen_ready(to);
}

static void
test_seen(void **state)
{
	struct seen *s = calloc(1, sizeof(*s)), *again = calloc(1, sizeof(*again));
	int64_t now = 1795000000000, day = 86400000;
	uint32_t pages = 0, x = 1;

	(void)state;
	for (uint64_t i = 0; i < 3 * SEEN_MAX; i++) {
		assert_false(seen_has(s, mix(i), now, day));
		seen_add(s, mix(i), now);
		x = x * 1664525 + 1013904223;
		if (x >> 20 == 0)
			save_and_load(s, again, &pages);
	}
	for (uint64_t i = 0; i < 3 * SEEN_MAX; i++)
		assert_int_equal(seen_has(s, mix(i), now, day), i >= 2 * SEEN_MAX);
	save_and_load(s, again, &pages);
	for (uint64_t i = 0; i < 3 * SEEN_MAX; i++)
		assert_int_equal(seen_has(again, mix(i), now, day), i >= 2 * SEEN_MAX);
	assert_int_equal(again->n, 3 * SEEN_MAX);
	/* Pages were put at different times; the ring goes on where the last one says. */
	memset(again, 0, sizeof(*again));
	for (uint32_t i = 0; i < SEEN_PAGES; i++) {
		uint8_t page[SEEN_PAGE_BYTES];

		seen_save(s, i, page);
		assert_true(seen_load(again, i, page, sizeof(page)));
		s->n -= i == 2 ? 5 : 0; /* the later ones are older */
	}
	s->n += 5;
	seen_ready(again);
	assert_int_equal(again->n, s->n);
	/* One id changes one page. */
	pages = 0;
	seen_add(s, 77, now);
	save_and_load(s, again, &pages);
	assert_int_equal(pages, 1);
	assert_true(seen_has(again, 77, now, day));
	/* It is forgotten after a day, and known anew. */
	assert_true(seen_has(s, 77, now + day, day));
	assert_false(seen_has(s, 77, now + day + 1000, day));
	seen_add(s, 77, now + day + 1000);
	assert_true(seen_has(s, 77, now + day + 2000, day));
	assert_false(seen_load(s, 0, "short", 5));
	free(s);
	free(again);
}

/* ---- bodies ---- */

static const struct body_format format = {.time = "/at",
    .names = {"id", "value", "email", "flag", "deep"},
    .pointers = {"/id", "/total/0", "/customer/email", "/paid", "/a~1b/c~0d"},
    .is_email = {false, false, true},
    .is_money = {false, true},
    .n_fields = 5,
    .email = "synthetic+*@shop.example"};

static const char *
try(const struct body_format *f, const char *text, struct tw_record *r, struct tw_value *v)
{
	static char why[256], kept[256];
	const char *wrong;
	struct body b;

	if (body_open(&b, f, text, strlen(text), why, sizeof(why)) != 0)
		return why;
	assert_true(b.n > 0);
	wrong = body_record(&b, f, 0, 42, r, v, why, sizeof(why));
	snprintf(kept, sizeof(kept), "%s", wrong != NULL ? wrong : "");
	for (uint32_t i = 0; wrong == NULL && i < f->n_fields; i++)
		if (v[i].type == TW_FIELD_TEXT) /* they live as long as the body */
			v[i].as.text = v[i].len == 3 && memcmp(v[i].as.text, "o-1", 3) == 0
			    ? "o-1" : NULL;
	body_close(&b);
	return wrong != NULL ? kept : NULL;
}

static void
test_values(void **state)
{
	struct tw_record r;
	struct tw_value v[5];

	(void)state;
	assert_null(try(&format, "{\"at\":1795000000,\"id\":\"o-1\",\"total\":[\"199.50\"],"
	    "\"customer\":{\"email\":\"c@x.example\"},\"paid\":true,\"a/b\":{\"c~d\":7}}", &r, v));
	assert_int_equal(r.time_ms, 1795000000000);
	assert_int_equal(r.flags, 0);
	assert_int_equal(v[0].type, TW_FIELD_TEXT);
	assert_string_equal(v[0].as.text, "o-1");
	assert_int_equal(v[1].type, TW_FIELD_REAL);
	assert_true(v[1].as.real == 199.5);
	assert_int_equal(v[2].type, TW_FIELD_NONE); /* nobody may keep an address */
	assert_int_equal(v[3].type, TW_FIELD_INT);
	assert_int_equal(v[3].as.integer, 1);
	assert_int_equal(v[4].as.integer, 7);
	assert_null(try(&format, "{\"at\":1795000000123,\"total\":[-3],\"paid\":false,\"id\":null,"
	    "\"customer\":{\"email\":\"synthetic+9@shop.example\"}}", &r, v));
	assert_int_equal(r.time_ms, 1795000000123);
	assert_int_equal(r.flags, TW_RECORD_SYNTHETIC);
	assert_int_equal(v[0].type, TW_FIELD_NONE);
	assert_int_equal(v[1].type, TW_FIELD_INT);
	assert_int_equal(v[3].as.integer, 0);
	assert_int_equal(v[3].type, TW_FIELD_INT);
	assert_int_equal(v[4].type, TW_FIELD_NONE);
	assert_null(try(&format, "{\"at\":1,\"total\":[\"1e5\"]}", &r, v));
	assert_int_equal(v[1].type, TW_FIELD_TEXT);
	assert_null(try(&format, "{\"at\":1,\"total\":[\"5.\"]}", &r, v));
	assert_int_equal(v[1].type, TW_FIELD_TEXT);
}

static void
test_cents(void **state)
{
	struct body_format cents = format;
	struct tw_record r;
	struct tw_value v[5];

	(void)state;
	cents.is_cents[1] = true;
	assert_null(try(&cents, "{\"at\":1,\"total\":[19950]}", &r, v));
	assert_int_equal(v[1].type, TW_FIELD_REAL);
	assert_true(v[1].as.real == 199.5);
	assert_null(try(&cents, "{\"at\":1,\"total\":[\"19950\"]}", &r, v));
	assert_true(v[1].as.real == 199.5);
	assert_null(try(&cents, "{\"at\":1,\"total\":[null]}", &r, v));
	assert_int_equal(v[1].type, TW_FIELD_NONE);
	assert_null(try(&cents, "{\"at\":1}", &r, v));
	assert_string_equal(
	    try(&cents, "{\"at\":1,\"total\":[\"a lot\"]}", &r, v), "value is no number of cents");
}

static void
test_what_is_refused(void **state)
{
	static const struct { const char *text, *why; } rows[] = {
	    {"", "is no JSON"}, {"{", "is no JSON"}, {"{\"at\":1}x", "is no JSON"},
	    {"{\"at\":1,\"at\":2}", "is no JSON"}, {"{\"id\":\"\\u0000\",\"at\":1}", "is no JSON"},
	    {"{\"id\":\"\xff\",\"at\":1}", "is no JSON"}, {"7", "is no object"},
	    {"\"text\"", "is no object"}, {"null", "is no object"}, {"{}", "/at is missing"},
	    {"{\"at\":\"soon\"}", "/at is no time"}, {"{\"at\":-5}", "/at is no time"},
	    {"{\"at\":{}}", "/at is no time"}, {"{\"at\":1,\"id\":{}}", "id is an object or array"},
	    {"{\"at\":1,\"id\":[1]}", "id is an object or array"}};
	char deep[400], text[6000];
	struct tw_record r;
	struct tw_value v[5];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = try(&format, rows[i].text, &r, v);

		assert_non_null(why);
		assert_memory_equal(why, rows[i].why, strlen(rows[i].why));
	}
	for (int depth = 63; depth <= 65; depth++) { /* with the object around: 64 is the limit */
		int n = snprintf(deep, sizeof(deep), "{\"at\":1,\"x\":");

		memset(deep + n, '[', (size_t)depth);
		memset(deep + n + depth, ']', (size_t)depth);
		memcpy(deep + n + 2 * depth, "}", 2);
		assert_int_equal(try(&format, deep, &r, v) == NULL, depth < 64);
	}
	snprintf(text, sizeof(text), "{\"at\":1,\"id\":\"%05000d\"}", 0);
	assert_string_equal(try(&format, text, &r, v), "id is over 4096 bytes");
}

static void
test_records(void **state)
{
	static const char three[] = "{\"orders\":[{\"id\":1},2,{\"id\":3}]}";
	struct body_format f = format;
	struct tw_value v[5];
	struct tw_record r;
	char why[256];
	struct body b;
	char *many = malloc(4 * (RECORDS_MAX + 2));
	size_t n = 0;

	(void)state;
	f.records = "/orders";
	f.time = NULL;
	assert_int_equal(body_open(&b, &f, three, sizeof(three) - 1, why, sizeof(why)), 0);
	assert_int_equal(b.n, 3);
	assert_null(body_record(&b, &f, 2, 42, &r, v, why, sizeof(why)));
	assert_int_equal(v[0].as.integer, 3);
	assert_int_equal(r.time_ms, 42);
	assert_non_null(body_record(&b, &f, 1, 42, &r, v, why, sizeof(why)));
	body_close(&b);
	assert_int_equal(body_open(&b, &f, "{\"orders\":[]}", 13, why, sizeof(why)), 0);
	assert_int_equal(b.n, 0);
	body_close(&b);
	assert_int_equal(body_open(&b, &f, "{\"orders\":{}}", 13, why, sizeof(why)), -EBADMSG);
	assert_int_equal(body_open(&b, &f, "{}", 2, why, sizeof(why)), -EBADMSG);
	assert_non_null(many);
	f.records = "";
	for (size_t k = RECORDS_MAX; k <= RECORDS_MAX + 1; k++) {
		n = 0;
		for (size_t i = 0; i < k; i++, n += 2)
			memcpy(many + n, i == 0 ? "[1" : ",1", 2);
		many[n++] = ']';
		assert_int_equal(body_open(&b, &f, many, n, why, sizeof(why)),
		    k > RECORDS_MAX ? -EBADMSG : 0);
		body_close(&b);
	}
	free(many);
}

static void
test_times(void **state)
{
	static const struct { const char *json; int64_t ms; } rows[] = {
	    {"1795000000", 1795000000000}, {"1795000000.25", 1795000000250},
	    {"1795000000123", 1795000000123}, {"1795000000123456", 1795000000123},
	    {"\"1795000000\"", 1795000000000}, {"\"2026-11-18T11:06:40Z\"", 1795000000000},
	    {"\"2026-11-18T12:06:40.5+01:00\"", 1795000000500},
	    {"\"2026-11-18T06:06:40-05:00\"", 1795000000000}, {"\"2026-11-18T11:06:40\"", -1},
	    {"\"2026-11-18\"", -1}, {"\"\"", -1}, {"0", -1}, {"-1", -1}, {"1e300", -1},
	    {"true", -1}, {"\"1.2.3\"", -1}, {"\"2026-13-18T11:06:40Z\"", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *v = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
		int64_t ms = -1;

		assert_non_null(v);
		assert_int_equal(body_time(v, &ms), rows[i].ms < 0 ? -EINVAL : 0);
		assert_int_equal(ms, rows[i].ms);
		json_decref(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_live_segment_at_every_byte),
	    cmocka_unit_test(test_finished_segment_at_every_byte),
	    cmocka_unit_test(test_damage_at_every_byte),
	    cmocka_unit_test(test_positions),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_seen),
	    cmocka_unit_test(test_values), cmocka_unit_test(test_cents),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_times),
	};

	alarm(1800);
	return cmocka_run_group_tests_name("webhook source", tests, make_dir, remove_dir);
}
