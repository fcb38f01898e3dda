#!/usr/bin/env bash
# canary.sh - a connector between a warehouse and a shop that is slow, loses changes, stops, or whose API refuses: what is
# said of it is what it did, by its own log. And the credential that writes is seen by nobody else.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { "$tillwatch" status; tail -20 "$dir/agent.log"; tail -5 "$dir/log"; }
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock

token=write-$RANDOM$RANDOM$RANDOM reader=read-$RANDOM$RANDOM$RANDOM
(umask 077; echo "$token" >"$dir/token"; echo "$reader" >"$dir/reader")
awk 'BEGIN { for (i = 0; i < 60; i++) printf "S-%d %d\n", i, 5 + i % 9; print "CANARY-001 12" }' >"$dir/stock"
control() { echo "$1" >"$dir/control.new" && mv "$dir/control.new" "$dir/control"; }
control '{"lag": 1.5}'
mkfifo "$dir/in"
python3 "$top/tests/shop/connector.py" "$dir" <"$dir/in" >"$dir/ports" 2>"$dir/connector.log" &
exec 8>"$dir/in" # it ends when we do
within 10 'the two systems are up' test -s "$dir/ports"
read -r wms shop <"$dir/ports"
set_stock() { curl -sf -o /dev/null -d "$1" "http://127.0.0.1:$wms/set" || fail "POST /set"; }

# Lines of orders: 400 units of one key that has five, in an hour; our own order, and one of nobody's key.
db() { python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()' "$dir/orders.db" "$1"; }
db "CREATE TABLE lines (id INTEGER PRIMARY KEY, at INTEGER, sku TEXT, quantity INTEGER, email TEXT);
  INSERT INTO lines (at, sku, quantity, email) VALUES $(for i in $(seq 100); do echo "($(date +%s)000 - 60000, 'S-0', 4, 'a@b.example'),"; done)
  ($(date +%s)000 - 60000, 'S-0', 4000, 'synthetic+1@shop.example'), ($(date +%s)000 - 60000, 'X-1', 5000, 'a@b.example'),
  ($(date +%s)000 - 60000, 'S-3', NULL, 'a@b.example')"

canary='canary: {sku: CANARY-001, every: 6s, max_lag: 4s, step: 200ms, write: {method: PUT, url: "http://127.0.0.1:'$wms'/stock/CANARY-001", headers: {Authorization: "Bearer ${file:'$dir'/token}"}, json: {available: "${value}"}}}'
config() { # CANARY
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme, currency: EUR}
synthetic: {email: "synthetic+*@shop.example", sku: "CANARY-*"}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {warehouse: {title: Warehouse}, storefront: {title: Shop}}
sources:
  wms: {type: http_json, system: warehouse, interval: 2s, timeout: 1900ms, url: "http://127.0.0.1:$wms/stock", key_url: "http://127.0.0.1:$wms/stock?keys=\${keys}", headers: {Authorization: "Bearer \${file:$dir/reader}"}, records: /items, fields: {sku: /sku, available: /qty}}
  shop_api: {type: http_json, system: storefront, interval: 2s, timeout: 1900ms, url: "http://127.0.0.1:$shop/stock", key_url: "http://127.0.0.1:$shop/stock?keys=\${keys}", headers: {Authorization: "Bearer \${file:$dir/reader}"}, records: /items, fields: {sku: /sku, available: /qty}}
  lines: {type: sql, system: storefront, file: "$dir/orders.db", interval: 1s, timeout: 900ms, lateness: 1s, query: "SELECT id, at AS time, sku, quantity, email FROM lines WHERE at > \$watermark_ms", fields: {quantity: quantity}}
probes:
  - name: stock-parity
    plugin: inventory
    interval: 6s
    timeout: 5s
    fields:
      available: {reference: wms, compare: {shop_api: {grace: 4s}}}
    sales: {source: lines}
    $1
Y
  chmod 600 "$dir/shop.yaml"
}
says() { [[ "$("$tillwatch" probes)" = *"$1"* ]]; }
runs() { curl -s --unix-socket "$dir/agent.sock" "http://agent/tillwatch/v1/runs?probe=stock-parity"; }
# judge EXPRESSION: python over log (of the connector), facts (of the newest run), puts (of the canary that were carried out)
judge() {
  runs >"$dir/runs.json"
  python3 - "$dir" "$1" <<'P'
import json, sys
log = [json.loads(l) for l in open(sys.argv[1] + '/log')]
def find(v):
    if isinstance(v, dict):
        if 'facts' in v:
            yield v
        for x in v.values():
            yield from find(x)
    elif isinstance(v, list):
        for x in v:
            yield from find(x)
runs = list(find(json.load(open(sys.argv[1] + '/runs.json'))))
runs.sort(key=lambda r: r['at'])
facts = runs[-1]['facts'] if runs else {}
canary = facts.get('canary', {})
puts = [l for l in log if l['what'] == 'put' and l['status'] == 200]
def shown(source='shop_api'):
    return canary['source'][source]
def measured():
    """The lag of the newest run's value is the connector's own: from its put to the first read behind its copy."""
    v, lag = int(canary['value']), shown()['lag_seconds']
    put = next(l['t'] for l in puts if l['value'] == v)
    copied = next(l['t'] for l in log if l['what'] == 'copied' and l['sku'] == 'CANARY-001' and l['value'] == v)
    reads = [l for l in log if l['what'] == 'read' and l['system'] == 'shop' and (l['keys'] is None or 'CANARY-001' in l['keys'])]
    saw = next(l['t'] for l in reads if l['begun'] >= copied)
    missed = [l for l in reads if put < l['begun'] < copied]
    print(v, lag, copied - put, saw - put, len(missed))
    assert missed, 'it was looked for before it was there'
    return copied - put <= lag + 0.002 and lag <= saw - put + 1
assert eval(sys.argv[2]), (facts, sys.argv[2])
P
}

# What is really wrong is refused, with its place.
refused() { # NAME CANARY WHY
  config "$2"
  "$tillwatch" check >"$dir/out" 2>&1 && fail "$1: it was taken"
  grep -qF -- "$3" "$dir/out" || { cat "$dir/out"; fail "$1"; }
  ok "$1"
}
refused 'a canary without a key is refused' 'canary: {every: 6s}' 'canary.sku: is missing'
refused 'so is a write without a URL' 'canary: {sku: C, write: {method: PUT}}' 'canary.write.url: is missing'
refused 'one that always writes the same' "canary: {sku: C, write: {url: 'http://127.0.0.1:1/'}}" 'there is no ${value} in it'
refused 'one with a name that nobody gives' "canary: {sku: C, write: {url: 'http://127.0.0.1:1/\${vaule}'}}" 'canary/write/url: nobody gives ${vaule} here (did you mean ${value}?)'
refused 'one with two bodies' "canary: {sku: C, write: {url: 'http://127.0.0.1:1/', body: '\${value}', json: {a: 1}}}" 'canary/write: one body a request'
refused 'a field that nobody compares' 'canary: {sku: C, field: price}' 'no field called "price" is compared'
refused 'values that are none' 'canary: {sku: C, low: 100, high: 100}' 'canary/high: is not above'
refused 'a step longer than what is looked for' 'canary: {sku: C, step: 10s, max_lag: 1s}' 'canary/step: is longer'
config "$canary"
"$tillwatch" check >"$dir/out" 2>&1 || fail "check: $(cat "$dir/out")"
ok 'check takes one that is right'

"$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 15 'the agent is up' "$tillwatch" probes
within 5 'its alert comes with it' eval '[[ "$("$tillwatch" rules --show)" = *InventoryCanaryLate* ]]'
within 30 'the canary is not stock: all 60 keys agree' reads 'inventory_coherent_keys{source="shop_api"}' 60
within 40 'its lag is the connector'"'"'s own' judge 'measured()'
within 40 'and so is the next one' judge "measured() and int(canary['value']) > $(runs | grep -o '"value": *"[0-9]*"' | grep -o '[0-9]*' | sort -n | tail -1)"
within 20 'the warehouse shows it first' judge "shown('wms')['lag_seconds'] < shown()['lag_seconds']"
within 20 'nobody is late' reads 'max(inventory_canary_late)' 0
judge "all(p['value'] == puts[0]['value'] + i and p['type'] == 'int' and p['ours'] == 'tillwatch' for i, p in enumerate(puts))" || fail 'the values are one sequence of numbers, and marked as ours'
ok 'the values are one sequence of numbers, and marked as ours'

# Expected oversell: what S-0 sells, of what there is, while the shop does not know; grace, because few lags are known.
expected() {
  python3 - "$(value 'inventory_oversell_expected_units{source="shop_api"}')" <<'P'
import math, sys
got, window, q = float(sys.argv[1]), 7 * 86400, 5
m = 400 / (window * -math.expm1(-3600 / window)) * 4
p = [math.exp(k * math.log(m) - m - math.lgamma(k + 1)) for k in range(200)]
want = sum((k - q) * p[k] for k in range(q + 1, 200))
print(got, want)
assert abs(got - want) < 1e-6 + 0.01 * want
P
}
within 20 'what will be sold and not delivered is what Poisson says' expected
within 5 'a key counts once' reads 'inventory_oversell_expected_units{source="any"}' "$(value 'inventory_oversell_expected_units{source="shop_api"}')"

# Lag within its limit: no alarm. Frozen: named, by the canary, before any key is drift.
control '{"lag": 1.5, "freeze": true}'
within 40 'a connector that has stopped is named' says 'shop_api does not show CANARY-001 = '
within 5 'with its limit' says '(max_lag 4s)'
within 10 'it is late' reads 'inventory_canary_late{source="shop_api"}' 1
shows 'and the warehouse is not' 'inventory_canary_late{source="wms"}' 0
within 30 'an alert fires' eval '"$tillwatch" alerts | grep -q InventoryCanaryLate'
judge "abs(shown()['pending_seconds'] - (runs[-1]['at'] + runs[-1]['duration_s']) + next(p['t'] for p in puts if not any(l['what'] == 'copied' and l['sku'] == 'CANARY-001' and l['value'] >= p['value'] for l in log))) < 4" || fail 'it is pending since the first write that was not copied'
ok 'it is pending since the first write that was not copied'
control '{"lag": 0.5}'
within 40 'and is well again' eval 'reads "inventory_canary_late{source=\"shop_api\"}" 0 && reads "tillwatch_probe_verdict{probe=\"stock-parity\"}" 0'

# Lost changes: exactly those.
control '{"lag": 0.5, "loss": 0.25}'
set_stock "$(python3 -c 'import json; print(json.dumps({"S-%d" % i: 50 + i for i in range(20, 44)}))')"
lost() { grep '"lost"' "$dir/log" | grep -o 'S-[0-9]*' | sort -u; }
[ "$(lost | wc -l)" -ge 5 ] || fail 'the connector has lost some'
control '{"lag": 0.5}'
within 40 'what was lost is drift, all of it' reads 'inventory_drift_keys{source="shop_api"}' "$(lost | wc -l)"
within 10 'and it is those' judge "sorted(d['key'] for d in (facts['drift'].values() if isinstance(facts['drift'], dict) else facts['drift'])) == '$(lost | sort | tr '\n' ' ')'.split()"
set_stock "$(python3 -c 'import json; print(json.dumps({"S-%d" % i: 70 + i for i in range(20, 44)}))')"
within 40 'told again, it is none' eval 'reads "sum(inventory_open_keys)" 0 && reads "max(inventory_canary_late)" 0'

# A write that is refused is nobody's lag.
control '{"lag": 0.5, "deny": 401}'
within 40 'a write that is refused says so' says 'was not written: HTTP 401'
control '{"lag": 0.5, "deny": 503}'
within 30 'so does a warehouse that is down' says 'was not written: HTTP 503'
shows 'and nothing is pending' 'max(inventory_canary_pending_seconds)' 0
shows 'and nobody is late for it' 'max(inventory_canary_late)' 0
within 5 'both are counted' eval '[ "$(value "inventory_canary_writes_total{result=\"failed\"}")" -ge 2 ]'
control '{"lag": 0.5, "silent": 20}'
before=$(grep -c '"put"' "$dir/log")
within 30 'one that is carried out and not answered' eval '[ "$(grep -c "\"put\"" "$dir/log")" -gt '"$before"' ]'
control '{"lag": 0.5}'
within 30 'is seen all the same' judge 'measured()'

# Somebody else who changes it is named.
control '{"lag": 2, "sold": 0.7}'
within 40 'a sale of the canary is no lag' says 'somebody else changes it'
control '{"lag": 0.5}'
within 40 'and is well again' reads 'tillwatch_probe_verdict{probe="stock-parity"}' 0

# Nothing is forgotten, and nothing is written twice.
control '{"lag": 9}'
before=$(grep -c '"put"' "$dir/log")
within 30 'one is on its way' eval '[ "$(grep -c "\"put\"" "$dir/log")" -gt '"$before"' ]'
last=$(grep '"put"' "$dir/log" | tail -1 | grep -o '"value": [0-9]*' | grep -o '[0-9]*')
kill -9 "$(pgrep -P "$agent" -f tillwatch-host | head -1)"
control '{"lag": 0.5}'
# By the lag that is told, or, where the one run that can tell it was late, by the next write, which waited for the copy.
within 60 'after kill -9 it is waited for on' judge "any(int(r['facts'].get('canary', {}).get('value', 0)) == $last and r['facts']['canary']['source']['shop_api'].get('lag_seconds', 0) >= 9 for r in runs) or int(canary['value']) == $last and shown()['lag_seconds'] >= 9 or next(l['t'] for l in log if l['what'] == 'put' and l['value'] > $last) > next(l['t'] for l in log if l['what'] == 'copied' and l['sku'] == 'CANARY-001' and l['value'] == $last)"
within 40 'and the next one comes' judge "int(canary['value']) > $last"
judge "len({p['value'] for p in log if p['what'] == 'put'}) == len([p for p in log if p['what'] == 'put'])" || fail 'no value was written twice'
ok 'no value was written twice'

# Whose credential is where.
judge "all((l['who'] == 'Bearer $token') == (l['what'] == 'put') for l in log if 'who' in l) and all(l['who'] == 'Bearer $reader' for l in log if l['what'] == 'read')" || fail 'the credential is used for the write alone, and the source'"'"'s never for it'
ok 'the credential is used for the write alone, and the source'"'"'s never for it'
for url in '/tillwatch/v1/runs?probe=stock-parity' /tillwatch/v1/probes /api/v1/status/config /tillwatch/v1/status; do
  curl -s --unix-socket "$dir/agent.sock" "http://agent$url" >>"$dir/api.out"
done
"$tillwatch" rules --show >>"$dir/api.out" 2>&1
[ -s "$dir/api.out" ] && grep -q 'CANARY-001' "$dir/api.out" || fail 'the API was asked'
for s in "$token" "$reader"; do
  grep -rqaF -- "$s" "$dir/store" "$dir/agent.log" "$dir/api.out" && fail 'a credential is shown'
done
ok 'and nobody has seen one'

# Without `write` nothing is ever written.
config 'canary: {sku: CANARY-001, every: 6s}'
sed -i 's/grace: 4s/grace: 10m/' "$dir/shop.yaml"
kill -HUP "$agent"
within 30 'without a write the probe goes on' eval 'reads "tillwatch_probe_verdict{probe=\"stock-parity\"}" 0 && reads "sum(inventory_canary_late)" ""'
before=$(grep -c '"put"' "$dir/log") # what the probe before it wrote until it ended is no fault
reads=$(grep -c '"read"' "$dir/log")
within 30 'and reads' eval '[ "$(grep -c "\"read\"" "$dir/log")" -gt '"$((reads + 12))"' ]'
[ "$(grep -c '"put"' "$dir/log")" = "$before" ] || fail 'and nothing is written'
ok 'and nothing is written'
[[ "$("$tillwatch" rules --show)" != *InventoryCanaryLate* ]] || fail 'and there is no alert of it'
ok 'and there is no alert of it'

# And a key that changes often is read again while it is on its way, long before its grace is over.
control '{"lag": 3.5}'
amount=100
reread() {
  judge "any(r['what'] == 'read' and r['keys'] and 'S-50' in r['keys'] for r in log)" && return
  amount=$((amount + 1))
  set_stock "{\"S-50\": $amount}"
  sleep 3.1 # no part of the interval: some change falls where a run sees it on its way
  return 1
}
within 50 'a key that changes often is read again while it is on its way' reread
shows 'and none is drift' 'sum(inventory_drift_keys)' 0
ended
