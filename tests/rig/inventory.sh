#!/usr/bin/env bash
# inventory.sh - the stock, the prices and the orders of a real shop (nginx, Vendure, PostgreSQL): database, admin API and
# feed agree while shoppers buy; what one of them has missed is reported as exactly that, and not before its grace; paid
# orders are orders.
#   tests/rig/inventory.sh [MINUTES [SHOPPERS]]    of shoppers on a healthy shop (1), so many a minute (240)
# top_builddir names the build.
# Ends with "N passed, N failed".
set -uo pipefail
minutes=${1:-1} rate=${2:-240}
. "$(dirname "$0")/with-rig.sh"
curl -s -o /dev/null -D "$dir/login" -H 'content-type: application/json' -d '{"query":"mutation{login(username:\"superadmin\",password:\"superadmin\"){__typename}}"}' "$door/admin-api"
sed -n 's/^vendure-auth-token: *\([0-9a-f]*\).*/\1/Ip' "$dir/login" >"$dir/token"
chmod 600 "$dir/token"
[ -s "$dir/token" ] || { fail 'the admin API gives a token'; count; }

slugs=$(sql 'select distinct slug from product_translation order by 1')
pages=$(printf '"%s", ' $(printf "$door/p/%s.html " $slugs))
variants='productVariants(options:{take:50,skip:$offset})'
items='{totalItems items{sku price stockLevels{stockOnHand stockAllocated} updatedAt}}'
cat >"$dir/rig.yaml" <<Y
shop: {name: rig, currency: USD}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
defaults: {interval: 1s, timeout: 900ms}
systems: {database: {title: PostgreSQL, owner: web}, storefront: {title: Vendure, owner: web}, erp: {title: ERP feed, owner: logistics}, psp: {title: Payment, owner: payments}}
sources:
  stock:
    type: sql
    system: database
    interval: 1s
    dsn: "postgresql://postgres@127.0.0.1:$RIG_PG_PORT/shop"
    key: sku
    zone: UTC
    query: 'SELECT v.sku, s."stockOnHand" AS on_hand, s."stockOnHand" - s."stockAllocated" AS available, p.price FROM product_variant v JOIN stock_level s ON s."productVariantId" = v.id JOIN product_variant_price p ON p."variantId" = v.id'
    fields: {on_hand: on_hand}
  admin:
    type: http_json
    system: storefront
    interval: 2s
    timeout: 1900ms
    url: "$door/admin-api"
    headers: {Authorization: "Bearer \${file:$dir/token}"}
    json: {query: 'query(\$offset:Int){$variants$items}', variables: {offset: "\${offset}"}}
    key_json: {query: 'query(\$keys:[String!]){productVariants(options:{take:50,filter:{sku:{in:\$keys}}})$items}', variables: {keys: "\${keys}"}}
    records: /data/productVariants/items
    total: /data/productVariants/totalItems
    fields: {sku: /sku, price: /price, on_hand: /stockLevels/0/stockOnHand, available: /stockLevels/0/stockOnHand - /stockLevels/0/stockAllocated}
  feed:
    type: csv
    system: erp
    interval: 1s
    url: "$door/feeds/stock.csv"
    fields: {sku: sku, on_hand: stock}
    time: updated_at
  products:
    type: sql
    system: database
    interval: 1s
    dsn: "postgresql://postgres@127.0.0.1:$RIG_PG_PORT/shop"
    key: slug
    zone: UTC
    query: 'SELECT t.slug, min(p.price) AS price, sum(s."stockOnHand" - s."stockAllocated") AS available, ''USD'' AS currency FROM product_translation t JOIN product_variant v ON v."productId" = t."baseId" JOIN product_variant_price p ON p."variantId" = v.id JOIN stock_level s ON s."productVariantId" = v.id GROUP BY t.slug'
    fields: {slug: slug}
  pages: {type: pages, system: storefront, interval: 2s, urls: [${pages%, }], key: path, per_hour: 36000, pause: 0s, fields: {slug: sku, price: price, currency: currency, available: availability}}
  orders:
    type: sql
    system: storefront
    interval: 1s
    lateness: 2s
    dsn: "postgresql://postgres@127.0.0.1:$RIG_PG_PORT/shop"
    zone: UTC
    units: {value: cents}
    query: 'SELECT o."orderPlacedAt" AS time, o.code AS id, o."subTotalWithTax" + o."shippingWithTax" AS value, o."currencyCode" AS currency FROM "order" o WHERE o."orderPlacedAt" > \$watermark'
  payments:
    type: sql
    system: psp
    interval: 1s
    lateness: 2s
    dsn: "postgresql://postgres@127.0.0.1:$RIG_PG_PORT/shop"
    zone: UTC
    units: {value: cents}
    id: payment
    query: 'SELECT p."createdAt" AS time, p.id AS payment, o.code AS code, p.amount AS value, p.state AS state FROM payment p JOIN "order" o ON o.id = p."orderId" WHERE p."createdAt" > \$watermark'
    fields: {id: code, payment: payment}
probes:
  - name: stock-parity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    normalize: {stock: {units: {price: cents}}, admin: {units: {price: cents}}}
    fields:
      on_hand: {reference: stock, kind: quantity, compare: {admin: {grace: 4s}, feed: {grace: 4s}}}
      available: {reference: stock, compare: {admin: {grace: 4s}}}
      price: {reference: stock, compare: {admin: {grace: 4s}}}
  - name: storefront-truth
    plugin: inventory
    interval: 3s
    timeout: 2900ms
    key: slug
    normalize: {products: {units: {price: cents}}}
    fields:
      available: {reference: products, compare: {pages: {grace: 4s}}}
      price: {reference: products, compare: {pages: {grace: 4s}}}
      currency: {reference: products, compare: {pages: {grace: 4s}}}
  - name: order-integrity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    warm_up: 0s
    compare:
      orders: {max_lag: 5s}
      payments: {max_lag: 5s, where: {state: "Settled|Authorized"}}
Y
chmod 600 "$dir/rig.yaml"
export TILLWATCH_SOCKET=$dir/agent.sock TILLWATCH_CONFIG=$dir/rig.yaml
if "$tillwatch" check >"$dir/check" 2>&1; then ok 'check takes it'; else fail "check: $(cat "$dir/check")"; fi
"$build/agent/tillwatchd" -c "$dir/rig.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 20 'the agent is up' eval '"$tillwatch" probes >/dev/null 2>&1'
skus=$(sql 'select count(distinct sku) from product_variant')
for pair in admin/on_hand admin/available admin/price feed/on_hand; do
  within 30 "${pair%/*} has the ${pair#*/} of all $skus" reads "inventory_coherent_keys{source=\"${pair%/*}\",field=\"${pair#*/}\"}" "$skus"
done

products=$(sql 'select count(distinct slug) from product_translation')
for field in available price currency; do
  within 40 "all $products product pages show the right $field" reads "inventory_coherent_keys{source=\"pages\",field=\"$field\"}" "$products"
done

say "$rate shoppers a minute buy for $minutes minutes"
"$here/rig" shoppers "$rate" $((minutes * 60)) >"$dir/shoppers.log" 2>&1 &
shoppers=$!
wait "$shoppers"
sleep 8
sold=$(sql 'select sum("stockAllocated") from stock_level')
placed=$(sql 'select count(*) from "order" where "orderPlacedAt" is not null')
if [ "$placed" -gt 0 ] && [ "$sold" -gt 0 ]; then ok "$placed orders, $sold pieces"; else fail "nobody has bought anything: $placed orders, $sold pieces"; fi
most() { value "max(max_over_time($1[$((minutes * 60 + 60))s]))"; }
same 'no key drifts on a healthy shop' "$(most inventory_drift_keys)" 0
same 'none is missing' "$(most inventory_missing_keys)" 0
same 'none is of nobody' "$(most inventory_ghost_keys)" 0
same 'nothing is read wrongly' "$(most inventory_mapping_suspect)" 0
same 'no order is told differently' "$(most inventory_order_faults)" 0
within 30 'all orders are known' reads inventory_orders_compared "$placed"

# What changed in the database, and the feed has not heard of.
before=$(date +%s%N)
"$here/rig" fault stale
changed=$(sql 'select count(*) from stock_level where id % 5 = 0')
within 10 'the difference is seen' reads 'inventory_open_keys{source="feed",field="on_hand"}' "$changed"
drift=$(value 'inventory_drift_keys{source="feed",field="on_hand"}')
seen=$(date +%s%N)
if [ "${drift:-0}" = 0 ] || [ $((seen - before)) -gt 4000000000 ]; then ok 'none counts before its grace'; else fail "$drift count before their grace"; fi
within 20 "then exactly those: $changed keys" reads 'inventory_drift_keys{source="feed",field="on_hand"}' "$changed"
same 'and exactly so many units' "$(value 'inventory_drift_units{source="feed",field="on_hand"}')" $((changed * 7))
same 'which can be sold, and nobody has' "$(value 'inventory_oversell_units{source="feed"}')" $((changed * 7))
same 'the admin API shows what the database has' "$(value 'sum(inventory_drift_keys{source="admin"})')" 0
curl -s --unix-socket "$dir/agent.sock" 'http://agent/tillwatch/v1/runs?probe=stock-parity&limit=20' >"$dir/runs"
named=$(grep -oE '"key":"[^"]*"' "$dir/runs" | sort -u | wc -l)
wrong=0
for sku in $(grep -oE '"key":"[^"]*"' "$dir/runs" | sort -u | cut -d'"' -f4); do
  [ "$(sql "select s.id % 5 from stock_level s join product_variant v on v.id = s.\"productVariantId\" where v.sku = '$sku'")" = 0 ] || wrong=$((wrong + 1))
done
if [ "$named" -gt 0 ] && [ "$wrong" -eq 0 ]; then ok "the record names $named of them, and no other"; else fail "the record names $named keys, $wrong of them wrongly"; fi

# Everything is sold, and the pages do not know.
same 'the pages show what can be bought' "$(value 'sum(inventory_drift_keys{source="pages"})')" 0
"$here/rig" fault soldout
within 60 "all $products pages offer what nobody has" reads 'inventory_drift_keys{source="pages",field="available"}' "$products"
same 'their prices are right' "$(value 'inventory_drift_keys{source="pages",field="price"}')" 0
"$here/rig" heal >/dev/null 2>&1
within 30 'healed is healed' reads 'sum(inventory_drift_keys)' 0

# Orders: a customer is charged twice, one pays another amount, one order is gone.
codes=$(sql 'select code from "order" where "orderPlacedAt" is not null order by id limit 3')
# shellcheck disable=SC2086
set -- $codes
pay() { sql "insert into payment (method, state, metadata, amount, \"orderId\", \"createdAt\", \"updatedAt\") select method, state, metadata, $2, \"orderId\", now() at time zone 'UTC', now() at time zone 'UTC' from payment where \"orderId\" = (select id from \"order\" where code = '$1') limit 1"; }
pay "$1" amount
within 20 'who pays twice is found' reads 'inventory_order_faults{fault="charged_twice"}' 1
sql "insert into \"order\" (code, state, active, \"couponCodes\", \"currencyCode\", \"shippingAddress\", \"billingAddress\", \"subTotal\", \"subTotalWithTax\", shipping, \"shippingWithTax\", type, \"orderPlacedAt\", \"createdAt\", \"updatedAt\") select 'UNPAID1', state, active, \"couponCodes\", \"currencyCode\", \"shippingAddress\", \"billingAddress\", \"subTotal\", \"subTotalWithTax\", shipping, \"shippingWithTax\", type, now() at time zone 'UTC', now(), now() from \"order\" where code = '$2'"
within 20 'so is an order without a payment' reads 'inventory_order_faults{fault="order_without_payment"}' 1
same 'and nothing else' "$(value 'sum(inventory_order_faults)')" 2
count
