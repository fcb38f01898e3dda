#!/usr/bin/env bash
# doctor.sh - tillwatch doctor finds what the test broke, and names the remedy; a healthy set-up has no finding but what the
# machine itself lacks. Ends with "ok: N checks, M broken set-ups".
#
# Each set-up is the healthy one with one thing broken, so a finding that is there comes from that.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
chmod 755 "$dir"
broken=0
# The agent refuses plugins in a directory that others may write, so they stand in one of ours.
mkdir "$dir/plugins"
for p in storefront access_log checkout; do cp "$build/plugins/.libs/$p.so" "$dir/plugins/"; done
chmod -R go-w "$dir/plugins"
export TILLWATCH_PLUGINS=$dir/plugins
# doctor ARGUMENT...: of $dir/shop.yaml, as JSON; the socket is the configuration's
doctor() { "$tillwatch" doctor -c "$dir/shop.yaml" --json "$@" 2>"$dir/err"; }
# finds NAME CHECK LEVEL TEXT REMEDY ARGUMENT...: the finding is there, with its remedy, and the exit code says so
finds() {
  local said rc
  said=$(doctor --no-test "${@:6}")
  rc=$?
  broken=$((broken + 1))
  is "$1" "$rc $(jq -r --arg c "$2" '.findings[] | select(.check == $c) | "\(.level): \(.text)\n   -> \(.remedy)"' <<<"$said") $(cat "$dir/err")" "1 *$3: $4-> $5*"
}
# remains ARGUMENT...: the checks with findings, but those that are the machine's
remains() { doctor "$@" | jq -rc '[.findings[].check] - ["clock", "sandbox", "disk", "agent_user"]'; }

# --- healthy ----------------------------------------------------------------------------------------------------------
"$build/tests/shop/tillwatch-shop" --dir "$dir/shop" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop' test -s "$dir/shop.json"
base=$(jq -r .http "$dir/shop.json")
mkdir "$dir/logs" "$dir/geo"
echo '203.0.113.9 - - [29/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"' >"$dir/logs/access.log"
echo '198.51.100.0/24 DE' | "$top/tests/make-mmdb" "$dir/geo/country.mmdb"
# config [AGENT [PATH [URL [RECEIVER]]]]: what is not given is healthy
config() {
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent:
  store: {path: "$dir/store", max_size: 64MiB}
  api: {socket: "$dir/agent.sock"}
  ${1:-"geoip: {country: \"$dir/geo/country.mmdb\"}"}
defaults: {interval: 1s, timeout: 900ms}
sources:
  edge_log: {type: access_log, path: ["${2:-$dir/logs/*.log}"], interval: 1s}
probes:
  - {name: list, plugin: storefront, url: "${3:-$base/p/}"}
receivers:
  oncall: {type: webhook, url: "${4:-$base/hook/oncall}"}
Y
  chmod 600 "$dir/shop.yaml"
}
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
  agent=$!
  within 30 'the agent' curl -sf --unix-socket "$dir/agent.sock" http://agent/-/ready
}
stop() {
  kill "$agent"
  wait "$agent"
  agent=
}
me=$(id -un)
config
finds 'no agent' agent fail '*no agent answers*agent.sock*' 'start it: systemctl enable --now tillwatchd*' --user "$me"
start
is 'a healthy set-up, TEST messages too' "$(remains --user "$me")" '[[][]]'
is 'what passed' "$(doctor --user "$me" | jq -r '[.passed[]] | join(" ")')" '*config*plugins*geoip*sources*store*integrity*date*resolver*agent*version*config_read*hosts*outbox*receivers*'
is 'the fields' "$(doctor --no-test --user "$me" | jq -c '[keys[]]')" '[[]"config","findings","passed","skipped","socket","user","version"]'
is 'for people' "$("$tillwatch" doctor -c "$dir/shop.yaml" --no-test --user "$me" | tail -n 2)" 'ok   config, *not asked: *receivers'
is 'the test arrived' "$(curl -s "$base/control/state" | jq -c '.hooks.oncall // .hooks | type')" '"*"'

# --- a running agent ---------------------------------------------------------------------------------------------------
sleep 1.1 # a file's time has whole seconds here
touch "$dir/shop.yaml"
finds 'a changed configuration' config_read warn '*was changed after*' 'tillwatch check && tillwatch reload*'
cp "$dir/shop.yaml" "$dir/right.yaml"
sed -i 's/plugin: storefront/plugin: storefrnt/' "$dir/shop.yaml"
kill -HUP "$agent"
within 20 'the refusal' grep -q 'not reloaded' "$dir/agent.log"
finds 'a reload that was refused' config_read fail '*refused its configuration*' 'tillwatch check, correct*' --socket "$dir/agent.sock"
finds 'a plugin that is not there' config fail '*probes[[]0].plugin: no plugin is called "storefrnt"*' '*put the plugin*agent.plugins.path*'
cp "$dir/right.yaml" "$dir/shop.yaml"
"$tillwatch" reload --socket "$dir/agent.sock" >/dev/null
cp "$dir/right.yaml" "$dir/other.yaml"
is 'another file' "$("$tillwatch" doctor -c "$dir/other.yaml" --no-test --json | jq -r '.findings[] | select(.check == "config_read") | .text, .remedy')" "the agent reads $dir/shop.yaml, not $dir/other.yaml*tillwatch doctor -c $dir/shop.yaml"
stop
config '' '' '' http://127.0.0.1:1/hook
start
said=$(doctor --user "$me")
is 'a receiver that nobody reaches' "$(jq -r '.findings[] | select(.check == "receivers") | .text, .remedy' <<<"$said")" '*oncall: the TEST message did not arrive: *try its url with curl*'
broken=$((broken + 2))
stop
cp "$build/tests/plugins/.libs/tp_exit.so" "$dir/plugins/"
chmod go-w "$dir/plugins/tp_exit.so"
config
sed -i 's/^probes:/probes:\n  - {name: dies, plugin: tp_exit}/' "$dir/shop.yaml"
start
dies() { curl -s --unix-socket "$dir/agent.sock" http://agent/tillwatch/v1/plugins | jq -e '.data.hosts[] | select(.restarts > 4 and .state == "waiting")'; }
within 90 'a back-off' dies
finds 'a host in back-off' hosts fail '*the host tp_exit ended*' 'journalctl*tillwatch plugin retry tp_exit*'
stop
rm "$dir/plugins/tp_exit.so"

# --- what an agent may say ----------------------------------------------------------------------------------------------
cat >"$dir/agent.py" <<'P'
import http.server, json, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = json.load(open(sys.argv[1] + "/says.json"))[self.path.split("?")[0].split("/")[-1]]
        body = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
open(sys.argv[1] + "/agent.port", "w").write(str(s.server_address[1]))
s.serve_forever()
P
python3 "$dir/agent.py" "$dir" &
within 20 "the test's agent" test -s "$dir/agent.port"
# says VERSION RECEIVER
says() { printf '{"agent":{"version":"%s","config":"/x","config_read":1,"config_ok":true},"plugins":{"hosts":[]},"outbox":{"receivers":[%s],"messages":[]}}' "$1" "$2" >"$dir/says.json"; }
theirs="http://127.0.0.1:$(cat "$dir/agent.port")"
version=$("$tillwatch" --version | cut -d' ' -f2)
config
says "$version" '{"name":"oncall","dead":0,"oldest":null}'
is 'an agent that says nothing bad' "$(remains --no-test --user "$me" --url "$theirs")" '[[][]]'
says 0.0.9 ''
finds 'an agent of another version' version warn "*is version 0.0.9, installed is $version*" 'systemctl restart tillwatchd*' --url "$theirs"
says "$version" '{"name":"oncall","dead":2,"last_error":"410 Gone","oldest":null}'
finds 'dead letters' outbox fail '*oncall: 2 messages could not be delivered: 410 Gone*' 'tillwatch notify shows them*fallback*' --url "$theirs"
says "$version" "{\"name\":\"oncall\",\"dead\":0,\"oldest\":$(date -d '1 hour ago' +%s),\"last_error\":\"500\"}"
finds 'a message that waits for long' outbox fail '*oncall: a message has waited for 60 minutes: 500*' 'let the receiver answer 2xx*' --url "$theirs"

# --- the configuration --------------------------------------------------------------------------------------------------
config
sed -i 's/name: list/nmae: list/' "$dir/shop.yaml"
finds 'a misspelt key' config fail '*shop.yaml:10:6: probes[[]0].nmae*' 'correct it at that place*'
config '' '' '' "$base/hook/\${file:$dir/none.secret}"
finds 'a secret that is not there' config fail '*none.secret*' 'put the secret there*'
config
chmod 666 "$dir/shop.yaml"
finds 'a configuration that others may write' config fail '*can be written by others*' 'chmod go-w*'

# --- logs ---------------------------------------------------------------------------------------------------------------
config '' "$dir/logs/acces.log"
finds 'a log that is not there' sources fail '*sources.edge_log: *acces.log matches no file*' 'name the files as they are: `ls -l*access_log*'
config
touch -d '3 days ago' "$dir/logs/access.log"
finds 'a log that is silent' sources warn '*nothing was written to *for 3 days*' '*reopen its files*'
touch "$dir/logs/access.log"
config '' '' "$base/p/\", ca_file: \"$dir/none.pem"
finds 'certificates that are not there' sources fail '*probes[[]0]: ca_file *none.pem: No such file*' 'create the file*'
if [ "$(id -u)" = 0 ]; then
  config
  chmod 640 "$dir/logs/access.log"
  finds 'a log of root alone' sources fail '*nobody may not read *access.log*' 'chgrp adm *usermod -aG adm nobody*create 0640 root adm*' --user nobody
  chgrp adm "$dir/logs/access.log"
  finds 'a log of another group' sources fail '*nobody may not read *access.log*' 'usermod -aG adm nobody, then restart the agent*' --user nobody
  chmod 644 "$dir/logs/access.log"
  chmod 750 "$dir/logs"
  finds 'a directory that is closed' sources fail "*nobody may not *because of $dir/logs*" "setfacl -m u:nobody:rx $dir/logs*" --user nobody
  chmod 755 "$dir/logs"
  finds 'a store of another user' store fail "*nobody may not write $dir/store*" "chown -R nobody: $dir/store*" --user nobody
  chown -R nobody "$dir/store"
  is 'the user is the owner of the store' "$(doctor --no-test | jq -r .user)" nobody
  chown root "$dir/store/live.db"
  finds 'a file of the store of another user' store fail "*nobody may not write $dir/store/live.db*" "chown -R nobody: $dir/store*"
  chown -R root "$dir/store"
fi

# --- store --------------------------------------------------------------------------------------------------------------
config
sed -i 's/max_size: 64MiB/max_size: 900TB/' "$dir/shop.yaml"
finds 'a store that may outgrow its disk' disk '@(warn|fail)' '*' '@(make room*)'
config
cp -r "$dir/store" "$dir/store.right"
python3 - "$dir/store/live.db" <<'P'
import os, sys
with open(sys.argv[1], "r+b") as f:
    size = os.path.getsize(sys.argv[1])
    for at in range(4096, size, 4096):
        f.seek(at)
        f.write(b"\xa5" * 64)
P
finds 'a store that is damaged' integrity fail '*findings in the store; the first: *' 'restart the agent: it sets aside*'
rm -r "$dir/store"
: >"$dir/store"
finds 'a file where the store should be' store fail '*is no directory*' 'name another agent.store.path*'
rm "$dir/store"
mv "$dir/store.right" "$dir/store"

# --- clock and names ----------------------------------------------------------------------------------------------------
cat >"$dir/slow.py" <<'P'
import http.server, sys, time
class H(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()
    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + 3600)
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
open(sys.argv[1], "w").write(str(s.server_address[1]))
s.serve_forever()
P
python3 "$dir/slow.py" "$dir/slow.port" &
within 20 'a server with another clock' test -s "$dir/slow.port"
config "reference: [\"http://127.0.0.1:$(cat "$dir/slow.port")/\"]"
finds 'a clock that is an hour slow' date fail '*by the clock of 127.0.0.1 ours is 3[56]* s slow*' "set this machine's clock: timedatectl*"
config '' '' http://shop.invalid/
finds 'a name that is none' resolver fail '*list: shop.invalid does not resolve*' '*/etc/resolv.conf*getent hosts shop.invalid*'
config '' '' '' http://chat.invalid/hook
finds "a receiver's name that is none" resolver fail '*oncall: chat.invalid does not resolve*' '*getent hosts chat.invalid*'

# --- geo databases --------------------------------------------------------------------------------------------------------
config "geoip: {country: \"$dir/geo/none.mmdb\"}"
finds 'a geo database that is not there' geoip fail '*agent.geoip.country: *none.mmdb: *' '*geoipupdate*'
head -c 300 "$dir/geo/country.mmdb" >"$dir/geo/cut.mmdb"
config "geoip: {country: \"$dir/geo/cut.mmdb\"}"
finds 'a geo database that was cut' geoip fail '*agent.geoip.country: *cut.mmdb: *' '*geoipupdate*'
echo '198.51.100.0/24 DE' | "$top/tests/make-mmdb" "$dir/geo/asn.mmdb" --type Test-ASN
config "geoip: {country: \"$dir/geo/asn.mmdb\"}"
finds 'a geo database of the other kind' geoip fail '*is of type Test-ASN, which holds networks*' 'name a database of countries there*'
echo '198.51.100.0/24 DE' | "$top/tests/make-mmdb" "$dir/geo/old.mmdb" --built "$(date -d '200 days ago' +%s)"
config "geoip: {country: \"$dir/geo/old.mmdb\"}"
finds 'a geo database that is old' geoip warn '*old.mmdb is 200 days old*' 'fetch a new one: geoipupdate*'

# --- plugins ------------------------------------------------------------------------------------------------------------
config 'plugins: {sandbox: off}'
finds 'no sandbox' sandbox warn '*agent.plugins.sandbox is off*' 'remove agent.plugins.sandbox*'
config 'plugins: {sandbox: audit}'
finds 'a sandbox that only watches' sandbox warn '*agent.plugins.sandbox is audit*' 'remove agent.plugins.sandbox*'
config
cp "$build/tests/plugins/.libs/tp_old_abi.so" "$dir/plugins/"
chmod go-w "$dir/plugins/tp_old_abi.so"
finds 'a plugin of another ABI' plugins fail '*tp_old_abi.so: built for ABI 9, this host speaks*' 'build it again with this version*'
rm "$dir/plugins/tp_old_abi.so"
chmod o+w "$dir/plugins/checkout.so"
finds 'a plugin that others may write' plugins fail '*checkout.so: refused: group or others may write it*' 'chmod go-w the file*'
rm -f "$dir/plugins/checkout.so"
head -c 5000 "$build/plugins/.libs/checkout.so" >"$dir/plugins/checkout.so"
finds 'a plugin that was cut' plugins fail '*checkout.so: refused: is no shared object, or was cut*' 'install the plugin again*'
rm "$dir/plugins/checkout.so"
chmod o+w "$dir/plugins"
finds 'a directory of plugins that others may write' plugins fail '*because of the directory*' 'chown root: and chmod go-w the directory*'
chmod o-w "$dir/plugins"

is 'a user that is none' "$(doctor --user nobody-at-all; cat "$dir/err")" '*there is no user "nobody-at-all"*'
config
is 'all is well again' "$(remains --no-test --user "$me")" '[[]"agent"]'
is 'at least 15 broken set-ups' "$((broken >= 15))" 1
ended "$broken broken set-ups"
