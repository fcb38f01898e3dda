#!/usr/bin/env bash
# http-json.sh - one stock through an API that pages in every way, against a feed, and through all that breaks: whatever an
# API does, no key is missing that is there, and none counts that is not.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
stock() { awk 'BEGIN { for (i = 0; i < 430; i++) printf "A-%d %d\n", i, i % 9 }'; }
stock >"$dir/stock"
stock | awk 'BEGIN { print "sku,qty" } { print $1 "," $2 }' >"$dir/wms.csv"
mkfifo "$dir/in"
python3 "$top/tests/shop/stock-api.py" "$dir/stock" "$dir/control" <"$dir/in" >"$dir/port" 2>"$dir/api.log" &
exec 8>"$dir/in" # it ends when we do
within 10 'the API is up' test -s "$dir/port"
api=http://127.0.0.1:$(cat "$dir/port")
common='type: http_json, system: shop, interval: 1s, timeout: 900ms, fields: {sku: /sku, available: /stock/on_hand - /stock/allocated}'
cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {warehouse: {title: Warehouse}, shop: {title: Shop}}
sources:
  wms: {type: csv, system: warehouse, path: "$dir/wms.csv", interval: 1s, fields: {sku: sku, available: qty}}
  next: {$common, url: "$api/next?x=1", records: /items, next_page: /next, total: /total, key_url: "$api/k?keys=\${keys}"}
  link: {$common, url: "$api/link", records: /items, next_page: link}
  cursor: {$common, url: "$api/cursor?cursor=\${cursor}", records: /items, cursor: /cursor, has_more: /more}
  page: {$common, url: "$api/page?page=\${page}", records: /items}
  offset: {$common, url: "$api/graphql", json: {query: "query", variables: {offset: "\${offset}"}}, records: /items, total: /total, key_json: {variables: {keys: "\${keys}"}}}
  lines: {$common, url: "$api/lines", is_lines: true}
  single: {$common, url: "$api/single"}
  news: {type: http_json, system: shop, interval: 5s, timeout: 4s, fields: {sku: /sku, available: /stock/on_hand - /stock/allocated}, url: "$api/news?since=\${since}", records: /items, time: /updated_at}
  repeats: {$common, url: "$api/repeats", records: /items, next_page: /next}
  endless: {$common, url: "$api/endless", records: /items, next_page: /next, max_pages: 20}
  deep: {$common, url: "$api/deep"}
  words: {$common, url: "$api/words", records: /items}
  away: {$common, url: "$api/away", records: /items, next_page: /next}
probes:
  - name: parity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    fields:
      available: {reference: wms, compare: {next: {grace: 2s}, link: {grace: 2s}, cursor: {grace: 2s}, page: {grace: 2s}, offset: {grace: 2s}, lines: {grace: 2s}, single: {grace: 2s}}}
  - {name: changes, plugin: inventory, interval: 10s, timeout: 5s, fields: {available: {reference: wms, compare: {news: {}}}}}
  - name: broken
    plugin: inventory
    interval: 1s
    timeout: 900ms
    fields:
      available: {reference: next, compare: {repeats: {}, endless: {}, deep: {}, words: {}, away: {}}}
Y
chmod 600 "$dir/shop.yaml"
says() { [[ "$("$tillwatch" probes)" = *"$1"* ]]; }
"$tillwatch" check >"$dir/out" 2>&1 || fail "check: $(cat "$dir/out")"
ok 'check takes it'
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 15 'the agent is up' "$tillwatch" probes
for s in next link cursor page offset lines single; do
  within 20 "$s: all 430 keys, page by page" reads "inventory_coherent_keys{source=\"$s\"}" 430
done
within 30 'news: all 430 keys' reads 'inventory_coherent_keys{source="news"}' 430
since() { [ "$(curl -s "$api/state" | jq -r .since)" = 2025-12-31T23:55:00Z ]; }
within 20 'then what has changed is asked for, by times that say no zone' since

# Two keys change in the API, one is gone: through keys that are asked for, and through whole scans.
stock | sed -e 's/^A-10 .*/A-10 77/' -e 's/^A-429 .*/A-429 99/' -e '/^A-200 /d' >"$dir/stock.new" && mv "$dir/stock.new" "$dir/stock"
for s in next link cursor page offset lines single; do
  within 20 "$s: two differ" reads "inventory_drift_keys{source=\"$s\"}" 2
  within 10 "$s: one is missing" reads "inventory_missing_keys{source=\"$s\"}" 1
done
stock >"$dir/stock.new" && mv "$dir/stock.new" "$dir/stock"
within 20 'repaired is repaired' reads 'sum(inventory_open_keys{probe="parity"})' 0

within 10 'what has not changed is not sent again' eval '[ "$(curl -s "$api/state" | jq .unchanged)" -gt 3 ]'

# An answer takes a quarter of a second: all pages take several runs, and a run that has no time left is no failure.
echo slow >"$dir/control"
runs() { value "sum(last_over_time(tillwatch_probe_runs_total{probe=\"next\"$1}[1h]))"; }
ran=$(runs '') failed=$(runs ',verdict="unknown"')
stock | sed 's/^A-10 .*/A-10 77/' >"$dir/stock.new" && mv "$dir/stock.new" "$dir/stock"
within 40 'a slow API is read to its end' reads 'inventory_drift_keys{source="next"}' 1
failed=$(($(runs ',verdict="unknown"') - ${failed:-0})) ran=$(($(runs '') - ran))
[ "$ran" -ge 2 ] && [ $((2 * failed)) -lt "$ran" ] || fail "and its runs do not fail: $failed of $ran did"
ok 'and its runs do not fail'
: >"$dir/control"
stock >"$dir/stock.new" && mv "$dir/stock.new" "$dir/stock"
within 20 'and what it said is mended' reads 'sum(inventory_open_keys{probe="parity"})' 0

# What an API may do.
within 10 'pages that repeat are said' says 'gives the same page again'
within 10 'pages that never end too' says 'has more than 20 pages (max_pages)'
within 10 'a million brackets are no JSON' says 'answers what is no JSON'
within 10 'records that are none' says 'the answer has no records at "/items"'
within 10 'a next page on another server is not asked for' says 'the next page is on another server'
within 5 'and none of them is whole' reads 'sum(inventory_scan_complete{probe="broken"})' 1
reads 'sum(inventory_missing_keys{probe="broken"})' '' || fail 'what is not whole makes nothing missing'
ok 'what is not whole makes nothing missing'
echo lie >"$dir/control"
within 10 'an API that gives fewer than it says is not whole' says 'and says it has 440'
echo cut >"$dir/control"
within 10 'an answer that breaks off is none' says 'partial file'
echo garbled >"$dir/control"
within 10 'a line that is no JSON is counted' eval '[ "$(value "sum(increase(http_json_records_total{probe=\"lines\",result=\"rejected\"}[1m]))" | cut -d. -f1)" -ge 3 ]'
shows 'and what may stand in it is not missing' 'sum(inventory_open_keys{source="lines"})' 0
echo throttle >"$dir/control"
sleep 5
shows 'one call a second makes nothing missing' 'sum(inventory_missing_keys{probe="parity"})' 0
shows 'and nothing wrong' 'sum(inventory_drift_keys{probe="parity"})' 0
ok 'one call a second makes nothing missing, and nothing wrong'
[ "$(curl -s "$api/state" | jq .refused)" -gt 0 ] || fail 'the API refuses'
echo points >"$dir/control"
throttled() { [ "$(value 'sum(http_json_requests_total{probe="offset",result="throttled"})')" -gt "$1" ]; }
was=$(value 'sum(http_json_requests_total{probe="offset",result="throttled"})')
within 15 'a 200 of GraphQL that says THROTTLED is throttled' throttled "${was:-0}"
says 'answers with an error: Throttled' && fail 'and no failure'
ok 'and no failure'
echo quota >"$dir/control"
within 15 'the quota is read' eval '[ "$(value "min(http_json_quota_left_ratio)")" != "" ]'
before=$(curl -s "$api/state" | jq .refused)
sleep 4
[ "$(value 'min(min_over_time(http_json_quota_left_ratio[10s]))' | cut -c1-4)" != 0 ] || fail 'half of it is left for others'
[ "$(curl -s "$api/state" | jq .refused)" = "$before" ] || fail 'and no call too many is made'
ok 'a quota is obeyed before anybody refuses'
echo >"$dir/control"
within 30 'and all is well again' reads 'sum(inventory_coherent_keys{probe="parity"})' 3010
ended
