/*
 * outcome.c - see outcome.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/common/outcome.h"

const char *const outcome_names[OUTCOME_N] = {
	[OUTCOME_OK] = "ok",
	[OUTCOME_PARTIAL] = "partial",
	[OUTCOME_BUSINESS_ERROR] = "business_error",
	[OUTCOME_CLIENT_ERROR] = "client_error",
	[OUTCOME_SERVER_ERROR] = "server_error",
	[OUTCOME_THROTTLED] = "throttled",
	[OUTCOME_IGNORED] = "ignored",
	[OUTCOME_BLOCKED] = "blocked",
};

enum outcome
outcome_of_status(int status)
{
	if (status == 429)
		return OUTCOME_THROTTLED;
	if (status >= 500 || status < 100)
		return OUTCOME_SERVER_ERROR;
	return status >= 400 ? OUTCOME_CLIENT_ERROR : OUTCOME_OK;
}

const char *
phase_name(enum tw_phase phase)
{
	static const char *const names[] = {
	    "", "dns", "connect", "tls", "send", "wait", "transfer"};

	return (unsigned)phase < sizeof(names) / sizeof(names[0]) ? names[phase] : "";
}

const char *
http_error_name(enum tw_http_error error)
{
	static const char *const names[] = {
		[TW_HTTP_OK] = "",
		[TW_HTTP_DNS] = "dns",
		[TW_HTTP_REFUSED] = "refused",
		[TW_HTTP_UNREACHABLE] = "unreachable",
		[TW_HTTP_TIMEOUT] = "timeout",
		[TW_HTTP_TLS] = "tls",
		[TW_HTTP_CERTIFICATE] = "certificate",
		[TW_HTTP_RESET] = "reset",
		[TW_HTTP_PROTOCOL] = "protocol",
		[TW_HTTP_HEADERS_TOO_LARGE] = "headers_too_large",
		[TW_HTTP_BODY_TOO_LARGE] = "body_too_large",
		[TW_HTTP_REDIRECTS] = "redirects",
		[TW_HTTP_REDIRECT_BLOCKED] = "redirect_blocked",
		[TW_HTTP_CANCELLED] = "cancelled",
		[TW_HTTP_ABORTED_BY_PLUGIN] = "stopped",
		[TW_HTTP_INTERNAL] = "internal",
	};

	return (unsigned)error < sizeof(names) / sizeof(names[0]) ? names[error] : "internal";
}
