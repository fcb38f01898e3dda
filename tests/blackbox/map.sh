#!/usr/bin/env bash
# map.sh - the map of a shop of four systems, the real agent: what compares derive is drawn with its lag, drift and
# coherence in 80 columns, what nobody watches is told by name, a reload draws it anew, and CI gets its exit code.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { "$tillwatch" map; tail -20 "$dir/agent.log"; }
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock NO_COLOR=

put() { cat >"$1.new" && mv "$1.new" "$1"; }
stock() { awk -v add="$1" 'BEGIN { print "SKU;qty;price"; for (i = 0; i < 300; i++) printf "A-%d;%d;%.2f\n", i, i % 7 + (i < 20 ? add : 0), 10 + i / 4 }'; }
for f in wms shop feed; do stock 0 | put "$dir/$f.csv"; done
: >"$dir/access.log"
config() { # FLOWS
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme, currency: EUR}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems:
  warehouse: {title: Warehouse, owner: logistics}
  storefront: {title: Shop, owner: web}
  market: {title: Marketplace}
  psp: {owner: payments}
flows: {$1}
sources:
  edge_log: {type: access_log, system: storefront, path: ["$dir/access.log"], interval: 1s, lateness: 1s}
  wms: {type: csv, system: warehouse, path: "$dir/wms.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
  shop: {type: csv, system: storefront, path: "$dir/shop.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
  feed: {type: csv, system: market, path: "$dir/feed.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
  alien: {type: csv, path: "$dir/feed.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
probes:
  - {name: shop-api, plugin: api, source: edge_log, interval: 1s, timeout: 900ms, step: 10s, routes: [{name: cart, path: /api/cart}]}
  - name: stock-parity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    fields:
      available: {reference: wms, compare: {shop: {grace: 2m}, feed: {grace: 3s}}}
      price: {reference: wms, compare: {shop: {grace: 90s}, alien: {}}}
  - name: feed-parity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    fields: {available: {reference: shop, compare: {feed: {grace: 3s}}}}
Y
  chmod 600 "$dir/shop.yaml"
}
config 'payment: {from: storefront, to: psp}, stock: {from: warehouse, to: market, owner: logistics, max_lag: 1m, via: storefront}'
drawn() { "$tillwatch" map 2>&1 | tr -s ' \n' '  '; }
draws() { [[ "$(drawn)" == *$1* ]]; }

# --- of the configuration alone ----------------------------------------------------------------------------------------
said=$("$tillwatch" map --coverage -c "$dir/shop.yaml") || fail 'coverage alone is no failure'
like 'the share of checks' "$said" 'coverage 64 %: 16 of 25 checks pass.*'
one() { is "$1" "$(tr -s ' \n' '  ' <<<"$said")" "*- $2 *"; }
one 'a system that nobody watches' 'psp: no probe and no source looks at it'
one 'a system without owner' 'market: it has no owner'
one 'a flow that nothing measures' 'storefront -> psp: no compare measures it'
one 'a flow without limit' 'storefront -> psp: it has no max_lag'
one 'a flow without owner' 'storefront -> psp: it has no owner'
one 'a derived one, too' 'warehouse -> storefront: it has no owner (flows: gives it one)'
one 'a promise that its hops cannot keep' 'warehouse -> market: max_lag 1m is less than its hops may take, 1m33s (warehouse -> storefront 1m30s, storefront -> market 3s)'
one 'a source of no system' 'alien: it is compared, and does not say of which system it is'
like 'and nothing else' "$(grep -c '^- ' <<<"$said")" 9
"$tillwatch" map --coverage --min 64% -c "$dir/shop.yaml" >"$dir/out" 2>&1 || fail '--min that is reached'
ok '--min that is reached'
said=$("$tillwatch" map --coverage --min 80% -c "$dir/shop.yaml" 2>&1)
like '--min that is not' "$? $said" '1 coverage 64 %*coverage 64 % is less than 80 %'
said=$("$tillwatch" map --min 80 -c "$dir/shop.yaml" 2>&1)
like '--min that is no share' "$? $said" '64 *--min takes a share such as 80%, not "80"'
like 'as JSON' "$("$tillwatch" map --coverage --json --offline | jq -c '[.share, .checks, .passed, (.findings | length), (.findings[] | select(.kind == "flow_budget_too_small") | [.from, .to])]')" '[[]0.64,25,16,9,[[]"warehouse","market"]]'
like 'the map of a file' "$("$tillwatch" map -c "$dir/shop.yaml" --json | jq -c '[.shop, .now, (.flows | length), .flows[0].max_lag_s, .systems[0].verdict]')" '[[]"acme",null,4,null,null]'
sed 's/to: psp/to: psq/' "$dir/shop.yaml" >"$dir/wrong.yaml"
chmod 600 "$dir/wrong.yaml"
said=$("$tillwatch" map --coverage -c "$dir/wrong.yaml" 2>&1)
like 'a system that there is not' "$? $said" '78 *wrong.yaml:8:*: flows.payment.to: no system is called "psq" (did you mean psp[?])*'

# --- with an agent -----------------------------------------------------------------------------------------------------
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 20 'all agree' draws 'warehouse -> storefront max_lag 1m30s no change seen in 1h no drift coherence available 100 % ([0-9.]*..100) no owner'
# Three of four requests to the API are answered, for as long as it takes until a slot of them is complete.
asked() {
  awk -v now="$(date '+%d/%b/%Y:%H:%M:%S %z')" 'BEGIN { for (i = 0; i < 4; i++) printf "198.51.100.7 - - [%s] \"GET /api/cart HTTP/1.1\" %d 12 \"-\" \"-\"\n", now, i ? 200 : 502 }' >>"$dir/access.log"
  draws "$1"
}
within 60 'errors of the API are those of its system' asked ' storefront * 2 probes, 2 sources errors 25 % Shop owner web '
like 'what nobody measures' "$(drawn)" '*storefront -> psp not measured no max_lag no owner *'
like 'what nobody watches' "$(drawn)" '*psp - not watched owner payments*'
# The warehouse changes twenty keys; the shop follows, the marketplace does not.
stock 3 | put "$dir/wms.csv"
within 10 'it is seen' eval '[ "$("$tillwatch" query "inventory_open_keys{source=\"shop\",field=\"available\"}" --json | jq -r ".result[0].value[1]")" = 20 ]'
stock 3 | put "$dir/shop.csv"
within 20 'the lag of those that followed' draws 'warehouse -> storefront lag p95 [0-9]*[0-9] s <=1m30s no drift '
within 20 'the drift of those that did not' draws 'warehouse -> market max_lag 1m no change seen in 1h drift 20 keys 60 units, oldest * coherence 93.33 % ([0-9.]*..9[0-9.]*) via storefront owner logistics '
within 5 'the shop is the reference of another one' draws 'storefront -> market max_lag 3s no change seen in 1h drift 20 keys 60 units, *'
within 5 'the worst verdict of a system' draws 'warehouse warn 1 probe, 1 source Warehouse owner logistics '
stock 3 | put "$dir/feed.csv"
within 20 'a flow that came too late' draws 'storefront -> market lag p95 * s late: >3s no drift '
like 'nothing is wider than 80 columns' "$("$tillwatch" map | awk 'length($0) > 80' | wc -l)" 0
like 'nor is what nobody watches' "$("$tillwatch" map --coverage | awk 'length($0) > 80' | wc -l)" 0
like 'figures as JSON' "$("$tillwatch" map --json | jq -c '.flows[] | select(.from == "warehouse" and .to == "storefront") | [.declared, .max_lag_s, (.measured_by | length), .measured_by[0].source, .measured_by[0].field, .measured_by[0].drift_keys, .measured_by[0].coherence, (.measured_by[0].lag_p95_s > 0)]')" '[[]false,90,2,"shop","available",0,1,true]'
like 'and of systems' "$("$tillwatch" map --json | jq -c '.systems[1] | [.name, .verdict, .probes, .error_share]')" '[[]"storefront","*",[[]"shop-api","feed-parity"],0.25]'
like 'the agent says what a file says' "$(diff <("$tillwatch" map --coverage --json) <("$tillwatch" map --coverage --json -c "$dir/shop.yaml") && echo so)" so

# --- a reload ----------------------------------------------------------------------------------------------------------
config 'stock: {from: warehouse, to: storefront, owner: logistics, max_lag: 500ms, title: Stock}'
kill -HUP "$agent"
within 20 'a flow that is declared now' draws 'warehouse -> storefront lag p95 * s late: >500ms no drift coherence * Stock owner logistics '
[[ "$(drawn)" != *'-> psp'* ]] || fail 'and one that is no more'
ok 'and one that is no more'
ended
