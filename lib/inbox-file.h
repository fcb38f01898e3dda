/*
 * inbox-file.h - the files in which posted bodies wait for the source that reads them: written by
 * the agent, read by the webhook plugin, which know nothing else of each other.
 *
 *     STORE/inbox/SOURCE/%016x.seg         numbers ascend, and none is ever used again
 *
 *     segment:  "twinbox1" | u64 number | record ...
 *     record:   u32 len | u32 crc | i64 received_ms | i64 sent_ms | u16 id_len | u16 flags
 *               | id | body
 *               len: bytes behind crc; crc: CRC-32C of len and of those bytes
 *
 * All integers are little endian. sent_ms is 0 where the sender does not say when its event was.
 *
 * Who reads: a record that is not whole, or whose check sum is wrong, may still be in the writing
 * as long as no segment with a higher number is there; when there is one, nothing is added to this
 * one any more. Who writes: never appends to a segment that another process began, so that what a
 * reader has read stays where it was, also when a power cut took the end of it.
 *
 * No state, nothing blocks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_INBOX_FILE_H
#define LIB_INBOX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INBOX_HEADER 16             /* bytes of a segment before its first record */
#define INBOX_RECORD_HEAD 28
#define INBOX_ID_MAX 256
#define INBOX_BODY_MAX (16 << 20)
#define INBOX_RECORD_MAX (INBOX_RECORD_HEAD + INBOX_ID_MAX + INBOX_BODY_MAX)
#define INBOX_NAME 24               /* "%016x.seg" and its NUL, rounded up */

struct inbox_record {
	int64_t received_ms, sent_ms;
	const char *id;             /* not terminated; NULL or "" = none */
	uint16_t id_len, flags;     /* flags: 0 */
	const void *body;
	uint32_t body_len;
};

void inbox_header_write(uint8_t dst[INBOX_HEADER], uint64_t number);
bool inbox_header_ok(const void *src, size_t len, uint64_t number);

/* The head that stands before id and body. */
void inbox_record_write(uint8_t dst[INBOX_RECORD_HEAD], const struct inbox_record *r);
/*
 * A record out of n bytes; id and body point into them. 1: *size is what it takes; 0: it is not
 * whole, and *size what would be needed to tell more; -EBADMSG: the bytes are damaged, and *size
 * is how far the next one lies, if its length is not (0: it must be).
 */
int inbox_record_read(struct inbox_record *r, const void *src, size_t n, size_t *size);

void inbox_name_write(char dst[INBOX_NAME], uint64_t number);
bool inbox_name_read(const char *name, uint64_t *number);

/* Up to where a source has read: its state "position", committed with what it made of it. */
struct inbox_position { uint64_t segment, offset; };
#define INBOX_POSITION 16
void inbox_position_write(uint8_t dst[INBOX_POSITION], struct inbox_position p);
bool inbox_position_read(struct inbox_position *p, const void *src, size_t len);

#endif
