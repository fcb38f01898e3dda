/*
 * secret.c - see secret.h.
 *
 * A secret's file must not be readable by others than its owner (and group, when root owns it), as
 * ssh asks of its keys. The last line feed of a file is not part of the secret.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/xmalloc.h"

struct secrets {
	const char *(*env)(void *, const char *);
	void *ctx;
	struct buf out, hidden;
	char wrong[320];
	char **values;
	size_t n;
};

static const char *
process_env(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

struct secrets *
secrets_new(const char *(*env)(void *, const char *), void *ctx)
{
	struct secrets *s = xcalloc(1, sizeof(*s));

	s->env = env != NULL ? env : process_env;
	s->ctx = ctx;
	buf_init(&s->out, 1 << 20);
	buf_init(&s->hidden, 1 << 20);
	return s;
}

void
secrets_free(struct secrets *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++) {
		explicit_bzero(s->values[i], strlen(s->values[i]));
		free(s->values[i]);
	}
	if (s->out.data != NULL)
		explicit_bzero(s->out.data, s->out.cap);
	buf_free(&s->out);
	buf_free(&s->hidden);
	free(s->values);
	free(s);
}

static int fails(struct secrets *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int
fails(struct secrets *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->wrong, sizeof(s->wrong), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void
remember(struct secrets *s, const char *value)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->values[i], value) == 0)
			return;
	s->values = xrealloc(s->values, s->n + 1, sizeof(char *));
	s->values[s->n++] = xstrdup(value);
}

static int
take(struct secrets *s, const char *value)
{
	remember(s, value);
	buf_text(&s->out, value);
	return 0;
}

static int
check_mode(struct secrets *s, int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return fails(s, "the secret's file %.200s is no regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fails(s, "the secret's file %.200s belongs to somebody else", path);
	if ((st.st_mode & 007) != 0 || ((st.st_mode & 070) != 0 && st.st_uid != 0))
		return fails(
		    s, "the secret's file %.200s can be read by others (try chmod 600)", path);
	return 0;
}

static int
take_file(struct secrets *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	char *text;
	ssize_t n;

	if (fd < 0)
		return fails(s, "the secret's file %.200s: %s", path, strerror(errno));
	if ((rc = check_mode(s, fd, path)) != 0) {
		close(fd);
		return rc;
	}
	text = xcalloc(1, SECRET_BYTES_MAX + 2);
	n = read(fd, text, SECRET_BYTES_MAX + 1);
	close(fd);
	if (n < 0 || n > SECRET_BYTES_MAX || memchr(text, '\0', (size_t)n) != NULL) {
		rc = fails(s,
		    "the secret's file %.200s cannot be read, is too large, or is no text", path);
	} else {
		text[strcspn(text, "\r\n")] = '\0';
		rc = text[0] != '\0' ? take(s, text)
				     : fails(s, "the secret's file %.200s is empty", path);
	}
	explicit_bzero(text, SECRET_BYTES_MAX);
	free(text);
	return rc;
}

static int
take_credential(struct secrets *s, const char *name)
{
	const char *dir = s->env(s->ctx, "CREDENTIALS_DIRECTORY");
	char path[1024];

	if (dir == NULL)
		return fails(s,
		    "${cred:%.60s}: there are no credentials here (CREDENTIALS_DIRECTORY is not "
		    "set)",
		    name);
	if (strchr(name, '/') != NULL)
		return fails(s, "${cred:%.60s}: a name, not a path", name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return take_file(s, path);
}

static int
take_reference(struct secrets *s, const char *reference)
{
	const char *value;

	if (strncmp(reference, "file:", 5) == 0)
		return reference[5] == '/'
			   ? take_file(s, reference + 5)
			   : fails(s, "${%.80s}: an absolute path is wanted", reference);
	if (strncmp(reference, "cred:", 5) == 0)
		return take_credential(s, reference + 5);
	if (strncmp(reference, "env:", 4) != 0)
		return 1;
	if ((value = s->env(s->ctx, reference + 4)) == NULL || *value == '\0')
		return fails(s, "the environment has no %.80s", reference + 4);
	return take(s, value);
}

const char *
secrets_expand(struct secrets *s, const char *text, const char **wrong)
{
	char reference[512];

	buf_reset(&s->out);
	while (*text != '\0') {
		size_t n = strcspn(text, "$"), len;
		int rc;

		buf_add(&s->out, text, n);
		text += n;
		if (strncmp(text, "$${", 3) == 0) {
			buf_text(&s->out, "${");
			text += 3;
			continue;
		}
		len = strncmp(text, "${", 2) == 0 ? strcspn(text, "}") : 0;
		if (len == 0 || text[len] != '}' || len - 2 >= sizeof(reference)) {
			buf_add(&s->out, text, *text != '\0');
			text += *text != '\0';
			continue;
		}
		snprintf(reference, sizeof(reference), "%.*s", (int)len - 2, text + 2);
		/* Not one of ours: it is the plugin's (${run_id}), and stays. */
		if ((rc = take_reference(s, reference)) > 0)
			buf_add(&s->out, text, len + 1);
		else if (rc < 0) {
			*wrong = s->wrong;
			return NULL;
		}
		text += len + 1;
	}
	return buf_str(&s->out);
}

const char *
secret_hide(struct secrets *s, const char *text)
{
	if (s == NULL || s->n == 0)
		return text;
	buf_reset(&s->hidden);
	while (*text != '\0') {
		size_t i;

		for (i = 0; i < s->n
			    && (s->values[i][0] == '\0'
				|| strncmp(text, s->values[i], strlen(s->values[i])) != 0);
		     i++)
			;
		if (i == s->n) {
			buf_char(&s->hidden, *text++);
		} else {
			buf_text(&s->hidden, "<secret>");
			text += strlen(s->values[i]);
		}
	}
	return buf_str(&s->hidden);
}

void
secret_scrub(const struct secrets *s, char *text)
{
	for (size_t i = 0; s != NULL && i < s->n; i++) {
		size_t len = strlen(s->values[i]);
		char *at = text;

		while (len >= SECRET_SCRUB_MIN && (at = strstr(at, s->values[i])) != NULL) {
			memset(at, '*', len);
			at += len;
		}
	}
}
