#!/bin/bash
# api-calls.sh - the api plugin asks the demo shop by itself, one `tillwatch-host --once` each: GraphQL errors inside 200
# by their code and path, the user's own error_if, throttling, and how much of the quota is left.
#
# Run by `make check`, or alone: top_builddir=BUILD tests/blackbox/api-calls.sh. Its directory stays only when red.
#
# SPDX-License-Identifier: Apache-2.0
set -eu -o pipefail

. "$(dirname "$0")/../check.sh"
host=$build/tillwatch-host
shop=$build/tests/shop/tillwatch-shop

cp "$build/plugins/.libs/api.so" "$dir/api.so"
"$shop" --dir "$dir/shop" --ready-file "$dir/ready" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop' test -s "$dir/ready"
base=$(sed -E 's/.*"http":"([^"]*)".*/\1/' "$dir/ready")
post() { curl -sS -m 10 --noproxy '*' -X POST -d "${2:-}" "$base/control/$1" >/dev/null; }

search=$(printf '{"name":"search","request":{"url":"%s/shop-api","graphql":{"query":"{ search { items { productName } } }"}},"assert":[{"json":"/data/search/items/0/productName","absent":false}]}' "$base")
stock=$(printf '{"name":"stock","request":{"url":"%s/api/stock?page=1"},"error_if":[{"json":"/error"}]}' "$base")
# run CALLS [MORE OPTIONS]
run() {
	"$host" --once "$dir/api.so" --probe "$(printf '{"name":"live","plugin":"api","interval_ms":60000,"offset_ms":0,"timeout_ms":8000,"options":{"calls":[%s]%s}}' "$1" "${2:-}")" \
		>"$dir/run.json" 2>>"$dir/host.log" || :
}
word() { grep -oE "\"$1\":(\"[^\"]*\"|[^,}]*)" "$dir/run.json" | head -n 1 | sed -E 's/^"[^"]*":"?//; s/"$//'; }
# sample NAME [LABEL]...: its value
sample() {
	local lines label
	lines=$(grep -oE "\"series\":\"$1[{\"][^}]*\}?\",\"t_ms\":[0-9]+,\"v\":[-0-9.e]+" "$dir/run.json" | tr -d '\\' || :)
	shift
	for label in "$@"; do lines=$(grep -F "$label" <<<"$lines" || :); done
	[ -n "$lines" ] && sed 's/.*"v"://' <<<"$lines" || echo none
}

run "$search,$stock"
is 'well: ok' "$(word verdict)" ok
is 'well: counted' "$(sample api_calls_total 'route="search"' 'outcome="ok"') $(sample api_calls_total 'route="stock"' 'outcome="ok"')" '1.0 1.0'
is 'well: up' "$(sample api_call_up 'route="search"')" 1.0
is 'well: no quota is told' "$(sample api_quota_limit)" none

post fault '{"name": "error_in_200", "step": "graphql"}'
run "$search,$stock"
is 'internal: crit' "$(word verdict)" crit
is 'internal: cause' "$(word cause)" server_error
is 'internal: which, and what' "$(word reason)" 'search: INTERNAL_SERVER_ERROR (HTTP 200)*'
is 'internal: the code' "$(sample api_call_errors_total 'code="INTERNAL_SERVER_ERROR"')" 1.0
is 'internal: the other is well' "$(sample api_call_up 'route="stock"') $(sample api_call_up 'route="search"')" '1.0 0.0'
post heal

post fault '{"name": "error_in_200", "variant": "partial", "step": "graphql"}'
run "${search%,\"assert\"*}}"
is 'partial: warn' "$(word verdict)" warn
is 'partial: counted' "$(sample api_calls_total 'outcome="partial"')" 1.0
is 'partial: by code and path' "$(sample api_call_errors_total 'code="ACCESS_DENIED"' 'path="search.items"')" 1.0
post heal

post fault '{"name": "error_in_200", "step": "stock"}'
run "$search,$stock"
is 'error_if: crit' "$(word verdict)" crit
is 'error_if: cause' "$(word cause)" business_error
is 'error_if: the code' "$(word reason)" 'stock: INTERNAL_SERVER_ERROR at /error*'
post heal

post fault '{"name": "quota", "count": 400, "size": 2000}'
run "$search,$stock"
is 'quota: ok' "$(word verdict)" ok
is 'quota: of GraphQL' "$(sample api_quota_headroom_ratio 'quota="graphql"')" '0.2*'
is 'quota: of headers' "$(sample api_quota_remaining 'quota="minute"') of $(sample api_quota_limit 'quota="minute"')" '400.0 of 2000.0'
post heal

post fault '{"name": "quota", "count": 0}'
run "$search,$stock"
is 'throttled: warn' "$(word verdict)" warn
is 'throttled: cause' "$(word cause)" throttled
is 'throttled: inside 200 and by 429' "$(sample api_calls_total 'route="search"' 'outcome="throttled"') $(sample api_calls_total 'route="stock"' 'outcome="throttled"')" '1.0 1.0'
is 'throttled: nothing is left' "$(sample api_quota_headroom_ratio 'quota="graphql"')" 0.0
post heal

post fault '{"name": "wall"}'
run "$search"
is 'a wall: unknown' "$(word verdict)" unknown
is 'a wall: neither up nor down' "$(sample api_call_up)" none
post heal

post fault '{"name": "status", "status": 503}'
run "$search" ',"slo":{"objective":0.999,"window":2592000000000,"min_bad":3,"confidence":0.999,"count_client_errors":false,"count_throttled":false}'
is 'down: crit' "$(word verdict)" crit
is 'down: what' "$(word reason)" 'search: HTTP 503'
is 'down: the budget is spent' "$(sample api_budget_left_ratio)" '-99[89]*'
post heal

run '{"name":"away","request":{"url":"http://127.0.0.1:1/"}}'
is 'nobody there: crit' "$(word verdict)" crit
is 'nobody there: what' "$(word reason)" 'away: refused*'

run "$search,$search"
is 'a name twice: where' "$(word refused)" calls/1/name
run '{"name":"a","request":{"url":"http://127.0.0.1/${sku}"}}'
is 'a variable: where' "$(word refused)" calls/0/request/url
run "$search" ',"source":"log"'
is 'both: where' "$(word refused)" source

ended
