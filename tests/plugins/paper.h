/*
 * paper.h - option rows that several of the paper plugins share. The paper plugins are compiled and
 * described, never run: they hold the words, metrics and calls of every family and source, so that
 * what the ABI lacks shows when a header changes, not when a family is written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_PLUGINS_PAPER_H
#define TESTS_PLUGINS_PAPER_H

#include <stdbool.h>
#include <string.h>
#include <tillwatch/plugin.h>

#define ROW(type_, field_, kind_, ...) TW_OPTION(type_, field_, kind_, __VA_ARGS__)

/* request: {method, url, headers, json, form, body} */
struct request {
	const char *method, *url, *json, *body;
	struct tw_list headers, form;
};
#define REQUEST_ROWS                                                                               \
	ROW(struct request, method, TW_STRING, .def = "GET", .help = "Method"),                    \
	    ROW(struct request, url, TW_URL, .flags = TW_REQUIRED, .help = "May hold ${name}"),    \
	    ROW(struct request, headers, TW_PAIRS, .help = "Headers"),                             \
	    ROW(struct request, json, TW_TREE, .help = "Body, sent as JSON"),                      \
	    ROW(struct request, form, TW_PAIRS, .help = "Body, sent as a form"),                   \
	    ROW(struct request, body, TW_STRING, .help = "Body as it is")

/* assert: [{status}, {header}, {body}, {json}, {json_ld}, {certificate_expires_in}, {total_time}]
 */
struct check {
	struct tw_list status, redirects, in;
	struct { const char *contains, *not_contains, *matches; int64_t min_bytes; } body;
	const char *header, *json, *json_ld, *equals, *contains, *matches;
	uint8_t absent;
	struct { int64_t min; } certificate_expires_in;
	struct { int64_t max; } total_time;
};
static const struct tw_option check_body_rows[] = {
	{.name = "contains", .type = TW_STRING, .help = "A text in it"},
	{.name = "not_contains", .type = TW_STRING, .offset = 8, .help = "No such text in it"},
	{.name = "matches", .type = TW_REGEX, .offset = 16, .help = "A pattern in it"},
	{.name = "min_bytes", .type = TW_BYTES, .offset = 24, .help = "At least so long"},
};
static const struct tw_option check_least_rows[] = {
	{.name = "min", .type = TW_DURATION, .flags = TW_REQUIRED, .help = "At least"}};
static const struct tw_option check_most_rows[] = {
	{.name = "max", .type = TW_DURATION, .flags = TW_REQUIRED, .help = "At most"}};
static const struct tw_option check_rows[] = {
    ROW(struct check, status, TW_RANGES, .help = "Statuses that are right"),
    ROW(struct check, redirects, TW_RANGES, .help = "How many redirects are right"),
    ROW(struct check, header, TW_STRING, .help = "A header's name"),
    ROW(struct check, json, TW_STRING, .help = "JSON Pointer into the body"),
    ROW(struct check, json_ld, TW_STRING, .help = "JSON Pointer into the page's JSON-LD"),
    ROW(struct check, equals, TW_STRING, .help = "Its value"),
    ROW(struct check, contains, TW_STRING, .help = "A part of its value"),
    ROW(struct check, matches, TW_REGEX, .help = "A pattern of its value"),
    ROW(struct check, in, TW_STRINGS, .help = "One of these values"),
    ROW(struct check, absent, TW_BOOL, .help = "It must not be there"),
    ROW(struct check, body, TW_MAP, .nested = TW_TABLE(check_body_rows),
	.nested_size = sizeof(((struct check *)0)->body), .help = "The body"),
    ROW(struct check, certificate_expires_in, TW_MAP, .nested = TW_TABLE(check_least_rows),
	.nested_size = sizeof(((struct check *)0)->certificate_expires_in), .help = "Certificates"),
    ROW(struct check, total_time, TW_MAP, .nested = TW_TABLE(check_most_rows),
	.nested_size = sizeof(((struct check *)0)->total_time), .help = "The whole request"),
};

/* baseline: {season, history, dispersion}; in the draft written flat */
#define BASELINE_FIELDS const char *calendar; int32_t season; int64_t history; double dispersion
#define BASELINE_ROWS(type_)                                                                       \
	ROW(type_, season, TW_CHOICE, .choices = "day|week", .def = "week",                        \
	    .help = "What repeats"),                                                               \
	    ROW(type_, history, TW_DURATION, .def = "4w", .help = "How far back it looks"),        \
	    ROW(type_, dispersion, TW_REAL, .def = "0.15", .max = 2,                               \
		.help = "Day-to-day variation"),                                                   \
	    ROW(type_, calendar, TW_TREE, .help = "Days that are unlike their season")

static inline const struct tw_hop *
hop_of(const struct tw_answer *a, uint32_t i)
{
	return (
	    const struct tw_hop *)(const void *)((const char *)a->hops + (size_t)i * a->hop_size);
}

#endif
