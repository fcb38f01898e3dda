/*
 * fuzz-log.c - a format in the first line, lines of a log behind it. Whatever they are: a record or
 * a reason, and values that lie within the line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/access_log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct tw_value *v, uint32_t n, const char *line, size_t len)
{
	for (uint32_t i = 0; i < n; i++)
		if (v[i].type == TW_FIELD_TEXT
		    && (v[i].as.text < line || v[i].as.text + v[i].len > line + len))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tw_pair fields[] = {{"session", "sid"}, {"gateway", "$psp"}},
				    nested[] = {{"path", "/request/uri"}, {"session", "/c/0/v"}};
	const uint8_t *end = data + size, *newline = memchr(data, '\n', size);
	struct tw_value v[LOG_FIELDS_MAX];
	struct log_format *f = NULL;
	char text[1024], err[256];
	uint32_t n_fields;
	int64_t ms;

	if (newline == NULL)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)(newline - data), (const char *)data);
	if (strcmp(text, "nested") == 0)
		(void)log_format_new(&f, "json", nested, 2, err, sizeof(err));
	else
		(void)log_format_new(
		    &f, text, fields, strstr(text, "sid") != NULL, err, sizeof(err));
	if (f == NULL)
		return 0;
	(void)log_format_fields(f, &n_fields);
	for (data = newline + 1; data < end; data = newline + 1) {
		size_t len;
		char *line;

		if ((newline = memchr(data, '\n', (size_t)(end - data))) == NULL)
			newline = end;
		len = (size_t)(newline - data);
		if ((line = calloc(1, len + LOG_PAD)) == NULL)
			break;
		memcpy(line, data, len); /* of its own size: what reads past it is seen */
		memset(line + len, '\n', LOG_PAD);
		if (log_format_parse(f, line, len, memchr(line, '\\', len) != NULL, v, &ms)
		    == NULL)
			check(v, n_fields, line, len);
		free(line);
		if (newline == end)
			break;
	}
	log_format_free(f);
	return 0;
}
