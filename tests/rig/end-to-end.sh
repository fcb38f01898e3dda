#!/usr/bin/env bash
# end-to-end.sh - the whole way against a real shop: nginx, Vendure and PostgreSQL are broken in the ways that happen to
# shops, and each break must fire, be delivered with a valid signature, and resolve. Then the agent is killed in the
# middle, and its network is cut.
#   tests/rig/end-to-end.sh      top_builddir names the build; ends with "N passed, N failed"
set -uo pipefail
. "$(dirname "$0")/with-rig.sh"

# --- the receiver, the network between ---------------------------------------------------------------------
secret=whsec_$(head -c 32 /dev/urandom | base64)
(umask 077; printf '%s' "$secret" >"$dir/hook.secret")
"$build/tests/shop/tillwatch-shop" --dir "$dir" --secret "$secret" --ready-file "$dir/shop.json" --max-seconds 3600 >"$dir/shop.log" 2>&1 &
until [ -s "$dir/shop.json" ]; do sleep 0.1; done
hook_port=$(sed -n 's/.*"http_port": *\([0-9]*\).*/\1/p' "$dir/shop.json")
python3 "$here/cut.py" "0:$RIG_DOOR_PORT" "0:$RIG_TLS_PORT" "0:$hook_port" >"$dir/cut.out" 2>&1 &
cut=$!
until grep -q ready "$dir/cut.out"; do sleep 0.1; done
read -r _ door_port tls reference <"$dir/cut.out"

cat >"$dir/rig.yaml" <<Y
shop: {name: rig}
agent:
  store: {path: "$dir/store"}
  api: {socket: "$dir/agent.sock"}
  reference: ["http://127.0.0.1:$reference/health"]
defaults: {interval: 2s, timeout: 1500ms}
probes:
  - {name: page, plugin: storefront, url: "http://127.0.0.1:$door_port/p/laptop", assert: [{status: 200}, {body: {contains: Add to cart}}]}
  - {name: page-tls, plugin: storefront, url: "https://localhost:$tls/p/laptop", ca_file: "$RIG_HOME/door.crt", assert: [{status: 200}]}
  - name: api
    plugin: storefront
    url: "http://127.0.0.1:$door_port/shop-api"
    method: POST
    headers: {Content-Type: application/json}
    body: '{"query": "{ activeChannel { code } }"}'
    assert: [{status: 200}, {json: /data/activeChannel/code}]
alerts:
  - {name: PageDown, probe: page, failures: 2 of 3, severity: page}
  - {name: ApiDown, probe: api, failures: 2 of 3, severity: page}
route: {receiver: oncall, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
receivers:
  oncall: {type: webhook, url: "http://127.0.0.1:$hook_port/hook/oncall", secret: "\${file:$dir/hook.secret}"}
Y
chmod 600 "$dir/rig.yaml"
export TILLWATCH_SOCKET=$dir/agent.sock TILLWATCH_CONFIG=$dir/rig.yaml

start_agent() {
  "$build/agent/tillwatchd" -c "$dir/rig.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
start_agent

hooks=$dir/webhooks.jsonl
touch "$hooks"
# hook STATE ALERTNAME FROM_LINE: a valid webhook of that kind came
hook() { tail -n "+$3" "$hooks" | python3 -c '
import json, sys
state, name = sys.argv[1:3]
for line in sys.stdin:
    e = json.loads(line)
    body = e["body"] if isinstance(e["body"], dict) else json.loads(e["body"])
    if e["valid"] and any(a["status"] == state and a["labels"]["alertname"] == name for a in body["alerts"]):
        sys.exit(0)
sys.exit(1)' "$1" "$2"; }
count_hooks() { python3 -c '
import json, sys
state, name = sys.argv[1:3]
n = set()
for line in open(sys.argv[3]):
    e = json.loads(line)
    body = e["body"] if isinstance(e["body"], dict) else json.loads(e["body"])
    if e["valid"] and any(a["status"] == state and (name == "*" or a["labels"]["alertname"] == name) for a in body["alerts"]):
        n.add(e["id"])
print(len(n))' "$1" "$2" "$hooks"; }
here_line() { echo $(($(wc -l <"$hooks") + 1)); }
value() { "$tillwatch" query "$1" --json 2>/dev/null | python3 -c 'import json,sys; r=json.load(sys.stdin)["result"]; print(r[0]["value"][1] if r else "none")'; }
# holds VERB EXPRESSION: what `tillwatch VERB --json` says, as d; false while there is no agent
holds() { "$tillwatch" "$1" --json 2>/dev/null | python3 -c 'import json, sys; d = json.loads(sys.stdin.read() or "null"); sys.exit(0 if d and eval(sys.argv[1]) else 1)' "$2"; }
all_ok() { holds probes 'all(p["verdict"] == "ok" for p in d["probes"])'; }

within 40 'three probes of a healthy shop are ok' all_ok
plausible() { python3 - "$("$tillwatch" query 'storefront_phase_seconds' --json 2>/dev/null)" <<'P'
import json, sys
phases = {}
for s in json.loads(sys.argv[1])["result"]:
    m = s["metric"]
    phases.setdefault(m["probe"], {})[m["phase"]] = float(s["value"][1])
page, tls, api = phases["page"], phases["page-tls"], phases["api"]
assert set(page) == {"dns", "connect", "tls", "send", "wait", "transfer"}, page
assert page["tls"] == 0 and 0 < page["connect"] < 0.1, page
assert 0.0003 < tls["tls"] < 0.5, tls
assert 0.001 < api["wait"] < 1.5, api
assert all(v >= 0 for p in phases.values() for v in p.values())
P
}
within 10 'phases are plausible: TLS only where there is TLS, a wait where a database answers' plausible
h2() { "$tillwatch" run page-tls --json 2>/dev/null | grep -q '"http_version": "2"'; }
within 10 'the front door speaks HTTP/2 over TLS' h2

# --- faults -----------------------------------------------------------------------------------------------
none_left() { holds alerts 'not d["alerts"]' && holds notify 'all(r["pending"] == 0 for r in d["receivers"])'; }
fault() { # NAME ALERT
  within 90 "fault $1: nothing is left of what was before" none_left
  local from
  from=$(here_line)
  "$here/rig" fault "$1" >>"$dir/rig.log" 2>&1
  within 60 "fault $1: $2 fires and is delivered" hook firing "$2" "$from"
  "$here/rig" heal >>"$dir/rig.log" 2>&1
  within 90 "fault $1: $2 resolves and is delivered" hook resolved "$2" "$from"
  within 60 "fault $1: the shop is well again" all_ok
}
fault slow PageDown
fault errors ApiDown
fault hang ApiDown
fault down ApiDown

# --- the agent is killed in the middle ----------------------------------------------------------------------
within 90 'before the kill: nothing is left of the faults' none_left
from=$(here_line)
"$here/rig" fault errors >>"$dir/rig.log" 2>&1
within 60 'before the kill: ApiDown fires' hook firing ApiDown "$from"
seen_at=$(date +%s)
sleep 4 # what ran until then is committed
before=$(value "count_over_time(tillwatch_probe_verdict{probe=\"page\"}[10m] @ $seen_at)")
kill -KILL "$agent"
wait "$agent" 2>/dev/null
"$here/rig" heal >>"$dir/rig.log" 2>&1
start_agent
within 40 'after the kill: the agent watches again' all_ok
after=$(value "count_over_time(tillwatch_probe_verdict{probe=\"page\"}[10m] @ $seen_at)")
if [ "$before" = "$after" ] && [ "$before" != none ]; then ok "no committed sample is lost ($before before, $after after)"; else fail "samples before the kill: $before, after: $after"; fi
within 90 'the resolve of what fired before the kill is delivered' hook resolved ApiDown "$from"

# --- is it me? ------------------------------------------------------------------------------------------------
within 90 'before the cut: nothing is left of the kill' none_left
from=$(here_line)
fired_before=$(count_hooks firing '*')
sleep 6 # each probe has seen the shop well since, itself
within 60 'before the cut: all is well' all_ok
kill -USR1 "$cut"
within 60 'network cut: one page says that the agent is blind' hook firing AgentBlind "$from"
sleep 15
fired=$(($(count_hooks firing '*') - fired_before))
if [ "$fired" = 1 ]; then ok 'network cut: exactly one page'; else fail "network cut: $fired pages"; fi
"$here/rig" fault errors >>"$dir/rig.log" 2>&1
sleep 4
kill -USR2 "$cut"
within 60 'sight returns: the outage that began meanwhile pages' hook firing ApiDown "$from"
"$here/rig" heal >>"$dir/rig.log" 2>&1
within 240 'sight returns: the blind page resolves' hook resolved AgentBlind "$from"
within 90 'and so does the outage' hook resolved ApiDown "$from"
invalid=$(grep -c '"valid": *false' "$hooks")
if [ "$invalid" = 0 ]; then ok 'no webhook had a wrong signature'; else fail "$invalid webhooks had a wrong signature"; fi

kill -TERM "$agent"
if wait "$agent"; then ok 'the agent ends cleanly'; else fail "the agent ended with $?"; fi
count
