/*
 * walls.c - what stands before a shop when somebody thinks the visitor is a robot, or too early:
 * five walls. Modelled on what the vendors document of their answers (status, headers, shape of the
 * page); written anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <string.h>

#include "tests/shop/hostile.h"
#include "tests/shop/shop.h"

#define HTML "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"

static const struct wall {
	const char *name;
	unsigned status;
	struct { const char *name, *value; } headers[6];
	const char *body;
} walls[] = {
	/* The header cf-mitigated: challenge is documented as the mark of a challenge page of any
	   kind. */
	{"cloudflare", 403,
		{{"Server", "cloudflare"}, {"cf-mitigated", "challenge"},
			{"cf-ray", "8f00c0ffee000000-CDG"}, {"Cache-Control", "private, no-store"}},
		HTML
		"<title>Just a moment...</title></head>"
		"<body><noscript>Enable JavaScript and cookies to continue</noscript>"
		"<script src=\"/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1\">"
		"</script></body></html>\n"},
	/* An edge's refusal: no cookie of the shop, a reference number to quote to support. */
	{"akamai", 403,
		{{"Server", "AkamaiGHost"}, {"Mime-Version", "1.0"}, {"Cache-Control", "no-cache"}},
		HTML
		"<title>Access Denied</title></head><body><h1>Access Denied</h1>\n"
		"You don't have permission to access this page on this server.<p>\n"
		"Reference&#32;&#35;18&#46;2f3e1502&#46;1700000000&#46;abcdef0</p></body>"
		"</html>\n"},
	/* A captcha in a frame, for pages and calls alike. */
	{"datadome", 403,
		{{"Server", "DataDome"}, {"X-DataDome", "protected"}, {"X-DD-B", "1"},
			{"Set-Cookie",
				"datadome=0123456789abcdef; Max-Age=31536000; Path=/; Secure"}},
		HTML
		"<title>shop</title></head><body><p>Please enable JS and disable any ad blocker</p>"
		"<script>var dd={'rt':'c','cid':'x','hsh':'y','t':'bv',"
		"'host':'geo.captcha-delivery.com'}</script>"
		"<script src=\"https://ct.captcha-delivery.com/c.js\"></script></body></html>\n"},
	/* A waiting room answers 200: only the page itself says that it is none of the shop's. */
	{"queue", 200,
		{{"Cache-Control", "no-store"}, {"Refresh", "20"}, {"X-Waiting-Room", "1"},
			{"Set-Cookie", "__waitingroom=position-4711; Path=/; HttpOnly"}},
		HTML
		"<title>Waiting Room</title></head><body><h1>You are now in line</h1>\n"
		"<p>Your estimated wait time is 12 minutes. This page will refresh "
		"automatically; do not close it."
		"</p></body></html>\n"},
	{"maintenance", 503, {{"Retry-After", "600"}, {"Cache-Control", "no-store"}},
		HTML
		"<title>Scheduled maintenance</title></head><body><h1>We'll be back soon</h1>\n"
		"<p>The shop is down for maintenance.</p></body></html>\n"},
};

void polite_wall(const struct fault *f, struct request *r, struct answer *a)
{
	const struct wall *w = walls;

	(void)r;
	while (strcmp(w->name, f->variant) !=
		0) /* the variant was checked against the fault's row */
		w++;
	answer_text(a, f->status ? (unsigned)f->status : w->status, "text/html; charset=utf-8",
		"%s", w->body);
	for (size_t i = 0; i < sizeof(w->headers) / sizeof(w->headers[0]) && w->headers[i].name;
		i++)
		answer_header(a, w->headers[i].name, "%s", w->headers[i].value);
	if (f->retry_after)
		answer_header(a, "Retry-After", "%lld", (long long)f->retry_after);
}
