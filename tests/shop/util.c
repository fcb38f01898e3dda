/*
 * util.c - hashing, sleeping, queries and cookies, and files that are appended to line by line.
 * Any thread. Only the sleeping functions block.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/shop/shop.h"

struct journal {
	int fd;
};

/* splitmix64 (Steele, Lea, Flood 2014), over three words. */
uint64_t shop_hash(uint64_t seed, uint64_t a, uint64_t b)
{
	uint64_t z = seed + 0x9e3779b97f4a7c15u * (a + 1) + 0xd1b54a32d192ed03u * (b + 1);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

double shop_unit(uint64_t hash)
{
	return (double)(hash >> 11) * 0x1p-53;
}

int64_t now_ns(int clock)
{
	struct timespec t;

	clock_gettime((clockid_t)clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void truth_now(int64_t stamp[2])
{
	stamp[0] = now_ns(CLOCK_REALTIME);
	stamp[1] = now_ns(CLOCK_MONOTONIC);
}

bool shop_is_ending(struct shop *s)
{
	struct pollfd p = {.fd = s->stop_fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* The long part in poll, so that the end of the shop is heard; the last 20 ms in an absolute, exact
 * sleep. */
bool shop_sleep_until(struct shop *s, int64_t mono_ns)
{
	struct pollfd p = {.fd = s->stop_fd, .events = POLLIN};
	struct timespec until = {mono_ns / 1000000000, mono_ns % 1000000000};
	int64_t left_ms = (mono_ns - now_ns(CLOCK_MONOTONIC)) / 1000000 - 20;

	while (left_ms > 0) {
		if (poll(&p, 1, left_ms > 3600000 ? 3600000 : (int)left_ms) > 0)
			return false;
		left_ms = (mono_ns - now_ns(CLOCK_MONOTONIC)) / 1000000 - 20;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
	return true;
}

bool shop_sleep_us(struct shop *s, int64_t us)
{
	return us <= 0 || shop_sleep_until(s, now_ns(CLOCK_MONOTONIC) + us * 1000);
}

void shop_hold(struct shop *s, int fd)
{
	struct pollfd p[2] = {
		{.fd = s->stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLRDHUP}};

	poll(p, 2, 600000);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void percent_decode(const char *from, size_t len, char *dst, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		int hi = i + 2 < len && from[i] == '%' ? hex_digit(from[i + 1]) : -1;
		int lo = hi >= 0 ? hex_digit(from[i + 2]) : -1;

		if (lo >= 0) {
			dst[n++] = (char)(hi * 16 + lo);
			i += 2;
		} else {
			dst[n++] = from[i] == '+' ? ' ' : from[i];
		}
	}
	dst[n] = '\0';
}

bool query_get(const char *query, const char *key, char *dst, size_t size)
{
	size_t key_len = strlen(key);

	while (query && *query) {
		size_t len = strcspn(query, "&");

		if (len > key_len && query[key_len] == '=' && strncmp(query, key, key_len) == 0) {
			percent_decode(query + key_len + 1, len - key_len - 1, dst, size);
			return true;
		}
		query += len + (query[len] == '&');
	}
	return false;
}

bool cookie_get(const char *header, const char *name, char *dst, size_t size)
{
	size_t name_len = strlen(name);

	while (header && *header) {
		size_t len;

		header += strspn(header, "; ");
		len = strcspn(header, ";");
		if (len > name_len && header[name_len] == '=' &&
			strncmp(header, name, name_len) == 0) {
			snprintf(dst, size, "%.*s", (int)(len - name_len - 1),
				header + name_len + 1);
			return true;
		}
		header += len;
	}
	return false;
}

const char *rfc3339(int64_t wall_ms, char dst[WALL_TEXT])
{
	return wall_format((wall_t){wall_ms}, dst);
}

struct journal *journal_open(const char *dir, const char *name)
{
	struct journal *j = calloc(1, sizeof(*j));
	char path[640];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (j)
		j->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (j && j->fd >= 0)
		return j;
	free(j);
	return NULL;
}

void journal_write(struct journal *j, const char *line, size_t len)
{
	if (write(j->fd, line, len) != (ssize_t)len)
		fprintf(stderr, "tillwatch-shop: a log line was lost: %s\n", strerror(errno));
}

void journal_close(struct journal *j)
{
	if (j)
		close(j->fd);
	free(j);
}
