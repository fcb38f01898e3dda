/*
 * schema.h - the numbers that name our SQLite files. A file of a newer version is refused and not
 * touched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AGENT_STORE_SCHEMA_H
#define AGENT_STORE_SCHEMA_H

#define LIVE_APPLICATION_ID 0x54574C31 /* "TWL1" */
#define LIVE_VERSION 1
#define DAY_APPLICATION_ID 0x54574431 /* "TWD1" */
#define DAY_VERSION 1

#endif
