#!/usr/bin/env bash
# pages.sh - a shop's product pages against a feed, the real agent: a wrong price, currency or availability is reported as
# exactly that key, and not before its time; whatever pages, sitemaps and robots.txt do, nothing else is.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { "$tillwatch" status; "$tillwatch" probes; tail -20 "$dir/agent.log"; }
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock

put() { cat >"$1.new" && mv "$1.new" "$1"; }
erp() { awk 'BEGIN { print "sku,qty,price,currency"; for (i = 0; i < 60; i++) printf "A-%d,%d,%.2f EUR,EUR\n", i, i % 5, 10 + i / 4 }'; }
shop() { awk 'BEGIN { for (i = 0; i < 60; i++) printf "A-%d %.2f EUR %s\n", i, 10 + i / 4, i % 5 ? "InStock" : "OutOfStock" }'; }
erp | put "$dir/erp.csv"
shop | put "$dir/pages"
: >"$dir/control"
mkfifo "$dir/in"
python3 "$top/tests/shop/page-shop.py" "$dir/pages" "$dir/control" <"$dir/in" >"$dir/port" 2>"$dir/shop.log" &
exec 8>"$dir/in" # it ends when we do
within 10 'the shop is up' test -s "$dir/port"
url=http://127.0.0.1:$(cat "$dir/port")
common='type: pages, system: storefront, interval: 1s, timeout: 900ms, pause: 0s, refresh: 2s, fields: {sku: sku, price: price, currency: currency, available: availability}'
often='per_hour: 72000'
cat >"$dir/shop.yaml" <<Y
shop: {name: acme, currency: EUR}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {erp: {title: ERP}, storefront: {title: Shop}}
sources:
  erp: {type: csv, system: erp, path: "$dir/erp.csv", interval: 1s, fields: {sku: sku, available: qty, price: price, currency: currency}}
  pages: {$common, $often, sitemap: "$url/sitemap.xml", match: "/p/*"}
  path: {$common, $often, sitemap: "$url/s1.xml.gz", match: "/p/*", key: path}
  endless: {$common, $often, sitemap: "$url/endless.xml", match: "/p/*"}
  many: {$common, $often, sitemap: "$url/endless.xml", max_pages: 30}
  keyed: {$common, $often, urls: ["$url/p/A-1"], key_url: "$url/p/\${key}"}
  slow: {$common, per_hour: 1, sitemap: "$url/sitemap.xml"}
probes:
  - name: truth
    plugin: inventory
    interval: 2s
    timeout: 1900ms
    fields:
      available: {reference: erp, compare: {pages: {grace: 3s}, path: {grace: 3s}, endless: {grace: 3s}, many: {grace: 3s}, keyed: {grace: 3s}, slow: {grace: 3s}}}
      price: {reference: erp, compare: {pages: {grace: 3s}}}
      currency: {reference: erp, compare: {pages: {grace: 3s}}}
Y
chmod 600 "$dir/shop.yaml"
least() { local v; v=$(value "$1"); [ -n "$v" ] && awk "BEGIN { exit !($v >= $2) }"; }
says() { [[ "$("$tillwatch" probes)" = *"$1"* ]]; }
asked() { curl -s "$url/count" | jq -r --arg p "$1" '.[$p] // 0'; }
asked_since() { [ "$(asked "$1")" -ge "$2" ]; }
record() { curl -s --unix-socket "$dir/agent.sock" "http://agent/tillwatch/v1/runs?probe=$1" || true; }
of_pages() { reads "sum(last_over_time(inventory_$1{source=\"pages\"}[10s]))" "$2"; }

"$tillwatch" check >"$dir/out" 2>&1 || fail "check: $(cat "$dir/out")"
ok 'check takes it'
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 15 'the agent is up' "$tillwatch" probes
for f in available price currency; do
  within 30 "$f: 59 pages agree with the ERP" reads "inventory_coherent_keys{source=\"pages\",field=\"$f\"}" 59
done
of_pages missing_keys 0 || fail 'the one that robots.txt keeps from us is not missing'
[ "$(asked /p/A-59)" = 0 ] || fail 'and is not asked for'
ok 'the one that robots.txt keeps from us is neither asked for nor missing'
[ "$(asked 'not ours')" = 0 ] || fail 'each request says that it is ours'
ok 'each request says that it is ours'
[ "$(asked 'of localhost')" = 0 ] || fail 'nothing of another host is asked for'
least 'pages_refused_addresses_total{probe="pages"}' 4 || fail 'addresses of other hosts are counted'
ok 'addresses of other hosts are refused'
within 10 'the index, and what it leads to, was read' reads 'pages_known_addresses{probe="pages"}' 60
within 20 'the path is a key too' reads 'inventory_coherent_keys{source="path",field="available"}' 30
within 20 'an endless sitemap gives its pages' reads 'inventory_coherent_keys{source="endless",field="available"}' 59
within 10 'and says that it has no end' says '/endless.xml'
within 10 'too many addresses are left out' reads 'pages_known_addresses{probe="many"}' 30
within 10 'and it says so' says 'has more than 30 addresses (max_pages)'
within 10 'one page an hour is one page' reads 'sum(last_over_time(pages_requests_total{probe="slow",result=~"ok|failed"}[1h]))' 1
within 5 'nothing of all that differs' reads 'sum(inventory_open_keys)' 0
shows 'nor is missing' 'sum(inventory_missing_keys)' 0
shows 'the comparer is content' 'tillwatch_probe_verdict{probe="truth"}' 0

# Each run asks for as many pages as it has time for: the one that it has no time for is not at fault, one that hangs is. (A
# shop that stands still for most of a run is, too: on a busy machine that happens, and not in each run.)
failed=$(value 'last_over_time(pages_requests_total{probe="pages",result="failed"}[1h])')
runs=$(value 'sum(last_over_time(tillwatch_probe_runs_total{probe="pages"}[1h]))')
[ $((4 * ${failed:-99})) -le $((${runs:-0} + 12)) ] || fail "pages of a healthy shop have failed: $failed in $runs runs"
ok 'pages of a healthy shop do not fail'
echo 'A-7=hang' | put "$dir/control"
within 30 'a page that hangs does' least 'pages_requests_total{probe="pages",result="failed"}' $((failed + 1))
: | put "$dir/control"

# Three pages go wrong in four ways; none is reported before its grace.
changed=$(date +%s%N)
shop | sed 's/^A-1 .*/A-1 99.00 EUR OutOfStock/; s/^\(A-2 .*\) EUR/\1 USD/; s/^\(A-3 .*\) InStock/\1 OutOfStock/' | put "$dir/pages"
within 15 'they are seen' of_pages open_keys 4
early=$(value 'sum(inventory_drift_keys)') # asked first, then the clock
[ "${early:-0}" = 0 ] || [ "$(($(date +%s%N) - changed))" -gt 2900000000 ] || fail 'nothing counts before its grace'
ok 'nothing counts before its grace'
within 20 'then one is wrong in price' reads 'inventory_drift_keys{source="pages",field="price"}' 1
within 10 'one in currency' reads 'inventory_drift_keys{source="pages",field="currency"}' 1
within 10 'two in availability' reads 'inventory_drift_keys{source="pages",field="available"}' 2
within 5 'by so much' reads 'inventory_drift_units{source="pages",field="price"}' 88.75
within 10 'the record has exactly these' eval 'r=$(record truth); [[ "$r" = *"A-1"* && "$r" = *"A-2"* && "$r" = *"A-3"* && "$r" = *USD* ]]'
within 20 'the page of a key that was never seen is found by its address' reads 'inventory_drift_keys{source="keyed",field="available"}' 2

# Nothing is forgotten, though no page can be read after the restart.
within 20 'it has been wrong for a while' least 'inventory_drift_age_seconds{source="pages",field="price",quantile="1"}' 5
echo 'all=error' | put "$dir/control"
kill -9 "$(pgrep -P "$agent" -f tillwatch-host | head -1)"
was=$(asked /robots.txt)
within 30 'the host is back' asked_since /robots.txt $((was + 6))
back=$(date +%s)
within 30 'and compares' least 'timestamp(inventory_compared_keys{source="pages",field="available"})' $((back + 2))
shows 'after kill -9 of the host what pages said is known' 'inventory_compared_keys{source="pages",field="available"}' 59
of_pages missing_keys 0 || fail 'and an error makes nothing missing'
within 10 'pages that answer an error are said' reads 'tillwatch_probe_verdict{probe="pages"}' 3
: | put "$dir/control"
within 20 'and the age goes on' least 'inventory_drift_age_seconds{source="pages",field="price",quantile="1"}' 8
shop | put "$dir/pages"
within 30 'repaired is repaired' of_pages open_keys 0

# A page that is gone is missing, by 404; nothing else is.
echo 'A-7=gone' | put "$dir/control"
within 30 'a page that is gone is missing' of_pages missing_keys 1
: | put "$dir/control"
within 30 'and is back' of_pages missing_keys 0

# What says nothing makes nothing wrong, even when the reference has moved on since.
echo 'A-10=wall A-11=cut A-12=half A-13=broken A-14=moved A-15=error A-16=none A-17=403 A-18=redirect' | put "$dir/control"
for i in 10 11 12 13 14 15 16 17 18; do
  was[i]=$(asked "/p/A-$i")
done
for i in 10 11 12 13 14 15 16 17 18; do
  within 60 "A-$i is asked for" asked_since "/p/A-$i" $((was[i] + 2))
done
of_pages open_keys 0 && of_pages missing_keys 0 || fail 'walls, cuts, errors, other pages make nothing wrong'
ok 'walls, cuts, errors, other pages make nothing wrong'
within 60 'a wall is named' says 'a page answers 200: waiting room'
for r in blocked failed moved; do
  within 60 "$r is counted" least "pages_requests_total{probe=\"pages\",result=\"$r\"}" 1
done
within 60 'pages without an offer are counted' least 'pages_without_offer_total{probe="pages"}' 1
within 60 'and broken JSON-LD' least 'pages_broken_blocks_total{probe="pages"}' 1
erp | sed 's/^\(A-1[0-7],[^,]*\),[^,]*/\1,77.00 EUR/' | put "$dir/erp.csv"
within 15 'eight prices of the ERP change' reads 'inventory_open_keys{source="pages",field="price"}' 8
for i in 10 11 12 13 14 15 16 17; do
  was[i]=$(asked "/p/A-$i")
done
for i in 10 11 12 13 14 15 16 17; do
  within 60 "A-$i is asked for again" asked_since "/p/A-$i" $((was[i] + 2))
done
shows 'what could not be read again is not confirmed' 'sum(inventory_drift_keys)' 0
: | put "$dir/control"
within 40 'as soon as it can it is' reads 'inventory_drift_keys{source="pages",field="price"}' 8
erp | put "$dir/erp.csv"
within 40 'and all is well again' of_pages open_keys 0

# robots.txt
echo 'robots=error' | put "$dir/control"
within 20 'a robots.txt that cannot be read is said' says 'robots.txt of 127.0.0.1'
echo 'robots=deny' | put "$dir/control"
within 20 'one that forbids everything is obeyed' says 'robots.txt allows none of the pages'
all_asked() { curl -s "$url/count" | jq '[to_entries[] | select(.key | startswith("/p/")) | .value] | add'; }
stands_still() { local before; before=$(all_asked) && sleep 2 && [ "$(all_asked)" = "$before" ]; }
within 30 'no page is asked for then' stands_still
ended
