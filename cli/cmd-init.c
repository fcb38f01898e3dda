/*
 * cmd-init.c - from a shop's address to a configuration: looks at the shop, politely, and writes a
 * file that `check` takes. See init.h.
 *
 * A file that is there is never touched: it is made with O_EXCL, mode 0600. What is found goes to
 * stdout; with --dry-run the file itself does, and the rest to stderr.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init.h"
#include "lib/xmalloc.h"

#define FILE_BYTES (1u << 20)
#define NOTES_BYTES 8192
#define DEFAULT_FILE "tillwatch.yaml"

/* ---- what is told ---- */

static void
say_text(FILE *to, const char *indent, const struct buf *text)
{
	const char *at = buf_str(text);

	for (; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
		fprintf(to, "%s%.*s\n", indent, (int)strcspn(at, "\n"), at);
}

static void
say_steps(FILE *to, const struct init_shop *shop, const char *file,
    const struct init_step steps[INIT_STEPS])
{
	fprintf(to, "\nNext, by what it is worth\n");
	for (unsigned i = 0; i < INIT_STEPS; i++) {
		fprintf(to, "%u. %s: %s\n", i + 1, steps[i].title, steps[i].value);
		for (unsigned k = 0; k < steps[i].n_lines; k++) {
			const struct init_lines *l = &steps[i].lines[k];

			if (*l->under != '\0')
				fprintf(to, "   under %s:%s\n", l->under,
				    i == 0 ? ", change" : "");
			else
				fprintf(to, "   anew, at the left\n");
			say_text(to, "   | ", &l->text);
		}
	}
	fprintf(to,
	    "What ${env:...} names is given to the agent's environment; %s/examples/%s.yaml says "
	    "how to get it.\nThen: tillwatch check -c %s && tillwatchd -c %s\n",
	    TW_DOCDIR, shop->platform->example, file, file);
}

static void
say(FILE *to, const struct init_shop *shop)
{
	fprintf(to, "%s: %s (%s)\n", shop->address, shop->platform->title, shop->marks.why);
	if (shop->edge[0] != '\0')
		fprintf(to, "before it: %s\n", shop->edge);
	for (unsigned i = 0; i < PAGE_N; i++)
		if (shop->pages[i].is_there)
			fprintf(to, "  %-10s %s\n", init_page_names[i], shop->pages[i].url);
	if (shop->api[0] != '\0')
		fprintf(to, "  %-10s %s\n", "shop-api", shop->api);
	fprintf(to, "  ttfb       %u requests: median %lld ms, p95 %lld ms; warn %lld ms, "
	    "crit %lld ms\n", shop->targets.n, (long long)shop->targets.median_ms,
	    (long long)shop->targets.p95_ms, (long long)shop->targets.warn_ms,
	    (long long)shop->targets.crit_ms);
	say_text(to, "  note: ", &shop->notes);
}

static json_t *
json_of_steps(const struct init_step steps[INIT_STEPS])
{
	json_t *all = json_array();

	for (unsigned i = 0; i < INIT_STEPS; i++) {
		json_t *lines = json_array();

		for (unsigned k = 0; k < steps[i].n_lines; k++)
			json_array_append_new(lines, json_pack("{s:s, s:s}", "under",
			    steps[i].lines[k].under, "text", buf_str(&steps[i].lines[k].text)));
		json_array_append_new(all, json_pack("{s:s, s:s, s:o}", "title", steps[i].title,
		    "value", steps[i].value, "lines", lines));
	}
	return all;
}

static json_t *
json_of(const struct init_shop *shop)
{
	const struct init_targets *t = &shop->targets;
	json_t *pages = json_array(), *notes = json_array();
	const char *at = buf_str(&shop->notes);

	for (unsigned i = 0; i < PAGE_N; i++)
		if (shop->pages[i].is_there)
			json_array_append_new(pages, json_pack("{s:s, s:s, s:s, s:s}", "name",
			    init_page_names[i], "url", shop->pages[i].url, "text",
			    shop->pages[i].text, "why", shop->pages[i].why));
	for (; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
		json_array_append_new(notes, json_stringn(at, strcspn(at, "\n")));
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:s, s:o, s:s*, s:{s:i, s:I, s:I, s:I, s:I}, "
	    "s:o, s:i}", "address", shop->address, "platform", "name", shop->platform->name,
	    "title", shop->platform->title, "why", shop->marks.why, "edge", shop->edge,
	    "pages", pages, "api", shop->api[0] != '\0' ? shop->api : NULL,
	    "ttfb", "requests", (int)t->n, "median_ms", (json_int_t)t->median_ms, "p95_ms",
	    (json_int_t)t->p95_ms, "warn_ms", (json_int_t)t->warn_ms, "crit_ms",
	    (json_int_t)t->crit_ms, "notes", notes, "requests", (int)shop->site.n_requests);
}

/* ---- the file ---- */

static int
exists(const char *file)
{
	return cli_fail(EX_CANTCREAT, "%s is there already, and is left as it is; --output FILE "
	    "names another, --dry-run only shows", file);
}

/* Can it be made? Asked before the shop is, which takes twenty seconds. */
static int
check_place(const char *file)
{
	const char *slash = strrchr(file, '/');
	char folder[PATH_MAX];
	int n = slash == NULL ? 0 : (int)(slash - file) + (slash == file);

	if (access(file, F_OK) == 0)
		return exists(file);
	snprintf(folder, sizeof(folder), "%.*s", n, file);
	if (access(n > 0 ? folder : ".", W_OK | X_OK) != 0)
		return cli_fail(EX_CANTCREAT, "%s: %s", file, strerror(errno));
	return 0;
}

static int
make_file(const char *file, const struct buf *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc = 0;
	size_t at = 0;

	if (fd < 0)
		return errno == EEXIST
		    ? exists(file) : cli_fail(EX_CANTCREAT, "%s: %s", file, strerror(errno));
	while (rc == 0 && at < text->len) {
		ssize_t n = write(fd, text->data + at, text->len - at);

		if (n < 0 && errno != EINTR)
			rc = errno;
		at += n > 0 ? (size_t)n : 0;
	}
	if (close(fd) != 0 && rc == 0)
		rc = errno;
	if (rc == 0)
		return 0;
	unlink(file);
	return cli_fail(EX_IOERR, "%s: %s", file, strerror(rc));
}

static void
tell(const struct cli *cli, const struct init_shop *shop, const char *file, bool is_dry,
    const struct buf *text)
{
	struct init_step steps[INIT_STEPS];
	FILE *to = is_dry ? stderr : stdout;

	init_next(shop, steps);
	if (cli->json) {
		json_t *o = json_of(shop);

		json_object_set_new(o, "file", is_dry ? json_null() : json_string(file));
		json_object_set_new(o, "yaml", json_string(buf_str(text)));
		json_object_set_new(o, "next", json_of_steps(steps));
		print_json(o);
		json_decref(o);
	} else {
		if (is_dry)
			fputs(buf_str(text), stdout);
		fflush(stdout);
		say(to, shop);
		if (!is_dry)
			fprintf(to, "written: %s\n", file);
		say_steps(to, shop, file, steps);
	}
	init_next_free(steps);
}

/* ---- the verb ---- */

static int
take_address(struct init_shop *shop, const char *given)
{
	char text[INIT_URL];
	bool has_scheme = strstr(given, "://") != NULL;

	if ((size_t)snprintf(text, sizeof(text), "%s%s", has_scheme ? "" : "https://", given)
	    >= sizeof(text) || !init_url(shop->address, NULL, text))
		return cli_fail(EX_USAGE,
		    "\"%.200s\" is no address of a shop; write https://shop.example", given);
	return 0;
}

static int
run(struct cli *cli)
{
	const char *file = cli_option(cli, "output"), *ca_file = cli_option(cli, "ca-file");
	bool is_dry = cli_option(cli, "dry-run") != NULL;
	struct init_shop *shop = xcalloc(1, sizeof(*shop));
	char path[PATH_MAX];
	struct buf text;
	int rc;

	file = file != NULL ? file : DEFAULT_FILE;
	buf_init(&text, FILE_BYTES);
	buf_init(&shop->notes, NOTES_BYTES);
	if ((rc = take_address(shop, cli->args[0])) != 0)
		goto out;
	if (!is_dry && (rc = check_place(file)) != 0)
		goto out;
	if (ca_file != NULL && (shop->site.ca_file = realpath(ca_file, path)) == NULL) {
		rc = cli_fail(EX_NOINPUT, "%s: %s", ca_file, strerror(errno));
		goto out;
	}
	shop->site.is_progress_told = isatty(STDERR_FILENO) != 0;
	if ((shop->site.curl = curl_easy_init()) == NULL)
		abort();
	if ((rc = init_look(shop)) != 0) {
		rc = cli_fail(rc, "%s; nothing was written", shop->site.err);
		goto out;
	}
	init_write(shop, &text);
	if (!is_dry)
		rc = make_file(file, &text);
	if (rc == 0)
		tell(cli, shop, file, is_dry, &text);
out:
	curl_easy_cleanup(shop->site.curl);
	robots_clear(&shop->site.robots);
	buf_free(&shop->notes);
	buf_free(&text);
	free(shop);
	return rc;
}

static const struct cli_option options[] = {
	{"output", 'o', "FILE", "the file to make (default: " DEFAULT_FILE " here)"},
	{"dry-run", 'n', NULL, "print it, and make no file"},
	{"ca-file", 0, "FILE", "certificates to trust instead of the system's"},
	{NULL, 0, NULL, NULL},
};

extern const struct cmd cmd_init;
const struct cmd cmd_init = {
	.name = "init",
	.arguments = "ADDRESS",
	.summary = "looks at a shop and writes a configuration for it",
	.help =
	    "At most 20 requests, one a second, none that robots.txt keeps from us. Finds home,\n"
	    "category, two products in stock and search, and the platform (of Vendure its API,\n"
	    "too); proposes targets from what it measures; says of each guess why. Never\n"
	    "overwrites a file.\n\n"
	    "Example\n  tillwatch init https://shop.example\n"
	    "  tillwatch init https://shop.example --dry-run >shop.yaml\n",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.exits =
	    "0 the file is written\n"
	    "66 the file of --ca-file cannot be read\n"
	    "69 the shop does not answer, or a wall, a login or a maintenance page does\n"
	    "73 the file is there already, or cannot be made\n"
	    "74 it cannot be written\n",
	.run = run,
};
