/*
 * hash.h - uthash as we use it: memory that ends is an answer, not an abort, and a table
 * begins small, because there are many of a few entries.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

#endif
