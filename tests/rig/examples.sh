#!/usr/bin/env bash
# examples.sh - config/examples/vendure.yaml watches a real shop (nginx, Vendure, PostgreSQL): with other addresses and shorter
# times only. With an API key it reads stock and prices, a guest's cart is filled and emptied, shoppers' orders are counted and
# agree, and what the warehouse has and the shop has missed is found. Then the first hour at this shop: `tillwatch init` names
# Vendure, and what it writes, with no other edit than the receiver's url, pages when the shop is down and says when it is back.
#   tests/rig/examples.sh        top_builddir names the build; ends with "N passed, N failed"
set -uo pipefail
. "$(dirname "$0")/with-rig.sh"
admin() { curl -s -b "$dir/cookies" -c "$dir/cookies" -H 'content-type: application/json' -d "{\"query\":\"$1\"}" "$door/admin-api"; }
admin 'mutation{login(username:\"superadmin\",password:\"superadmin\"){__typename}}' >/dev/null
role=$(admin 'mutation{createRole(input:{code:\"monitor\",description:\"monitor\",permissions:[ReadCatalog]}){id}}' | jq -r .data.createRole.id)
sql "insert into user_roles_role (\"userId\", \"roleId\") select u.id, $role from \"user\" u where u.identifier = 'superadmin'"
admin 'mutation{login(username:\"superadmin\",password:\"superadmin\"){__typename}}' >/dev/null
key=$(admin "mutation{createApiKey(input:{roleIds:[$role],translations:[{languageCode:en,name:\\\"tillwatch\\\"}]}){apiKey}}" | jq -r .data.createApiKey.apiKey)
if [ "${#key}" -gt 20 ]; then ok 'Vendure gives an API key that may only read the catalog'; else fail "no API key: $key"; fi
# What goes to the marketplace, in its words and with the prices that customers pay.
admin '{productVariants(options:{take:1000}){items{sku priceWithTax}}}' |
  jq -r '"id,availability,price", (.data.productVariants.items[] | "\(.sku),in_stock,\(.priceWithTax / 100) USD")' >"$RIG_HOME/feeds/products.csv"

sed -e "s|https://shop.example/admin-api|$door/admin-api|; s|https://shop.example/shop-api|$door/shop-api|" \
  -e "s|https://shop.example/products/laptop|$door/p/laptop|; s|https://shop.example/feeds|$door/feeds|" \
  -e "s|postgresql://[^\"]*|postgresql://postgres@127.0.0.1:$RIG_PG_PORT/shop|; s|/var/log/nginx/shop\*.log|$RIG_HOME/access.log|" \
  -e "s|/srv/exports/stock.csv|$RIG_HOME/feeds/stock.csv|; s|https://pager.example/hook|http://127.0.0.1:1/|; s/currency: EUR/currency: USD/" \
  -e 's/, {certificate_expires_in: {min: 21d}}//' \
  -e '/name: guest-cart/,/journey:/{s/interval: 5m/interval: 5m\n    timeout: 20s/;b}' \
  -e '/type: http_json/,/url:/s/interval: 5m/interval: 10s/; s/timeout: 4m/timeout: 9s/' \
  -e 's/{interval: 1m, timeout: 20s}/{interval: 10s, timeout: 9s}/; s/interval: [0-9]*m/interval: 10s/' \
  -e 's/grace: [0-9a-z]*/grace: 4s/g; s/max_lag: 5m/max_lag: 5s/g' "$top/config/examples/vendure.yaml" >"$dir/rig.yaml"
printf 'agent: {store: {path: "%s"}, api: {socket: "%s"}}\n' "$dir/store" "$dir/agent.sock" >>"$dir/rig.yaml"
chmod 600 "$dir/rig.yaml"
export TILLWATCH_SOCKET=$dir/agent.sock TILLWATCH_CONFIG=$dir/rig.yaml
export VENDURE_API_KEY=$key PAGER_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw DB_PASSWORD=none
verdict() { "$tillwatch" run -c "$dir/rig.yaml" "$1" --json 2>/dev/null | jq -r .verdict; }
if "$tillwatch" check >"$dir/check" 2>&1; then ok 'check takes it'; else fail "check: $(cat "$dir/check")"; fi
for probe in product-page shop-graphql guest-cart; do same "$probe" "$(verdict "$probe")" ok; done
same 'the cart was filled and is empty again' "$(sql 'select count(*) from "order"') $(sql 'select coalesce(sum(quantity), 0) from order_line')" '1 0'
same 'nothing was ordered' "$(sql 'select count(*) from "order" where "orderPlacedAt" is not null')" 0

"$build/agent/tillwatchd" -c "$dir/rig.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 20 'the agent is up' eval '"$tillwatch" probes >/dev/null 2>&1'
skus=$(sql 'select count(distinct sku) from product_variant')
for pair in shop/on_hand market/available market/price; do
  within 60 "${pair%/*} has the ${pair#*/} of all $skus" reads "inventory_coherent_keys{source=\"${pair%/*}\",field=\"${pair#*/}\"}" "$skus"
done

say "shoppers buy for half a minute"
"$here/rig" shoppers 240 30 >"$dir/shoppers.log" 2>&1
placed=$(sql 'select count(*) from "order" where "orderPlacedAt" is not null')
if [ "$placed" -gt 0 ]; then ok "$placed orders"; else fail 'nobody has bought anything'; fi
requests() { [ "$(value 'sum(api_requests_total{probe="shop-api",route="shop-api"})' | cut -d. -f1)" -gt "$placed" ]; }
within 60 'their requests are counted' requests
within 150 'their orders too' reads 'checkout_events_total{probe="order-rate"}' "$placed"
within 60 'and each of them is paid' reads inventory_orders_compared "$placed"
same 'no order is told differently' "$(value 'max(max_over_time(inventory_order_faults[3m]))')" 0
same 'no article drifts' "$(value 'max(max_over_time(inventory_drift_keys[3m]))')" 0
same 'nothing is read wrongly' "$(value 'max(max_over_time(inventory_mapping_suspect[3m]))')" 0

"$here/rig" fault stale
changed=$(sql 'select count(*) from stock_level where id % 5 = 0')
within 60 "what the shop has and the warehouse has not: $changed articles" reads 'inventory_drift_keys{source="shop",field="on_hand"}' "$changed"

say "the first hour at this shop; the minutes between two runs leap"
kill "$agent"
wait "$agent" 2>/dev/null
agent=''
"$here/rig" heal >>"$dir/rig.log" 2>&1
. "$top/tests/leap.sh"
hour=$dir/hour
mkdir -p "$hour/conf.d"
leap_start
"${then[@]}" "$build/tests/shop/tillwatch-shop" --dir "$hour" --ready-file "$hour/ready" --max-seconds 86400 >"$hour/receiver.log" 2>&1 &
until [ -s "$hour/ready" ]; do sleep 0.1; done
hook=http://127.0.0.1:$(jq -r .http_port "$hour/ready")/hook/oncall
leaps() { # LIMIT NAME COMMAND...
  local took
  if took=$(leap_till "$1" "${@:3}"); then ok "$2: after $took s"; else fail "$2: not within $1 s"; fi
}
"$tillwatch" init "$door" -o "$hour/written" --json >"$hour/said"
same 'init names the platform' "$(jq -r .platform.name "$hour/said")" vendure
sed "s#https://pager.example/hook#$hook#" "$hour/written" >"$hour/shop.yaml"
same "one line is changed, the receiver's" "$(diff "$hour/written" "$hour/shop.yaml" | grep -c '^> *oncall: ') $(diff "$hour/written" "$hour/shop.yaml" | grep -c '^>')" '1 1'
# The store and the socket have to be the test's own; they stand beside the file.
printf 'agent: {store: {path: "%s"}, api: {socket: "%s"}}\n' "$hour/store" "$dir/agent.sock" >"$hour/conf.d/test.yaml"
same 'check is clean' "$("$tillwatch" check -c "$hour/shop.yaml" --json | jq -c '[.ok, .errors, .footprint.warnings]')" '[true,[],[]]'
TILLWATCH_HOST=$dir/host "${then[@]}" "$build/agent/tillwatchd" -c "$hour/shop.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
within 20 'its agent is up' eval '"$tillwatch" probes >/dev/null 2>&1'
then_value() { "${then[@]}" "$tillwatch" query "$1" --json 2>/dev/null | jq -r '.result[0].value[1]'; }
all_well() { [ "$(then_value 'count(storefront_up == 1)') $(then_value 'min(tillwatch_probe_failed)')" = "$(grep -c 'plugin: storefront' "$hour/shop.yaml") 0" ]; }
told() { jq -es 'any(.[].body | if type == "string" then fromjson else . end | .alerts[]; .status == $status and (.labels.alertname | endswith("Down")))' \
  --arg status "$1" "$hour/webhooks.jsonl"; }
leaps 300 'each page has its series, and all is well' all_well
"$here/rig" fault down >>"$dir/rig.log" 2>&1
leaps 300 'a shop that is down pages' told firing
"$here/rig" heal >>"$dir/rig.log" 2>&1
leaps 900 'and it is told that it is back' told resolved
count
