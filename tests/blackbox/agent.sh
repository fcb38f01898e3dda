#!/usr/bin/env bash
# agent.sh - the real agent against the demo shop: every verb, a broken reload, a killed host, a second agent, a probe
# without an agent. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
exits() { local want=$1 rc; shift; "$@" >"$dir/out" 2>&1; rc=$?; [ "$rc" -eq "$want" ] || { echo "exit $rc, not $want"; cat "$dir/out"; return 1; }; }
# said NAME PATTERN: the output of the check before has it
said() { grep -q -- "$2" "$dir/out" || { cat "$dir/out"; fail "$1"; }; ok "$1"; }

"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop is up' test -s "$dir/shop.json"
http=$(sed -n 's/.*"http_port": *\([0-9]*\).*/\1/p' "$dir/shop.json")
tls=$(sed -n 's/.*"tls_port": *\([0-9]*\).*/\1/p' "$dir/shop.json")

configuration() { # $1: more lines
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
defaults: {interval: 1s, timeout: 900ms}
probes:
  - {name: list, plugin: storefront, url: "http://127.0.0.1:$http/p/", connection: [cold, warm]}
  - {name: tls, plugin: storefront, url: "https://localhost:$tls/p/", ca_file: "$dir/ca.pem"}
$1
Y
  chmod 600 "$dir/shop.yaml"
}
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock

# --- without an agent ---------------------------------------------------------------------------------
configuration ''
check 'check takes a right configuration' exits 0 "$tillwatch" check
configuration '  - {name: bad, plugin: storefront, url: "http://a/", intervall: 5s}'
check 'check refuses a wrong one with 78' exits 78 "$tillwatch" check
said 'and names the place and the way out' 'shop.yaml:7:55: probes\[2\].intervall: no such key (did you mean interval?)'
configuration ''
check 'the shipped example is right' exits 0 env PAGER_URL=https://pager.example/ \
  PAGER_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw OPS_URL=https://ops.example/ "$tillwatch" check "$top/config/tillwatch.yaml"
check 'the schema is JSON and knows the plugin' bash -c "'$tillwatch' schema | python3 -c 'import json,sys; s=json.load(sys.stdin); assert any(p[\"properties\"][\"plugin\"][\"const\"]==\"storefront\" for p in s[\"properties\"][\"probes\"][\"items\"][\"oneOf\"])'"
within 20 'a probe runs without an agent' exits 0 "$tillwatch" run --offline list
said 'and draws its waterfall' '^  wait '
check 'status without an agent says 69' exits 69 "$tillwatch" status
check 'an unknown verb is a usage error' exits 64 "$tillwatch" statsu
for verb in top status probes run query alerts rules notify plugin check schema reload db; do
  check "help of $verb" exits 0 "$tillwatch" "$verb" --help
done

# --- with one ------------------------------------------------------------------------------------------
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
all_ok() { [ "$("$tillwatch" probes --json | grep -c '"verdict": "ok"')" = "${1:-2}" ]; }
within 20 'both probes are ok' all_ok
within 20 'status exits 0 and is one screen' exits 0 "$tillwatch" status
check 'status as JSON' bash -c "'$tillwatch' status --json | python3 -c 'import json,sys; assert len(json.load(sys.stdin)[\"probes\"][\"probes\"])==2'"
check 'a query answers' exits 0 "$tillwatch" query 'storefront_up'
said 'with the probe as label' 'probe="list"'
check 'a wrong query is data error with its place' exits 65 "$tillwatch" query 'sum('
said 'and says where' '1:5: parse error'
check 'a range' exits 0 "$tillwatch" query -r 1m 'rate(storefront_runs_total[30s])'
within 10 'warm measurements are there' bash -c "'$tillwatch' query 'storefront_ttfb_seconds{connection=\"warm\"}' | grep -q warm"
within 10 'histograms are native' bash -c "'$tillwatch' query 'histogram_quantile(0.9, storefront_duration_seconds)' | grep -q connection"
within 30 'run through the agent' exits 0 "$tillwatch" run tls
said 'its waterfall has TLS' '^  tls '
check 'an unknown probe' exits 1 "$tillwatch" run nope
check 'rules are a file for Prometheus' bash -c "'$tillwatch' rules --show >'$dir/rules.yaml' && { ! command -v promtool >/dev/null || promtool check rules '$dir/rules.yaml'; }"
check 'plugins' exits 0 "$tillwatch" plugin
said 'one host, running' 'storefront *running'
check 'metrics in Prometheus text' bash -c "curl -s --unix-socket '$dir/agent.sock' http://agent/metrics | grep -q '^tillwatch_ingest_samples_total [1-9]'"
check 'ready' bash -c "curl -sf --unix-socket '$dir/agent.sock' http://agent/-/ready"
check 'label values' bash -c "curl -s --unix-socket '$dir/agent.sock' http://agent/api/v1/label/probe/values | grep -q '\"list\"'"
check 'one frame of the dashboard' bash -c "'$tillwatch' top --once --size 100x30 --glyphs ascii | grep -q acme"

# --- a second agent on the same store -------------------------------------------------------------------
check 'a second agent is refused' exits 75 timeout 20 "$build/agent/tillwatchd" -c "$dir/shop.yaml"
said 'with the pid of the first' "$agent"

# --- a host is killed: only its runs suffer, and it comes back ---------------------------------------------
hosted() { "$tillwatch" plugin --json | jq ".hosts[0].$1"; }
host=$(hosted pid) restarts=$(hosted restarts)
kill -KILL "$host"
back() { "$tillwatch" plugin --json | jq -e ".hosts[0] | .state == \"running\" and .restarts > $restarts"; }
within 15 'a killed host comes back' back
within 15 'and its probes are ok again' all_ok
check 'counters went on over the restart' bash -c "'$tillwatch' query 'resets(storefront_runs_total{outcome=\"ok\"}[5m])' --json | python3 -c 'import json,sys; assert all(float(s[\"value\"][1])==0 for s in json.load(sys.stdin)[\"result\"])'"

# --- reload --------------------------------------------------------------------------------------------------
before=$(hosted pid) restarts=$(hosted restarts) # a host that a busy machine lets stand still for seconds is started again
configuration '  - {name: broken, plugin: storefront}'
check 'a wrong reload is refused with 78' exits 78 "$tillwatch" reload
within 20 'and the old configuration goes on' all_ok
configuration '  - {name: third, plugin: storefront, url: "http://127.0.0.1:'"$http"'/p/?fault=delay&ms=400"}'
check 'a right one is taken' exits 0 "$tillwatch" reload
within 10 'the new probe runs' all_ok 3
answers() { sleep "1.$((RANDOM % 10))"; "$tillwatch" run third --json >"$dir/ran"; [ $? -le 1 ] && jq -e '.probe == "third" and .duration_s > 0.3' "$dir/ran"; }
for k in 1 2 3 4 5 6 7 8; do check "who asks for a run while one is under way gets one behind it ($k)" answers; done
[ "$before" = "$(hosted pid)" ] || [ "$restarts" != "$(hosted restarts)" ] || fail 'the reload restarted the host'
ok 'the host was not touched'
configuration ''
kill -HUP "$agent"
gone() { ! "$tillwatch" probes | grep -q third; }
within 10 'SIGHUP reloads too' gone

# --- the end, while somebody waits for a run of nearly two minutes ------------------------------------------------
configuration '  - {name: long, plugin: storefront, interval: 5m, timeout: 2m, url: "http://127.0.0.1:'"$http"'/p/?fault=delay&ms=100000"}'
check 'one that takes long is taken' exits 0 "$tillwatch" reload
"$tillwatch" run long >"$dir/long" 2>&1 &
long=$!
within 20 'its run is asked for' grep -q " 03 *[0-9]* $dir/agent.sock" /proc/net/unix # a connection
sleep 1
kill -TERM "$agent"
wait "$agent"
rc=$?
[ "$rc" -eq 0 ] || fail "the agent ended with $rc"
ok 'the agent ends cleanly'
wait "$long"
like 'who waited is told so' "$? $(cat "$dir/long")" '69 *long did not run: the agent ends*'
check 'the store is sound' exits 0 "$tillwatch" db check "$dir/store"
[ -z "$(pgrep -P "$agent" 2>/dev/null)" ] && ! kill -0 "$host" 2>/dev/null || fail 'a host was left behind'
ok 'no host is left behind'
ended
