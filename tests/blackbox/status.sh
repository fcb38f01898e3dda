#!/usr/bin/env bash
# status.sh - tillwatch status is one screen: families, what is wrong, what fires, what is still learnt; of a shop that is
# well, of one that is not, and of one in which everything is broken. An agent of the test answers. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
cat >"$dir/agent.py" <<'P'
import http.server, json, sys, time, urllib.parse
dir = sys.argv[1]
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        shop = json.load(open(dir + "/shop.json"))
        if url.path == "/api/v1/query":
            name = "target" if "target" in urllib.parse.parse_qs(url.query)["query"][0] else "days"
            data = {"resultType": "vector", "result": [{"metric": {"probe": p}, "value": [0, str(v[name])]} for p, v in shop["learning"].items()]}
        else:
            data = {"/tillwatch/v1/probes": {"shop": "acme", "blind_since": shop.get("blind"), "probes": shop["probes"]},
                    "/api/v1/alerts": {"alerts": shop["alerts"]}, "/tillwatch/v1/outbox": {"receivers": shop["receivers"]}}[url.path]
        body = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
open(dir + "/port", "w").write(str(s.server_address[1]))
s.serve_forever()
P
echo '{}' >"$dir/shop.json"
python3 "$dir/agent.py" "$dir" &
within 20 'the agent of the test' test -s "$dir/port"
tw() { "$tillwatch" status --url "http://127.0.0.1:$(cat "$dir/port")" "$@"; }
# shop [BAD [ALERTS [RECEIVERS]]]: so many of 40 probes are crit; two are always learning
shop() {
  python3 - "${1:-0}" "${2:-0}" "${3:-1}" >"$dir/shop.json" <<'P'
import json, sys, time
bad, alerts, receivers = map(int, sys.argv[1:])
plugins = ["storefront", "checkout", "api", "inventory", "access_log", "sql", "own"]
probes = [{"name": f"p{i:02d}", "plugin": plugins[i % 7], "verdict": "crit" if i < bad else "ok", "stale": False, "late": False,
           "reason": f"reason {i:02d} " + "and a long story of it " * 8 if i < bad else "", "since": time.time() - 60, "last_run": time.time()} for i in range(40)]
json.dump({"probes": probes, "learning": {"orders": {"days": 3.4, "target": 28}, "payments": {"days": 28, "target": 28}, "funnel": {"days": 0, "target": 14}},
           "alerts": [{"labels": {"alertname": f"A{i}"}, "annotations": {"summary": "it fires " * 20}, "state": "firing", "activeAt": "2026-11-29T10:00:00Z"} for i in range(alerts)],
           "receivers": [{"name": f"r{i}", "delivered": 3, "pending": 0, "dead": 0} for i in range(receivers)]}, sys.stdout)
P
}
# screen: on a terminal of 80 columns, without its carriage returns; lines and columns are those of a person's screen
screen() { script -qec "stty cols 80 rows 24; '$tillwatch' status --no-color --url http://127.0.0.1:$(cat "$dir/port")" /dev/null </dev/null | tr -d '\r'; }
widest() { awk '{ n = length($0) > n ? length($0) : n } END { print n }'; }

shop
is 'a shop that is well' "$(tw)" "shop acme: 40 probes, 40 ok, 0 warn, 0 crit, 0 unknown; 0 alerts firing
ok      storefront*p00, p07*
ok      checkout*p01*
ok      api*
ok      inventory*
ok      own*
ok      sources*p04, p05*
learning orders: 3 of 28 days, until 20??-??-??
learning funnel: 0 of 14 days, until *
receiver r0: 3 delivered, 0 waiting"
is 'when it has learnt' "$(tw | sed -n 's/^learning funnel.*until //p')" "$(date -d '14 days' +%F)"
is 'who has learnt is not told' "$(tw | grep -c payments)" 0
is 'exit 0' "$(tw >/dev/null; echo $?)" 0
is 'learning as JSON' "$(tw --json | jq -c '[.learning[] | [.probe, .days, .target_days]]')" '[[][[]"orders",3.4,28],[[]"funnel",0,14]]'

shop 1
is 'what is wrong, in its family' "$(tw)" '*
crit    storefront 1 of 6 not well
        crit p00: reason 00 and a long story*ago)
ok      checkout *'
is 'exit 1' "$(tw >/dev/null; echo $?)" 1
is 'into a pipe it is whole' "$(tw | grep -o 'a long story of it' | wc -l)" 8

for bad in 1 8 20 40; do
  shop "$bad" 9 9
  is "$bad are bad: lines" "$(($(screen | wc -l) <= 24))" 1
  is "$bad are bad: columns" "$(($(screen | widest) <= 80))" 1
  is "$bad are bad: into a pipe as many lines" "$(tw | wc -l)" "$(screen | wc -l)"
done
is 'what has no room is counted' "$(tw)" '*not well: tillwatch status --all*'
is 'alerts that have no room, too' "$(tw)" '*firing 5 more: tillwatch alerts*'
is 'receivers that have no room, too' "$(tw)" '*7 receivers more: tillwatch notify*'
is '--all has every probe' "$(tw --all | grep -c ' p[0-9][0-9] ')" 40
is '--all begins as ever' "$(tw -a | head -n 1)" 'shop acme: 40 probes, 0 ok, 0 warn, 40 crit, 0 unknown; 9 alerts firing'
shop
jq '.blind = 1 | .probes[0].stale = true | .probes[1].verdict = "pending" | .learning = {}' "$dir/shop.json" >"$dir/new" && mv "$dir/new" "$dir/shop.json"
is 'blind, stale, pending' "$(tw)" 'shop acme:*
this agent is blind: what it says of the shop is old
stale   storefront 1 of 6 not well
        stale p00: it did not run (*
pending checkout   1 of 6 wait for the first run*'
ended
