/*
 * syslog.c - see syslog.h. Headers are as unlike as their senders: what is read is what a sender
 * must have written there; where it is not, the rest is the text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/access_log/syslog.h"

#include <stdbool.h>
#include <string.h>

#define LENGTH_DIGITS 9             /* a message of 1 GB is none */
#define TAG_MAX 64

struct piece {
	const char *at, *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The word at p, up to a blank, is passed; its length without the blank. */
static size_t
word(struct piece *p)
{
	const char *blank = memchr(p->at, ' ', (size_t)(p->end - p->at));
	const char *end = blank != NULL ? blank : p->end;
	size_t n = (size_t)(end - p->at);

	p->at = blank != NULL ? blank + 1 : p->end;
	return n;
}

/* <134> */
static bool
priority(struct piece *p)
{
	const char *s = p->at;
	int value = 0;

	if (s == p->end || *s++ != '<')
		return false;
	for (int i = 0; i < 3 && s < p->end && is_digit(*s); i++)
		value = value * 10 + *s++ - '0';
	if (s == p->end || *s != '>' || s == p->at + 1 || value > 191)
		return false;
	p->at = s + 1;
	return true;
}

/* RFC 5424, 6.3: "-", or [id name="value" ...] one after the other. */
static bool
structured_data(struct piece *p)
{
	const char *s = p->at;
	bool is_quoted = false;

	if (s < p->end && *s == '-') {
		p->at = s + 1;
		return p->at == p->end || *p->at == ' ';
	}
	while (s < p->end && *s == '[') {
		for (s++; s < p->end && (is_quoted || *s != ']'); s++) {
			if (is_quoted && *s == '\\' && s + 1 < p->end)
				s++;
			else if (*s == '"')
				is_quoted = !is_quoted;
		}
		if (s == p->end)
			return false;
		s++;
	}
	if (s == p->at || (s < p->end && *s != ' '))
		return false;
	p->at = s;
	return true;
}

/* 1 2026-10-10T13:55:36.25Z shop nginx 123 - - text */
static bool
header_5424(struct piece *p)
{
	struct piece q = *p;

	if (q.end - q.at < 2 || q.at[0] != '1' || q.at[1] != ' ')
		return false;
	q.at += 2;
	for (int i = 0; i < 5; i++) /* time, host, program, process, message's kind */
		if (word(&q) == 0 || q.at == q.end)
			return false;
	if (!structured_data(&q))
		return false;
	if (q.at < q.end) /* the blank before the text */
		q.at++;
	*p = q;
	return true;
}

/* "Oct 10 13:55:36 ", or what rsyslog writes: "2026-10-10T13:55:36.25+02:00 ". */
static bool
time_3164(struct piece *p)
{
	static const char shape[] = "Aaa d0 00:00:00 ";
	struct piece q = *p;
	size_t i, n;

	for (i = 0; i < sizeof(shape) - 1 && q.at + i < q.end; i++) {
		char c = q.at[i];
		bool is_it = shape[i] == 'A' ? c >= 'A' && c <= 'Z'
		    : shape[i] == 'a'        ? c >= 'a' && c <= 'z'
		    : shape[i] == '0'        ? is_digit(c)
		    : shape[i] == 'd'        ? is_digit(c) || c == ' '
					     : c == shape[i];

		if (!is_it)
			break;
	}
	if (i == sizeof(shape) - 1) {
		p->at += i;
		return true;
	}
	n = word(&q);
	if (n < 19 || !is_digit(p->at[0]) || p->at[4] != '-' || p->at[10] != 'T')
		return false;
	*p = q;
	return true;
}

/* "nginx:" or "haproxy[12]:" */
static bool
is_tag(const char *s, size_t n)
{
	if (n < 2 || n > TAG_MAX || s[n - 1] != ':')
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		if (!(is_digit(s[i]) || ((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z')
			|| (s[i] != '\0' && strchr("_-./[]", s[i]) != NULL)))
			return false;
	return true;
}

/* The host may be left out (nginx: nohostname; HAProxy), and so may the tag. */
static void
host_and_tag(struct piece *p)
{
	struct piece q = *p;
	const char *s = q.at;

	if (is_tag(s, word(&q))) {
		*p = q;
		return;
	}
	s = q.at;
	if (is_tag(s, word(&q)))
		*p = q;
}

const char *
syslog_text(const char *message, size_t n, size_t *len)
{
	static const char mark[] = "\xef\xbb\xbf", cookie[] = "@cee:";
	struct piece p = {message, message + n};

	while (p.end > p.at && (p.end[-1] == '\n' || p.end[-1] == '\r' || p.end[-1] == '\0'))
		p.end--;
	if (priority(&p) && !header_5424(&p) && time_3164(&p))
		host_and_tag(&p);
	if (p.end - p.at >= 3 && memcmp(p.at, mark, 3) == 0)
		p.at += 3;
	while (p.at < p.end && *p.at == ' ')
		p.at++;
	if (p.end - p.at >= 5 && memcmp(p.at, cookie, 5) == 0) /* JSON, says the sender */
		p.at += 5;
	while (p.at < p.end && *p.at == ' ')
		p.at++;
	*len = (size_t)(p.end - p.at);
	return p.at;
}

enum syslog_frame
syslog_frame(const char *s, size_t n, size_t max, const char **at, size_t *len, size_t *used,
    size_t *skip)
{
	size_t digits = 0, length = 0, end;

	while (digits < n && digits <= LENGTH_DIGITS && is_digit(s[digits]))
		length = length * 10 + (size_t)(s[digits++] - '0');
	if (digits == n && digits <= LENGTH_DIGITS)
		return SYSLOG_MORE;
	if (digits > 0 && digits <= LENGTH_DIGITS && s[digits] == ' ' && s[0] != '0') {
		*at = s + digits + 1;
		*len = length;
		*used = *skip = digits + 1 + length;
		return length > max ? SYSLOG_TOO_LONG : *used <= n ? SYSLOG_MESSAGE : SYSLOG_MORE;
	}
	for (end = 0; end < n && end <= max && s[end] != '\n' && s[end] != '\0'; end++)
		;
	*at = s;
	*len = end;
	*used = end + 1;
	*skip = 0;
	return end > max ? SYSLOG_TOO_LONG : end < n ? SYSLOG_MESSAGE : SYSLOG_MORE;
}
