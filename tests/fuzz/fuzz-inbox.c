/*
 * fuzz-inbox.c - a segment's bytes as a crash or a bad disk may leave them: what is read of them is
 * inside of them, goes forward, and comes to an end; and each record writes back to what it was
 * read from.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "lib/inbox-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const uint8_t *at, size_t n, size_t len, const struct inbox_record *r)
{
	uint8_t head[INBOX_RECORD_HEAD];
	const uint8_t *end = at + len;

	if (len > n || (const uint8_t *)r->id < at || (const uint8_t *)r->id + r->id_len > end
	    || (const uint8_t *)r->body + r->body_len != end)
		abort();
	inbox_record_write(head, r);
	if (memcmp(head, at, sizeof(head)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = INBOX_HEADER, len;
	struct inbox_position p;
	struct inbox_record r;
	char name[64] = "";
	uint64_t number;

	memcpy(name, data, size < sizeof(name) - 1 ? size : sizeof(name) - 1);
	(void)inbox_name_read(name, &number);
	(void)inbox_position_read(&p, data, size);
	(void)inbox_header_ok(data, size, 1);
	while (at < size) {
		int rc = inbox_record_read(&r, data + at, size - at, &len);

		if (rc == 1)
			check(data + at, size - at, len, &r);
		if (rc == 0 && len <= size - at)
			abort(); /* it asks for what is there */
		if (rc == 0 || len == 0)
			break;
		at += len;
	}
	return 0;
}
