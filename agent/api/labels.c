/*
 * labels.c - series, label names, label values, metadata.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "agent/api/request.h"
#include "agent/promql/promql.h"
#include "agent/store/store.h"

#define SELECTORS_MAX 16
