#!/bin/bash
# journey.sh - whole journeys on the demo shop, one `tillwatch-host --once` each: it buys and takes back, says the shop's
# own code, keeps its cap and its deadline, and its secrets to itself.
#
# Run by `make check`, or alone: top_builddir=BUILD tests/blackbox/journey.sh. Its directory stays only when red.
#
# SPDX-License-Identifier: Apache-2.0
set -eu -o pipefail

. "$(dirname "$0")/../check.sh"
host=$build/tillwatch-host
shop=$build/tests/shop/tillwatch-shop

cp "$build/plugins/.libs/checkout.so" "$dir/checkout.so"
"$shop" --dir "$dir/shop" --ready-file "$dir/ready" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop' test -s "$dir/ready"
base=$(sed -E 's/.*"http":"([^"]*)".*/\1/' "$dir/ready")

post() { curl -sS -m 10 --noproxy '*' -X POST -d "${2:-}" "$base/control/$1" >/dev/null; }
sales() { curl -sS -m 10 --noproxy '*' "$base/control/state" | grep -o '"sales":{[^}]*}' | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }

# STEP: NAME URL BODY [MORE], in the normal form that the agent hands to hosts
step() {
	printf '{"name":"%s","think_time":0,"orders":"auto","request":{"method":"POST","url":"%s",%s}%s}' "$1" "$base$2" "$3" "${4:-}"
}
gql() { step "$1" /shop-api "\"graphql\":{\"query\":\"mutation { $2(productVariantId: 1, tag: \\\"\${run_id}\\\") { __typename } }\"}" "${3:-}"; }
# journey KIND CAP TIMEOUT_MS RESERVE_US [TEARDOWN]
journey() {
	local steps teardown
	teardown=${5:-$(step cancel "/cancel/\${order}" '"body":""' ',"assert":[{"status":[[200,200]]}]')}
	if [ "$1" = graphql ]; then
		steps=$(gql add_to_cart addItemToOrder ',"capture":[["token",{"cookie":"session","secret":true}]]')
		steps+=,$(gql address setOrderShippingAddress),$(gql shipping setOrderShippingMethod)
		steps+=,$(gql purchase addPaymentToOrder ',"capture":[["order",{"json":"/data/addPaymentToOrder/code"}]]')
	else
		steps=$(step add_to_cart /api/cart '"json":{"sku":"1","qty":1}' ',"capture":[["token",{"cookie":"session","secret":true}]]')
		steps+=,$(step address /api/checkout/address '"json":{"email":"${email}"}')
		steps+=,$(step shipping /api/checkout/shipping '"json":{}')
		steps+=,$(step purchase /api/payment '"json":{"card":"${card}"}' ',"capture":[["order",{"json":"/order"}]],"assert":[{"json":"/state","equals":"placed"},{"json":"/total","min":"1"}]')
	fi
	printf '{"name":"buy","plugin":"checkout","interval_ms":60000,"offset_ms":0,"timeout_ms":%s,"options":{"journey":{"max_orders_per_day":%s,"variables":[["email","s+${run_id}@shop.example"]],"secrets":[["card","4111/test card"]],"steps":[%s],"teardown":[%s],"teardown_timeout":%s}}}' \
		"$3" "$2" "$steps" "$teardown" "$4"
}
run() { "$host" --once "$dir/checkout.so" --probe "$(journey "$@")" >"$dir/run.json" 2>>"$dir/host.log" || :; }
word() { grep -oE "\"$1\":(\"[^\"]*\"|[^,}]*)" "$dir/run.json" | head -n 1 | sed -E 's/^"[^"]*":"?//; s/"$//'; }
sample() { grep -oE "\"series\":\"$1[^}]*\}\",\"t_ms\":[0-9]+,\"v\":[0-9.]+" "$dir/run.json" | sed 's/.*"v"://' || echo none; }

for kind in rest graphql; do
	before=$(sales orders)
	run $kind 5 20000 8000000
	is "$kind: buys" "$(word verdict)" ok
	is "$kind: an order came" "$(($(sales orders) - before))" 1
	is "$kind: and went" "$(sales cancelled)" "$(sales orders)"
	is "$kind: is counted" "$(sample checkout_synthetic_orders_total)" 1.0
	is "$kind: nothing is owed" "$(sample checkout_teardown_owed)" 0.0
	is "$kind: four steps" "$(sample checkout_reached_steps)" 4.0
	session=$(grep -oE 'session=[0-9a-f]+' "$dir/run.json" || echo none)
	is "$kind: no secret" "$session$(grep -c '4111' "$dir/run.json" || :)" none0
done

before=$(sales orders)
run graphql 0 20000 8000000
is 'cap 0: ok' "$(word verdict)" ok
is 'cap 0: stops before' "$(word stopped_before)" purchase
is 'cap 0: orders nothing' "$(sales orders)" "$before"

post fault '{"name": "soldout"}'
run graphql 5 20000 8000000
is 'sold out: crit' "$(word verdict)" crit
is 'sold out: cause' "$(word cause)" business_error
is 'sold out: the code' "$(word reason)" 'add_to_cart: INSUFFICIENT_STOCK_ERROR (HTTP 200)'
is 'sold out: as a fact' "$(word error_code)" INSUFFICIENT_STOCK_ERROR
post heal

post fault '{"name": "delay", "ms": 20000, "step": "payment"}'
run rest 5 12000 4000000 "$(step cleanup /api/checkout/shipping '"json":{}')"
is 'slow: crit' "$(word verdict)" crit
is 'slow: where' "$(word reason)" 'purchase: timeout*'
is 'slow: not the run is over' "$(word timeout)" false
is 'slow: the teardown ran' "$(grep -o '"teardown":\[{"name":"cleanup","outcome":"ok"' "$dir/run.json" || echo no)" '"teardown"*'
post heal

post fault '{"name": "wall"}'
run rest 5 20000 8000000
is 'a wall: unknown' "$(word verdict)" unknown
post heal

run rest 5 20000 8000000 "$(step cancel "/cancel/\${ordr}" '"body":""')"
is 'a name nobody gives: where' "$(word refused)" journey/teardown/0/request/url
is 'a name nobody gives: which' "$(word text)" '*did you mean ${order*'

ended
