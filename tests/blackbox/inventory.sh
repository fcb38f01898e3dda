#!/usr/bin/env bash
# inventory.sh - two systems as feeds, the real agent: what is changed in one is reported as exactly that, and not before
# its time; a feed that is cut off, and one that is read wrongly, make no key missing and no price wrong.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
port=$(free_port)

# Writes PATH as it is told on standard input, at once: no reader sees half of it.
put() { cat >"$1.new" && mv "$1.new" "$1"; }
wms() { awk 'BEGIN { print "SKU;qty;price"; for (i = 0; i < 300; i++) printf "A-%d;%d;%.2f\n", i, i % 7, 10 + i / 4 }'; }
feed() { # as the warehouse says it, in the words of a marketplace
  awk 'BEGIN { print "id\tavailability\tprice"; for (i = 0; i < 300; i++) printf "eu_A-%d\t%s\t%.2f EUR\n", i, i % 7 ? "in stock" : "out of stock", 10 + i / 4; print "eu_CANARY-1\tin stock\t1.00 EUR" }'
}
wms | put "$dir/wms.csv"
mkdir "$dir/www"
feed | gzip | put "$dir/www/feed.csv.gz"
db() { python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()' "$dir/shop.db" "$1"; }
db "CREATE TABLE stock (sku TEXT PRIMARY KEY, qty INTEGER, cents INTEGER, updated_at TEXT);
  $(wms | awk -F';' 'NR > 1 { printf "INSERT INTO stock VALUES (\047%s\047, %d, %d, \047%s\047);", $1, $2, $3 * 100, "2026-01-01 00:00:00" }')"
cat >"$dir/nginx.conf" <<N
daemon off; master_process off; pid $dir/nginx.pid; error_log $dir/nginx.log;
events {}
http {
  access_log $dir/nginx-access.log;
  client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
  server { listen 127.0.0.1:$port; root $dir/www; location /moved { return 302 /feed.csv.gz; } location /away { return 302 http://localhost:$port/feed.csv.gz; } }
}
N
nginx -c "$dir/nginx.conf" 2>"$dir/nginx.err" &
within 10 'a server for the feed' curl -sf -o /dev/null "http://127.0.0.1:$port/feed.csv.gz"
config() { # EXTRA-FOR-SHOP
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme, currency: EUR}
synthetic: {sku: "CANARY-*"}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {warehouse: {title: Warehouse}, storefront: {title: Shop}, market: {title: Marketplace}}
sources:
  wms: {type: csv, system: warehouse, path: "$dir/wms.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
  shop:
    type: sql
    system: storefront
    file: "$dir/shop.db"
    interval: 1s
    zone: UTC
    key: sku
    query: "SELECT sku, qty, cents, updated_at FROM stock WHERE updated_at > \$watermark"
    fields: {available: qty, price: cents}
  feed: {type: csv, system: market, url: "http://127.0.0.1:$port/moved", interval: 1s, fields: {sku: id, available: availability, price: price}}
probes:
  - name: stock-parity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    normalize: {feed: {key_prefix: eu_}, shop: {units: {price: cents}$1}}
    fields:
      available: {reference: wms, compare: {shop: {grace: 3s}, feed: {grace: 3s}}}
      price: {reference: wms, compare: {shop: {grace: 3s}, feed: {grace: 3s}}}
Y
  chmod 600 "$dir/shop.yaml"
}
config ''
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
says() { [[ "$("$tillwatch" status)" = *"$1"* ]]; }
facts() { "$tillwatch" run stock-parity --json 2>/dev/null; }

"$tillwatch" check >"$dir/out" 2>&1 || fail "check: $(cat "$dir/out")"
ok 'check takes it'
start
within 15 'the agent is up' "$tillwatch" probes
for s in shop feed; do
  within 15 "$s: all 300 keys agree, in stock" reads "inventory_coherent_keys{source=\"$s\",field=\"available\"}" 300
  within 15 "$s: and in price" reads "inventory_coherent_keys{source=\"$s\",field=\"price\"}" 300
done
within 5 'our own keys are nobody'"'"'s stock' reads 'inventory_ghost_keys{source="feed"}' 0
within 10 'a feed that has not changed is not sent again' grep -q ' 304 ' "$dir/nginx-access.log"

# Five keys of the feed go wrong; none is reported before its grace.
changed=$(date +%s%N)
feed | sed 's/^\(eu_A-8\t\)in stock/\1out of stock/; s/^\(eu_A-7\t\)out of stock/\1in stock/; s/^\(eu_A-21\t\)out of stock/\1in stock/; s/^\(eu_A-30\t.*\t\).*/\199.00 EUR/; /^eu_A-50\t/d' | gzip | put "$dir/www/feed.csv.gz"
within 5 'it is seen' reads 'sum(inventory_open_keys{source="feed"})' 5
early=$(value 'sum(inventory_drift_keys)') # asked first, then the clock
[ "${early:-0}" = 0 ] || [ "$(($(date +%s%N) - changed))" -gt 2900000000 ] || fail 'nothing counts before its grace'
ok 'nothing counts before its grace'
within 15 'then three are wrong in stock' reads 'inventory_drift_keys{source="feed",field="available"}' 3
within 5 'one in price' reads 'inventory_drift_keys{source="feed",field="price"}' 1
within 5 'by so much' reads 'inventory_drift_units{source="feed",field="price"}' 81.5
within 5 'one is missing' reads 'inventory_missing_keys{source="feed"}' 1
within 5 'two units can be sold that nobody has' reads 'inventory_oversell_units{source="any"}' 2
within 5 'what they are worth' reads 'inventory_oversell_value{source="any"}' 27
within 5 'one key cannot be bought' reads 'inventory_undersell_keys{source="feed"}' 1
within 5 'nothing of the kind in the shop' reads 'sum(inventory_open_keys{source="shop"})' 0
within 5 'status says it' says '4 values differ, 1 keys are missing'
within 10 'the record has the keys' eval '[[ "$(curl -s --unix-socket "$dir/agent.sock" "http://agent/tillwatch/v1/runs?probe=stock-parity" || true)" = *A-21* ]]'

# The shop's database: what changed is read, keys are read again, and what is only in one of the two is found.
now() { date -u '+%Y-%m-%d %H:%M:%S'; }
db "UPDATE stock SET qty = qty + 4, updated_at = '$(now)' WHERE sku = 'A-9'; INSERT INTO stock VALUES ('X-1', 3, 100, '$(now)')"
within 15 'four units too many in the shop' reads 'inventory_drift_units{source="shop",field="available"}' 4
within 5 'and a key of nobody' reads 'inventory_ghost_keys{source="shop"}' 1
db "UPDATE stock SET qty = qty - 4 WHERE sku = 'A-9'; DELETE FROM stock WHERE sku = 'X-1'" # no row says that it changed
within 15 'what is repaired in silence is seen when the key is read again' reads 'sum(inventory_open_keys{source="shop"})' 0

# A clock that is an hour ahead, and one that is an hour behind: what changes is seen all the same, and nothing of the past is lost.
ahead() { date -u -d '1 hour' '+%Y-%m-%d %H:%M:%S'; }
behind() { date -u -d '-1 hour' '+%Y-%m-%d %H:%M:%S'; }
db "UPDATE stock SET qty = qty + 2, updated_at = '$(ahead)' WHERE sku = 'A-10'"
within 15 'a row from the future is read' reads 'inventory_drift_units{source="shop",field="available"}' 2
db "UPDATE stock SET qty = qty + 3, updated_at = '$(now)' WHERE sku = 'A-11'"
within 15 'and hides none that comes after it' reads 'inventory_drift_units{source="shop",field="available"}' 5
db "UPDATE stock SET qty = qty - 2, updated_at = '$(ahead)' WHERE sku = 'A-10'; UPDATE stock SET qty = qty - 3, updated_at = '$(behind)' WHERE sku = 'A-11'"
within 15 'repaired by a clock that is behind: seen when the key is read again' reads 'sum(inventory_open_keys{source="shop"})' 0
shows 'no clock makes a key missing' 'sum(inventory_missing_keys{source="shop"})' 0

# Nothing of it is forgotten.
since() { value 'inventory_drift_age_seconds{source="feed",field="price",quantile="1"}'; }
kill -9 "$(pgrep -P "$agent" -f tillwatch-host | head -1)"
sleep 1
within 20 'after kill -9 of the host the age goes on' eval '[ "$(since)" -ge 6 ] && reads "inventory_drift_keys{source=\"feed\",field=\"available\"}" 3'
feed | gzip | put "$dir/www/feed.csv.gz"
within 20 'repaired is repaired' eval 'reads "sum(inventory_drift_keys)" 0 && reads "sum(inventory_missing_keys)" 0'

# A feed that is cut off: in a line, in the packed stream, to a tenth.
feed | head -c 3000 | gzip | put "$dir/www/feed.csv.gz"
within 10 'a feed that is cut off says so' says 'it is cut off'
sleep 4
shows 'and makes nothing missing' 'sum(inventory_missing_keys)' 0
feed | gzip | head -c 1200 | put "$dir/www/feed.csv.gz"
within 10 'so does one whose packed stream ends' says 'cut off (gzip)'
feed | gzip | put "$dir/www/feed.csv.gz"
within 10 'and is well again' reads 'tillwatch_probe_verdict{probe="feed"}' 0
wms | sed '1s/qty/quantity/' | put "$dir/wms.csv"
within 10 'a column that is gone is named' says 'has no column "qty"'
printf 'SKU;qty;price\nA-0;"0;10\n' | put "$dir/wms.csv"
within 10 'a quote that is never closed ends no agent' says 'it is cut off'
wms | put "$dir/wms.csv"
within 10 'and all is well again' reads 'tillwatch_probe_verdict{probe="stock-parity"}' 0

# Everything is wrong, and was right before: that is no mapping.
feed | awk -F'\t' 'BEGIN { OFS = FS } NR > 1 { $3 = sprintf("%.2f EUR", $3 * 1.2) } { print }' | gzip | put "$dir/www/feed.csv.gz"
within 15 'all prices go wrong at once: all are told' reads 'inventory_drift_keys{source="feed",field="price"}' 300
feed | gzip | put "$dir/www/feed.csv.gz"
within 15 'and are right again' reads 'inventory_open_keys{source="feed",field="price"}' 0

# Read wrongly: said by name, and not as 300 wrong prices.
config ', tax: {price: 20%}'
kill -HUP "$agent"
within 20 'a wrong mapping is named' says '100 % of price in shop differ by x1.2'
shows 'and no key is wrong for it' 'sum(inventory_drift_keys)' 0
sed -i "s|/moved|/away|" "$dir/shop.yaml"
kill -HUP "$agent"
within 20 'a redirect to another host of ours is followed: the configured one is here too' grep -q 'GET /away' "$dir/nginx-access.log"
within 10 'and the feed is read there' reads 'tillwatch_probe_verdict{probe="feed"}' 0
ended
