/*
 * crc32c.h - CRC-32C (Castagnoli; RFC 3720 appendix B.4), the check sum of chunks and frames in the
 * store.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_CRC32C_H
#define LIB_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The check sum of len bytes, continuing from crc (0 at the start). */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
