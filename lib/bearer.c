/*
 * bearer.c - see bearer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/bearer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
bearer_line(const char *file, char line[BEARER_TEXT])
{
	size_t n = (size_t)snprintf(line, BEARER_TEXT, "Authorization: Bearer "), len;
	FILE *f = fopen(file, "re");
	int rc;

	if (f == NULL)
		return -errno;
	errno = EIO;
	len = fread(line + n, 1, BEARER_TEXT - n - 1, f);
	rc = ferror(f) ? -errno : 0;
	fclose(f);
	line[n + len] = '\0';
	if (rc == 0 && n + strcspn(line + n, "\r\n") == BEARER_TEXT - 1)
		rc = -EFBIG;
	line[n + strcspn(line + n, "\r\n")] = '\0';
	return rc;
}
