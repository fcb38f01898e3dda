#!/usr/bin/env bash
# front-agent.sh - the storefront plugin under a real agent: the slowest runs are kept and can be read, every shipped
# alert can fire, and no secret leaves a host. Ends with "ok: N checks".
#
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { head -40 "$dir/out"; tail -20 "$dir/agent.log"; }
"$build/tests/shop/tillwatch-shop" --dir "$dir" --cert-days 5 --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop is up' test -s "$dir/shop.json"
port() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$2"; }
http=$(port http_port "$dir/shop.json") tls=$(port tls_port "$dir/shop.json") raw=$(port raw_port "$dir/shop.json")
python3 -B "$top/tests/blackbox/front-servers.py" "$dir" "$http" >"$dir/servers.log" 2>&1 &
within 20 'the other servers are up' test -s "$dir/servers.json"
pages=$(port pages "$dir/servers.json")

secret='s3cr3t-T0ken-4711' quoted='q"uote\d-T0ken-0815'
printf '%s\n' "$quoted" >"$dir/quoted"
echo nothing >"$dir/broken.mmdb"
chmod 600 "$dir/quoted"
cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}, geoip: {country: "$dir/broken.mmdb"}}
defaults: {interval: 1s, timeout: 900ms}
probes:
  - {name: list, plugin: storefront, url: "http://127.0.0.1:$raw/p/"}
  - {name: slow, plugin: storefront, url: "http://127.0.0.1:$raw/p/?fault=phases&head_ms=1900&body_ms=1", interval: 3s, timeout: 2900ms}
  - {name: slow-always, plugin: storefront, url: "http://127.0.0.1:$raw/p/?fault=phases&head_ms=1900&body_ms=1", interval: 3s, timeout: 2900ms, ttfb: {warn: 2700ms}}
  - {name: slow-target, plugin: storefront, url: "http://127.0.0.1:$raw/p/?fault=phases&head_ms=400&body_ms=1", interval: 3s, timeout: 2900ms, ttfb: {warn: 300ms}}
  - {name: down, plugin: storefront, url: "http://127.0.0.1:$raw/p/?fault=status&status=503"}
  - {name: tls, plugin: storefront, url: "https://localhost:$tls/p/", ca_file: "$dir/ca.pem"}
  - {name: told, plugin: storefront, url: "http://127.0.0.1:$pages/reflect", headers: {Authorization: "Bearer \${env:TOKEN}"}}
  - {name: page, plugin: storefront, url: "http://127.0.0.1:$pages/told", headers: {X-Key: "\${file:$dir/quoted}"}}
  - {name: text, plugin: storefront, url: "http://127.0.0.1:$pages/no-cdn", assert: [{body: {contains: "\${env:TOKEN}"}}]}
  - {name: refused, plugin: storefront, url: "http://127.0.0.1:$pages/no-cdn", assert: [{json: "\${env:TOKEN}"}]}
Y
chmod 600 "$dir/shop.yaml"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
TOKEN=$secret "$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
api() { curl -sf --unix-socket "$dir/agent.sock" "http://agent$1"; }
runs() { api "/tillwatch/v1/runs?probe=$1&kind=$2&limit=1000"; }
py() { python3 -c "import json, sys; d = json.load(sys.stdin); d = d.get('data', d); sys.exit(not ($1))"; }
piped() { "${@:2}" | py "$1"; }

within 20 'runs come' piped 'len(d["runs"]) >= 3' runs list all
within 20 'failures come' piped 'len(d["runs"]) >= 2' runs told failed

# --- the slowest run of a window is kept, whole
curl -sf -X POST -d '{"name": "delay", "phase": "wait", "ms": 500, "step": "list"}' "http://127.0.0.1:$http/control/fault" >"$dir/out" || fail 'a fault'
within 20 'the slow run is kept with the phases of its hops' piped 'any(r["duration_s"] > 0.45 and r["facts"].get("hops", [{}])[0].get("wait_s", 0) > 0.45 and r["facts"]["hops"][0]["address"] == "127.0.0.1" for r in d["runs"])' runs list slowest
curl -sf -X POST "http://127.0.0.1:$http/control/heal" >"$dir/out" || fail 'healed'
within 20 'fast ones followed it' piped 'd["runs"][0]["duration_s"] < 0.3' runs list newest
check 'and the slowest is not shorter' piped 'd["runs"][0]["duration_s"] > 0.45' runs list slowest
check 'the slowest come first' piped '[r["duration_s"] for r in d["runs"]] == sorted((r["duration_s"] for r in d["runs"]), reverse=True)' runs list slowest

# --- the shipped alerts: each is loaded, asks for what the plugin gives, and fires
"$tillwatch" rules --show >"$dir/rules.yaml" 2>"$dir/out" || fail 'rules --show'
for alert in StorefrontDown StorefrontSlow StorefrontCertificate; do check "$alert is loaded" grep -q "$alert" "$dir/rules.yaml"; done
fires() { "$tillwatch" alerts --json | python3 -c '
import json, sys
def walk(v):
    if isinstance(v, dict):
        yield v
        for x in v.values(): yield from walk(x)
    if isinstance(v, list):
        for x in v: yield from walk(x)
found = [a for a in walk(json.load(sys.stdin)) if a.get("labels", {}).get("alertname") == sys.argv[1] and a["labels"].get("probe") == sys.argv[2]]
sys.exit(not any(a.get("state") in sys.argv[3].split() for a in found))' "$@"; }
within 30 'StorefrontDown fires' fires StorefrontDown down firing
within 60 'StorefrontSlow waits for its 5 minutes' fires StorefrontSlow slow 'pending firing'
within 60 'so it does where the shop has a target, by that' fires StorefrontSlow slow-target 'pending firing'
within 40 'and a shop that is always so slow, and has said so, is none' bash -c "! '$tillwatch' alerts | grep -w slow-always"
within 60 'StorefrontCertificate waits for its 15 minutes' fires StorefrontCertificate tls 'pending firing'
within 40 'nothing is said of a probe that is well' bash -c "! '$tillwatch' alerts | grep -w list"

# --- no secret leaves a host
within 20 'the redirect is in the record' piped '"/told?t=" in d["runs"][0]["facts"]["hops"][0]["location"]' runs told newest
within 20 'the token in it is not' piped '"t=*****" in d["runs"][0]["facts"]["hops"][0]["location"] and "t=*****" in d["runs"][0]["facts"]["hops"][1]["url"]' runs told newest
within 20 'the error page is in the record' piped '"you sent" in d["runs"][0]["facts"]["excerpt"] and "X-Key: ****" in d["runs"][0]["facts"]["excerpt"]' runs page newest
within 20 'a reason that quotes the configuration' piped '"lacks" in d["runs"][0]["reason"] and "****" in d["runs"][0]["reason"]' runs text newest
within 20 'a refusal that quotes it' grep -q "is no JSON Pointer" "$dir/agent.log"
within 20 'a broken database is said' grep -q 'broken.mmdb' "$dir/agent.log"
{ for p in list told page text refused; do for k in all failed; do runs "$p" "$k"; done; done; api /tillwatch/v1/probes; api /tillwatch/v1/plugins; api /metrics; } >"$dir/all.txt" 2>&1
for s in "$secret" "$quoted" 'q\"uote\\d-T0ken-0815'; do
  check 'nothing that the agent answers has it' bash -c '! grep -F -e "$1" "$2"' - "$s" "$dir/all.txt"
  check 'nor the log' bash -c '! grep -F -e "$1" "$2"' - "$s" "$dir/agent.log"
done
kill -TERM "$agent"
wait "$agent" || fail 'the agent ended badly'
check 'nor the store' bash -c '! grep -r -a -l -F -e "$1" -e "$2" -e "$3" "$4"' - "$secret" "$quoted" 'q\"uote\\d-T0ken-0815' "$dir/store"
ended
