/*
 * inbox-file.c - see inbox-file.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/inbox-file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/crc32c.h"
#include "lib/little.h"

#define FIXED (INBOX_RECORD_HEAD - 8) /* of what len counts */
static const char magic[8] = {'t', 'w', 'i', 'n', 'b', 'o', 'x', '1'};

void
inbox_header_write(uint8_t dst[INBOX_HEADER], uint64_t number)
{
	memcpy(dst, magic, sizeof(magic));
	little_put(dst + 8, number, 8);
}

bool
inbox_header_ok(const void *src, size_t len, uint64_t number)
{
	const uint8_t *at = src;

	return len >= INBOX_HEADER && memcmp(at, magic, sizeof(magic)) == 0
	    && little_get(at + 8, 8) == number;
}

void
inbox_record_write(uint8_t dst[INBOX_RECORD_HEAD], const struct inbox_record *r)
{
	uint32_t crc;

	little_put(dst, (uint64_t)FIXED + r->id_len + r->body_len, 4);
	little_put(dst + 8, (uint64_t)r->received_ms, 8);
	little_put(dst + 16, (uint64_t)r->sent_ms, 8);
	little_put(dst + 24, r->id_len, 2);
	little_put(dst + 26, r->flags, 2);
	crc = crc32c(0, dst, 4);
	crc = crc32c(crc, dst + 8, FIXED);
	if (r->id_len > 0)
		crc = crc32c(crc, r->id, r->id_len);
	if (r->body_len > 0)
		crc = crc32c(crc, r->body, r->body_len);
	little_put(dst + 4, crc, 4);
}

int
inbox_record_read(struct inbox_record *r, const void *src, size_t n, size_t *size)
{
	const uint8_t *at = src;
	uint64_t len;

	*size = INBOX_RECORD_HEAD;
	if (n < INBOX_RECORD_HEAD)
		return 0;
	len = little_get(at, 4);
	if (len < FIXED || len + 8 > INBOX_RECORD_MAX) {
		*size = 0;
		return -EBADMSG;
	}
	*size = (size_t)len + 8;
	if (n < *size)
		return 0;
	*r = (struct inbox_record){.received_ms = (int64_t)little_get(at + 8, 8),
	    .sent_ms = (int64_t)little_get(at + 16, 8),
	    .id_len = (uint16_t)little_get(at + 24, 2),
	    .flags = (uint16_t)little_get(at + 26, 2)};
	if (crc32c(crc32c(0, at, 4), at + 8, (size_t)len) != little_get(at + 4, 4)
	    || r->id_len > len - FIXED || r->id_len > INBOX_ID_MAX)
		return -EBADMSG;
	r->id = (const char *)at + INBOX_RECORD_HEAD;
	r->body = at + INBOX_RECORD_HEAD + r->id_len;
	r->body_len = (uint32_t)(len - FIXED - r->id_len);
	return 1;
}

void
inbox_name_write(char dst[INBOX_NAME], uint64_t number)
{
	snprintf(dst, INBOX_NAME, "%016" PRIx64 ".seg", number);
}

bool
inbox_name_read(const char *name, uint64_t *number)
{
	*number = 0;
	if (strlen(name) != 20 || strspn(name, "0123456789abcdef") != 16
	    || strcmp(name + 16, ".seg") != 0)
		return false;
	for (int i = 0; i < 16; i++)
		*number = *number << 4
		    | (uint64_t)(name[i] <= '9' ? name[i] - '0' : name[i] - 'a' + 10);
	return *number > 0;
}

void
inbox_position_write(uint8_t dst[INBOX_POSITION], struct inbox_position p)
{
	little_put(dst, p.segment, 8);
	little_put(dst + 8, p.offset, 8);
}

bool
inbox_position_read(struct inbox_position *p, const void *src, size_t len)
{
	if (len != INBOX_POSITION)
		return false;
	p->segment = little_get(src, 8);
	p->offset = little_get((const uint8_t *)src + 8, 8);
	return true;
}
