/*
 * test-receive.c - lines that are sent: syslog headers as senders write them, messages on streams
 * in pieces of every size, and the receiving thread with real sockets on loopback.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/access_log/listen.h"
#include "plugins/access_log/log.h"
#include "plugins/access_log/syslog.h"

#define LINE "1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\""

static const struct { const char *message, *text; } messages[] = {
    /* nginx, with and without its host; HAProxy; logger; rsyslog's forwarding format */
    {"<190>Oct 10 13:55:36 shop nginx: " LINE, LINE},
    {"<190>Oct  1 13:55:36 nginx: " LINE, LINE},
    {"<134>Oct 10 13:55:36 haproxy[812]: " LINE, LINE},
    {"<13>1 2026-10-10T13:55:36.123456+02:00 shop apache - - "
     "[timeQuality tzKnown=\"1\" isSynced=\"1\"] " LINE, LINE},
    {"<134>1 2026-10-10T13:55:36Z - nginx - - - \xef\xbb\xbf" LINE "\n", LINE},
    {"<134>1 2026-10-10T13:55:36Z - a - - [x@1 y=\"a \\\"] b\"][z] " LINE, LINE},
    {"<134>2026-10-10T13:55:36.25+02:00 shop nginx: " LINE, LINE},
    {"<134>2026-10-10T13:55:36.25+02:00 shop nginx: @cee: {\"a\": 1}", "{\"a\": 1}"},
    /* no header, or half of one */
    {LINE, LINE}, {"<14>" LINE "\r\n", LINE}, {"<999>x", "<999>x"}, {"<>x", "<>x"}, {"", ""},
    {"<13>Oct 10 13:55:36 2001:db8:: - x", "2001:db8:: - x"}, {"<1", "<1"}, {"\n\n", ""},
    {"<134>1 2026-10-10T13:55:36Z - a - -", "1 2026-10-10T13:55:36Z - a - -"},
    {"<134>1 - - - - - -", ""},
    {"<134>1 - - - - - [x y=\"", "1 - - - - - [x y=\""},
};

static void
headers_are_taken_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		size_t n = strlen(messages[i].message), len;
		char *copy = malloc(n + 1); /* of its own size: what reads past it is seen */
		const char *text;

		assert_non_null(copy);
		memcpy(copy, messages[i].message, n);
		text = syslog_text(copy, n, &len);
		if (len != strlen(messages[i].text) || memcmp(text, messages[i].text, len) != 0)
			fail_msg("%s\n  is \"%.*s\", not \"%s\"", messages[i].message, (int)len,
			    text, messages[i].text);
		free(copy);
	}
}

static void
streams_are_cut_into_messages(void **state)
{
	static const struct {
		const char *stream;
		enum syslog_frame frame;
		size_t at, len, used, skip;
	} t[] = {
	    {"5 <1>ab9 ", SYSLOG_MESSAGE, 2, 5, 7, 7}, {"5 <1>a", SYSLOG_MORE, 0, 0, 0, 0},
	    {"12", SYSLOG_MORE, 0, 0, 0, 0}, {"<1>a\n<1>b\n", SYSLOG_MESSAGE, 0, 4, 5, 0},
	    {"<1>a", SYSLOG_MORE, 0, 0, 0, 0}, {"1.2.3.4 x\ny", SYSLOG_MESSAGE, 0, 9, 10, 0},
	    {"21 <1>", SYSLOG_TOO_LONG, 3, 21, 24, 24},
	    {"999999999 ", SYSLOG_TOO_LONG, 10, 999999999, 1000000009, 1000000009},
	    {"<1>45678901234567890123", SYSLOG_TOO_LONG, 0, 21, 22, 0},
	    {"9999999999 x\n", SYSLOG_MESSAGE, 0, 12, 13, 0}, {"", SYSLOG_MORE, 0, 0, 0, 0},
	    {"05 <1>\n", SYSLOG_MESSAGE, 0, 6, 7, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t len = 0, used = 0, skip = 0;
		const char *at = NULL;

		assert_int_equal(syslog_frame(t[i].stream, strlen(t[i].stream), 20, &at, &len,
				     &used, &skip), t[i].frame);
		if (t[i].frame == SYSLOG_MORE)
			continue;
		assert_int_equal(at - t[i].stream, t[i].at);
		assert_int_equal(len, t[i].len);
		assert_int_equal(used, t[i].used);
		assert_int_equal(skip, t[i].skip);
	}
}

static void
addresses_are_refused(void **state)
{
	static const struct { const char *text, *says; } t[] = {
	    {"udp://127.0.0.1:5514", ""}, {"tcp://[::1]:601", ""}, {"udp://0.0.0.0:514", ""},
	    {"127.0.0.1:5514", "is not udp://"}, {"http://127.0.0.1:5514", "is not udp://"},
	    {"udp://127.0.0.1", "is not udp://"}, {"tcp://127.0.0.1:0", "has no port"},
	    {"tcp://127.0.0.1:65536", "has no port"}, {"tcp://127.0.0.1:x", "has no port"},
	    {"tcp://localhost:5514", "no numeric address"}, {"tcp://[:5514", "no numeric"},
	    {"udp://:5514", "is not udp://"}, {"tcp://[]:5514", "no numeric address"}};
	struct listen_at at;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int rc = (err[0] = '\0', listen_parse(&at, t[i].text, err, sizeof(err)));

		assert_int_equal(rc == 0, t[i].says[0] == '\0');
		if (strstr(err, t[i].says) == NULL)
			fail_msg("%s: %s", t[i].text, err);
	}
}

/* ---- sockets ---- */

/* A port that is free for both; it is checked when it is bound. */
static int
free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static int
connected(int type, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Both transports on one port; opened. */
static struct receive *
opened(const struct network *senders, uint32_t n_senders, int *port)
{
	static char udp[64], tcp[64];
	static const char *listen[2] = {udp, tcp};
	struct receive_options o = {.listen = listen, .n_listen = 2, .senders = senders,
	    .n_senders = n_senders, .max_line = 4096};
	struct receive *r;
	uint32_t which;
	char err[256];

	for (int i = 0; i < 20; i++) {
		*port = free_port();
		snprintf(udp, sizeof(udp), "udp://127.0.0.1:%d", *port);
		snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%d", *port);
		assert_non_null(r = receive_new(&o, &which, err, sizeof(err)));
		if (receive_open(r, err, sizeof(err)) == 0)
			return r;
		receive_free(r);
	}
	fail_msg("no port is free: %s", err);
	return NULL;
}

/* Until n bytes of lines are there, or 20 s; they are put one after the other. */
static void
wait_for(struct receive *r, size_t n, char *dst, size_t cap)
{
	size_t have = 0, some;
	char *lines;

	for (int i = 0; i < 20000 && have < n; i++) {
		if (!receive_take(r, &lines, &some)) {
			poll(NULL, 0, 1);
			continue;
		}
		assert_true(have + some < cap);
		memcpy(dst + have, lines, some);
		have += some;
	}
	dst[have] = '\0';
	assert_int_equal(have, n);
}

static void
datagrams_and_streams_become_lines(void **state)
{
	static const char stream[] = "<190>Oct 10 13:55:36 nginx: one\n18 <190>1 - - - - - -"
		"21 <14>1 - - - - - - a\nb<14>a line that is too long: ";
	char got[512], filler[8192];
	struct receive *r;
	int port, udp, tcp;

	(void)state;
	r = opened(NULL, 0, &port);
	udp = connected(SOCK_DGRAM, port);
	assert_int_equal(send(udp, "<190>Oct 10 13:55:36 shop nginx: a", 34, 0), 34);
	wait_for(r, 2, got, sizeof(got));
	assert_string_equal(got, "a\n");

	tcp = connected(SOCK_STREAM, port);
	for (const char *s = stream; *s != '\0'; s++) /* each byte by itself */
		assert_int_equal(send(tcp, s, 1, 0), 1);
	memset(filler, 'x', sizeof(filler));
	assert_int_equal(send(tcp, filler, sizeof(filler), 0), sizeof(filler));
	assert_int_equal(send(tcp, "\n9999 ", 6, 0), 6);
	assert_int_equal(send(tcp, filler, 6000, 0), 6000);
	assert_int_equal(send(tcp, filler, 3999, 0), 3999);
	assert_int_equal(send(tcp, "<14>the last has no end", 23, 0), 23);
	close(tcp);
	wait_for(r, 4 + 4 + 20, got, sizeof(got));
	assert_string_equal(got, "one\na b\nthe last has no end\n");
	assert_int_equal(receive_counts(r).too_long, 2);
	assert_int_equal(receive_counts(r).refused, 0);
	close(udp);
	receive_free(r);
}

static void
strangers_may_not_send(void **state)
{
	struct network other;
	struct receive *r;
	int port, udp, tcp;
	char byte, *lines;
	size_t n;

	(void)state;
	assert_int_equal(network_parse(&other, "10.0.0.0/8"), 0);
	r = opened(&other, 1, &port);
	udp = connected(SOCK_DGRAM, port);
	tcp = connected(SOCK_STREAM, port);
	assert_int_equal(send(udp, "<14>a", 5, 0), 5);
	assert_int_equal(recv(tcp, &byte, 1, 0), 0); /* it hangs up */
	for (int i = 0; i < 20000 && receive_counts(r).refused < 2; i++)
		poll(NULL, 0, 1);
	assert_int_equal(receive_counts(r).refused, 2);
	assert_false(receive_take(r, &lines, &n));
	close(udp);
	close(tcp);
	receive_free(r);
}

/* More than the queue holds: the sender waits, and nothing is lost. */
static void
a_full_queue_makes_senders_wait(void **state)
{
	enum { LINES = 200000, BYTES = 100 };
	char line[BYTES + 1], *lines;
	size_t sent = 0, done = 0, n, most = 0, total = 0;
	struct receive *r;
	int port, tcp, idle = 0;

	(void)state;
	r = opened(NULL, 0, &port);
	tcp = connected(SOCK_STREAM, port);
	memset(line, 'y', BYTES);
	line[BYTES - 1] = '\n';
	while (total < (size_t)LINES * BYTES && idle < 20000) {
		struct pollfd p = {.fd = tcp, .events = POLLOUT};
		bool is_stuck = sent == LINES || poll(&p, 1, 50) == 0;

		if (!is_stuck) {
			ssize_t some =
			    send(tcp, line + done, BYTES - done, MSG_DONTWAIT | MSG_NOSIGNAL);

			done += some > 0 ? (size_t)some : 0;
			sent += done == BYTES;
			done = done == BYTES ? 0 : done;
			continue;
		}
		if (!receive_take(r, &lines, &n)) {
			idle++;
			poll(NULL, 0, 1);
			continue;
		}
		for (size_t i = BYTES - 1; i < n; i += BYTES)
			assert_int_equal(lines[i], '\n');
		most = n > most ? n : most;
		total += n;
	}
	assert_int_equal(total, (size_t)LINES * BYTES);
	assert_true(most >= 8u << 20);
	assert_true(most < 9u << 20);
	close(tcp);
	receive_free(r);
}

static void
a_taken_port_is_tried_again(void **state)
{
	const char *listen[1];
	struct receive_options o = {.listen = listen, .n_listen = 1, .max_line = 4096};
	struct receive *first, *second;
	char text[64], err[256];
	uint32_t which;
	int port;

	(void)state;
	first = opened(NULL, 0, &port);
	snprintf(text, sizeof(text), "udp://127.0.0.1:%d", port);
	listen[0] = text;
	assert_non_null(second = receive_new(&o, &which, err, sizeof(err)));
	assert_true(receive_open(second, err, sizeof(err)) < 0);
	assert_non_null(strstr(err, "in use"));
	receive_free(first);
	assert_int_equal(receive_open(second, err, sizeof(err)), 0);
	receive_free(second);
}

static void
the_standard_input_ends(void **state)
{
	struct receive_options o = {.has_input = true, .max_line = 4096};
	int ends[2], before = dup(0);
	struct receive *r;
	uint32_t which;
	char got[256], err[256];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], 0), 0);
	close(ends[0]);
	assert_non_null(r = receive_new(&o, &which, err, sizeof(err)));
	assert_int_equal(receive_open(r, err, sizeof(err)), 0);
	assert_int_equal(write(ends[1], "5 <14>a: one\n<14>two\nthree", 26), 26);
	wait_for(r, 21, got, sizeof(got));
	assert_false(receive_has_ended(r));
	close(ends[1]);
	wait_for(r, 6, got + 21, sizeof(got) - 21);
	assert_string_equal(got, "5 <14>a: one\n<14>two\nthree\n"); /* lines as they are */
	assert_true(receive_has_ended(r));
	receive_free(r);
	assert_int_equal(dup2(before, 0), 0);
	close(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(headers_are_taken_off),
	    cmocka_unit_test(streams_are_cut_into_messages),
	    cmocka_unit_test(addresses_are_refused),
	    cmocka_unit_test(datagrams_and_streams_become_lines),
	    cmocka_unit_test(strangers_may_not_send),
	    cmocka_unit_test(a_full_queue_makes_senders_wait),
	    cmocka_unit_test(a_taken_port_is_tried_again),
	    cmocka_unit_test(the_standard_input_ends)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
