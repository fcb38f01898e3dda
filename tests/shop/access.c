/*
 * access.c - the access log: one line a request, in the form nginx would write with
 *	'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent
 *	"$http_referer" "$http_user_agent" rt=$request_time urt=$upstream_response_time
 *	sid=$cookie_visitor syn=$http_x_synthetic'
 * Foreign text is escaped as nginx does it. Any thread; one write(2) a line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <string.h>
#include <time.h>

#include "tests/shop/shop.h"

static void add_escaped(struct buf *b, const char *text)
{
	if (!text || !*text) {
		buf_char(b, '-');
		return;
	}
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			buf_printf(b, "\\x%02X", c);
		else
			buf_char(b, (char)c);
	}
}

void access_log(struct shop *s, const struct log_entry *e)
{
	time_t at = (time_t)(e->at_ms / 1000);
	char when[40];
	struct tm tm;
	struct buf b;

	gmtime_r(&at, &tm);
	strftime(when, sizeof(when), "%d/%b/%Y:%H:%M:%S +0000", &tm);
	buf_init(&b, 16384);
	buf_printf(&b, "%s - - [%s] \"", e->remote, when);
	add_escaped(&b, e->method);
	buf_char(&b, ' ');
	add_escaped(&b, e->target);
	buf_printf(&b, " HTTP/1.1\" %03u %llu \"", e->status, (unsigned long long)e->bytes);
	add_escaped(&b, e->referer);
	buf_text(&b, "\" \"");
	add_escaped(&b, e->agent);
	buf_printf(&b, "\" rt=%.3f urt=", (double)e->request_us / 1e6);
	if (e->upstream_us < 0)
		buf_char(&b, '-');
	else
		buf_printf(&b, "%.3f", (double)e->upstream_us / 1e6);
	buf_text(&b, " sid=");
	add_escaped(&b, e->visitor);
	buf_text(&b, " syn=");
	add_escaped(&b, e->synthetic);
	buf_char(&b, '\n');
	if (!b.failed)
		journal_write(s->access, b.data, b.len);
	buf_free(&b);
}
