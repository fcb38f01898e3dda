/*
 * tillwatch/plugin.h - the plugin ABI: the only header that a plugin needs, and the only one
 * installed.
 *
 * A plugin is a shared object that exports one function and has no undefined symbols of ours. It
 * describes itself by tables (options, metrics, default alerts, panels) and does its work through
 * the calls of `tw_api`, which the host hands to it. It runs in a host process of its own group,
 * never in the agent: if it crashes, hangs or leaks, that host is killed and started again, and
 * nobody else notices.
 *
 *     probe() is called at each slot.  It either returns a verdict (flag TW_BLOCKING: on a thread
 * of its own), or starts asynchronous work (http, dns, after, work) and returns TW_PENDING; then
 * the callback that does not return TW_PENDING ends the run with its verdict.  All callbacks of one
 * probe run on one thread, in turn; a callback takes less than 2 ms, longer work goes to work().
 *
 * Versions: MAJOR 0 may still change. Tables carry their rows' size, structs their own, and both
 * grow only at the end: a newer plugin in an older host tests a call with tw_has(call).
 *
 * Units: microseconds for durations (_us), milliseconds since 1970 UTC for stamps (_ms), bytes.
 * Texts are NUL-terminated UTF-8. What a call receives is copied before it returns, unless said
 * otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TILLWATCH_PLUGIN_H
#define TILLWATCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TW_ABI_MAJOR 0
#define TW_ABI_MINOR 1

/* How a run ended: 0..3 are Nagios' codes. */
enum tw_verdict { TW_OK = 0, TW_WARN = 1, TW_CRIT = 2, TW_UNKNOWN = 3, TW_PENDING = 4 };

struct tw_ctx; /* one run of one probe, or (in start, stop and on_records) one probe; opaque */

/* ---- tables -------------------------------------------------------------------------------------
 */

struct tw_table {
	const void *rows;
	uint32_t count, row_size;
};
#define TW_TABLE(array) { (array), sizeof(array) / sizeof((array)[0]), sizeof((array)[0]) }

/* What an option holds, and what stands at its offset in the plugin's struct. */
enum tw_type {
	TW_STRING = 1, /* const char *; NULL when absent and without default */
	TW_INT,        /* int64_t */
	TW_REAL,       /* double */
	TW_BOOL,       /* bool as uint8_t */
	TW_DURATION,   /* int64_t microseconds; written 10s, 1h30m, 250ms */
	TW_BYTES,      /* int64_t; written 64KiB, 1MB */
	TW_SHARE,      /* double 0..1; written 99.5% */
	TW_URL,        /* const char *; http or https, host needed */
	TW_SECRET,     /* const char *; never printed, wiped at the end */
	TW_PATH,       /* const char *; absolute; the sandbox opens it for reading */
	TW_HOST_PORT,  /* const char *; the sandbox allows it */
	TW_REGEX,      /* const char *; checked to compile (PCRE2) */
	TW_CHOICE,     /* int32_t: index into `choices` ("GET|HEAD|POST") */
	TW_SET,        /* uint32_t: bit i = choice i; a list or one word */
	TW_STRINGS,    /* struct tw_list of const char *; a list or one text */
	TW_RANGES,     /* struct tw_list of struct tw_range: 200, 500-599, [200, 404] */
	TW_PAIRS,      /* struct tw_list of struct tw_pair, in written order: {name: value} */
	TW_TREE,       /* const char *: any YAML, handed over as JSON text */
	TW_MAP,        /* the nested struct itself, at this offset: rows in `nested` */
	TW_MAPS,       /* struct tw_list of nested structs: a list of maps */
	TW_NAMED       /* struct tw_list of nested structs from {name: {...}}; their first member is
			* const char *name */
};

struct tw_list { uint32_t n; uint32_t item_size; void *items; };
struct tw_range { int64_t low, high; };
struct tw_pair { const char *name, *value; };

struct tw_option {
	const char *name;
	enum tw_type type;
	uint32_t flags;
#define TW_REQUIRED 1u       /* an error when absent */
#define TW_NEEDS_RESTART 2u  /* a reload says so instead of applying it */
#define TW_LATER 4u          /* a word of a later version: refused as such */
#define TW_NAMES_SOURCE 8u   /* TW_STRING, TW_STRINGS, or the names of TW_NAMED: configured sources,
			      * which the probe then reads and shares a host with */
#define TW_MANY 16u          /* a list of the scalar type: struct tw_list of what stands for one */
#define TW_AROUND 32u        /* TW_PATH: may hold * and ?; files come and go (rotation): the sandbox
			      * opens the directory */
#define TW_STDIN 64u         /* TW_PATH: may be "-", the agent's standard input, which the plugin
			      * reads from descriptor 0; one path of one probe has it */
#define TW_FLOW_FROM 128u    /* with TW_NAMES_SOURCE: what the sources of TW_FLOW_TO in the same map
			      * say comes from this one. So something flows from its system to
			      * theirs, and this probe measures it: it is on the map of the shop.
			      * In a map without it the first of TW_FLOW_TO has this part */
#define TW_FLOW_TO 256u
#define TW_FLOW_LIMIT 512u   /* TW_DURATION in the map of a source of TW_FLOW_TO (TW_NAMED): how
			      * long that may take */
	uint32_t offset;
	const char *def;     /* as the user would write it; NULL: absent is zero, NULL, empty */
	double min, max;     /* of the value in its unit (durations in seconds); 0,0 = no bound */
	const char *choices; /* "a|b|c" for TW_CHOICE and TW_SET */
	const char *help;    /* one sentence */
	struct tw_table nested; /* struct tw_option rows, for TW_MAP, TW_MAPS, TW_NAMED */
	uint32_t nested_size;   /* bytes of one nested struct */
};
#define TW_OPTION(type_, field_, kind_, ...) \
	{ .name = #field_, .type = (kind_), .offset = offsetof(type_, field_), __VA_ARGS__ }

/* A word that an earlier version of the plugin had: it is taken as the one of today, with a
 * warning, and `tillwatch config upgrade` rewrites it. Paths from the probe's map; * is each item
 * of a list and each member of a map. */
struct tw_word {
	const char *was;     /* an option "canary/every", or a value "robots=heed" */
	const char *now;     /* "canary/interval", "robots=obey"; in another map: moved by the
			      * loader, in the file by hand; "/sources.NAME.units": not of this map
			      * any more, refused with that place */
	const char *since;   /* the version of tillwatch that renamed it: "0.2.0" */
};

enum tw_kind { TW_GAUGE = 1, TW_COUNTER, TW_HISTOGRAM };

struct tw_metric {
	const char *name; /* full, with the plugin's prefix and the unit: storefront_ttfb_seconds */
	const char *unit;    /* "seconds", "bytes", "ratio", "" ... */
	enum tw_kind kind;
	uint32_t flags;
	double resolution;   /* samples are kept as multiples of it; 0 = exact double */
	const char *labels;  /* "phase,connection": what emit() may give, in any order */
	const char *help;
};

struct tw_alert { /* default alert; ${probe} and ${shop} are replaced as label matchers' values */
	const char *name;    /* StorefrontDown */
	const char *expr;    /* PromQL, with {probe="${probe}"} */
	const char *hold;    /* `for`: "2m" */
	const char *keep_firing_for;
	const char *severity; /* page | ticket | info */
	const char *summary; /* Prometheus template: {{ $labels.probe }}, {{ $value }} */
	const char *when;    /* NULL, or the name of an option that must be set; "!name": not */
	const char *failures; /* instead of expr: "2 of 3" runs whose verdict is crit */
};

struct tw_slo {              /* what `slo: {objective, window, good: {NAME: {max: X}}}` counts by */
	const char *name;    /* NAME; NULL: what counts without `good` */
	const char *good, *total; /* PromQL of counters' increase over [${window}]; ${max} is X */
	const char *help;
};

struct tw_panel {            /* what a dashboard draws for a probe without knowing the plugin */
	const char *title, *kind; /* kind: line | heat | bar | table | waterfall */
	const char *expr;    /* PromQL, with {probe="${probe}"} */
	const char *unit, *target;
};

/* ---- http ---------------------------------------------------------------------------------------
 */

enum tw_phase { TW_PHASE_NONE = 0, TW_DNS, TW_CONNECT, TW_TLS, TW_SEND, TW_WAIT, TW_TRANSFER };
enum tw_family { TW_FAMILY_ANY = 0, TW_IPV4 = 4, TW_IPV6 = 6 };

enum tw_http_error {         /* 0 = an answer came, whatever its status */
	TW_HTTP_OK = 0,
	TW_HTTP_DNS, TW_HTTP_REFUSED, TW_HTTP_UNREACHABLE, TW_HTTP_TIMEOUT, TW_HTTP_TLS,
	TW_HTTP_CERTIFICATE,  /* verification failed: see the hop's certificate */
	TW_HTTP_RESET,        /* the peer closed or reset before the answer was whole */
	TW_HTTP_PROTOCOL,     /* not HTTP, broken framing */
	TW_HTTP_HEADERS_TOO_LARGE, TW_HTTP_BODY_TOO_LARGE,
	TW_HTTP_REDIRECTS,    /* more than max_redirects */
	TW_HTTP_REDIRECT_BLOCKED, /* to another scheme than http(s), or into a private network */
	TW_HTTP_CANCELLED, TW_HTTP_ABORTED_BY_PLUGIN, TW_HTTP_INTERNAL
};

enum tw_connection { TW_COLD = 0, TW_WARM = 1 };

struct tw_header { const char *name, *value; };
struct tw_jar;               /* cookies of one run; freed at its end */

struct tw_answer;
/* Ends a request. answer lives until the callback returns. The returned verdict ends the run,
 * TW_PENDING goes on. */
typedef enum tw_verdict tw_http_fn(struct tw_ctx *, void *self, const struct tw_answer *answer);
/* A piece of decoded body; non-zero stops the transfer (TW_HTTP_ABORTED_BY_PLUGIN). */
typedef int tw_body_fn(struct tw_ctx *, void *self, const void *data, size_t len);

struct tw_request {
	uint32_t size;
	const char *url;              /* http or https */
	const char *method;           /* NULL = GET */
	const struct tw_header *headers;
	uint32_t n_headers;
	enum tw_connection
	    connection; /* TW_WARM reuses the connection of an earlier request of this run */
	const void *body;
	size_t body_len;
	enum tw_family family;        /* of the first hop and its redirects */
	const char *address; /* pin this address; host stays for SNI, Host and certificate */
	const char *proxy;            /* NULL = none (the environment is never asked) */
	const char *ca_file;          /* NULL = the system's */
	const char *http_version;     /* NULL or "auto" (ALPN), "1.1", "2" */
	int32_t max_redirects;        /* 0 = 10; -1 = do not follow */
	uint32_t flags;
#define TW_NO_VERIFY 1u           /* certificate errors are recorded, not fatal */
#define TW_KEEP_OPEN 4u /* a TW_WARM request of this run follows: leave the connection open */
#define TW_NO_DECODE 2u           /* leave Content-Encoding alone */
	int64_t timeout_us;           /* 0 = what is left of the run */
	int64_t max_body_bytes;       /* decoded; 0 = 1 MiB */
	int64_t max_header_bytes;     /* 0 = 64 KiB a hop */
	struct tw_jar *jar;           /* NULL = no cookies */
	tw_body_fn *on_body;          /* NULL: the body is collected into answer->body */
	tw_http_fn *done;
	void *arg;                    /* for the plugin: answer->arg */
};

struct tw_certificate {           /* all NULL/0 on plain HTTP */
	int64_t not_before_ms, not_after_ms; /* of the leaf */
	int64_t chain_not_after_ms;   /* the earliest of the chain that was sent */
	const char *subject, *issuer, *sha256, *verify_error; /* verify_error NULL = verified */
};

struct tw_hop {                   /* one request and its answer; phases that did not happen are 0 */
	uint32_t size;
	const char *url, *address;    /* address: the peer's, text */
	enum tw_family family;
	int32_t port, status;
	const char *http_version;     /* "1.1", "2" */
	int64_t start_ms;
	int64_t dns_us, connect_us, tls_us, send_us, wait_us, transfer_us;
	int64_t ttfb_us, total_us;    /* from the hop's start */
	enum tw_phase failed_phase;   /* TW_PHASE_NONE = the hop got its whole answer */
	uint8_t reused;               /* no connect happened */
	uint8_t late; /* the loop was away or a clock stepped: times are upper bounds */
	const struct tw_header
	    *headers; /* of the final answer, in order, values raw bytes without CR LF NUL */
	uint32_t n_headers;
	struct tw_certificate certificate;
	int64_t bytes_wire;           /* body as received */
};

struct tw_answer {
	uint32_t size;
	enum tw_http_error error;
	enum tw_phase failed_phase;
	const char *error_text;
	const struct tw_hop *hops;
	uint32_t n_hops, hop_size;    /* step with hop_size */
	int32_t status;               /* of the last hop, 0 without an answer */
	uint8_t late;
	int64_t ttfb_us, total_us, redirect_us; /* over all hops */
	const char *body; /* collected, NUL-terminated after body_len; "" with on_body */
	size_t body_len;
	void *arg;
	int64_t lag_us;               /* the engine's worst lag while this ran */
};

/* ---- dns, timers, work, geo ---------------------------------------------------------------------
 */

struct tw_addresses {
	uint32_t size;
	int32_t error;                /* 0, or a c-ares status */
	const char *error_text;
	const char *const *address;   /* texts */
	const enum tw_family *family;
	uint32_t n;
	int64_t us;                   /* how long the answer took */
	void *arg;
};
typedef enum tw_verdict tw_dns_fn(struct tw_ctx *, void *self, const struct tw_addresses *);
typedef enum tw_verdict tw_timer_fn(struct tw_ctx *, void *self, void *arg);
/* sees: 1 = the reference targets and the resolver answer, 0 = we are blind, -1 = none are
 * configured */
typedef enum tw_verdict tw_sight_fn(struct tw_ctx *, void *self, int sees, void *arg);
/* On a worker thread; may block until left_us() is 0; calls nothing of tw_api but left_us and log.
 */
typedef void tw_work_fn(struct tw_ctx *, void *self, void *arg);

struct tw_geo {
	uint32_t size;
	char country[4];              /* ISO 3166-1, or "" */
	uint32_t asn;
	char organisation[96];
	uint32_t prefix;              /* addresses that share so many leading bits with this one
				       * have the same answer (IPv4: of 32); 0 = not known */
};

/* ---- records: what sources give and probes read ---- */

enum tw_field_type {
	TW_FIELD_NONE = 0,            /* the record does not say */
	TW_FIELD_TEXT,
	TW_FIELD_INT,
	TW_FIELD_REAL,
	TW_FIELD_TIME_MS
};
struct tw_value {                     /* 16 bytes, and will stay so */
	uint32_t type;                /* enum tw_field_type */
	uint32_t len;                 /* TW_FIELD_TEXT: its bytes */
	union {
		const char *text;     /* not terminated, any bytes: it may lie in what was read */
		int64_t integer;      /* TW_FIELD_INT, TW_FIELD_TIME_MS */
		double real;
	} as;
};
struct tw_record {
	uint32_t size;                /* also the step to the next record of a batch */
	uint32_t flags;
#define TW_RECORD_SYNTHETIC 1u    /* our own traffic */
#define TW_RECORD_BOT 2u
#define TW_RECORD_HISTORY 4u      /* from before the source was first read: for what is learnt from
				   * it, not for what is counted */
#define TW_RECORD_GONE 8u         /* the source has looked: its key is no more; other fields are
				   * TW_FIELD_NONE */
	int64_t time_ms;              /* event time; 0 = none */
	const struct tw_value *values; /* one a field of the batch, in its order */
};

struct tw_batch {                 /* where records come from */
	uint32_t size;
	uint32_t flags;
#define TW_BATCH_SCAN 1u          /* of a scan: everything there is */
#define TW_BATCH_KEYS 2u          /* of a re-read of keys */
#define TW_BATCH_FIRST 4u
#define TW_BATCH_LAST 8u          /* only after it a scan is whole: before, nothing is "missing" */
#define TW_BATCH_ASKED 16u        /* of a reading that a run of this probe waits for; by the host */
#define TW_BATCH_UNCHANGED 32u    /* with LAST, no records: what was said last still holds */
#define TW_BATCH_SAMPLE 64u       /* some keys of many, never all: what no record says, one of
				   * TW_RECORD_GONE neither, is not known. Each run has one, if
				   * empty; with KEYS, LAST says that the reading is over */
	const char *source;       /* filled in by the host */
	int64_t read_ms;          /* when the source was asked */
	int64_t complete_ms; /* as far as the source can tell, no record of an earlier event time is
			      * still to come (its lateness is taken off); never goes back.
			      * 0 = not known yet. A source that has fallen silent stops here */
	const char *const *fields; /* names; filled in by the host, the same for all batches of a
				    * configuration */
	uint32_t n_fields;
	uint32_t n_unread;        /* of a scan, with LAST: records that could not be read. What the
				   * scan lacks may be among them */
};

/* ---- histograms ---- */

struct tw_bucket { int32_t index; uint64_t count; }; /* (2^((index-1)/64), 2^(index/64)]: scale 6 */
struct tw_histogram {
	uint32_t size, n_buckets;
	uint64_t count, zero_count;
	double sum;
	const struct tw_bucket *buckets; /* ascending index */
};

/* ---- what the host offers ---- */

struct tw_api {
	uint32_t size;
	uint16_t major, minor;

	/* Samples, at the slot's stamp. metric is the row's index; labels "name","value",...,NULL
	 * or NULL. emit: a gauge's value, a counter's total. Refused (and counted) when not
	 * declared. */
	void (*emit)(struct tw_ctx *, uint32_t metric, double value, const char *const *labels);
	void (*emit_at)(struct tw_ctx *, uint32_t metric, double value, int64_t time_ms,
	    const char *const *labels);
	void (*emit_hist)(struct tw_ctx *, uint32_t metric, const struct tw_histogram *,
	    int64_t time_ms, const char *const *labels);
	/* Totals kept by the host over runs and restarts (they commit with the run): add to a
	 * counter, put an observation into a histogram. */
	void (*count)(struct tw_ctx *, uint32_t metric, double delta, const char *const *labels);
	void (*observe)(struct tw_ctx *, uint32_t metric, double value, const char *const *labels);

	/* Why a run is not ok: cause is a short stable word (dns, status, assertion), the text a
	 * sentence. Returns verdict, so that a callback ends with `return tw_fail(...)`. The last
	 * call before the end counts. */
	enum tw_verdict (*fail)(struct tw_ctx *, enum tw_verdict verdict, const char *cause,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
	/* Facts of the run record by path: "hops/0/address". 256 facts, 16 KiB a run; more is
	 * counted and left out. */
	void (*fact_text)(struct tw_ctx *, const char *path, const char *text);
	void (*fact_real)(struct tw_ctx *, const char *path, double value);
	void (*log)(struct tw_ctx *, int level, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
	/* start() refuses an option: path as in the file ("steps/0/request/url"). Becomes line and
	 * column. */
	enum tw_verdict (*refuse)(struct tw_ctx *, const char *option_path, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

	/* Keyed state of the probe, 64 KiB a key, 4 MiB a probe: commits with the run. get: the
	 * bytes live until the next put of that key; NULL when absent. put: 0, or -1 when it does
	 * not fit. NULL data removes. */
	const void *(*state_get)(struct tw_ctx *, const char *key, size_t *len);
	int (*state_put)(struct tw_ctx *, const char *key, const void *data, size_t len);

	int64_t (*left_us)(
	    struct tw_ctx *); /* until the run's deadline; <= 0: stop now. Any thread */
	int64_t (*slot_ms)(struct tw_ctx *);   /* the run's stamp */
	const char *(*probe_name)(struct tw_ctx *);

	/* Asynchronous; each returns TW_PENDING, and calls back exactly once, also on error or
	 * deadline, never before it returned. Past the deadline, and after the run's end, nothing
	 * starts and nothing calls back: the run is over (TW_UNKNOWN: out of memory, or called by a
	 * TW_BLOCKING probe, which may simply block). */
	enum tw_verdict (*http)(struct tw_ctx *, const struct tw_request *);
	enum tw_verdict (*dns)(
	    struct tw_ctx *, const char *name, enum tw_family, tw_dns_fn *, void *arg);
	enum tw_verdict (*after)(struct tw_ctx *, int64_t us, tw_timer_fn *, void *arg);
	enum tw_verdict (*work)(struct tw_ctx *, tw_work_fn *, tw_timer_fn *done, void *arg);
	/* Is it me? Asks the resolver and the reference targets; one answer is shared by all who
	 * ask within 5 s. */
	enum tw_verdict (*sight)(struct tw_ctx *, tw_sight_fn *, void *arg);
	struct tw_jar *(*jar)(struct tw_ctx *);
	int (*geo)(struct tw_ctx *, const char *address, struct tw_geo *out); /* 0, or -1 unknown */

	/* Sources. fields, in start(): what each record holds, in this order (copied).
	 * records: hands n of them to all who read this source, before it returns; nothing is
	 * copied. n may be 0: then only complete_ms is news. What this source has put and counted
	 * until then commits with them: put the position behind them first, and both are stored or
	 * neither is. reject: counts what could not be read, and keeps a few as examples.
	 * is_wanted: has anybody who reads it asked for this field (want)? */
	void (*fields)(struct tw_ctx *, const char *const *names, uint32_t n);
	void (*records)(struct tw_ctx *, const struct tw_batch *, const struct tw_record *,
	    size_t n);
	void (*reject)(struct tw_ctx *, const char *reason, const char *excerpt, size_t len);
	int (*is_wanted)(struct tw_ctx *, const char *field);

	/* A word of the shop: "shop/name", "shop/currency", "shop/timezone", "synthetic/email".
	 * NULL: not configured. Any thread. */
	const char *(*setting)(struct tw_ctx *, const char *name);
	/* Asynchronous: what the run has put so far (state, totals, samples) is on disk before it
	 * calls back. For what must be known after a crash: an order placed, a clean-up owed. */
	enum tw_verdict (*commit)(struct tw_ctx *, tw_timer_fn *done, void *arg);
	/* Asynchronous: a source that the probe names is read again, these keys (n 0: everything;
	 * at most 4,096 keys of 256 KiB together, copied); its records come through on_records, to
	 * all who read it, before it calls back. It has its own timeout. Whether it came to its end
	 * TW_BATCH_LAST tells. When this run ends before, it calls back then, and the reading goes
	 * on. */
	enum tw_verdict (*read)(struct tw_ctx *, const char *source, const char *const *keys,
	    size_t n, tw_timer_fn *done, void *arg);

	/* Probes that read sources. want, in start(): this field of that source is needed, however
	 * dear it is to come by. publish: every total becomes a sample of this stamp (event time;
	 * of a probe with TW_EVENT_TIME the host publishes none by itself). */
	void (*want)(struct tw_ctx *, const char *source, const char *field);
	void (*publish)(struct tw_ctx *, int64_t time_ms);
	/* Adds a whole histogram to a total, as observe() adds one observation. */
	void (*observe_all)(struct tw_ctx *, uint32_t metric, const struct tw_histogram *,
	    const char *const *labels);
};

/* ---- what a plugin is ---- */

struct tw_plugin {
	uint32_t size;
	uint16_t major, minor;
	const char *name, *version, *summary;
	const char *prefix;           /* of its metrics: "storefront_" */
	uint32_t flags;
#define TW_BLOCKING 1u                /* probe() may block: a thread, and a host, of its own */
#define TW_SOURCE 2u                  /* gives records; with TW_BLOCKING on a thread of its own */
#define TW_EVENT_TIME 4u              /* totals of a probe that reads sources become samples by
				       * publish() alone */
	uint32_t self_size; /* bytes of the probe's struct; the host zeroes it and fills the options
			       in */
	struct tw_table options, metrics, alerts, panels;
	enum tw_verdict (*start)(
	    struct tw_ctx *, void *self); /* optional; once a configuration. Not blocking */
	enum tw_verdict (*probe)(struct tw_ctx *, void *self); /* at each slot */
	void (*stop)(struct tw_ctx *, void *self);             /* optional */
	/* Probes that read sources: n records (0: only news of the batch) in arrival order, which
	 * live for the call; may emit_at, count, publish, put. On the source's thread, but never at
	 * once with another callback of the probe. */
	void (*on_records)(struct tw_ctx *, void *self, const struct tw_batch *,
	    const struct tw_record *, size_t n);
	/* Sources: everything once; what is new since the stored position; only these keys
	 * (confirming re-read; the keys live until the run ends). */
	enum tw_verdict (*scan)(struct tw_ctx *, void *self);
	enum tw_verdict (*tail)(struct tw_ctx *, void *self);
	enum tw_verdict (*read_keys)(
	    struct tw_ctx *, void *self, const char *const *keys, size_t n);
	struct tw_table slos;    /* struct tw_slo */
	/* Probes that read sources, optional: puts into the state what the probe has gathered since
	 * the last time. Called before a commit, which may be asked for by another probe of the
	 * same source: records, the source's position and this commit together. Less than 2 ms. */
	void (*save)(struct tw_ctx *, void *self);
	int64_t interval_us; /* between two runs where nobody says; 0 = as all probes */
	struct tw_table words;   /* struct tw_word: what its options were called before */
};

/* Each plugin ends with TW_PLUGIN(.name = "...", ...). */
#ifdef __cplusplus
#define TW_EXTERN_C extern "C"
#else
#define TW_EXTERN_C
#endif
extern const struct tw_api *tw_api_ __attribute__((visibility("hidden")));
#define TW_PLUGIN(...)                                                                           \
	const struct tw_api *tw_api_;                                                            \
	static const struct tw_plugin tw_plugin_ = { .size = sizeof(struct tw_plugin),           \
		.major = TW_ABI_MAJOR, .minor = TW_ABI_MINOR, __VA_ARGS__ };                     \
	TW_EXTERN_C __attribute__((visibility("default")))                                       \
	const struct tw_plugin *tw_plugin_v0(const struct tw_api *);                             \
	const struct tw_plugin *tw_plugin_v0(const struct tw_api *api)                           \
	{                                                                                        \
		tw_api_ = api;                                                                   \
		return &tw_plugin_;                                                              \
	}                                                                                        \
	_Static_assert(TW_ABI_MAJOR == 0, "the exported symbol carries the major version")
#define TW_PLUGIN_SYMBOL "tw_plugin_v0"

#define tw_has(call)                                                                               \
	(tw_api_->size >= offsetof(struct tw_api, call) + sizeof(tw_api_->call)                    \
	    && tw_api_->call != NULL)
#define tw_emit(ctx, metric, value, ...) \
	tw_api_->emit(ctx, metric, value, (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })
#define tw_count(ctx, metric, delta, ...) \
	tw_api_->count(ctx, metric, delta, (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })
#define tw_observe(ctx, metric, value, ...)                                                        \
	tw_api_->observe(ctx, metric, value, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define tw_record_at(records, i) \
	((const struct tw_record *)(const void *)((const char *)(records) + (i) * (records)->size))
#define tw_fail(ctx, verdict, cause, ...) tw_api_->fail(ctx, verdict, cause, __VA_ARGS__)
#define tw_http(ctx, ...) \
	tw_api_->http(ctx, &(struct tw_request){ .size = sizeof(struct tw_request), __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
