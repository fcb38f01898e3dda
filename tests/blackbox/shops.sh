#!/usr/bin/env bash
# shops.sh - several shops on one machine: real agents whose files lie where the template unit has them, in two currencies,
# and one shop whose agent is down; `--shop`, `status` and `top` over them; agents of the test with money at risk, and one that
# never answers. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { [ ! -s "$dir/out" ] || cat "$dir/out"; tail -n 5 "$dir"/*.log; }
# exits NAME CODE COMMAND...; said NAME PATTERN, silent NAME PATTERN: the output of the last one has it, has it not
exits() {
  local name=$1 want=$2 rc
  shift 2
  "$@" >"$dir/out" 2>&1
  rc=$?
  [ "$rc" -eq "$want" ] || fail "$name: exit $rc, not $want"
  ok "$name"
}
said() { grep -q -- "$2" "$dir/out" || fail "$1"; ok "$1"; }
silent() { ! grep -q -- "$2" "$dir/out" || fail "$1"; ok "$1"; }

# The folders of the test in place of /etc, /var/lib and /run: tests/shops/folders.c.
for program in cli/tillwatch agent/tillwatchd; do
  [ -x "$build/tests/shops/$program" ] || make -s -C "$build" "tests/shops/$program" >/dev/null || { echo "FAIL: $program is not built"; exit 1; }
done
export TILLWATCH_TEST_ROOT=$dir/r
export LC_ALL=C.UTF-8 NO_COLOR=1
mkdir -p "$dir/r/etc" "$dir/r/lib" "$dir/r/run"
tw() { "$build/tests/shops/cli/tillwatch" "$@"; }

"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop is up' test -s "$dir/shop.json"
http=$(sed -n 's/.*"http_port": *\([0-9]*\).*/\1/p' "$dir/shop.json")

# configuration NAME CURRENCY PATH: neither a store nor a socket is named
configuration() {
  cat >"$dir/r/etc/$1.yaml" <<Y
shop: {name: $1-shop, currency: $2}
defaults: {interval: 5s, timeout: 4s}
probes:
  - {name: $1-page, plugin: storefront, url: "http://127.0.0.1:$http$3"}
Y
  chmod 600 "$dir/r/etc/$1.yaml"
}
start() { # NAME
  "$build/tests/shops/agent/tillwatchd" -c "$dir/r/etc/$1.yaml" >"$dir/$1.log" 2>&1 &
}

# --- no shop, and none of that name ---------------------------------------------------------------------
exits 'no shop at all' 64 tw status --shop all
said 'and where it was looked for' "no $dir/r/etc/NAME.yaml, no $dir/r/run/NAME/agent.sock"
configuration acme EUR /p/
configuration borealis NOK /nothing-is-here
configuration cumulus CHF /p/
echo 'groups: []' >"$dir/r/etc/rules.yaml"
exits 'no shop of that name' 64 tw status --shop acne
said 'the nearest and all there are' 'no shop "acne" (did you mean acme?); there are: acme, borealis, cumulus$'
exits 'no name may leave the folder' 64 tw status --shop ../etc/acme
exits 'one verb, one shop' 64 tw probes --shop acme --shop borealis
said 'which says so' 'probes takes one shop, not 2'
exits 'a shop has its configuration' 64 tw status --shop acme --config "$dir/r/etc/acme.yaml"
exits 'a URL is no shop of this machine' 64 tw status --shop acme --url http://127.0.0.1:1

# --- agent and command line look in the same place --------------------------------------------------------
start acme
start borealis
within 30 'acme answers by its name' tw probes --shop acme
within 30 'acme-page is ok' bash -c "'$build/tests/shops/cli/tillwatch' probes -S acme | grep -q 'acme-page.* ok'"
within 30 'borealis-page is crit' bash -c "'$build/tests/shops/cli/tillwatch' probes -S borealis | grep -q 'borealis-page.* crit'"
[ -S "$dir/r/run/acme/agent.sock" ] || fail 'the socket lies in a folder of its own'
ok 'the socket lies in a folder of its own'
[ -f "$dir/r/lib/acme/live.db" ] && [ -f "$dir/r/lib/borealis/live.db" ] || fail 'so does the store'
ok 'so does the store'
exits 'by its configuration' 0 tw status -c "$dir/r/etc/acme.yaml"
said 'it is acme' 'shop acme-shop: 1 probes, 1 ok'
exits 'from its folder' 0 bash -c "cd '$dir/r/etc' && '$build/tests/shops/cli/tillwatch' status -c acme.yaml"
exits 'by the environment' 0 env TILLWATCH_CONFIG="$dir/r/etc/acme.yaml" "$build/tests/shops/cli/tillwatch" status
said 'it is acme, too' 'shop acme-shop'
exits 'the socket of the environment' 1 env TILLWATCH_SOCKET="$dir/r/run/borealis/agent.sock" "$build/tests/shops/cli/tillwatch" status
said 'holds' 'shop borealis-shop'
exits 'but not against --shop' 0 env TILLWATCH_SOCKET="$dir/r/run/borealis/agent.sock" TILLWATCH_URL=http://127.0.0.1:1 \
  "$build/tests/shops/cli/tillwatch" status --shop acme
said 'which wins' 'shop acme-shop'
exits 'nobody named' 69 tw status
said 'and who there is' '--shop names one of acme, borealis, cumulus'
exits 'check takes its configuration' 0 tw check --shop acme
within 30 'a run of a shop is asked of its agent' tw run --shop acme acme-page

exits 'doctor of one that is down' 1 tw doctor --shop cumulus --no-test
said 'asks on its socket' "no agent answers on $dir/r/run/cumulus/agent.sock"
said 'and names its unit' 'systemctl enable --now tillwatchd@cumulus; if it ends again: journalctl -u tillwatchd@cumulus'

# --- status over several ----------------------------------------------------------------------------------
exits 'status of all: one is crit' 1 tw status --shop all
[ "$(grep -c '^[a-z]' "$dir/out")" = 3 ] || fail 'a line a shop'
ok 'a line a shop'
[ "$(awk '/^[a-z]/ { print $1 " " $2 }' "$dir/out" | paste -sd,)" = 'crit borealis,silent cumulus,ok acme' ] || fail 'the worst first'
ok 'the worst first'
said 'what is worst in it' '^        crit borealis-page: status 404'
said 'who does not answer says why' "silent *cumulus *no agent answers on $dir/r/run/cumulus/agent.sock"
exits 'two, of which one is down' 69 tw status --shop acme --shop cumulus
exits 'two by their sockets' 1 tw status --socket "$dir/r/run/acme/agent.sock" -s "$dir/r/run/borealis/agent.sock"
said 'have the names that their agents say' '^ok *acme-shop'
exits 'as JSON' 1 tw status --shop all --json
[ "$(jq -r '[.shops[] | "\(.name) \(.verdict) \(.probes.currency) \(.probes.probes[0].verdict) \(has("error"))"] | join(";")' "$dir/out")" \
  = 'borealis crit NOK crit false;cumulus silent null null true;acme ok EUR ok false' ] || fail 'an object a shop'
ok 'an object a shop'

# --- the dashboard over several ---------------------------------------------------------------------------
exits 'top --once' 0 tw top --shop all --once --size 120x30 --glyphs ascii
said 'counts them' '3 shops: # 1 crit  ? 1 silent'
said 'has acme' ' ok  *acme .* nothing '
said 'has borealis, which is crit' ' crit *borealis '
said 'and the dead one, with the reason' " silent *cumulus *no answer: $dir/r/run/cumulus/agent.sock"
[ "$(grep -nE '^ . (crit|silent|ok) ' "$dir/out" | sed 's/:.*//' | paste -sd,)" = '5,6,7' ] || fail 'in rows of their own'
ok 'in rows of their own'
exits 'one shop is the usual dashboard' 0 tw top --shop acme --once --size 120x30 --glyphs ascii
said 'of that shop' 'tillwatch acme-shop *\[1 Overview\]'
exits 'of dead ones alone' 69 tw top --socket "$dir/nobody" --socket "$dir/neither" --once
said 'it says so' 'none of 2 shops answers'

# --- money, and one who never answers ---------------------------------------------------------------------
cat >"$dir/agents.py" <<'P'
import http.server, json, os, socketserver, sys, threading, time, urllib.parse
root = sys.argv[1]
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
def agent(name, currency, low, high):
    class H(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urllib.parse.urlparse(self.path)
            query = urllib.parse.parse_qs(url.query).get("query", [""])[0]
            data = {"/tillwatch/v1/probes": {"shop": name, "currency": currency, "now": time.time(), "probes": [
                        {"name": "orders", "plugin": "checkout", "verdict": "crit", "reason": "too few", "last_run": time.time()}]},
                    "/api/v1/alerts": {"alerts": []}, "/api/v1/rules": {"groups": []}, "/tillwatch/v1/plugins": {"hosts": []},
                    "/tillwatch/v1/outbox": {"receivers": []}}.get(url.path, {"result": []})
            if "checkout_at_risk_value" in query:
                data = {"result": [{"metric": {"probe": "orders", "window": "30m", "bound": b}, "value": [0, str(v)]} for b, v in (("low", low), ("high", high))]}
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def address_string(self): return name
        def log_message(self, *a): pass
    s = Server(os.path.join(root, name + ".sock"), H)
    threading.Thread(target=s.serve_forever, daemon=True).start()
agent("euro", "EUR", 1100, 1300)
agent("krone", "NOK", 20100, 20300)
import socket
hung = socket.socket(socket.AF_UNIX)   # connections are taken by the kernel, and nobody reads them
hung.bind(os.path.join(root, "hung.sock"))
hung.listen(8)
open(os.path.join(root, "agents.ready"), "w").close()
threading.Event().wait()
P
python3 "$dir/agents.py" "$dir" >"$dir/agents.log" 2>&1 &
within 20 'agents of the test' test -e "$dir/agents.ready"
exits 'money of two currencies' 0 tw top --socket "$dir/euro.sock" --socket "$dir/krone.sock" --once --size 140x30
said 'half an hour of 1 100 to 1 300 euros is twice that in an hour' 'euro .* EUR 2 200–2 600 '
said 'kroner stay kroner' 'krone .* NOK 40 200–40 600 '
silent 'no sum of them' '42 [48]00\|43 200\|42 800\|21 [246]00'
[ "$(grep -o 'EUR\|NOK' "$dir/out" | sort | uniq -c | tr -s ' \n' ' ')" = ' 2 EUR 1 NOK ' ] || fail 'each currency only where its shop is'
ok 'each currency only where its shop is'
exits 'one that never answers' 1 tw status --socket "$dir/hung.sock" --socket "$dir/euro.sock"
said 'is silent' "^silent *$dir/hung.sock"
said 'and the other is there' '^crit *euro'
exits 'so it is on the screen' 0 tw top --socket "$dir/hung.sock" --socket "$dir/euro.sock" --once --size 140x30
said 'the other is there' 'crit *euro .* EUR 2 200'

# --- the only shop, beside them ---------------------------------------------------------------------------
configuration tillwatch EUR /p/
start tillwatch
within 30 'without a name it is the only one' tw probes
[ -S "$dir/r/run/agent.sock" ] && [ -f "$dir/r/lib/live.db" ] || fail 'its files lie above those of the others'
ok 'its files lie above those of the others'
exits 'by name' 0 tw status --shop tillwatch
said 'it is that' 'shop tillwatch-shop'
within 20 'all of them are four' bash -c "'$build/tests/shops/cli/tillwatch' status --shop all | grep -c '^[a-z]' | grep -qx 4"
within 20 'its store is right' tw db check "$dir/r/lib"
ended
