/*
 * bomb.c - gzip that unpacks to far more than it is: zeros as deflate matches of 258 bytes, 13 bits
 * each.
 *
 *	gzip head | block | block | ... | last block | CRC32, length
 *	block: literal 0, MATCHES times (length 258, distance 1), end of block, empty stored
 *	block (aligns to a byte)
 *
 * Every block is the same bytes, made once and written often. The stream is valid to its end (RFC
 * 1951, 1952). Runs in the thread of a connection; memory 8 KiB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <string.h>

#include "tests/shop/hostile.h"
#include "tests/shop/shop.h"

#define MATCHES 4064
#define BLOCK_UNPACKED (1 + MATCHES * 258) /* about 1 MiB */

struct bits {
	unsigned char data[8192];
	size_t n_bits;
};

static void put(struct bits *b, unsigned value, int count)
{
	for (int i = 0; i < count; i++, b->n_bits++)
		if (value >> i & 1)
			b->data[b->n_bits / 8] |= (unsigned char)(1u << b->n_bits % 8);
}

/* Huffman codes go in from their highest bit. */
static void put_code(struct bits *b, unsigned code, int count)
{
	while (count-- > 0)
		put(b, code >> count & 1, 1);
}

static void block_make(struct bits *b)
{
	memset(b, 0, sizeof(*b));
	put(b, 0, 1);              /* not the last */
	put(b, 1, 2);              /* fixed Huffman codes */
	put_code(b, 0x30, 8);      /* literal 0 */
	for (int i = 0; i < MATCHES; i++) {
		put_code(b, 0xc5, 8);  /* length symbol 285: 258 bytes */
		put_code(b, 0, 5);     /* distance symbol 0: 1 back */
	}
	put_code(b, 0, 7);         /* end of block */
	put(b, 0, 3);              /* stored, not the last */
	b->n_bits = (b->n_bits + 7) / 8 * 8;
	put(b, 0xffff0000u, 32);   /* LEN 0, NLEN */
}

static uint32_t crc_zeros(uint32_t crc, size_t count, const uint32_t table[256])
{
	while (count-- > 0)
		crc = table[crc & 0xff] ^ (crc >> 8);
	return crc;
}

static void crc_table(uint32_t table[256])
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
		table[i] = c;
	}
}

void hostile_gzip_bomb(const struct fault *f, struct request *r, struct sink *k)
{
	static const unsigned char begin[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	int64_t size = f->size ? f->size : 256 << 20,
		blocks = (size + BLOCK_UNPACKED - 1) / BLOCK_UNPACKED;
	uint32_t crc = 0xffffffffu, table[256], tail[2];
	struct bits block;

	(void)r;
	crc_table(table);
	block_make(&block);
	if (!sink_text(k, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n"
		"Content-Length: %lld\r\nConnection: close\r\n\r\n",
		(long long)(10 + blocks * (int64_t)(block.n_bits / 8) + 5 + 8)))
		return;
	if (!sink_write(k, begin, sizeof(begin)))
		return;
	for (int64_t i = 0; i < blocks; i++) {
		if (!sink_write(k, block.data, block.n_bits / 8))
			return;
		crc = crc_zeros(crc, BLOCK_UNPACKED, table);
	}
	sink_write(k, "\1\0\0\xff\xff", 5);
	tail[0] = crc ^ 0xffffffffu;
	tail[1] = (uint32_t)(blocks * BLOCK_UNPACKED);
	sink_write(k, tail, sizeof(tail)); /* little endian, as are the machines this runs on */
}
