/*
 * alarms.c - how often a healthy shop is called at night, and how soon a sick one: simulated shops,
 * judged by plugins/common/season.h as the checkout probes do, with the rules that are usual
 * elsewhere beside it.
 *
 * Levels. Orders come by chance (Poisson) at a mean of 0.05 to 20 a minute, with the shape of a day
 * (1 - 0.85 cos) and of a week (weekends x 1.25, all scaled to the mean), and each day differs from
 * its like by 10 % (lognormal). Four weeks of history, then WEEKS weeks are judged each minute by
 * windows of 15 min, 1 h and 4 h. An alarm is an episode: what follows within an hour is the same
 * one. The shop bears 0.1 false pages a week: that is the budget that alpha is made from, and the
 * bar. Outages begin at minutes that chance chooses of all, night or day; what is told is the
 * median time until the first alarm. Each outage is a copy (fork) of the shop of that minute. The
 * bars are those of a simulation of the same kind at alpha 1e-5 and a fixed dispersion of 0.15.
 *
 * The whole shop. MONTHS months of 40 series at `false_pages: 1/month`, each with its share: thirty
 * rates of all levels, with the leak test, and ten ratios. Europe/Paris with its changes of the
 * clock; a Black Friday that is in the calendar; nobody watched for some hours twice a month; and
 * an outage each quarter, which must not spoil what is learnt: its alarms count as true until its
 * end and the longest window. Pages are counted as on a pager: an hour of silence ends one.
 *
 *   alarms-run [--weeks N] [--months N] [--outages N] [--seed N] [--part K --parts N]
 *       [--break dispersion|floor|history]
 *
 * --part: this process is one of several; of the whole shop it does every Nth series, and the
 * levels are done by part 0 alone.
 *
 * --break spoils what is measured, to see that bars fall: dispersion: none is allowed for, floor:
 * alpha a hundred times too large, history: only one week of it. Prints key and values, for
 * bench/alarms to judge.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/tz.h"
#include "plugins/common/season.h"

#define MINUTE INT64_C(60000)
#define DAY (1440 * MINUTE)
#define T0 INT64_C(1788732000000)       /* Monday, 2026-09-07, 00:00 in Paris */
#define HISTORY_DAYS 30                 /* four weeks, and the longest window */
#define NOISE 0.1                       /* of days, on the logarithm */
#define EPISODE 60                      /* minutes without an alarm end one */
#define OUTAGE_MAX (3 * 1440)           /* minutes that are waited for an alarm */
#define N_WINDOWS 3
#define SERIES 40
#define RATIOS 10

enum broken { NOTHING, DISPERSION, FLOOR_, HISTORY };
static const int64_t windows[N_WINDOWS] = {15 * MINUTE, 60 * MINUTE, 240 * MINUTE};
static const int64_t ratio_windows[N_WINDOWS] = {60 * MINUTE, 360 * MINUTE, 1440 * MINUTE};
static const double levels[] = {0.05, 0.2, 1, 5, 20};
#define N_LEVELS 5

/* ---- chance ---- */

static double
chance(uint64_t *seed) /* splitmix64 (Steele, Lea, Flood 2014); (0, 1) */
{
	uint64_t z = *seed += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
}

static double
normal(uint64_t *seed) /* Box and Muller, 1958 */
{
	double u = chance(seed), v = chance(seed);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static uint32_t
poisson(uint64_t *seed, double mean)
{
	double p = 1, least = exp(-mean);
	uint32_t k = 0;

	if (!(mean > 0))
		return 0;
	while ((p *= chance(seed)) > least)
		k++;
	return k;
}

static uint32_t
binomial(uint64_t *seed, uint32_t n, double p)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		k += chance(seed) < p;
	return k;
}

/* ---- a shop ---- */

struct shop {
	const struct tz *tz;
	struct season *season;
	uint64_t seed;
	double level, quality;          /* quality: of a ratio; 0 = a rate */
	double day_factor, day_quality; /* of the local day at hand */
	int64_t local_day, now;         /* now: ms, a minute */
	bool is_busy_friday;            /* there is a Black Friday */
	uint32_t *counts;               /* by minute since T0 - history; for the other rules */
};

static double
shape(double local_ms)
{
	int64_t day = (int64_t)floor(local_ms / (double)DAY);
	int week_day = (int)((day + 4) % 7); /* 0 = sunday */
	double of_week = week_day == 0 || week_day == 6 ? 1.25 : 1;

	/* (5 + 2 * 1.25) / 7 is the mean of a week. */
	return of_week / (7.5 / 7) * (1 - 0.85 * cos(2 * M_PI * fmod(local_ms, DAY) / DAY));
}

static bool
is_black_friday(int64_t local_day)
{
	int64_t year;
	int month, day;

	tz_date(local_day, &year, &month, &day);
	return month == 11 && day == 27 && year == 2026;
}

static double
rate_at(struct shop *s, int64_t t)
{
	double local = (double)t + 1000.0 * tz_offset(s->tz, t / 1000, NULL);
	int64_t day = (int64_t)floor(local / (double)DAY);

	if (day != s->local_day) {
		s->local_day = day;
		s->day_factor = exp(NOISE * normal(&s->seed) - NOISE * NOISE / 2);
		s->day_quality = s->quality;
		if (s->quality > 0)
			s->day_quality =
			    1 / (1 + (1 / s->quality - 1) * exp(NOISE * normal(&s->seed)));
		if (s->is_busy_friday && is_black_friday(day))
			s->day_factor *= 4;
	}
	return s->level * s->day_factor * shape(local);
}

/* A minute goes by; what comes is multiplied by `share`, unless nobody watches. */
static void
minute(struct shop *s, double share, bool is_watched)
{
	uint32_t n = poisson(&s->seed, rate_at(s, s->now) * share), good = 0;

	if (s->quality > 0)
		good = binomial(&s->seed, n, s->day_quality);
	season_advance(s->season, s->now + MINUTE);
	if (is_watched) {
		if (n > 0)
			(void)season_add(s->season, s->now, n, good, 0);
		(void)season_covered(s->season, s->now, s->now + MINUTE);
	}
	if (s->counts != NULL)
		s->counts[(s->now - T0) / MINUTE + HISTORY_DAYS * 1440] = n;
	s->now += MINUTE;
}

static void
open_shop(struct shop *s, const struct tz *tz, const struct season_calendar *calendar,
    double level, double quality, uint64_t seed, enum broken broken)
{
	struct season_opts o = {.tz = tz,
	    .calendar = calendar,
	    .has_good = quality > 0,
	    .dispersion = broken == DISPERSION ? 1e-6 : 0,
	    .history = broken == HISTORY ? 1 : 0};

	*s = (struct shop){.tz = tz, .seed = seed, .level = level, .quality = quality,
	    .local_day = INT64_MIN, .now = T0 - HISTORY_DAYS * DAY,
	    .is_busy_friday = calendar != NULL};
	if (season_new(&s->season, &o) != 0)
		abort();
}

static bool
is_few(struct shop *s, const int64_t *ms, double alpha)
{
	for (int i = 0; i < N_WINDOWS; i++)
		if (season_p(s->season, s->now, ms[i]) < alpha)
			return true;
	return false;
}

/* An hour without an alarm ends an episode. */
struct episodes {
	int n, since;
};

static void
note(struct episodes *e, bool fires)
{
	e->n += fires && (e->n == 0 || e->since >= EPISODE);
	e->since = fires ? 0 : e->since + 1;
}

/* ---- the usual rules ---- */

static double
sum(const uint32_t *counts, int64_t until, int64_t n)
{
	double s = 0;

	for (int64_t i = until - n; i < until; i++)
		s += counts[i];
	return s;
}

static bool
is_half_of_last_week(const uint32_t *counts, int64_t at)
{
	return sum(counts, at, 15) < 0.5 * sum(counts, at - 7 * 1440, 15);
}

static bool
is_few_for_poisson(const uint32_t *counts, int64_t at, double alpha)
{
	for (int i = 0; i < N_WINDOWS; i++) {
		int64_t n = windows[i] / MINUTE;
		double x = sum(counts, at, n), mean = 0, term, tail;

		for (int k = 1; k <= 4; k++)
			mean += sum(counts, at - k * 7 * 1440, n) / 4;
		if (x >= mean)
			continue;
		/* P(X <= x) from its largest term down. */
		tail = term = exp(x * log(mean) - mean - lgamma(x + 1));
		for (double k = x; k > 0 && term > tail * 1e-12; k--)
			tail += term *= k / mean;
		if (tail < alpha)
			return true;
	}
	return false;
}

/* ---- outages ---- */

/* A copy of the shop, whose orders fall to `share`: minutes until an alarm, and orders lost. */
static void
fall(struct shop *s, double share, double alpha, int out)
{
	double told[2] = {INFINITY, 0};

	for (int i = 1; i <= OUTAGE_MAX; i++) {
		told[1] += rate_at(s, s->now) * (1 - share);
		minute(s, share, true);
		if (is_few(s, windows, alpha)) {
			told[0] = i;
			break;
		}
	}
	_exit(write(out, told, sizeof(told)) != (ssize_t)sizeof(told));
}

static void
try_outage(struct shop *s, double share, double alpha, double told[2])
{
	int pipes[2], status;
	pid_t child;

	if (pipe(pipes) != 0 || (child = fork()) < 0)
		abort();
	if (child == 0)
		fall(s, share, alpha, pipes[1]);
	close(pipes[1]);
	if (read(pipes[0], told, 2 * sizeof(*told)) != (ssize_t)(2 * sizeof(*told)))
		abort();
	close(pipes[0]);
	if (waitpid(child, &status, 0) != child || status != 0)
		abort();
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return n > 0 ? v[n / 2] : NAN;
}

/* ---- levels ---- */

struct sizes {
	int weeks, months, outages, part, parts;
	uint64_t seed;
	enum broken broken;
};

static double
budget_alpha(const struct sizes *size, double pages_a_month, int series, const int64_t *ms, int n)
{
	double alpha = season_alpha(pages_a_month, series, ms, n, MINUTE);

	return size->broken == FLOOR_ ? 100 * alpha : alpha;
}

static void
level(const struct sizes *size, const struct tz *tz, int which)
{
	int64_t minutes = (int64_t)size->weeks * 7 * 1440;
	double alpha = budget_alpha(size, 0.1 * 30 / 7, 1, windows, N_WINDOWS);
	double *found = calloc((size_t)size->outages, sizeof(*found)),
	       *half = calloc((size_t)size->outages, sizeof(*half)),
	       *lost = calloc((size_t)size->outages, sizeof(*lost)), told[2];
	struct episodes ours = {0, 0}, naive = {0, 0}, poissons = {0, 0};
	uint64_t seed = size->seed + 1000 * (uint64_t)which, when = seed + 77;
	struct shop s;
	int n = 0;

	open_shop(&s, tz, NULL, levels[which], 0, seed, size->broken);
	s.counts = calloc(
	    (size_t)(minutes + HISTORY_DAYS * 1440 + OUTAGE_MAX + 1), sizeof(*s.counts));
	if (s.counts == NULL || found == NULL || half == NULL || lost == NULL)
		abort();
	while (s.now < T0)
		minute(&s, 1, true);
	for (int64_t i = 0; i < minutes; i++) {
		int64_t at = i + 1 + HISTORY_DAYS * 1440;

		if (n < size->outages && chance(&when) < (double)size->outages / (double)minutes) {
			try_outage(&s, 0, alpha, told);
			found[n] = told[0];
			lost[n] = told[1];
			try_outage(&s, 0.5, alpha, told);
			half[n++] = told[0];
		}
		minute(&s, 1, true);
		note(&ours, is_few(&s, windows, alpha));
		note(&naive, is_half_of_last_week(s.counts, at));
		note(&poissons, is_few_for_poisson(s.counts, at, alpha));
	}
	printf("level\t%g\t%g\t%g\t%g\t%g\t%g\t%g\t%d\n", levels[which],
	    (double)ours.n / size->weeks, (double)naive.n / size->weeks,
	    (double)poissons.n / size->weeks, median(found, n), median(lost, n), median(half, n),
	    n);
	season_free(s.season);
	free(s.counts);
	free(found);
	free(half);
	free(lost);
}

/* ---- the whole shop ---- */

struct night {                      /* minutes since T0; -1 = none now */
	int64_t until, quiet_until;
};

/* Nobody watches for some hours twice a month; each quarter there is an outage. */
static double
events(uint64_t *seed, int64_t i, struct night *gap, struct night *outage)
{
	if (i >= gap->until && chance(seed) < 2 / 43200.0)
		gap->until = i + 30 + (int64_t)(chance(seed) * 330);
	if (i >= outage->until && chance(seed) < 1 / (3 * 43200.0)) {
		outage->until = i + 30 + (int64_t)(chance(seed) * 150);
		outage->quiet_until = outage->until + 1440 + EPISODE;
	}
	return i < outage->until ? 0 : 1;
}

struct leak {
	double sum, limit;
	int64_t day;
};

static bool
leaks(struct shop *s, struct leak *l, double alpha)
{
	int64_t day = s->local_day - 1, from, until;
	struct season_verdict v;

	if (l->day == day)
		return false;
	l->day = day;
	from = tz_utc(s->tz, day * 86400) * 1000;
	until = tz_utc(s->tz, (day + 1) * 86400) * 1000;
	season_judge(s->season, until, until - from, alpha, &v);
	l->sum = season_leak_next(l->sum, &v);
	if (l->sum < l->limit)
		return false;
	l->sum = 0; /* told: it begins anew */
	return true;
}

static bool
is_bad_ratio(struct shop *s, double alpha)
{
	for (int k = 0; k < N_WINDOWS; k++) {
		struct season_ratio_verdict v;

		season_judge_ratio(s->season, s->now, ratio_windows[k], &v);
		if (v.tried >= 20 && v.base_tried >= 40 && v.p < alpha)
			return true;
	}
	return false;
}

/* False pages of one series over all months; those of the leak apart. */
static int
months_of(const struct sizes *size, const struct tz *tz, const struct season_calendar *calendar,
    int which, int *of_leak)
{
	static const double qualities[] = {0.93, 0.8, 0.3, 0.97, 0.6};
	int64_t tested[N_WINDOWS + 1] = {windows[0], windows[1], windows[2], 16 * DAY},
		minutes = (int64_t)size->months * 43200;
	bool is_ratio = which >= SERIES - RATIOS;
	double quality = is_ratio ? qualities[which % 5] : 0,
	       alpha = is_ratio
			   ? budget_alpha(size, 1, SERIES, ratio_windows, N_WINDOWS)
			   : budget_alpha(size, 1, SERIES, tested, N_WINDOWS + 1);
	struct leak leak = {.limit = season_leak_limit(alpha)};
	struct night gap = {-1, -1}, outage = {-1, -1};
	uint64_t seed = size->seed + 100000 + 7919 * (uint64_t)which, when = seed + 1;
	struct episodes pages = {0, 0};
	struct shop s;

	open_shop(&s, tz, calendar, levels[which % N_LEVELS] * (is_ratio ? 2 : 1), quality, seed,
	    size->broken);
	while (s.now < T0)
		minute(&s, 1, true);
	for (int64_t i = 0; i < minutes; i++) {
		double share = events(&when, i, &gap, &outage);
		bool fires, slow;

		minute(&s, share, i >= gap.until);
		/* A ratio's windows are long: each five minutes are as good as each. */
		if (is_ratio && i % 5 != 0)
			continue;
		fires = is_ratio ? is_bad_ratio(&s, alpha) : is_few(&s, windows, alpha);
		slow = !is_ratio && leaks(&s, &leak, alpha);
		if (i < outage.quiet_until) {
			leak.sum = 0;
			continue;
		}
		*of_leak += slow;
		if (is_ratio)
			pages.since += 4;
		note(&pages, fires);
	}
	season_free(s.season);
	return pages.n;
}

static void
whole_shop(const struct sizes *size, const struct tz *tz)
{
	struct season_calendar *calendar;
	int rates = 0, ratios = 0, leak = 0;

	if (season_calendar_new(&calendar) != 0
	    || season_calendar_add(calendar, "2026-11-27", NULL) != 0)
		abort();
	for (int i = size->part; i < SERIES; i += size->parts) {
		int n = months_of(size, tz, calendar, i, &leak);

		*(i < SERIES - RATIOS ? &rates : &ratios) += n;
		if (size->part == 0 && isatty(STDERR_FILENO))
			fprintf(stderr, "\r# whole shop: %d %%%s", 100 * (i + 1) / SERIES,
			    i + size->parts < SERIES ? "" : "\n");
	}
	printf("shop\t%d\t%d\t%d\t%d\t%d\n", size->months, rates + ratios + leak, rates, ratios,
	    leak);
	season_calendar_free(calendar);
}

static void
usage(void)
{
	fprintf(stderr, "usage: alarms-run [--weeks N] [--months N] [--outages N] [--seed N] "
			"[--part K --parts N] [--break dispersion|floor|history]\n");
	exit(64);
}

static enum broken
broken_of(const char *name)
{
	static const char *const names[] = {"nothing", "dispersion", "floor", "history"};

	for (int i = 0; i < 4; i++)
		if (strcmp(names[i], name) == 0)
			return (enum broken)i;
	usage();
	return NOTHING;
}

int
main(int argc, char **argv)
{
	struct sizes size = {.weeks = 36, .months = 24, .outages = 200, .parts = 1, .seed = 1};
	struct tz *tz;

	for (int i = 1; i + 1 < argc; i += 2) {
		long n = strtol(argv[i + 1], NULL, 10);

		if (strcmp(argv[i], "--weeks") == 0)
			size.weeks = (int)n;
		else if (strcmp(argv[i], "--months") == 0)
			size.months = (int)n;
		else if (strcmp(argv[i], "--outages") == 0)
			size.outages = (int)n;
		else if (strcmp(argv[i], "--part") == 0)
			size.part = (int)n;
		else if (strcmp(argv[i], "--parts") == 0)
			size.parts = (int)n;
		else if (strcmp(argv[i], "--seed") == 0)
			size.seed = (uint64_t)n;
		else if (strcmp(argv[i], "--break") == 0)
			size.broken = broken_of(argv[i + 1]);
		else
			usage();
	}
	if (argc % 2 == 0 || size.weeks < 1 || size.weeks > 520 || size.months < 0
	    || size.months > 120 || size.outages < 1 || size.parts < 1 || size.part < 0)
		usage();
	if (tz_open(&tz, "Europe/Paris", NULL) != 0)
		return 70;
	for (int i = 0; i < N_LEVELS && size.part == 0; i++) {
		level(&size, tz, i);
		fflush(stdout);
	}
	if (size.months > 0)
		whole_shop(&size, tz);
	tz_free(tz);
	return 0;
}
