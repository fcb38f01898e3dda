/*
 * stock.h - what the view Stock shows: a row for each source and field that an inventory probe
 * compares, one for each source, one for each kind of order fault; the keys that drift, from run
 * records; and the map of the shop. Part of struct charts.
 *
 * Values are series on the one axis, so that the cursor reads any moment without asking again.
 * A series that nobody emits is NULL; the views leave it out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_STOCK_H
#define TUI_STOCK_H

#include "tui/ui.h"

#define FLOWS_MAX 40
#define SIDES_MAX 60
#define FAULTS_MAX 30
#define KEYS_SHOWN 10                   /* of a run record */
#define STOCK_RUNS 60                   /* of a probe */
#define STOCK_PROBES 8                  /* whose run records are read */
#define SYSTEMS_MAX 40
#define ARROWS_MAX 80
#define MEASURED_MAX 8                  /* flows of an arrow */
#define SYSTEM_PROBES_MAX 24

enum stock_value {
	/* of a source and field */
	S_DRIFT, S_UNITS, S_OPEN, S_AGE_HALF, S_AGE_MOST, S_AGE_OLDEST, S_LAG_HALF, S_LAG_MOST,
	S_COHERENT, S_COHERENT_LOW, S_COHERENT_HIGH, S_MAPPING,
	/* of a source; "any" is all of them */
	S_WHOLE, S_MISSING, S_GHOST, S_OVER_UNITS, S_OVER_VALUE, S_UNDER_KEYS, S_UNDER_VALUE,
	S_UNDER_PER_HOUR, S_OVER_EXPECTED, S_CANARY, S_CANARY_PENDING, S_CANARY_LATE,
	S_ORDER_LAG,
	/* of a kind of order fault; S_COMPARED of the probe */
	S_FAULTS, S_FAULT_VALUE, S_FAULT_AGE, S_COMPARED,
	STOCK_VALUES
};

struct stock_row {
	char probe[96], of[64], field[48];      /* of: source or fault; field "": all of it */
	double limit_s;                         /* of the lag; NAN = none is known */
	float *v[STOCK_VALUES];                 /* axis.n values each, or NULL */
};
struct stock_rows { int n, cap, n_left_out; struct stock_row *at; };

struct key_row {                        /* a key that drifts, or an order that is not right */
	char key[64], what[48], of[48];         /* field or fault; source */
	char state[16], reference[48];          /* differs, missing, ghost; who is right */
	/* What the reference says, and the source; of an order: what was ordered, and paid. */
	char has[48], shows[48];
	double value, since;                    /* currency; unix seconds; NAN = not known */
};
struct key_run { double at; int n; struct key_row rows[KEYS_SHOWN]; };
struct key_runs {                       /* run records of one probe, newest first */
	char probe[96];
	int n;
	struct key_run *at;
};

struct map_system {
	char name[48], title[64], owner[48];
	bool is_watched;                        /* anything looks at it at all */
	enum state state;                       /* now */
	int n_probes;
	char probes[SYSTEM_PROBES_MAX][96];
};
struct map_arrow {
	int from, to;                           /* systems */
	double max_lag_s;                       /* NAN = none */
	int n_measured;
	/* By these flows; field "": by the orders of that source. */
	struct { char probe[96], of[64], field[48]; } measured[MEASURED_MAX];
};
struct shop_map {
	int n_systems, n_arrows;
	struct map_system systems[SYSTEMS_MAX]; /* in the order of the arrows */
	struct map_arrow arrows[ARROWS_MAX];
	double watched;                         /* share of what should be watched; NAN */
};

struct stock_data {
	struct stock_rows flows, sides, faults;
	int n_runs;
	struct key_runs runs[STOCK_PROBES];
	struct shop_map *map;                   /* NULL: the server tells of none */
};

struct stock_data *stock_data_new(void);
void stock_data_free(struct stock_data *);

const struct stock_row *stock_find(const struct stock_rows *rows, const char *probe,
    const char *of, const char *field);
const struct key_runs *stock_runs(const struct stock_data *d, const char *probe);

/* stock_order.c: rows of flows whose keys are compared, worst first at the frame's moment, then by
 * name; how many. */
int stock_order(const struct frame *f, int idx[FLOWS_MAX]);
/* The place of the selected one in that order: by probe, source and field, else by probe, else
 * the first. */
int stock_selected(const struct frame *f, const int *idx, int n);
/* What tells a row from the others of its probe: "source field". */
void stock_row_name(char *dst, size_t cap, const struct stock_row *r);
/* A value at the frame's moment; NAN. Row NULL allowed. */
double stock_value(const struct frame *f, const struct stock_row *r, enum stock_value v);
/* The row of the source of that flow; NULL. */
const struct stock_row *stock_side(const struct frame *f, const struct stock_row *flow);
/* Units and money are exposed by amounts, not by prices or words. */
bool stock_is_amount(const struct stock_row *r);
enum state stock_state(const struct frame *f, const struct stock_row *r);

/* view_map.c: the map as a pane. */
void map_draw(struct cellbuf *b, struct rect r, const struct frame *f, bool focused);
int map_rows(const struct shop_map *m); /* that it takes at most, with its title */

#endif
