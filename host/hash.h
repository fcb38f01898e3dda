/*
 * hash.h - uthash as the host uses it: memory that ends is an answer, not an abort, and a table
 * begins small, because a host holds a few tables for each of its probes, most of a few entries.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HOST_HASH_H
#define HOST_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

#endif
