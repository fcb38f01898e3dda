#!/usr/bin/env bash
# journey.sh - customers and robots buy at a real shop (nginx, Vendure, PostgreSQL): journeys through its GraphQL API clean
# up after themselves over kill -9, sold out is seen although every answer is a 200, and orders, their worth and the funnel
# are the same with journeys as PostgreSQL has them without.
#   tests/rig/journey.sh         top_builddir names the build; ends with "N passed, N failed"
set -uo pipefail
. "$(dirname "$0")/with-rig.sh"

call() { # NAME OP QUERY [MORE]: a step
  printf '{name: %s, request: {url: "%s/shop-api?op=%s", graphql: {query: %s}}%s}' "$1" "$door" "$2" "'$3'" "${4:-}"
}
admin() { printf '{name: %s, think_time: %s, request: {url: "%s/admin-api", graphql: {query: %s}}%s}' "$1" "$2" "$door" "'$3'" "${4:-}"; }
journey() { # NAME INTERVAL CAP TEARDOWN_THINKS
  cat <<Y
  - name: $1
    plugin: checkout
    interval: $2
    timeout: 14s
    journey:
      max_orders_per_day: $3
      teardown_timeout: 9s
      variables: {email: "synthetic+\${run_id}@shop.example"}
      steps:
        - $(call add_to_cart cart 'mutation{addItemToOrder(productVariantId:"3",quantity:1){__typename ... on Order{code} ... on ErrorResult{errorCode message}}}' ', capture: {order: {json: /data/addItemToOrder/code}}')
        - $(call customer customer 'mutation{setCustomerForOrder(input:{firstName:"A",lastName:"B",emailAddress:"${email}"}){__typename ... on ErrorResult{errorCode message}}}')
        - $(call address address 'mutation{setOrderShippingAddress(input:{streetLine1:"1",city:"x",postalCode:"1",countryCode:"US"}){__typename ... on ErrorResult{errorCode message}}}')
        - $(call shipping shipping 'mutation{setOrderShippingMethod(shippingMethodId:"1"){__typename ... on ErrorResult{errorCode message}}}')
        - $(call arrange arrange 'mutation{transitionOrderToState(state:"ArrangingPayment"){__typename ... on ErrorResult{errorCode message}}}')
        - $(call purchase pay 'mutation{addPaymentToOrder(input:{method:"standard-payment",metadata:{}}){__typename ... on Order{state} ... on ErrorResult{errorCode message}}}' ', assert: [{json: /data/addPaymentToOrder/__typename, equals: Order}]')
      teardown:
        - $(admin login "$4" 'mutation{login(username:"superadmin",password:"superadmin"){__typename}}')
        - $(admin find 0s '{orders(options:{filter:{code:{eq:"${order}"}}}){items{id}}}' ', capture: {id: {json: /data/orders/items/0/id}}')
        - $(admin cancel 0s 'mutation{cancelOrder(input:{orderId:"${id}",reason:"synthetic"}){__typename ... on Order{state} ... on ErrorResult{errorCode message}}}')
Y
}
configuration() { # more probes
  cat >"$dir/rig.yaml" <<Y
shop: {name: rig, currency: USD}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {storefront: {title: Vendure}}
synthetic: {headers: {X-Synthetic: tillwatch}, email: "synthetic+*@shop.example"}
sources:
  edge_log:
    type: access_log
    system: storefront
    interval: 1s
    lateness: 2s
    stale_after: 1h
    path: ["$RIG_HOME/access.log"]
    format: '\$remote_addr - \$remote_user [\$time_local] "\$request" \$status \$body_bytes_sent "\$http_referer" "\$http_user_agent" rt=\$request_time urt=\$upstream_response_time sid=\$cookie_visitor syn=\$http_x_synthetic'
    fields: {session: sid, duration: urt, synthetic: syn}
  orders:
    type: sql
    system: storefront
    interval: 1s
    lateness: 2s
    dsn: "postgresql://postgres@127.0.0.1:$RIG_PG_PORT/shop"
    zone: UTC
    units: {value: cents}
    query: 'SELECT o."orderPlacedAt" AS time, o.code AS id, o."subTotalWithTax" + o."shippingWithTax" AS value, o."currencyCode" AS currency, c."emailAddress" AS email FROM "order" o JOIN customer c ON c.id = o."customerId" WHERE o."orderPlacedAt" > \$watermark'
  states:
    type: sql
    system: storefront
    interval: 1s
    lateness: 2s
    dsn: "postgresql://postgres@127.0.0.1:$RIG_PG_PORT/shop"
    zone: UTC
    query: 'SELECT h."createdAt" AS time, h.id AS id, h."orderId" AS session, h.data::json->>''to'' AS state, c."emailAddress" AS email FROM history_entry h JOIN "order" o ON o.id = h."orderId" LEFT JOIN customer c ON c.id = o."customerId" WHERE h."type" = ''ORDER_STATE_TRANSITION'' AND h."createdAt" > \$watermark'
probes:
  - name: buying
    plugin: checkout
    interval: 1s
    timeout: 900ms
    funnel:
      source: edge_log
      step_window: 20s
      steps:
        - {name: view_item, match: {path: "/p/*"}}
        - {name: add_to_cart, match: {path: /shop-api, query: "op=cart"}}
        - {name: begin_checkout, match: {path: /shop-api, query: "op=arrange"}}
        - {name: purchase, source: orders}
  - name: by-state
    plugin: checkout
    interval: 1s
    timeout: 900ms
    funnel:
      source: states
      step_window: 20s
      steps: [{name: begin_checkout, match: {state: ArrangingPayment}}, {name: purchase, match: {state: [PaymentSettled, PaymentAuthorized]}}]
  - {name: order-rate, plugin: checkout, interval: 1s, timeout: 900ms, rate: {source: orders}}
$1
Y
  chmod 600 "$dir/rig.yaml"
}
export TILLWATCH_SOCKET=$dir/agent.sock TILLWATCH_CONFIG=$dir/rig.yaml
start() {
  "$build/agent/tillwatchd" -c "$dir/rig.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
stop() { kill "$agent" 2>/dev/null; wait "$agent" 2>/dev/null; agent=''; }
value() { "$tillwatch" query "sum(last_over_time($1[3h]))" --json 2>/dev/null | sed -n 's/^ *"\([0-9.]*\)"$/\1/p'; }
good() { value "checkout_good_total{probe=\"$1\",step=\"$2\"}"; }
run() { "$tillwatch" run -c "$dir/rig.yaml" "$1" --json 2>/dev/null; }
field() { python3 -c 'import json, sys; d = json.load(sys.stdin); print(d.get(sys.argv[1], ""))' "$1"; }
customers="from \"order\" o join customer c on c.id = o.\"customerId\" where o.\"orderPlacedAt\" is not null and c.\"emailAddress\" not like 'synthetic+%'"
robots="from \"order\" o join customer c on c.id = o.\"customerId\" where o.\"orderPlacedAt\" is not null and c.\"emailAddress\" like 'synthetic+%'"
left() { sql "select count(*) $robots and o.state <> 'Cancelled'"; }

# --- a healthy shop, and one that is sold out ---------------------------------------------------------
configuration "$(journey guest 1h 1000 0s)"
for k in 1 2 3; do
  run guest >"$dir/run.json"
  same "a guest checkout through GraphQL succeeds ($k)" "$(field verdict <"$dir/run.json")" ok
done
same 'it placed orders' "$(sql "select count(*) $robots")" 3
same 'and left none behind' "$(left)" 0

while [ "$(date -u +%H%M)" -ge 2352 ]; do sleep 10; done # the cap is of a day
# --- customers and robots, with kill -9 in the middle --------------------------------------------------
configuration "$(journey guest 15s 4 5s)"
start
within 20 'the agent is up' "$tillwatch" probes
node "$here/shoppers.js" 300 45 >"$dir/shoppers.log" 2>&1 &
shoppers=$!
placed() { [ "$(left)" -gt 0 ]; }
within 60 'a journey has ordered and not yet cleaned up' placed
kill -9 "$agent"; wait "$agent" 2>/dev/null
sleep 1
same 'whoever held the order is dead' "$([ "$(left)" -gt 0 ] && echo yes)" yes
start
none_left() { [ "$(left)" = 0 ]; }
within 60 'after the restart the order is cancelled' none_left
wait "$shoppers"
cap() { [ "$(value 'checkout_synthetic_orders_left{probe="guest"}')" = 0 ]; }
within 120 'the cap is reached' cap
within 60 'nothing is left behind' none_left
orders=$(sql "select count(*) $customers")
worth=$(sql "select sum(o.\"subTotalWithTax\" + o.\"shippingWithTax\") / 100.0 $customers")
say "      customers placed $orders orders; robots $(sql "select count(*) $robots")"
counted() { [ "$(value 'checkout_events_total{probe="order-rate"}')" = "$orders" ]; }
within 150 "the rate counts the $orders orders of customers, as PostgreSQL has them" counted
same 'and their worth' "$(printf '%.2f' "$(value 'checkout_value_total{probe="order-rate"}')")" "$(printf '%.2f' "$worth")"
purchases() { [ "$(good "$1" purchase)" = "$orders" ]; }
within 60 'the funnel has as many purchases' purchases buying
within 60 'and the one that is made from the states of orders alone' purchases by-state
seen=$(python3 - "$RIG_HOME/access.log" <<'P'
import re, sys
n = set()
for line in open(sys.argv[1]):
    if "syn=-" in line and "GET /p/" in line and re.search(r"GET /p/[^/ ]* ", line):
        n.add(re.search(r"sid=(\S+)", line).group(1))
n.discard("-")
print(len(n))
P
)
viewed() { [ "$(good buying view_item)" = "$seen" ]; }
within 60 "sessions that viewed an item: $seen, as the log has them" viewed
sleep 16
same 'the cap holds' "$([ "$(sql "select count(*) $robots")" -le 7 ] && echo yes)" yes

# --- sold out: every answer is a 200 --------------------------------------------------------------------
"$here/rig" fault soldout
before=$(grep -c 'op=pay HTTP/1.1" 200' "$RIG_HOME/access.log")
configuration "$(journey guest 1h 1000 0s)"
run guest >"$dir/run.json"
same 'a journey fails where it is sold out' "$(field verdict <"$dir/run.json")" crit
reason=$(field reason <"$dir/run.json")
same "with the shop's own code" "$(case $reason in 'add_to_cart: INSUFFICIENT_STOCK_ERROR (HTTP 200)'*) echo yes ;; *) echo "$reason" ;; esac)" yes
node "$here/shoppers.js" 300 12 >>"$dir/shoppers.log" 2>&1
same 'the log shows payments with 200' "$([ "$(grep -c 'op=pay HTTP/1.1" 200' "$RIG_HOME/access.log")" -gt "$before" ] && echo yes)" yes
same 'PostgreSQL has no new order' "$(sql "select count(*) $customers")" "$orders"
settled() { awk -v v="$(value 'checkout_complete_seconds{probe="buying"}')" -v now="$(($(date +%s) - 20))" 'BEGIN { exit !(v >= now - 60 && v > '"$(date +%s)"' - 60) }'; }
carts() { [ "$(good buying begin_checkout)" -gt "$1" ]; }
was=$(good buying begin_checkout)
within 150 'customers still come to the payment' carts "$was"
same 'and the funnel has no purchase more' "$(good buying purchase)" "$orders"
same 'nor has the one from states' "$(good by-state purchase)" "$orders"
stop
count
