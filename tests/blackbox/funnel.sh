#!/usr/bin/env bash
# funnel.sh - a shop's log and its orders through the real agent: a funnel, the rate of orders and the ratio of payments
# count the same as the log and the database do, without our own traffic and over kill -9; what cannot be told apart is
# refused with its place. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
mkdir "$dir/log" "$dir/db"
lite() { sqlite3 -cmd '.timeout 5000' "$dir/db/shop.db" "$1"; }
lite 'create table orders (id integer primary key, at integer not null, total real, currency text, gateway text, paid int, decline text, email text, state text)'
configuration() { # $1: more of the funnel's steps, $2: more of the shop
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme, currency: EUR, timezone: Europe/Paris$2}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {storefront: {title: Vendure}}
synthetic: {email: "synthetic+*@shop.example"}
sources:
  edge_log:
    type: access_log
    system: storefront
    path: ["$dir/log/shop.log"]
    interval: 500ms
    lateness: 1s
    format: '\$remote_addr - - [\$time_local] "\$request" \$status \$body_bytes_sent "\$http_referer" "\$http_user_agent" sid=\$cookie_sid syn=\$http_x_synthetic'
    fields: {session: sid, synthetic: syn}
  orders: {type: sql, system: storefront, file: "$dir/db/shop.db", interval: 500ms, timeout: 450ms, lateness: 1s, query: "SELECT id, at AS time, total AS value, currency, gateway, paid AS ok, decline, email, state FROM orders WHERE at > \$watermark_ms"}
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
        - {name: begin_checkout, match: {path: /shop-api, method: POST, query: "op=Checkout"}}
$1
        - {name: purchase, source: orders, match: {ok: 1, state: Settled}}
  - {name: order-rate, plugin: checkout, interval: 1s, timeout: 900ms, rate: {source: orders, match: {ok: 1, state: Settled}}}
  - {name: payments, plugin: checkout, interval: 1s, timeout: 900ms, ratio: {source: orders, match: {state: Arranging}, good: ok, by: [gateway], causes: [decline]}}
  - name: by-state
    plugin: checkout
    interval: 1s
    timeout: 900ms
    funnel:
      source: orders
      session: id
      step_window: 20s
      steps: [{name: begin_checkout, match: {state: Arranging}}, {name: purchase, match: {state: Settled}}]
Y
  chmod 600 "$dir/shop.yaml"
}
: >"$dir/log/shop.log"

# --- what is refused, with its place --------------------------------------------------------------
configuration '        - {name: add_to_cart, match: {method: POST, query: "op=Checkout", path: /shop-api}}' ''
"$tillwatch" check >"$dir/out" 2>&1 && fail 'two steps that are the same records were accepted'
grep -q 'begin_checkout and add_to_cart are the same records' "$dir/out" && grep -q 'shop.yaml:[0-9]*:' "$dir/out" || { cat "$dir/out"; fail 'steps that cannot be told apart'; }
ok 'steps that cannot be told apart are refused, with their place'
configuration '' ', calendar: {2026-11-27: 2025-02-30}'
"$tillwatch" check >"$dir/out" 2>&1 && fail 'a day that does not exist was accepted'
grep -q 'neither a weekday, a date nor' "$dir/out" || { cat "$dir/out"; fail 'the calendar'; }
ok 'a day that does not exist is refused'
configuration '' ', calendar: {2026-11-27: 2025-11-28, 12-25: sunday, 12-26: excluded}'
"$tillwatch" check >"$dir/out" 2>&1 || { cat "$dir/out"; fail 'a good configuration'; }
ok 'a good configuration passes'

# --- what is counted ------------------------------------------------------------------------------
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
value() { "$tillwatch" query "sum($1)" --json 2>/dev/null | sed -n 's/^ *"\([0-9.]*\)"$/\1/p'; }
reads() { [ "$(value "last_over_time($1[3h])")" = "$2" ]; }
line() { # SESSION REQUEST SYNTHETIC
  echo "203.0.113.9 - - [$(date '+%d/%b/%Y:%H:%M:%S %z')] \"$2 HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0\" sid=$1 syn=${3:--}" >>"$dir/log/shop.log"
}
start
within 20 'the agent is up' "$tillwatch" probes
sleep 1
for i in $(seq 40); do line "s$i" "GET /p/$i"; done
line robot 'GET /p/7' tillwatch
sleep 1.2
for i in $(seq 25); do line "s$i" 'POST /shop-api?op=Checkout'; done
line stranger 'POST /shop-api?op=Checkout'
line robot 'POST /shop-api?op=Checkout' tillwatch
kill -9 "$agent"; wait "$agent" 2>/dev/null
rows=''
now=$(date +%s%3N)
for i in $(seq 20); do rows+=",($((now + i)),80,'EUR','psp-$((i % 2))',$((i <= 16)),$([ "$i" -le 16 ] && echo NULL || echo "'funds'"),'c$i@example.org','Arranging')"; done
rows+=",($now,1,'EUR','psp-1',1,NULL,'synthetic+1@shop.example','Settled')"
lite "insert into orders(at,total,currency,gateway,paid,decline,email,state) values ${rows:1}"
start
within 20 'the agent is up again' "$tillwatch" probes
within 20 'the orders that are being paid are read' reads 'sql_rows_total{probe="orders",result="ok"}' 20
lite "update orders set state = 'Settled', at = $(date +%s%3N) where paid = 1 and email like 'c%'"
minute=$(($(date +%s) / 60)) # the orders are settled in this one, at the latest
until [ "$(($(date +%s) / 60))" -gt "$minute" ]; do sleep 1; done
line later 'GET /other'
sleep 9
line later 'GET /other'
within 90 'whose minute is settled: 40 sessions entered' reads 'checkout_good_total{probe="buying",step="view_item"}' 40
within 10 '25 of them went on' reads 'checkout_good_total{probe="buying",step="begin_checkout"}' 25
reads 'checkout_tried_total{probe="buying",step="begin_checkout"}' 40 || fail 'tried is not 40'
within 10 'purchases are orders, not 200s' reads 'checkout_good_total{probe="buying",step="purchase"}' 16
reads 'checkout_tried_total{probe="buying",step="purchase"}' 25 || fail 'the purchase was tried by others than 25'
ok 'and were tried by those who came to the step before'
within 10 'the rate counts orders, ours left out' reads 'checkout_events_total{probe="order-rate"}' 16
within 10 'their worth' reads 'checkout_value_total{probe="order-rate"}' 1280
within 10 'the ratio counts attempts' reads 'checkout_tried_total{probe="payments",dimension=""}' 20
reads 'checkout_good_total{probe="payments",dimension=""}' 16 || fail 'good attempts'
ok 'and good ones'
within 10 'from the states of orders alone: arranged' reads 'checkout_good_total{probe="by-state",step="begin_checkout"}' 20
within 10 'and settled' reads 'checkout_good_total{probe="by-state",step="purchase"}' 16
reads 'checkout_step_is_closed{probe="buying",step="begin_checkout"}' 1 || fail 'the step is not closed'
reads 'checkout_step_is_closed{probe="buying",step="purchase"}' 0 || fail 'the purchase is not open'
ok 'it is told which steps are closed'
! grep -rqa 'sid=s1\|c1@example.org' "$dir/store" || fail 'a session or an address was kept'
ok 'no session and no address is kept'
ended
