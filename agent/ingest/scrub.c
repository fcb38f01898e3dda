/*
 * scrub.c - no text of a host passes here with a configured secret in it.
 *
 * DESIGN 5. A host knows the secrets of its own probes, and what it reports quotes strangers: an
 * error page, a redirect that repeats the token it was sent. Everything that is kept or shown comes
 * through here first: cause, reason and facts of a run (ingest.c), log lines and refusals (the
 * supervisor). Facts are JSON; there the values are looked at as they read, not as they are
 * escaped.
 *
 * Runs in: the loop thread. Blocks: never.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/ingest/internal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

#define DEPTH_MAX 16 /* hosts make facts 8 deep */

void
ingest_scrub(const struct ingest *in, char *text)
{
	if (in->opts.scrub != NULL && text != NULL)
		in->opts.scrub(in->opts.scrub_arg, text);
}

/* Returns the value as it may be kept: v itself (borrowed), or a new text that takes its place. */
static json_t *
clean_text(const struct ingest *in, json_t *v)
{
	char *text = xstrdup(json_string_value(v));
	json_t *clean = v;

	ingest_scrub(in, text);
	if (strcmp(text, json_string_value(v)) != 0)
		clean = json_string_nocheck(text);
	free(text);
	return clean;
}

static void
clean_below(const struct ingest *in, json_t *at, int depth)
{
	json_t *v, *clean;
	const char *key;
	size_t i;

	if (depth == DEPTH_MAX)
		return;
	json_object_foreach(at, key, v) {
		if (!json_is_string(v))
			clean_below(in, v, depth + 1);
		else if ((clean = clean_text(in, v)) != v)
			json_object_set_new_nocheck(at, key, clean);
	}
	json_array_foreach(at, i, v) {
		if (!json_is_string(v))
			clean_below(in, v, depth + 1);
		else if ((clean = clean_text(in, v)) != v)
			json_array_set_new(at, i, clean);
	}
}

/* Most facts hold nothing to hide: those are only looked through. */
static bool
needs_cleaning(const struct ingest *in, const char *facts)
{
	char *copy;
	bool differs;

	if (strchr(facts, '\\') != NULL)
		return true;
	copy = xstrdup(facts);
	ingest_scrub(in, copy);
	differs = strcmp(copy, facts) != 0;
	free(copy);
	return differs;
}

void
scrub_facts(const struct ingest *in, char **facts)
{
	json_t *o;
	char *clean;

	if (in->opts.scrub == NULL || !needs_cleaning(in, *facts))
		return;
	o = json_loads(*facts, JSON_REJECT_DUPLICATES, NULL);
	clean_below(in, o, 0);
	clean = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	json_decref(o);
	free(*facts);
	/* What cannot be read cannot be searched: it is not kept. */
	*facts = clean != NULL ? clean : xstrdup("{}");
}
