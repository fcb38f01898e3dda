/*
 * init-write.c - the file that `init` proposes: each guess with its reason. See init.h.
 *
 * What came from the shop stands in double quotes (YAML 1.2, 7.3.1) or in a comment of one line, so
 * that nothing of it is read as YAML. Texts with "${" never come here (init-page.c, init-links.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/init.h"
#include "lib/sanitize.h"

#define CERTIFICATE_DAYS 14         /* what is asserted; a proxy renews at 30 */
#define COMMENT_COLUMNS 130

void
init_quote(struct buf *out, const char *text)
{
	buf_char(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_char(out, '\\');
		if ((unsigned char)*text >= ' ' && *text != 0x7f)
			buf_char(out, *text);
		else
			buf_printf(out, "\\x%02X", (unsigned char)*text);
	}
	buf_char(out, '"');
}

/* Lines of at most so many columns, broken between words. */
static void
comment(struct buf *out, const char *indent, const char *text)
{
	char clean[2048];
	size_t n = text_sanitize(clean, sizeof(clean), text, strlen(text));
	size_t column = COMMENT_COLUMNS;
	bool is_first = true;

	for (size_t i = 0; i < n;) {
		size_t len = strcspn(clean + i, " ");

		if (is_first || column + len + 1 > COMMENT_COLUMNS) {
			buf_printf(out, "%s%s#", is_first ? "" : "\n", indent);
			column = strlen(indent) + 1;
			is_first = false;
		}
		buf_printf(out, " %.*s", (int)len, clean + i);
		column += len + 1;
		i += len;
		i += strspn(clean + i, " ");
	}
	buf_char(out, '\n');
}

static void
commentf(struct buf *out, const char *indent, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void
commentf(struct buf *out, const char *indent, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	comment(out, indent, text);
}

static void
write_head(const struct init_shop *shop, struct buf *out)
{
	char day[WALL_TEXT];
	const char *at = buf_str(&shop->notes);

	wall_format(wall_now(), day);
	commentf(out, "", "Made by tillwatch init %s on %.10s, of %u requests. Each guess has its "
	    "reason beside it; change what is wrong. Then: tillwatch check -c FILE && tillwatchd "
	    "-c FILE", shop->address, day, shop->site.n_requests);
	commentf(out, "", "Change first: the receiver's url, at the end.");
	commentf(out, "", "Platform: %s (%s). Sources of orders and stock for it: "
	    TW_DOCDIR "/examples/%s.yaml", shop->platform->title, shop->marks.why,
	    shop->platform->example);
	if (shop->edge[0] != '\0')
		commentf(out, "", "Before the shop stands %s.", shop->edge);
	for (; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
		commentf(out, "", "Not here: %.*s.", (int)strcspn(at, "\n"), at);
}

static void
write_shop(const struct init_shop *shop, struct buf *out)
{
	const char *host = shop->host;

	buf_text(out, "shop:\n  name: ");
	init_quote(out, strncmp(host, "www.", 4) == 0 ? host + 4 : host);
	buf_text(out, "   # the host; it becomes the label `shop` of every series\n");
	if (shop->currency[0] != '\0') {
		buf_text(out, "  currency: ");
		init_quote(out, shop->currency);
		buf_text(out, "   # as the offer of product-1 says\n");
	}
	if (shop->timezone[0] != '\0') {
		buf_text(out, "  timezone: ");
		init_quote(out, shop->timezone);
		buf_text(out, "   # this machine's; the shop's is meant\n");
	}
	buf_text(out, "\ndefaults: {interval: 1m, timeout: 20s}   # a page a minute is little for "
	    "a shop, and finds an outage within three\n");
	buf_text(out, "synthetic: {headers: {X-Synthetic: tillwatch}}   # on calls and journeys; "
	    "pages are asked for as tillwatch/VERSION: statistics can leave them out\n");
	buf_text(out, "\nsystems:\n  storefront: {title: ");
	init_quote(out, strcmp(shop->platform->name, "unknown") == 0
	    ? "Storefront" : shop->platform->title);
	buf_text(out, "}   # owner: and runbook: belong here, too\n");
}

static void
write_targets(const struct init_shop *shop, struct buf *out)
{
	const struct init_targets *t = &shop->targets;

	if (t->n == 0)
		comment(out, "", "ttfb: the floor of every proposal, as nothing was measured.");
	else
		commentf(out, "", "ttfb: %u requests, each on a new connection: median %" PRId64
		    " ms, p95 %" PRId64 " ms. warn is the larger of 800 ms and 2 x p95, crit of "
		    "1800 ms and 4 x p95. So few samples know no rush hour: look again after a "
		    "week.", t->n, t->median_ms, t->p95_ms);
}

static void
write_probe(const struct init_shop *shop, unsigned at, struct buf *out)
{
	const struct init_page *p = &shop->pages[at];
	bool has_certificate = strncmp(p->url, "https:", 6) == 0;

	comment(out, "  ", p->why);
	if (p->text[0] != '\0')
		commentf(out, "  ", "its text was seen on the page%s",
		    at == PAGE_SEARCH ? ": product-1 is what was searched for" : " each time");
	buf_printf(out, "  - name: %s\n    plugin: storefront\n    system: storefront\n    url: ",
	    init_page_names[at]);
	init_quote(out, p->url);
	if (shop->site.ca_file != NULL) {
		buf_text(out, "\n    ca_file: ");
		init_quote(out, shop->site.ca_file);
	}
	buf_text(out, "\n    assert: [{status: 200}");
	if (p->text[0] != '\0') {
		buf_text(out, ", {body: {contains: ");
		init_quote(out, p->text);
		buf_text(out, "}}");
	}
	if (p->n_redirects > 0)
		buf_printf(out, ", {redirects: %u}", p->n_redirects);
	if (has_certificate && shop->certificate_days > CERTIFICATE_DAYS + 1)
		buf_printf(
		    out, ", {certificate_expires_in: {min: %dd}}", CERTIFICATE_DAYS);
	buf_printf(out, "]\n    ttfb: {warn: %" PRId64 "ms, crit: %" PRId64 "ms}\n",
	    shop->targets.warn_ms, shop->targets.crit_ms);
	if (has_certificate && shop->certificate_days <= CERTIFICATE_DAYS + 1)
		commentf(out, "    ", "no certificate_expires_in: it expires in %.0f days; renew "
		    "it", shop->certificate_days);
	buf_char(out, '\n');
}

static void
write_api(const struct init_shop *shop, struct buf *out)
{
	const struct init_api *api = init_api_of(shop->platform);

	if (shop->api[0] == '\0' || api == NULL)
		return;
	commentf(out, "  ", "%s answered here. Pages may be files, or come from a cache: this asks "
	    "the shop behind them", shop->platform->title);
	buf_text(out, "  - name: shop-api\n    plugin: api\n    system: storefront\n    calls:\n"
	    "      - name: channel\n        request: {url: ");
	init_quote(out, shop->api);
	buf_text(out, ", graphql: {query: ");
	init_quote(out, api->query);
	buf_printf(out, "}}\n        assert: [{json: %s}]\n\n", api->pointer);
}

void
init_write(const struct init_shop *shop, struct buf *out)
{
	write_head(shop, out);
	write_shop(shop, out);
	buf_char(out, '\n');
	write_targets(shop, out);
	buf_text(out, "probes:\n");
	for (unsigned i = 0; i < PAGE_N; i++)
		if (shop->pages[i].is_there)
			write_probe(shop, i, out);
	write_api(shop, out);
	buf_text(out,
	    "# Change this: the url of your pager or chat. With secret: \"whsec_...\" beside it "
	    "messages are signed; try it with\n"
	    "# tillwatch notify test oncall\n"
	    "receivers:\n"
	    "  oncall: {type: webhook, url: \"https://pager.example/hook\"}\n");
}
