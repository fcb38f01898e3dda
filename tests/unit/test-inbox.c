/*
 * test-inbox.c - the inbox: what a segment is after a crash at any byte, when it is full, when it
 * is removed, who may post.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/inbox/internal.h"

#define POSTERS 8
#define EACH 150

static char dir[256];

static int
make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/tw-inbox.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static char *
path_of(const char *source, uint64_t number)
{
	static char path[512];
	char name[INBOX_NAME];

	inbox_name_write(name, number);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, source, name);
	return path;
}

static size_t
read_bytes(const char *path, uint8_t *to, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n = f != NULL ? fread(to, 1, cap, f) : 0;

	if (f != NULL)
		fclose(f);
	return n;
}

static void
write_bytes(const char *path, const uint8_t *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static int64_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

static struct inbox_record
record(const char *id, const char *body)
{
	return (struct inbox_record){.received_ms = 1795000000000, .id = id,
	    .id_len = (uint16_t)strlen(id), .body = body, .body_len = (uint32_t)strlen(body)};
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

/* Three records in segment 1 of "a"; bounds[i]: where record i ends, bounds[0] the header. */
static size_t
three(const char *source, uint8_t *bytes, size_t cap, size_t bounds[4])
{
	static const char *const bodies[] = {"{}", "{\"word\":\"a\"}", ""};
	struct segments s;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, source);
	assert_int_equal(segments_open(&s, path, 0), 0);
	bounds[0] = INBOX_HEADER;
	for (int i = 0; i < 3; i++) {
		struct inbox_record r = record(i == 1 ? "" : "id-1", bodies[i]);

		assert_int_equal(segments_append(&s, &r), 0);
		bounds[i + 1] = bounds[i] + INBOX_RECORD_HEAD + r.id_len + r.body_len;
	}
	assert_int_equal(segments_sync(&s), 0);
	segments_close(&s);
	return read_bytes(path_of(source, 1), bytes, cap);
}

static void
test_torn_tail_at_every_byte(void **state)
{
	uint8_t bytes[1024];
	size_t bounds[4], n = three("a", bytes, sizeof(bytes), bounds);
	char path[512];

	(void)state;
	assert_int_equal(n, bounds[3]);
	snprintf(path, sizeof(path), "%s/a", dir);
	for (size_t len = 0; len <= n; len++) {
		struct inbox_record r = record("id-2", "new");
		size_t sound = len < INBOX_HEADER ? 0 : bounds[0];
		struct segments s;

		for (int i = 1; i < 4; i++)
			sound = len >= bounds[i] ? bounds[i] : sound;
		write_bytes(path_of("a", 1), bytes, len);
		assert_int_equal(segments_open(&s, path, 0), 0);
		assert_int_equal(size_of(path_of("a", 1)), sound);
		/* What comes now is in a segment of its own. */
		assert_int_equal(segments_append(&s, &r), 0);
		assert_int_equal(size_of(path_of("a", 1)), sound);
		assert_int_equal(
		    size_of(path_of("a", 2)), INBOX_HEADER + INBOX_RECORD_HEAD + 4 + 3);
		segments_close(&s);
		unlink(path_of("a", 2));
	}
}

/* A bit that turned in the last record ends the segment before it; one before a whole record does
 * not, unless it is in a length, which says where the next one is. */
static void
test_damage_at_every_byte(void **state)
{
	uint8_t bytes[1024];
	size_t bounds[4], n = three("b", bytes, sizeof(bytes), bounds);
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/b", dir);
	for (size_t at = INBOX_HEADER; at < n; at++) {
		struct segments s;
		int64_t left;

		bytes[at] ^= 0x10;
		write_bytes(path_of("b", 1), bytes, n);
		bytes[at] ^= 0x10;
		assert_int_equal(segments_open(&s, path, 0), 0);
		segments_close(&s);
		left = size_of(path_of("b", 1));
		if (at >= bounds[2])
			assert_int_equal(left, bounds[2]);
		else if (at >= bounds[1] + 4)
			assert_int_equal(left, n);
		else
			assert_true(left == (int64_t)n || left == (int64_t)bounds[0]
			    || left == (int64_t)bounds[1]);
	}
}

static void
test_segments_end_and_go(void **state)
{
	static char body[1 << 20];
	struct inbox_record r = {.received_ms = 1, .body = body, .body_len = sizeof(body)};
	struct segments s;
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/c", dir);
	assert_int_equal(segments_open(&s, path, 41), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(segments_append(&s, &r), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.list[0].number, 42);
	assert_true(size_of(path_of("c", 42)) >= SEGMENT_BYTES);
	assert_int_equal(segments_unread(&s, (struct inbox_position){0, 0}),
	    10 * (INBOX_RECORD_HEAD + sizeof(body)));
	assert_int_equal(
	    segments_unread(&s,
		(struct inbox_position){43, INBOX_HEADER + INBOX_RECORD_HEAD + sizeof(body)}),
	    5 * (INBOX_RECORD_HEAD + sizeof(body)));

	segments_trim(&s, (struct inbox_position){42, 100}, mono_now());
	assert_int_equal(s.n, 3); /* read in part */
	segments_trim(&s, (struct inbox_position){44, INBOX_HEADER}, mono_now());
	assert_int_equal(s.n, 1);
	assert_int_equal(size_of(path_of("c", 43)), -1);
	assert_true(size_of(path_of("c", 44)) > 0);
	/* A minute later it ends, so that what was read can go. */
	segments_trim(&s, (struct inbox_position){44, INBOX_HEADER},
	    mono_add_us(mono_now(), SEGMENT_AGE_US + 1));
	assert_int_equal(s.n, 2);
	assert_int_equal(size_of(path_of("c", 45)), INBOX_HEADER);
	segments_trim(&s, (struct inbox_position){45, INBOX_HEADER},
	    mono_add_us(mono_now(), 2 * SEGMENT_AGE_US + 2));
	assert_int_equal(s.n, 1); /* an empty one stays as it is */
	assert_int_equal(segments_append(&s, &r), 0);
	assert_true(size_of(path_of("c", 45)) > INBOX_HEADER);
	segments_close(&s);
	/* A number that a source has been told is never used again, also if its file is gone. */
	unlink(path_of("c", 45));
	assert_int_equal(segments_open(&s, path, 45), 0);
	assert_int_equal(segments_append(&s, &r), 0);
	assert_int_equal(s.list[0].number, 46);
	segments_close(&s);
}

/* The disk is full in the middle of a record: it is not taken, and nothing is written over. */
static void
test_disk_is_full(void **state)
{
	struct inbox_record small = record("1", "first"), large = {.received_ms = 1};
	struct rlimit old, limit;
	static char body[4096];
	struct segments s;
	char path[512];

	(void)state;
	large.body = body;
	large.body_len = sizeof(body);
	snprintf(path, sizeof(path), "%s/d", dir);
	assert_int_equal(segments_open(&s, path, 0), 0);
	assert_int_equal(segments_append(&s, &small), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = (struct rlimit){1000, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(segments_append(&s, &large) < 0);
	assert_int_equal(segments_sync(&s), -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(size_of(path_of("d", 1)), 1000);
	assert_int_equal(segments_append(&s, &small), 0);
	assert_int_equal(segments_sync(&s), 0);
	assert_int_equal(size_of(path_of("d", 2)), INBOX_HEADER + INBOX_RECORD_HEAD + 1 + 5);
	segments_close(&s);
}

/* ---- the whole, without its listener ---- */

struct committed { pthread_mutex_t lock; struct inbox_position p; };

static bool
position(void *arg, const char *source, struct inbox_position *p)
{
	struct committed *c = arg;

	(void)source;
	pthread_mutex_lock(&c->lock);
	*p = c->p;
	pthread_mutex_unlock(&c->lock);
	return p->segment > 0;
}

static struct inbox *
start(const char *name, int64_t max_size, struct committed *c)
{
	static const char *const secrets[] = {"secret"};
	struct inbox_source source = {.name = "s", .signature = INBOX_GITHUB, .secrets = secrets,
	    .n_secrets = 1};
	char path[512], err[256] = "";
	struct inbox_opts o = {.path = path, .max_body = 1 << 20, .max_size = max_size,
	    .position = position, .arg = c};
	struct inbox *b;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(inbox_start(&b, &o, err, sizeof(err)), 0);
	assert_int_equal(inbox_configure(b, &source, 1, err, sizeof(err)), 0);
	return b;
}

static void
backlog(void *arg, const char *source, int64_t bytes)
{
	assert_string_equal(source, "s");
	*(int64_t *)arg = bytes;
}

static void
test_full_until_read(void **state)
{
	struct committed c = {PTHREAD_MUTEX_INITIALIZER, {0, 0}};
	struct inbox *b = start("full", 64 * 1024, &c);
	static char body[16 * 1024];
	struct inbox_record r = {.received_ms = 1, .body = body, .body_len = sizeof(body)};
	int64_t unread = 0;
	int n = 0, rc;

	(void)state;
	assert_int_equal(inbox_append(b, "nobody", &r), -ENOENT);
	while ((rc = inbox_append(b, "s", &r)) == 0)
		n++;
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(n, 3);
	inbox_backlog_each(b, backlog, &unread);
	assert_int_equal(unread, 3 * (INBOX_RECORD_HEAD + sizeof(body)));
	/* The source has read two. */
	pthread_mutex_lock(&c.lock);
	c.p = (struct inbox_position){1, INBOX_HEADER + 2 * (INBOX_RECORD_HEAD + sizeof(body))};
	pthread_mutex_unlock(&c.lock);
	for (int i = 0; i < 3000 && (rc = inbox_append(b, "s", &r)) == -ENOSPC; i++)
		usleep(10000);
	assert_int_equal(rc, 0);
	inbox_stop(b);
}

struct poster { struct inbox *b; int who; };

static void *
poster(void *arg)
{
	const struct poster *p = arg;

	for (int i = 0; i < EACH; i++) {
		char id[32];
		struct inbox_record r;

		snprintf(id, sizeof(id), "%d", p->who * EACH + i);
		r = record(id, "{}");
		if (inbox_append(p->b, "s", &r) != 0)
			return NULL;
	}
	return arg;
}

static void
test_all_at_once(void **state)
{
	static uint8_t bytes[1 << 20];
	struct committed c = {PTHREAD_MUTEX_INITIALIZER, {0, 0}};
	struct inbox *b = start("many", 64 << 20, &c);
	char count[POSTERS * EACH] = {0};
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];
	size_t n, at = INBOX_HEADER, size;
	void *rc;

	(void)state;
	for (int i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){b, i};
		assert_int_equal(pthread_create(&threads[i], NULL, poster, &posters[i]), 0);
	}
	for (int i = 0; i < POSTERS; i++) {
		assert_int_equal(pthread_join(threads[i], &rc), 0);
		assert_non_null(rc);
	}
	/* Without stopping: what was answered is there. */
	n = read_bytes(path_of("many/s", 1), bytes, sizeof(bytes));
	for (; at < n; at += size) {
		struct inbox_record r;
		char id[32];

		assert_int_equal(inbox_record_read(&r, bytes + at, n - at, &size), 1);
		snprintf(id, sizeof(id), "%.*s", (int)r.id_len, r.id);
		count[strtol(id, NULL, 10)]++;
	}
	for (int i = 0; i < POSTERS * EACH; i++)
		assert_int_equal(count[i], 1);
	inbox_stop(b);
}

/* ---- who may post ---- */

static const char *
header(void *arg, const char *name)
{
	const char *const *h = arg;

	for (; *h != NULL; h += 2)
		if (strcmp(h[0], name) == 0)
			return h[1];
	return NULL;
}

static int
verify(enum inbox_signature kind, const char *own, const char *secret, const char *body,
    const char *const *headers, struct inbox_record *r)
{
	const char *const secrets[] = {"another secret", secret};
	struct inbox_source s = {.name = "s", .signature = kind, .header = own,
	    .secrets = secrets, .n_secrets = 2};
	struct inbox_post p = {header, (void *)(uintptr_t)headers, body, strlen(body),
	    1795000000000};
	struct inbox_keys k;
	char err[256];
	int rc;

	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), 0);
	inbox_keys_set(&k, &s);
	rc = inbox_verify(&k, &p, r);
	inbox_keys_clear(&k);
	return rc;
}

#define H(...) (const char *const[]){__VA_ARGS__, NULL}

/* GitHub's own example; the base64 is openssl's of the same. */
static void
test_signatures(void **state)
{
	static const char secret[] = "It's a Secret to Everybody", body[] = "Hello, World!";
	static const char hex[] =
	    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
	static const char base64[] = "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=";
	char prefixed[80], upper[80];
	struct inbox_record r;

	(void)state;
	snprintf(prefixed, sizeof(prefixed), "sha256=%s", hex);
	snprintf(upper, sizeof(upper), "%s", hex);
	for (char *c = upper; *c != '\0'; c++)
		*c = (char)(*c >= 'a' ? *c - 'a' + 'A' : *c);
	assert_int_equal(verify(INBOX_GITHUB, NULL, secret, body,
	    H("X-Hub-Signature-256", prefixed, "X-GitHub-Delivery", "d-1"), &r), 0);
	assert_int_equal(r.id_len, 3);
	assert_int_equal(verify(INBOX_GITHUB, NULL, secret, body, H("X-Hub-Signature-256", hex),
	    &r), -EACCES);
	assert_int_equal(verify(INBOX_GITHUB, NULL, secret, "Hello, World?",
	    H("X-Hub-Signature-256", prefixed), &r), -EACCES);
	assert_int_equal(verify(INBOX_GITHUB, NULL, "it's", body,
	    H("X-Hub-Signature-256", prefixed), &r), -EACCES);
	assert_int_equal(verify(INBOX_GITHUB, NULL, secret, body, H("X", ""), &r), -EACCES);

	assert_int_equal(verify(INBOX_SHOPIFY, NULL, secret, body,
	    H("X-Shopify-Hmac-Sha256", base64, "X-Shopify-Webhook-Id", "w",
		"X-Shopify-Triggered-At", "2026-11-18T11:00:00Z"), &r), 0);
	assert_int_equal(r.id_len, 1);
	assert_int_equal(r.sent_ms, 1794999600000);
	assert_int_equal(verify(INBOX_SHOPIFY, NULL, secret, body,
	    H("X-Shopify-Hmac-Sha256", base64, "X-Shopify-Event-Id", "event",
		"X-Shopify-Webhook-Id", "w", "X-Shopify-Triggered-At", "tomorrow"), &r), 0);
	assert_int_equal(r.id_len, 5);
	assert_int_equal(r.sent_ms, 0);
	assert_int_equal(verify(INBOX_SHOPIFY, NULL, secret, body,
	    H("X-Shopify-Hmac-Sha256", hex), &r), -EACCES);

	for (int i = 0; i < 4; i++)
		assert_int_equal(verify(INBOX_PLAIN, "X-Mine", secret, body,
		    H("X-Mine", i == 0 ? hex : i == 1 ? base64 : i == 2 ? prefixed : upper), &r),
		    0);
	assert_int_equal(r.id_len, 0);
	for (size_t n = 0; n < 64; n++) { /* no beginning of it will do */
		char some[80];

		snprintf(some, sizeof(some), "%.*s", (int)n, hex);
		assert_int_equal(verify(INBOX_PLAIN, "X-Mine", secret, body, H("X-Mine", some),
		    &r), -EACCES);
	}
}

static void
test_sources(void **state)
{
	static const char long_one[] = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMDE=";
	const char *const good[] = {long_one}, *const bad[] = {"whsec_###"}, *const none[] = {""};
	struct inbox_source s = {.name = "orders", .secrets = good, .n_secrets = 1};
	char err[256];

	(void)state;
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), 0);
	s.name = "../orders";
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), -EINVAL);
	s.name = "..";
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), -EINVAL);
	s.name = "orders";
	s.secrets = bad;
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), -EINVAL);
	s.signature = INBOX_GITHUB;
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), 0);
	s.secrets = none;
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), -EINVAL);
	s.secrets = good;
	s.signature = INBOX_PLAIN;
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), -EINVAL);
	s.header = "X-Mine";
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), 0);
	s.n_secrets = 0;
	assert_int_equal(inbox_source_check(&s, err, sizeof(err)), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_torn_tail_at_every_byte),
	    cmocka_unit_test(test_damage_at_every_byte),
	    cmocka_unit_test(test_segments_end_and_go),
	    cmocka_unit_test(test_disk_is_full),
	    cmocka_unit_test(test_full_until_read),
	    cmocka_unit_test(test_all_at_once),
	    cmocka_unit_test(test_signatures),
	    cmocka_unit_test(test_sources),
	};

	alarm(1800);
	return cmocka_run_group_tests_name("inbox", tests, make_dir, remove_dir);
}
