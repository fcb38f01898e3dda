/*
 * access_log.c - the source's words, and a look at its files: lines become records, records go to
 * whoever reads them. See log.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL /* a line has two short hashes: no call */
#include <xxhash.h>

#include "lib/clock.h"
#include "plugins/access_log/scan.h"
#include "plugins/common/glob.h"
#include "plugins/common/network.h"

#define BATCH 512                   /* records handed on at once */
#define BATCH_SPAN_MS 60000         /* of event time, while old lines are read */
#define FUTURE_MS 3600000           /* a line that is later than this is none */
#define AGENTS 4096                 /* user agents whose class is remembered; a power of two */
#define AGENT_WAYS 8                /* places that one may have among them */
#define AGENT_BYTES 512             /* of one that are looked at */
#define NOT_A_FILE UINT32_MAX
#define RESERVE_SHARE 10            /* of a run's time is left for its end */

enum metric { LINES, BYTES, ROTATIONS, TRUNCATIONS, LOST, LAG, FILES, CLIENT, DROPPED };
static const struct tw_metric metrics[] = {
    [LINES] = {"access_log_lines_total", "", TW_COUNTER, 0, 1, "result",
	"Lines read, by what they were"},
    [BYTES] = {"access_log_bytes_total", "bytes", TW_COUNTER, 0, 1, "", "Bytes read"},
    [ROTATIONS] = {"access_log_rotations_total", "", TW_COUNTER, 0, 1, "",
	"A file was followed by another"},
    [TRUNCATIONS] = {"access_log_truncations_total", "", TW_COUNTER, 0, 1, "",
	"A file was cut, and read from its beginning"},
    [LOST] = {"access_log_lost_files_total", "", TW_COUNTER, 0, 1, "",
	"Files that were gone after a restart before they were read to the end"},
    [LAG] = {"access_log_lag_seconds", "seconds", TW_GAUGE, 0, 0.001, "",
	"Since the newest line's time"},
    [FILES] = {"access_log_files", "", TW_GAUGE, 0, 1, "", "Files that are read"},
    [CLIENT] = {"access_log_duration_includes_client", "", TW_GAUGE, 0, 1, "",
	"1: the format has no time of the server alone"},
    [DROPPED] = {"access_log_dropped_total", "", TW_COUNTER, 0, 1, "reason",
	"Messages that came and were not taken: full (the kernel had no room for a datagram) or "
	"sender (who may not send)"},
};

enum result { R_OK, R_SYNTHETIC, R_BOT, R_IGNORED, R_UNPARSED, R_TOO_LONG, R_FUTURE, R_N };
static const char *const results[R_N] = {
    "ok", "synthetic", "bot", "ignored", "unparsed", "too_long", "future"};

struct access_log {
	/* options */
	struct tw_list path, listen, senders, fields, trusted_proxies, ignore;
	const char *format;
	int64_t lateness, max_line, history, stale_after;
	uint8_t bots;

	/* made by start */
	struct log_format *line;
	struct follow *follow;
	struct receive *receive; /* NULL: nothing is sent to us */
	int64_t first_start_ms; /* lines from before are history */
	int64_t newest_ms;
	struct follow_counts told;
	struct receive_counts told_of_sent;
	uint64_t n[R_N];
	int place[FIELD_N];
	bool wants_country, has_looked;
	struct network *proxies, *may_send;
	struct country_cache *countries;
	uint64_t *agent_key;    /* AGENTS hashes */
	uint8_t *agent_is_bot;
	/* a batch */
	uint32_t n_fields;
	size_t n_records;
	struct tw_record records[BATCH];
	struct tw_value values[BATCH][LOG_FIELDS_MAX];
};

static const struct tw_option options[] = {
    TW_OPTION(struct access_log, path, TW_PATH, .flags = TW_MANY | TW_AROUND | TW_STDIN,
	.help = "files, with * and ?; what they are rotated to is found beside them; - is the "
		"standard input"),
    TW_OPTION(struct access_log, listen, TW_STRINGS,
	.help = "addresses that take syslog, [udp://127.0.0.1:5514, tcp://127.0.0.1:5514]"),
    TW_OPTION(struct access_log, senders, TW_STRINGS,
	.help = "networks that may send to them, [10.0.0.0/8]; without it private ones and this "
		"machine"),
    TW_OPTION(struct access_log, format, TW_STRING, .def = "combined",
	.help = "combined, common, json, or the server's own log format (nginx, Apache)"),
    TW_OPTION(struct access_log, fields, TW_PAIRS,
	.help = "our name: a variable of the format, or the key before it: {session: sid}; of JSON "
		"a member, or the pointer of one: {path: /request/uri}"),
    TW_OPTION(struct access_log, trusted_proxies, TW_STRINGS,
	.help = "networks of our own proxies, [10.0.0.0/8]: behind them the client is who "
		"X-Forwarded-For says, from the right"),
    TW_OPTION(struct access_log, ignore, TW_STRINGS,
	.help = "paths that nobody counts, [/health, /assets/**]; such a line still says that the "
		"log is alive"),
    TW_OPTION(struct access_log, lateness, TW_DURATION, .def = "5s", .max = 3600,
	.help = "servers write a line when a request ends: for so long older ones may come"),
    TW_OPTION(struct access_log, max_line, TW_BYTES, .def = "64KiB", .min = 1024, .max = 131072,
	.help = "a longer line is counted, not read"),
    TW_OPTION(struct access_log, history, TW_DURATION, .def = "4w", .max = 366 * 86400.0,
	.help = "how far back rotated files are read at the first start"),
    TW_OPTION(struct access_log, stale_after, TW_DURATION, .def = "15m", .min = 10,
	.help = "without a line for so long the log is silent: nothing is known, nothing is zero"),
    TW_OPTION(struct access_log, bots, TW_BOOL, .def = "true",
	.help = "tell robots by their user agent; readers count them apart"),
};

static const struct tw_alert alerts[] = {
    {.name = "AccessLogSilent", .severity = "ticket", .hold = "5m",
	.expr = "tillwatch_probe_verdict{probe=\"${probe}\"} == 3",
	.summary = "{{ $labels.probe }}: no line comes, so nothing is known of its traffic"},
    {.name = "AccessLogUnparsed", .severity = "ticket", .hold = "15m",
	.expr = "sum without (result) (increase("
		"access_log_lines_total{probe=\"${probe}\",result=\"unparsed\"}[15m])) > 0.05 * "
		"sum without (result) (increase(access_log_lines_total{probe=\"${probe}\"}[15m]))",
	.summary = "{{ $labels.probe }}: lines are of another format than configured"},
    {.name = "AccessLogDropped", .severity = "ticket", .hold = "5m",
	.expr = "increase(access_log_dropped_total{probe=\"${probe}\",reason=\"full\"}[15m]) > 0",
	.summary = "{{ $labels.probe }}: lines that came by UDP were lost: send them by TCP"},
};

/* ---- start ---- */

static void
find_places(struct access_log *s)
{
	uint32_t n;
	const char *const *names = log_format_fields(s->line, &n);

	for (int i = 0; i < FIELD_N; i++) {
		s->place[i] = -1;
		for (uint32_t k = 0; k < n; k++)
			if (strcmp(names[k], log_field_names[i]) == 0)
				s->place[i] = (int)k;
	}
	s->n_fields = n;
}

static void
restore(struct tw_ctx *ctx, struct access_log *s)
{
	const void *kept;
	size_t len;

	s->first_start_ms = wall_now().ms;
	if ((kept = tw_api_->state_get(ctx, "first_start", &len)) != NULL
	    && len == sizeof(s->first_start_ms))
		memcpy(&s->first_start_ms, kept, len);
	if ((kept = tw_api_->state_get(ctx, "position", &len)) != NULL
	    && !follow_restore(s->follow, kept, len))
		tw_api_->log(ctx, 4, "the stored position is damaged: reading from the start");
	s->newest_ms = follow_newest_ms(s->follow);
}

static enum tw_verdict
take_networks(struct tw_ctx *ctx, const char *option, const struct tw_list *list,
    struct network **out)
{
	const char *const *texts = list->items;
	char path[48];

	if ((*out = calloc(list->n + 1, sizeof(**out))) == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	for (uint32_t i = 0; i < list->n; i++) {
		if (network_parse(&(*out)[i], texts[i]) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%u", option, i);
		return tw_api_->refuse(
		    ctx, path, "%s is no network (try 10.0.0.0/8)", texts[i]);
	}
	return TW_OK;
}

/* Where lines come from: files, and what is sent to us. "-" is no file. */
static enum tw_verdict
take_places(struct tw_ctx *ctx, struct access_log *s)
{
	struct receive_options o = {.listen = s->listen.items, .n_listen = s->listen.n,
	    .senders = s->may_send, .n_senders = s->senders.n, .max_line = (size_t)s->max_line};
	const char **paths = s->path.items;
	uint32_t n = 0, which = 0;
	char path[48], err[256];

	for (uint32_t i = 0; i < s->path.n; i++)
		if (strcmp(paths[i], "-") == 0)
			o.has_input = true;
		else
			paths[n++] = paths[i];
	s->path.n = n;
	if (n == 0 && o.n_listen == 0 && !o.has_input)
		return tw_api_->refuse(
		    ctx, "path", "is missing, and so is listen: no line can come");
	s->follow = follow_new(s->path.items, n, (size_t)s->max_line, s->history / 1000);
	if (s->follow == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	if (o.n_listen == 0 && !o.has_input)
		return TW_OK;
	if ((s->receive = receive_new(&o, &which, err, sizeof(err))) != NULL)
		return TW_OK;
	if (err[0] == '\0')
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	snprintf(path, sizeof(path), "listen/%u", which);
	return tw_api_->refuse(ctx, path, "%s", err);
}

static enum tw_verdict
start(struct tw_ctx *ctx, void *self)
{
	struct access_log *s = self;
	char err[256];
	const char *const *names;
	uint32_t n;

	if (log_format_new(&s->line, s->format, s->fields.items, s->fields.n, err, sizeof(err))
	    != 0)
		return tw_api_->refuse(
		    ctx, strncmp(err, "fields.", 7) == 0 ? "fields" : "format", "%s", err);
	if (take_networks(ctx, "trusted_proxies", &s->trusted_proxies, &s->proxies) != TW_OK
	    || take_networks(ctx, "senders", &s->senders, &s->may_send) != TW_OK
	    || take_places(ctx, s) != TW_OK)
		return TW_UNKNOWN;
	s->agent_key = calloc(AGENTS, sizeof(*s->agent_key));
	s->agent_is_bot = calloc(AGENTS, sizeof(*s->agent_is_bot));
	s->countries = country_cache_new();
	if (s->countries == NULL || s->agent_key == NULL || s->agent_is_bot == NULL)
		return tw_fail(ctx, TW_UNKNOWN, "memory", "out of memory");
	find_places(s);
	names = log_format_fields(s->line, &n);
	tw_api_->fields(ctx, names, n);
	restore(ctx, s);
	return TW_OK;
}

static void
stop(struct tw_ctx *ctx, void *self)
{
	struct access_log *s = self;

	(void)ctx;
	log_format_free(s->line);
	follow_free(s->follow);
	receive_free(s->receive);
	free(s->proxies);
	free(s->may_send);
	country_cache_free(s->countries);
	free(s->agent_key);
	free(s->agent_is_bot);
}

/* ---- classes ---- */

/* By what robots call themselves. Those that pretend to be people are people here. */
static bool
is_bot_name(const char *s, size_t n)
{
	static const char *const words[] = {"bot", "crawl", "spider", "slurp", "curl/", "wget",
	    "python-", "java/", "go-http-client", "headless", "lighthouse", "pingdom", "uptime",
	    "monitor", "scrapy", "facebookexternalhit", "feedfetcher", "libwww", "okhttp",
	    "preview", "scan"};

	char lower[AGENT_BYTES];

	n = n < sizeof(lower) ? n : sizeof(lower);
	for (size_t i = 0; i < n; i++)
		lower[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] - 'A' + 'a' : s[i]);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (memmem(lower, n, words[i], strlen(words[i])) != NULL)
			return true;
	return false;
}

static bool
is_bot(struct access_log *s, const struct tw_value *agent)
{
	uint64_t key = XXH3_64bits(agent->as.text, agent->len);
	size_t set, at;

	key |= key == 0;
	set = key & (AGENTS - 1) & ~(size_t)(AGENT_WAYS - 1);
	for (at = set; at < set + AGENT_WAYS; at++)
		if (s->agent_key[at] == key)
			return s->agent_is_bot[at] != 0;
	for (at = set; at < set + AGENT_WAYS && s->agent_key[at] != 0; at++)
		;
	if (at == set + AGENT_WAYS)
		at = set + (key >> 32) % AGENT_WAYS; /* one goes; which one is chance */
	s->agent_is_bot[at] = is_bot_name(agent->as.text, agent->len);
	s->agent_key[at] = key;
	return s->agent_is_bot[at] != 0;
}

static const struct tw_value *
text_at(const struct access_log *s, const struct tw_value *v, enum log_field field)
{
	int at = s->place[field];

	return at >= 0 && v[at].type == TW_FIELD_TEXT && v[at].len > 0 ? &v[at] : NULL;
}

static uint32_t
classify(struct access_log *s, const struct tw_value *v)
{
	const struct tw_value *mark = text_at(s, v, FIELD_SYNTHETIC);
	const struct tw_value *agent = text_at(s, v, FIELD_USER_AGENT);

	if (mark != NULL && !(mark->len == 1 && (*mark->as.text == '-' || *mark->as.text == '0')))
		return TW_RECORD_SYNTHETIC;
	if (agent != NULL && agent->len > 10 && memcmp(agent->as.text, "tillwatch/", 10) == 0)
		return TW_RECORD_SYNTHETIC;
	return s->bots && agent != NULL && is_bot(s, agent) ? TW_RECORD_BOT : 0;
}

/* Where the address stood its country stands now: nobody may keep an address. */
static void
find_country(struct tw_ctx *ctx, const struct access_log *s, struct tw_value *v)
{
	const struct tw_value *address = text_at(s, v, FIELD_ADDRESS);
	const struct tw_value *forwarded = text_at(s, v, FIELD_FORWARDED);
	struct address client;
	char *to;

	if (address == NULL || address->len < 2
	    || !network_client(&client, s->proxies, s->trusted_proxies.n, address->as.text,
		address->len, forwarded != NULL ? forwarded->as.text : "",
		forwarded != NULL ? forwarded->len : 0))
		return;
	to = (char *)(uintptr_t)address->as.text;
	if (!country_of(ctx, s->countries, &client, to))
		return;
	v[s->place[FIELD_COUNTRY]] =
	    (struct tw_value){.type = TW_FIELD_TEXT, .len = 2, .as.text = to};
	v[s->place[FIELD_ADDRESS]] = (struct tw_value){.type = TW_FIELD_NONE};
}

/* ---- a look ---- */

/* Up to when all is known: everything was read at read_ms, or some file is still behind. */
static int64_t
complete_ms(const struct access_log *s, bool is_at_end, int64_t read_ms)
{
	int64_t known = is_at_end ? read_ms : follow_behind_ms(s->follow);

	if (read_ms - s->newest_ms > s->stale_after / 1000 && is_at_end)
		return 0; /* silent: what we know stays where it is */
	return (known < read_ms ? known : read_ms) - s->lateness / 1000;
}

/* What was read is handed on, and the position behind it: `left` bytes of the buffer follow. */
static void
hand_on(struct tw_ctx *ctx, struct access_log *s, size_t left, bool is_at_end, int64_t read_ms)
{
	struct tw_batch b = {.size = sizeof(b), .read_ms = read_ms};
	size_t len;
	void *position;

	b.complete_ms = complete_ms(s, is_at_end, read_ms);
	for (int i = 0; i < R_N; i++) {
		if (s->n[i] > 0)
			tw_count(ctx, LINES, (double)s->n[i], "result", results[i]);
		s->n[i] = 0;
	}
	if ((position = follow_position(s->follow, left, &len)) != NULL)
		tw_api_->state_put(ctx, "position", position, len);
	free(position);
	tw_api_->records(ctx, &b, s->records, s->n_records);
	s->n_records = 0;
}

static bool
is_ignored(const struct access_log *s, const struct tw_value *v)
{
	const char *const *patterns = s->ignore.items;
	const struct tw_value *path = s->ignore.n > 0 ? text_at(s, v, FIELD_PATH) : NULL;

	for (uint32_t i = 0; path != NULL && i < s->ignore.n; i++)
		if (glob_match(patterns[i], path->as.text, path->len))
			return true;
	return false;
}

static enum result
take_line(struct tw_ctx *ctx, struct access_log *s, char *line, size_t len, bool has_escapes,
    int64_t read_ms)
{
	struct tw_record *r = &s->records[s->n_records];
	struct tw_value *v = s->values[s->n_records];
	const char *why;
	int64_t ms;

	if ((int64_t)len > s->max_line)
		return R_TOO_LONG;
	if ((why = log_format_parse(s->line, line, len, has_escapes, v, &ms)) != NULL) {
		tw_api_->reject(ctx, why, line, len);
		return R_UNPARSED;
	}
	if (ms > read_ms + FUTURE_MS) {
		tw_api_->reject(ctx, "is from the future", line, len);
		return R_FUTURE;
	}
	s->newest_ms = ms > s->newest_ms ? ms : s->newest_ms;
	if (is_ignored(s, v))
		return R_IGNORED;
	*r = (struct tw_record){
	    .size = sizeof(*r), .flags = classify(s, v), .time_ms = ms, .values = v};
	if (ms < s->first_start_ms)
		r->flags |= TW_RECORD_HISTORY;
	if (s->wants_country)
		find_country(ctx, s, v);
	s->n_records++;
	if (r->flags & TW_RECORD_SYNTHETIC)
		return R_SYNTHETIC;
	return r->flags & TW_RECORD_BOT ? R_BOT : R_OK;
}

/* file: whose they are, NOT_A_FILE for what was sent. */
static void
take_lines(struct tw_ctx *ctx, struct access_log *s, char *lines, size_t n, uint32_t file,
    int64_t read_ms)
{
	char *end = lines + n, *newline, *escape = memchr(lines, '\\', n);

	for (; lines < end; lines = newline + 1) {
		int64_t first_ms = s->n_records > 0 ? s->records[0].time_ms : 0;

		if (escape != NULL && escape < lines)
			escape = memchr(lines, '\\', (size_t)(end - lines));
		newline = scan_byte(lines, end, '\n');
		s->n[take_line(ctx, s, lines, (size_t)(newline - lines),
		    escape != NULL && escape < newline, read_ms)]++;
		if (s->n_records > 0 && file != NOT_A_FILE)
			follow_time(s->follow, file, s->records[s->n_records - 1].time_ms);
		if (s->n_records == BATCH
		    || (first_ms > 0 && s->newest_ms - first_ms > BATCH_SPAN_MS))
			hand_on(ctx, s, file != NOT_A_FILE ? (size_t)(end - newline - 1) : 0,
			    false, read_ms);
	}
	hand_on(ctx, s, 0, false, read_ms);
}

static void
tell_sent(struct tw_ctx *ctx, struct access_log *s)
{
	struct receive_counts c = receive_counts(s->receive);

	tw_count(ctx, BYTES, (double)(c.bytes - s->told_of_sent.bytes));
	tw_count(ctx, DROPPED, (double)(c.lost - s->told_of_sent.lost), "reason", "full");
	tw_count(ctx, DROPPED, (double)(c.refused - s->told_of_sent.refused), "reason", "sender");
	s->n[R_TOO_LONG] += c.too_long - s->told_of_sent.too_long;
	s->told_of_sent = c;
}

static void
tell_counts(struct tw_ctx *ctx, struct access_log *s, int64_t read_ms)
{
	struct follow_counts c = follow_counts(s->follow);

	tw_count(ctx, BYTES, (double)(c.bytes - s->told.bytes));
	tw_count(ctx, ROTATIONS, (double)(c.rotations - s->told.rotations));
	tw_count(ctx, TRUNCATIONS, (double)(c.truncations - s->told.truncations));
	tw_count(ctx, LOST, (double)(c.lost - s->told.lost));
	s->n[R_TOO_LONG] += c.too_long - s->told.too_long;
	s->told = c;
	if (s->receive != NULL)
		tell_sent(ctx, s);
	tw_emit(ctx, FILES, c.n_files);
	tw_emit(ctx, CLIENT, log_format_has_client_time(s->line));
	if (s->newest_ms > 0)
		tw_emit(ctx, LAG, (double)(read_ms - s->newest_ms) / 1e3);
	if (log_format_has_client_time(s->line))
		tw_api_->fact_text(ctx, "duration", "includes the client");
}

/* All files to their end, as far as time allows. 1: there is more; 0: all was read; -errno. */
static int
read_files(struct tw_ctx *ctx, struct access_log *s, int64_t *read_ms, char *err, size_t cap)
{
	int64_t reserve_us = tw_api_->left_us(ctx) / RESERVE_SHARE;
	uint32_t file;
	char *lines;
	size_t n;
	int rc;

	while ((rc = follow_read(s->follow, &lines, &n, &file, err, cap)) > 0) {
		take_lines(ctx, s, lines, n, file, *read_ms);
		*read_ms = wall_now().ms;
		if (tw_api_->left_us(ctx) < reserve_us)
			break;
	}
	return rc;
}

/* What was sent since the last look. 0, or -errno: not all that we listen on is open. */
static int
read_sent(struct tw_ctx *ctx, struct access_log *s, int64_t read_ms, char *err, size_t cap)
{
	int rc = receive_open(s->receive, err, cap);
	char *lines;
	size_t n;

	if (!s->has_looked && rc == 0) /* who tries the source wants to see a line */
		receive_wait(s->receive, tw_api_->left_us(ctx) / 2);
	s->has_looked = true;
	if (receive_take(s->receive, &lines, &n))
		take_lines(ctx, s, lines, n, NOT_A_FILE, read_ms);
	return rc;
}

static enum tw_verdict
tail(struct tw_ctx *ctx, void *self)
{
	struct access_log *s = self;
	int64_t read_ms = wall_now().ms;
	char err[256], sent_err[256];
	int rc, sent_rc = 0;

	tw_api_->state_put(ctx, "first_start", &s->first_start_ms, sizeof(s->first_start_ms));
	s->wants_country = s->place[FIELD_ADDRESS] >= 0 && tw_api_->is_wanted(ctx, "country");
	if (s->receive != NULL)
		sent_rc = read_sent(ctx, s, read_ms, sent_err, sizeof(sent_err));
	rc = read_files(ctx, s, &read_ms, err, sizeof(err));
	if (rc == 0)
		hand_on(ctx, s, 0, true, read_ms);
	tell_counts(ctx, s, read_ms);
	if (rc < 0)
		return tw_fail(ctx, TW_UNKNOWN, "file", "%s", err);
	if (sent_rc < 0)
		return tw_fail(ctx, TW_UNKNOWN, "listen", "%s", sent_err);
	if (s->receive != NULL && s->path.n == 0 && receive_has_ended(s->receive))
		return tw_fail(ctx, TW_UNKNOWN, "ended", "the standard input has ended");
	if (s->newest_ms == 0)
		return tw_fail(ctx, TW_UNKNOWN, "silent", "no line yet");
	if (read_ms - s->newest_ms > s->stale_after / 1000)
		return tw_fail(ctx, TW_UNKNOWN, "silent", "no line for %.0f minutes",
		    (double)(read_ms - s->newest_ms) / 6e4);
	return TW_OK;
}

TW_PLUGIN(.name = "access_log", .version = "1.0", .summary = "Access logs of web servers",
    .prefix = "access_log_", .flags = TW_SOURCE | TW_BLOCKING,
    .self_size = sizeof(struct access_log), .start = start, .stop = stop, .tail = tail,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics), .alerts = TW_TABLE(alerts),
    .interval_us = 2000000);
