/*
 * silence.c - silences as people make and end them: kept in state.db before they count.
 *
 * Any thread; blocks for one transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/alert/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xmalloc.h"

const char *
silence_check(const struct alert_silence *s, int64_t now_ms)
{
	if (s->n_matchers == 0)
		return "a silence needs at least one matcher";
	if (s->ends_ms <= s->starts_ms)
		return "it ends before it begins";
	if (s->ends_ms <= now_ms)
		return "it ends in the past";
	if (s->created_by == NULL || *s->created_by == '\0')
		return "who made it must be said (createdBy)";
	return NULL;
}

/* A random UUID, version 4. */
static int
make_uuid(char dst[37])
{
	uint8_t b[16];

	if (getentropy(b, sizeof(b)) != 0)
		return -errno;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(dst, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
	    b[14], b[15]);
	return 0;
}

/* One that would silence everything is a mistake far more often than a wish. */
static bool
matches_nothing_set(const struct matcher_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!matcher_ok(&l->at[i], ""))
			return false;
	return true;
}

static int
commit_silence(struct alert_engine *e, const struct silence *s)
{
	int rc = state_begin(e->opts.state);

	if (rc != 0)
		return rc;
	rc = save_silence(e, s);
	if (rc != 0)
		state_rollback(e->opts.state);
	return rc != 0 ? rc : state_commit(e->opts.state);
}

static void
forget_oldest(struct alert_engine *e, int64_t now_ms)
{
	for (size_t i = 0; i < e->n_silences; i++)
		if (e->silences[i].ends_ms <= now_ms) {
			silence_clear(&e->silences[i]);
			e->silences[i] = e->silences[--e->n_silences];
			return;
		}
}

int
alert_silence_add(
    struct alert_engine *e, const struct alert_silence *s, char id[37], char *err, size_t cap)
{
	const char *wrong = silence_check(s, engine_now(e));
	struct silence new = {0};
	int rc;

	if (wrong != NULL) {
		snprintf(err, cap, "%s", wrong);
		return -EINVAL;
	}
	rc = matcher_list_parse(&new.matchers, s->matchers, s->n_matchers, "matchers", err, cap);
	if (rc == 0 && matches_nothing_set(&new.matchers)) {
		snprintf(err, cap, "at least one matcher must not match an empty value");
		rc = -EINVAL;
	}
	if (rc != 0 || (rc = make_uuid(new.id)) != 0) {
		matcher_list_clear(&new.matchers);
		return rc;
	}
	new.texts = xcalloc(s->n_matchers, sizeof(char *));
	for (size_t i = 0; i < s->n_matchers; i++)
		new.texts[i] = xstrdup(s->matchers[i]);
	new.starts_ms = s->starts_ms;
	new.ends_ms = s->ends_ms;
	new.created_by = xstrdup(s->created_by);
	new.comment = xstrdup(s->comment);
	memcpy(id, new.id, sizeof(new.id));
	pthread_mutex_lock(&e->lock);
	if (e->n_silences == SILENCES_MAX)
		forget_oldest(e, engine_now(e));
	rc = e->n_silences == SILENCES_MAX ? -E2BIG : commit_silence(e, &new);
	if (rc == 0)
		e->silences[e->n_silences++] = new;
	else
		silence_clear(&new);
	pthread_mutex_unlock(&e->lock);
	return rc;
}

int
alert_silence_expire(struct alert_engine *e, const char *id)
{
	int rc = -ENOENT;

	pthread_mutex_lock(&e->lock);
	for (size_t i = 0; i < e->n_silences; i++) {
		struct silence *s = &e->silences[i];
		int64_t before = s->ends_ms, now = engine_now(e);

		if (strcmp(s->id, id) != 0 || s->ends_ms <= now)
			continue;
		s->ends_ms = now;
		if ((rc = commit_silence(e, s)) != 0)
			s->ends_ms = before;
	}
	pthread_mutex_unlock(&e->lock);
	return rc;
}

void
alert_silences_each(
    struct alert_engine *e, void (*each)(void *, const struct alert_silence *), void *arg)
{
	pthread_mutex_lock(&e->lock);
	for (size_t i = 0; i < e->n_silences; i++) {
		const struct silence *s = &e->silences[i];
		struct alert_silence v = {.id = s->id,
		    .matchers = (const char *const *)(void *)s->texts,
		    .n_matchers = s->matchers.n,
		    .starts_ms = s->starts_ms,
		    .ends_ms = s->ends_ms,
		    .created_by = s->created_by,
		    .comment = s->comment};

		each(arg, &v);
	}
	pthread_mutex_unlock(&e->lock);
}
