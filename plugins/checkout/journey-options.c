/*
 * journey-options.c - the table of the words of `journey: {...}`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/journey-options.h"

#include "plugins/common/answer.h"

#define ROW(type_, field_, kind_, ...) TW_OPTION(type_, field_, kind_, __VA_ARGS__)
static const struct tw_option capture_rows[] = {
    ROW(struct capture_options, json, TW_STRING, .help = "JSON Pointer (RFC 6901) to one value"),
    ROW(struct capture_options, regex, TW_REGEX,
	.help = "Over the body: the first group, or the whole match without one"),
    ROW(struct capture_options, header, TW_STRING, .help = "A header of the final answer"),
    ROW(struct capture_options, cookie, TW_STRING, .help = "A cookie that this answer sets"),
    ROW(struct capture_options, status, TW_BOOL, .help = "The status"),
    ROW(struct capture_options, final_url, TW_BOOL, .help = "Where redirects led"),
    ROW(struct capture_options, secret, TW_BOOL, .help = "Never shown, logged or stored"),
};
static const struct tw_option step_rows[] = {
    ROW(struct step_options, name, TW_STRING, .flags = TW_REQUIRED,
	.help = "GA4's word where one fits: view_item, add_to_cart, begin_checkout, purchase"),
    ROW(struct step_options, think_time, TW_DURATION, .def = "0s",
	.help = "Waited before the step, in no step's and no journey's time"),
    ROW(struct step_options, orders, TW_CHOICE, .choices = "auto|true|false", .def = "auto",
	.help = "Does it place an order? auto: a step named purchase does"),
    ROW(struct step_options, request, TW_MAP, .flags = TW_REQUIRED,
	.nested = REQUEST_TABLE, .nested_size = sizeof(struct request_options),
	.help = "What is asked"),
    ROW(struct step_options, capture, TW_NAMED, .nested = TW_TABLE(capture_rows),
	.nested_size = sizeof(struct capture_options),
	.help = "What is kept of the answer: {name: {json: /data/id}}; later steps write ${name}"),
    {.name = "assert", .type = TW_MAPS, .offset = offsetof(struct step_options, assertions),
	.nested = ASSERTION_TABLE, .nested_size = sizeof(struct assertion),
	.help = "What must hold for the final answer"},
    ROW(struct step_options, error_if, TW_TREE,
	.help = ERROR_IF_HELP),
};
const struct tw_option journey_rows[JOURNEY_ROWS] = {
    ROW(struct journey_options, max_orders_per_day, TW_INT, .def = "0", .max = 10000,
	.help = "Past it the journey stops before the ordering step; 0: it never orders"),
    ROW(struct journey_options, variables, TW_PAIRS,
	.help = "{name: text} for ${name}; ${run_id} and ${now} are given"),
    ROW(struct journey_options, secrets, TW_PAIRS,
	.help = "As variables, but never shown, logged or stored"),
    ROW(struct journey_options, steps, TW_MAPS, .flags = TW_REQUIRED,
	.nested = TW_TABLE(step_rows), .nested_size = sizeof(struct step_options),
	.help = "In order; the first bad one ends the journey (50 at most)"),
    ROW(struct journey_options, teardown, TW_MAPS, .nested = TW_TABLE(step_rows),
	.nested_size = sizeof(struct step_options),
	.help = "Runs always when a step began, also after a crash: whatever steps left behind"),
    ROW(struct journey_options, teardown_timeout, TW_DURATION, .def = "10s", .min = 0.1,
	.max = 600, .help = "Time that is kept back for the teardown"),
};
