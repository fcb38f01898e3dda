/*
 * group-try.c - a source that is only tried (--once): what its first records hold, as facts of the
 * run. What may be of a person is not shown; see group.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "host/group.h"
#include "lib/clock.h"

#define TRY_TEXT_MAX 160

/* Fields that a person may be in, by name; and what looks like an address, whatever its name. */
static bool
is_of_a_person(const char *field, const struct tw_value *v)
{
	static const char *const names[] = {"address", "forwarded", "session", "email", "referer",
	    "user_agent", "query", "phone", "name"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(field, names[i]) == 0)
			return true;
	return v->type == TW_FIELD_TEXT && memchr(v->as.text, '@', v->len) != NULL;
}

static void
try_value(struct probe *p, unsigned i, const char *field, const struct tw_value *v)
{
	char path[96], text[TRY_TEXT_MAX + 1];

	snprintf(path, sizeof(path), "records/%u/%.60s", i, field);
	switch (v->type) {
	case TW_FIELD_TEXT:
		snprintf(text, sizeof(text), "%.*s",
		    (int)(v->len < TRY_TEXT_MAX ? v->len : TRY_TEXT_MAX), v->as.text);
		emit_fact_text(&p->emit, path, is_of_a_person(field, v) ? "***" : text);
		break;
	case TW_FIELD_INT:
		emit_fact_real(&p->emit, path, (double)v->as.integer);
		break;
	case TW_FIELD_REAL:
		emit_fact_real(&p->emit, path, v->as.real);
		break;
	case TW_FIELD_TIME_MS:
		emit_fact_text(&p->emit, path, wall_format((wall_t){v->as.integer}, text));
		break;
	default:
		break;
	}
}

static void
try_record(struct probe *p, unsigned i, const struct tw_batch *b, const struct tw_record *r)
{
	char path[48], text[WALL_TEXT];

	snprintf(path, sizeof(path), "records/%u/time", i);
	emit_fact_text(
	    &p->emit, path, r->time_ms > 0 ? wall_format((wall_t){r->time_ms}, text) : "none");
	snprintf(path, sizeof(path), "records/%u/class", i);
	emit_fact_text(&p->emit, path,
	    r->flags & TW_RECORD_SYNTHETIC ? "synthetic"
	    : r->flags & TW_RECORD_BOT	   ? "bot"
					   : "customer");
	for (uint32_t k = 0; k < b->n_fields; k++)
		if (strcmp(b->fields[k], "time") != 0 && strcmp(b->fields[k], "class") != 0)
			try_value(p, i, b->fields[k], &r->values[k]);
}

void
group_try(
    struct probe *p, const struct tw_batch *b, const struct tw_record *records, size_t n)
{
	struct member *m = &p->member;

	for (size_t i = 0; i < n && m->n_records + i < GROUP_TRIED; i++)
		try_record(p, (unsigned)(m->n_records + i), b, tw_record_at(records, i));
	emit_fact_real(&p->emit, "n_records", (double)(m->n_records + n));
}
