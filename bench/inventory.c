/*
 * inventory.c - what comparing systems costs: the inventory probe, and the csv source before it,
 * loaded as a host loads them, on one core, in processor time.
 *
 *     bench/inventory-run scale INVENTORY.so CSV.so A.csv B.csv
 *         two feeds are read and compared -> "read S", "run S" (the slot behind it), "memory MB"
 *         (peak over what was there before), "callback MS" (the longest on the loop, or under its
 *         lock), "rows N", "open N"
 *     bench/inventory-run rounds INVENTORY.so KEYS CHANGED ROUNDS DRIFTING
 *         systems of that many keys of which DRIFTING differ for good; CHANGED others change in a
 *         round, are told, and the slot is run -> "round US" and "callback MS" (the longest of a
 *         round), medians of the rounds, "open N"
 *     bench/inventory-run sqlite A.csv B.csv
 *         what people do instead: both into SQLite, in memory, joined -> "read S", "run S",
 *         "memory MB", "rows N", "open N"
 *
 * The calls that the plugins make of a host are this program's: records are handed to the reader
 * as host/group.c does it, readings and timers wait in a line as host/read.c lets them, nothing is
 * sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/stub-host.h"

#define SIDES 2
#define OPS_MAX 64

static struct tw_ctx sources[SIDES], reader; /* the host's state */
static struct tw_api host;

struct op {                           /* what the run waits for */
	unsigned side;
	bool is_timer;
	int64_t us;
	char **keys;
	size_t n_keys;
	tw_timer_fn *fn;
	void *arg;
};
static struct op ops[OPS_MAX];
static size_t n_ops;
static double longest_s, open_keys, drift_keys;
static void (*read_side)(unsigned side, char *const *keys, size_t n); /* of the mode */

/* A line of /proc/self/status, in MiB. */
static double
memory_mb(const char *line)
{
	FILE *f = fopen("/proc/self/status", "r");
	char text[256];
	double kb = 0;

	while (f != NULL && fgets(text, sizeof(text), f) != NULL)
		if (strncmp(text, line, strlen(line)) == 0)
			kb = strtod(text + strlen(line) + 1, NULL);
	if (f != NULL)
		fclose(f);
	return kb / 1024;
}

/* ---- a host ---- */

static void
note_callback(double began_s)
{
	double s = cpu_s() - began_s;

	longest_s = s > longest_s ? s : longest_s;
}

static void
records(struct tw_ctx *ctx, const struct tw_batch *batch, const struct tw_record *r, size_t n)
{
	struct tw_batch b = *batch;
	double began_s = cpu_s();

	b.source = ctx->name;
	b.fields = ctx->fields;
	b.n_fields = ctx->n_fields;
	b.flags |= TW_BATCH_ASKED;
	reader.plugin->on_records(&reader, reader.self, &b, r, n);
	note_callback(began_s);
}

static struct op *
op_new(tw_timer_fn *fn, void *arg)
{
	if (n_ops == OPS_MAX)
		die("more than %d calls wait", OPS_MAX);
	ops[n_ops] = (struct op){.fn = fn, .arg = arg};
	return &ops[n_ops++];
}

static enum tw_verdict
after(struct tw_ctx *ctx, int64_t us, tw_timer_fn *fn, void *arg)
{
	struct op *op = op_new(fn, arg);

	(void)ctx;
	op->is_timer = true;
	op->us = us;
	return TW_PENDING;
}

static enum tw_verdict
read_again(struct tw_ctx *ctx, const char *source, const char *const *keys, size_t n,
    tw_timer_fn *done, void *arg)
{
	struct op *op = op_new(done, arg);

	(void)ctx;
	op->side = strcmp(sources[1].name, source) == 0;
	op->keys = calloc(n + 1, sizeof(*op->keys));
	for (; op->keys != NULL && op->n_keys < n; op->n_keys++)
		op->keys[op->n_keys] = strdup(keys[op->n_keys]);
	return TW_PENDING;
}

static void
op_free(struct op *op)
{
	for (size_t i = 0; i < op->n_keys; i++)
		free(op->keys[i]);
	free(op->keys);
}

/* The next one in line; the run's own deadline, a timer of a second and more, never comes. */
static struct op
next_op(void)
{
	for (size_t i = 0; i < n_ops; i++) {
		struct op op = ops[i];

		if (op.is_timer && op.us >= 1000000)
			continue;
		memmove(&ops[i], &ops[i + 1], (--n_ops - i) * sizeof(*ops));
		return op;
	}
	die("the run waits for nothing");
}

/* A slot of the probe, from its begin to its end. */
static void
run_slot(void)
{
	double began_s = cpu_s();
	enum tw_verdict v;

	open_keys = drift_keys = 0;
	v = reader.plugin->probe(&reader, reader.self);
	note_callback(began_s);
	while (v == TW_PENDING) {
		struct op op = next_op();

		if (!op.is_timer)
			read_side(op.side, op.keys, op.n_keys);
		began_s = cpu_s();
		v = op.fn(&reader, reader.self, op.arg);
		note_callback(began_s);
		op_free(&op);
	}
	while (n_ops > 0)
		op_free(&ops[--n_ops]);
}

static void
emit(struct tw_ctx *ctx, uint32_t metric, double v, const char *const *labels)
{
	const struct tw_metric *m = reader.plugin->metrics.rows;

	(void)labels;
	if (ctx != &reader)
		return;
	if (strcmp(m[metric].name, "inventory_open_keys") == 0)
		open_keys += v;
	if (strcmp(m[metric].name, "inventory_drift_keys") == 0)
		drift_keys += v;
}

static enum tw_verdict __attribute__((format(printf, 4, 5)))
fail(struct tw_ctx *ctx, enum tw_verdict v, const char *cause, const char *fmt, ...)
{
	va_list ap;

	(void)ctx;
	if (v != TW_UNKNOWN)
		return v; /* drift: that is what we came for */
	va_start(ap, fmt);
	fprintf(stderr, "%s: ", cause);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(70);
}

static void
nothing_wanted(struct tw_ctx *c, const char *source, const char *field)
{
	(void)c;
	(void)source;
	(void)field;
}
static const char *
setting(struct tw_ctx *c, const char *name)
{
	(void)c;
	return strcmp(name, "shop/currency") == 0 ? "EUR" : NULL;
}

static void
load_inventory(const char *path, const char *normalize)
{
	static const char field[] =
	    "[\"%s\",{\"reference\":\"wms\",\"kind\":\"auto\","
	    "\"compare\":[[\"feed\",{\"grace\":0,\"buffer\":0.0,\"states\":[]}]]}]";
	char one[256], two[256], options[2048];

	snprintf(one, sizeof(one), field, "available");
	snprintf(two, sizeof(two), field, "price");
	snprintf(options, sizeof(options),
	    "{\"key\":\"sku\",\"confirm_max\":500,\"full_scan\":86400000000,"
	    "\"normalize\":%s,\"fields\":[%s,%s]}", normalize, one, two);
	stub_load(&reader, &host, path, options);
}

/* ---- scale: two feeds ---- */

static void
scan_feed(unsigned side, char *const *keys, size_t n)
{
	(void)keys;
	(void)n;
	if (sources[side].plugin->scan(&sources[side], sources[side].self) != TW_OK)
		die("%s was not read", sources[side].name);
}

static void
load_feed(unsigned side, const char *csv, const char *path)
{
	char options[1024];

	snprintf(options, sizeof(options),
	    "{\"path\":\"%s\",\"delimiter\":\"auto\",\"has_header\":true,\"min_rows\":0.8,"
	    "\"max_size\":10000000000,"
	    "\"fields\":[[\"sku\",\"sku\"],[\"available\",\"available\"],"
	    "[\"price\",\"price\"]]}",
	    path);
	stub_load(&sources[side], &host, csv, options);
}

static int
scale(char **argv)
{
	double before_mb, began_s, read_s;

	read_side = scan_feed;
	load_feed(0, argv[1], argv[2]);
	load_feed(1, argv[1], argv[3]);
	load_inventory(argv[0], "[[\"feed\",{\"key_prefix\":\"eu_\",\"decimal\":\".\",\"units\":[],"
				"\"tax\":[],\"states\":[]}]]");
	before_mb = memory_mb("VmRSS");
	began_s = cpu_s();
	scan_feed(0, NULL, 0);
	scan_feed(1, NULL, 0);
	read_s = cpu_s() - began_s;
	run_slot();
	printf("read\t%.3f\nrun\t%.3f\nmemory\t%.1f\ncallback\t%.3f\nopen\t%.0f\n", read_s,
	    cpu_s() - began_s - read_s, memory_mb("VmHWM") - before_mb, longest_s * 1e3,
	    open_keys);
	return 0;
}

/* ---- rounds: systems that are told of by change ---- */

static size_t n_systems_keys, n_drifting;
static int32_t *stock; /* of both, but for what drifts */

/* What the side says of key i, as the record r of a batch. */
static void
say_key(unsigned side, size_t i, struct tw_record *r, struct tw_value v[3], char key[24])
{
	int n = snprintf(key, 24, "SKU-%zu", i);

	v[0] = (struct tw_value){.type = TW_FIELD_TEXT, .len = (uint32_t)n, .as.text = key};
	v[1] = (struct tw_value){.type = TW_FIELD_INT,
	    .as.integer = stock[i] + (side == 1 && i < n_drifting)};
	v[2] = (struct tw_value){.type = TW_FIELD_REAL, .as.real = 1 + (double)(i % 9999) / 100};
	*r = (struct tw_record){.size = sizeof(*r), .values = v};
}

static void
say_keys(unsigned side, const size_t *which, size_t n, uint32_t flags)
{
	enum { BATCH = 256 };
	static struct tw_record r[BATCH];
	static struct tw_value v[BATCH][3];
	static char keys[BATCH][24];
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	for (size_t at = 0; at < n || n == 0; at += BATCH) {
		struct tw_batch b = {.size = sizeof(b), .flags = flags,
		    .read_ms = t.tv_sec * 1000 + t.tv_nsec / 1000000};
		size_t k = 0;

		for (; k < BATCH && at + k < n; k++)
			say_key(side, which != NULL ? which[at + k] : at + k, &r[k], v[k], keys[k]);
		b.flags |= (at == 0 ? TW_BATCH_FIRST : 0) | (at + k == n ? TW_BATCH_LAST : 0);
		records(&sources[side], &b, r, k);
		if (n == 0)
			break;
	}
}

static void
read_system(unsigned side, char *const *keys, size_t n)
{
	size_t *which = calloc(n + 1, sizeof(*which));

	for (size_t i = 0; which != NULL && i < n; i++)
		which[i] = strtoul(keys[i] + 4, NULL, 10);
	if (which != NULL && n > 0)
		say_keys(side, which, n, TW_BATCH_KEYS);
	else if (which != NULL)
		say_keys(side, NULL, n_systems_keys, TW_BATCH_SCAN);
	free(which);
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The reference changes, is told, the other one follows, a slot is run. */
static double
one_round(const size_t *which, size_t n_changed)
{
	double began_s;

	for (size_t k = 0; k < n_changed; k++)
		stock[which[k]]++;
	began_s = cpu_s();
	say_keys(0, which, n_changed, 0);
	say_keys(1, which, n_changed, 0);
	run_slot();
	return (cpu_s() - began_s) * 1e6;
}

static int
rounds(char **argv)
{
	static const char *const names[] = {"sku", "available", "price"};
	size_t n_changed = strtoul(argv[2], NULL, 10), n_rounds = strtoul(argv[3], NULL, 10);
	size_t *which = calloc(n_changed + 1, sizeof(*which));
	double *us = calloc(n_rounds + 1, sizeof(*us));
	double *longest = calloc(n_rounds + 1, sizeof(*longest));
	uint64_t seed = 20261010;

	read_side = read_system;
	n_systems_keys = strtoul(argv[1], NULL, 10);
	n_drifting = strtoul(argv[4], NULL, 10);
	stock = calloc(n_systems_keys, sizeof(*stock));
	if (stock == NULL || which == NULL || us == NULL || longest == NULL
	    || n_drifting + n_changed > n_systems_keys)
		die("too many, or too few keys");
	for (unsigned side = 0; side < SIDES; side++)
		host.fields(&sources[side], names, 3);
	load_inventory(argv[0], "[]");
	run_slot(); /* reads both whole */
	for (size_t i = 0; i < n_rounds; i++) {
		for (size_t k = 0; k < n_changed; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			which[k] = n_drifting + (seed >> 33) % (n_systems_keys - n_drifting);
		}
		longest_s = 0;
		us[i] = one_round(which, n_changed);
		longest[i] = longest_s;
	}
	qsort(us, n_rounds, sizeof(*us), by_value);
	qsort(longest, n_rounds, sizeof(*longest), by_value);
	printf("round\t%.1f\ncallback\t%.3f\nopen\t%.0f\ndrift\t%.0f\n", us[n_rounds / 2],
	    longest[n_rounds / 2] * 1e3, open_keys, drift_keys);
	return 0;
}

/* ---- what people do instead ---- */

static void
sql(sqlite3 *db, const char *text)
{
	char *err = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &err) != SQLITE_OK)
		die("%s: %s", text, err);
}

/* A feed without quotes, in the words that its join needs. Its rows. */
static size_t
import(sqlite3 *db, const char *table, const char *path, char delimiter)
{
	FILE *f = fopen(path, "r");
	sqlite3_stmt *s = NULL;
	char line[512], insert[128];
	size_t n = 0;

	snprintf(insert, sizeof(insert), "INSERT INTO %s VALUES (?, ?, ?)", table);
	if (f == NULL || sqlite3_prepare_v2(db, insert, -1, &s, NULL) != SQLITE_OK)
		die("%s: cannot be imported", path);
	for (char *ok = fgets(line, sizeof(line), f); fgets(line, sizeof(line), f) != NULL; n++) {
		char *a = strchr(line, delimiter), *b = a != NULL ? strchr(a + 1, delimiter) : NULL;
		char *key = strncmp(line, "eu_", 3) == 0 ? line + 3 : line;

		if (ok == NULL || b == NULL)
			die("%s: %s", path, line);
		sqlite3_bind_text(s, 1, key, (int)(a - key), SQLITE_STATIC);
		if (a[1] >= '0' && a[1] <= '9')
			sqlite3_bind_int(s, 2, (int)strtol(a + 1, NULL, 10));
		else
			sqlite3_bind_int(s, 2, strncmp(a + 1, "in", 2) == 0);
		sqlite3_bind_double(s, 3, strtod(b + 1, NULL));
		if (sqlite3_step(s) != SQLITE_DONE)
			die("%s: %s", path, sqlite3_errmsg(db));
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	fclose(f);
	return n;
}

static int
sqlite(char **argv)
{
	double before_mb = memory_mb("VmRSS"), began_s = cpu_s(), read_s;
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;
	size_t n_rows;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		die("no database");
	sql(db, "BEGIN;"
	    "CREATE TABLE a (sku TEXT PRIMARY KEY, available INT, price REAL) WITHOUT ROWID;"
	    "CREATE TABLE b (sku TEXT PRIMARY KEY, available INT, price REAL) WITHOUT ROWID;");
	n_rows = import(db, "a", argv[0], ';') + import(db, "b", argv[1], '\t');
	sql(db, "COMMIT");
	read_s = cpu_s() - began_s;
	if (sqlite3_prepare_v2(db, "SELECT count((a.available > 0) <> b.available OR NULL) "
		"+ count(abs(a.price - b.price) > 0.005 OR NULL) FROM a JOIN b USING (sku)", -1, &s,
		NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
		die("%s", sqlite3_errmsg(db));
	printf("read\t%.3f\nrun\t%.3f\nmemory\t%.1f\nrows\t%zu\nopen\t%d\n", read_s,
	    cpu_s() - began_s - read_s, memory_mb("VmHWM") - before_mb, n_rows,
	    sqlite3_column_int(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return 0;
}

int
main(int argc, char **argv)
{
	host = stub_host;
	host.emit = emit;
	host.fail = fail;
	host.after = after;
	host.records = records;
	host.setting = setting;
	host.read = read_again;
	host.want = nothing_wanted;
	sources[0].name = "wms";
	sources[1].name = "feed";
	if (argc == 6 && strcmp(argv[1], "scale") == 0)
		return scale(argv + 2);
	if (argc == 7 && strcmp(argv[1], "rounds") == 0)
		return rounds(argv + 2);
	if (argc == 4 && strcmp(argv[1], "sqlite") == 0)
		return sqlite(argv + 2);
	return 64;
}
