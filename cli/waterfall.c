/*
 * waterfall.c - see waterfall.h. A hop starts where the one before it ended; the axis is the whole
 * run's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "cli/waterfall.h"

#include <math.h>
#include <string.h>

#define AXIS 48
static const struct {
	const char *name, *fact;
} phases[] = {{"dns", "dns_s"}, {"connect", "connect_s"}, {"tls", "tls_s"}, {"send", "send_s"},
    {"wait", "wait_s"}, {"transfer", "transfer_s"}};
#define PHASES (sizeof(phases) / sizeof(phases[0]))

static double
seconds(const json_t *hop, const char *fact)
{
	double v = member_number(hop, fact);

	return isfinite(v) && v > 0 ? v : 0;
}

static double
total(const json_t *hops)
{
	const json_t *hop;
	double sum = 0;
	size_t i;

	json_array_foreach(hops, i, hop)
		for (size_t k = 0; k < PHASES; k++)
			sum += seconds(hop, phases[k].fact);
	return sum;
}

static void
print_bar(double from, double length, double whole)
{
	int start = whole > 0 ? (int)(from / whole * AXIS) : 0;
	int cells = whole > 0 ? (int)ceil(length / whole * AXIS) : 0;

	if (start + cells > AXIS)
		cells = AXIS - start;
	for (int i = 0; i < AXIS; i++)
		fputs(i >= start && i < start + cells ? "█" : " ", stdout);
}

static void
print_word(const char *label, const char *value)
{
	if (value[0] == '\0')
		return;
	printf("  %s ", label);
	print_text(value);
}

static void
print_hop(const struct cli *cli, const json_t *hop, double *at, double whole)
{
	const char *failed = member_text(hop, "failed_phase");
	char text[SHORT_TEXT];

	print_tint(cli, TINT_BOLD, member_text(hop, "url"));
	printf("\n  status %.0f", member_number(hop, "status"));
	print_word("http", member_text(hop, "http_version"));
	print_word("at", member_text(hop, "address"));
	print_word("pop", member_text(hop, "pop"));
	print_word("cache", member_text(hop, "cache"));
	print_word("country", member_text(hop, "country"));
	print_word("", member_text(hop, "asn"));
	putchar('\n');
	for (size_t k = 0; k < PHASES; k++) {
		double length = seconds(hop, phases[k].fact);
		bool broken = strcmp(failed, phases[k].name) == 0;

		if (length == 0 && !broken)
			continue;
		printf("  %-9s|", phases[k].name);
		print_bar(*at, length, whole);
		printf("| %8s", short_duration(length, text));
		if (broken)
			print_tint(cli, TINT_CRIT, "  failed here");
		putchar('\n');
		*at += length;
	}
	if (member_text(hop, "certificate_error")[0] != '\0') {
		fputs("  certificate: ", stdout);
		print_tint(cli, TINT_CRIT, member_text(hop, "certificate_error"));
		putchar('\n');
	}
}

void
waterfall_print(const struct cli *cli, const json_t *run)
{
	const json_t *facts = json_object_get(run, "facts"), *hops = json_object_get(facts, "hops"),
		     *hop;
	const char *verdict = member_text(run, "verdict");
	double at = 0, whole = total(hops);
	char text[SHORT_TEXT];
	size_t i;

	print_text(member_text(run, "probe"));
	fputs(": ", stdout);
	print_tint(cli, tint_of_verdict(verdict), verdict);
	if (member_text(run, "reason")[0] != '\0') {
		fputs(", ", stdout);
		print_text(member_text(run, "reason"));
	}
	printf(" (%s)\n", short_duration(member_number(run, "duration_s"), text));
	json_array_foreach(hops, i, hop)
		print_hop(cli, hop, &at, whole);
}
