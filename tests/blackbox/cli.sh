#!/usr/bin/env bash
# cli.sh - every verb of tillwatch: help with an example, JSON with its fields, the ways to the agent, exit codes, hints,
# colours, closed pipes; with an agent and without. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
tw() { "$tillwatch" "$@"; }
# exits NAME CODE PATTERN VERB...: its exit code, and what it says on both streams
exits() {
  local said rc
  said=$(tw "${@:4}" 2>&1 </dev/null)
  rc=$?
  is "$1" "$rc $said" "$2 $3"
}
# field NAME FILTER WANTED VERB...: --json is JSON, alone on its stream, and has the fields
field() { is "$1" "$(tw "${@:4}" --json 2>/dev/null | jq -c "$2" 2>&1)" "$3"; }
verbs="init top status map check config doctor source schema query probes run alerts rules notify reload plugin db completion"
esc=$'\033'

# --- help ------------------------------------------------------------------------------------------------------------
unset NO_COLOR
for v in $verbs; do
  json='--json' # of verbs whose answer is for people alone there is none
  case $v in top|completion) json='--token-file' ;; esac
  exits "$v --help" 0 "tillwatch $v*Common options*$json*xample*  tillwatch $v*" "$v" --help
  exits "help $v" 0 "tillwatch $v*" help "$v"
  is "$v is listed" "$(tw --help | grep -c "^  $v ")" 1
done
is 'no other verb is listed' "$(tw --help | grep -c '^  [a-z]')" "$(echo "$verbs" | wc -w)"
exits 'version' 0 'tillwatch [0-9]*.*' --version
exits 'nothing' 64 '*usage: tillwatch VERB*'
exits 'an unknown verb' 64 'tillwatch: no verb "statsu" (did you mean status[?]); *' statsu
exits 'one that is far off' 64 'tillwatch: no verb "xyzzy"; `tillwatch help` lists them' xyzzy
exits 'help of an unknown verb' 64 '*(did you mean query[?])*' help qeury
exits 'an unknown option' 64 'tillwatch: query has no option --rnage (did you mean range[?]); see `tillwatch query --help`' query --rnage=5m up
exits 'a common one' 64 '*(did you mean socket[?])*' status --scoket x
exits 'a letter that is none' 64 '*no option -Z*' status -Z
exits 'a value that is missing' 64 '*--socket needs a value (PATH)*' status --socket
exits 'an argument too many' 64 '*takes no "x"*' status x
exits 'an argument too few' 64 '*query needs EXPRESSION*' query
exits 'db without words' 64 '*db needs check DIRECTORY*' db
exits 'db of another kind' 64 '*db takes check, not "eat"*' db eat x
exits 'notify of another kind' 64 '*notify takes list or test*' notify eat
exits 'notify test without a name' 64 '*needs a receiver*' notify test
exits 'plugin of another kind' 64 '*plugin takes list or retry*' plugin eat
exits 'a size that is none' 64 '*--size takes*' top --once --size big
exits 'a format that is none' 64 '*--format takes*' top --once --format gif
exits 'a time that is none' 64 '*--at takes*' query --at yesterday up
exits 'a range that is none' 64 '*take a duration*' query --range soon up
exits 'top without a terminal' 64 '*terminal*--once*' top

# --- nobody answers -----------------------------------------------------------------------------------------------
for v in status map probes alerts rules notify plugin reload "query 1" "run x" "top --once"; do
  # shellcheck disable=SC2086
  exits "$v: no agent" 69 "*$dir/none.sock*" $v --socket "$dir/none.sock"
done
exits 'a url that nobody answers' 69 '*http://127.0.0.1:1*does not answer*' status --url http://127.0.0.1:1
exits 'a scheme that is none' 69 '*' status --url file:///etc/passwd
head -c 700 /dev/zero | tr '\0' x >"$dir/long.token"
exits 'a token longer than tokens are' 66 '*long.token: File too large*' status --url http://127.0.0.1:1 --token-file "$dir/long.token"
exits 'a folder for a token' 66 "*$dir: Is a directory*" status --url http://127.0.0.1:1 --token-file "$dir"
exits 'a token file that is none' 66 '*none.token*' status --url http://127.0.0.1:1 --token-file "$dir/none.token"

# --- without an agent: check, schema, run -c, db ------------------------------------------------------------------
"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop' test -s "$dir/shop.json"
http=$(jq -r .http_port "$dir/shop.json")
port=$(free_port)
(umask 077; printf 'doer-0123456789\n' >"$dir/act.token"; printf 'reader-0123456789' >"$dir/read.token")
cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent:
  store: {path: "$dir/made/by/it/store"}
  api:
    socket: "$dir/agent.sock"
    listen: 127.0.0.1:$port
    tokens: [{scope: act, token: "\${file:$dir/act.token}"}, {scope: read, token: "\${file:$dir/read.token}"}]
defaults: {interval: 1s, timeout: 900ms}
probes:
  - {name: list, plugin: storefront, url: "http://127.0.0.1:$http/p/"}
  - {name: "esc", plugin: storefront, url: "http://127.0.0.1:$http/p/?fault=esc"}
receivers:
  oncall: {type: webhook, url: "http://127.0.0.1:$http/hook/oncall"}
Y
chmod 600 "$dir/shop.yaml"
sed 's/name: list/nmae: list/' "$dir/shop.yaml" >"$dir/wrong.yaml"
sed 's/interval: 1s, timeout: 900ms/interval: 30s, timeout: 20s/' "$dir/shop.yaml" >"$dir/once.yaml"
chmod 600 "$dir/once.yaml"
exits 'check FILE' 0 '*shop.yaml: ok: 2 probes, 1 receivers*' check "$dir/shop.yaml"
exits 'check ends with the footprint' 0 "*footprint*requests 127.0.0.1:$http *172800 a day*store *million samples a month, * MB*" check "$dir/shop.yaml"
sed -i.bak 's/^probes:/systems: {web: {owner: w}}\nprobes:/' "$dir/shop.yaml"
exits 'check warns, at its place' 0 '*warning: *shop.yaml:11:5: probes[[]0]: touches no system*' check "$dir/shop.yaml"
mv "$dir/shop.yaml.bak" "$dir/shop.yaml"
field 'the footprint as JSON' '.footprint | [.hosts[0].requests_per_day, .orders_per_day, .is_about, .samples_per_month > 1e6, .bytes_per_month > 1e6, .warnings]' '[[]172800*,0*,false,true,true,[[][]]]' check "$dir/shop.yaml"
exits 'check -c FILE' 0 '*ok*' check -c "$dir/shop.yaml"
exits 'check a wrong one' 78 '*wrong.yaml:10:6: probes[[]0].nmae*did you mean name[?]*' check "$dir/wrong.yaml"
exits 'check one that is not there' 78 '*none.yaml*' check "$dir/none.yaml"
field 'check as JSON' '[.ok, (.errors | length)]' '[[]true,0]' check "$dir/shop.yaml"
field 'check a wrong one as JSON' '[.ok, (.errors[0] | test("wrong.yaml:10:[0-9]+: probes"))]' '[[]false,true]' check "$dir/wrong.yaml"
field 'schema' '[.type, (.properties | has("probes"))]' '[[]"object",true]' schema
exits 'run -c FILE' 0 '*list*wait *' run -c "$dir/once.yaml" list
field 'run -c FILE as JSON' '[.probe, .verdict, (.facts.hops | length), .duration_s > 0, .at > 1e9]' '[[]"list","ok",1,true,true]' run -c "$dir/once.yaml" list
TILLWATCH_CONFIG="$dir/once.yaml" exits 'run --offline' 0 '*wait *' run --offline list
exits 'run -c FILE, crit' 1 '*crit*' run -c "$dir/shop.yaml" esc
exits 'run -c FILE, no such probe' '[1-9]*' '*no probe called "nope"*' run -c "$dir/shop.yaml" nope
exits 'run -c wrong FILE' 78 '*nmae*' run -c "$dir/wrong.yaml" list
exits 'db check of nothing' '[1-9]*' '*' db check "$dir/none"

# --- with one ---------------------------------------------------------------------------------------------------------
export TILLWATCH_SOCKET=$dir/agent.sock
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
measured() { [ "$(tw probes --json | jq '[.probes[] | select(.runs > 2)] | length')" = 2 ] && tw alerts --json | jq -e '.alerts | length > 0' && tw rules --json | jq -e '[.groups[].rules[].health] | all(. == "ok")'; }
within 30 'runs, rules and an alert' measured
for v in map probes alerts rules notify plugin "query storefront_up" "top --once"; do
  # shellcheck disable=SC2086
  exits "$v" 0 '?*' $v
done
well() { tw probes --json | jq -e '[.probes[].verdict] == ["ok", "crit"]'; }
within 20 'one is ok, one is crit' well
exits 'status: a probe is crit' 1 'shop acme: 2 probes, 1 ok, 0 warn, 1 crit, 0 unknown; *' status
ran() { tw run list "$@" >"$dir/ran"; }
within 30 'a run' ran
is 'run' "$(cat "$dir/ran")" '*list*wait *'
within 30 'a run as JSON' ran --json
is 'run as JSON' "$(jq -c '[.probe, .verdict, .duration_s > 0, .at > 1e9]' "$dir/ran")" '[[]"list","ok",true,true]'
exits 'run: no such probe' 1 '*nope*' run nope
exits 'query that does not parse' 65 '*parse error*' query 'sum('
exits 'query that matches nothing' 0 '*no series matches*' query nothing
exits 'query: a number' 0 '*  42' query '6 * 7'
exits 'query at a time' 0 '*1767323045' query --at 2026-01-02T03:04:05Z 'time()'
is 'query over a range' "$(tw query --range 1m --step 10s --at 2026-01-02T03:04:05Z 'vector(1)' --json | jq -c '[.result[0].values | length, .[0][0], .[-1][0]]')" '[[]7,1767322985,1767323045]'
exits 'notify test' 0 '*on its way*' notify test oncall
exits 'notify test: none' 1 '*nope*' notify test nope
exits 'plugin retry' 0 '*' plugin retry
exits 'plugin retry: none' 1 '*no group of hosts is called "nope"*' plugin retry nope
exits 'reload' 0 reloaded reload
is 'rules --show is for Prometheus' "$(tw rules --show >"$dir/rules.yaml" && { ! command -v promtool >/dev/null || promtool check rules "$dir/rules.yaml" >/dev/null 2>&1; } && echo right)" right

field 'status' '[(.probes.probes | length), (.alerts | has("alerts")), (.outbox | has("receivers"))]' '[[]2,true,true]' status
field 'map' '[.shop, .systems, .flows, .coverage.checks]' '[[]"acme",[[][]],[[][]],0]' map
exits 'map --coverage of nothing' 1 '*the map is empty*nothing is on the map' map --coverage --min 1%
within 20 'one is ok, one is crit' well
field 'probes' '.probes[0] | [.name, .plugin, .verdict, .interval_s]' '[[]"list","storefront","ok",1]' probes
field 'alerts' '.alerts[0] | [.labels.probe, (.state | type), (.annotations | type)]' '[[]"esc","string","object"]' alerts
field 'rules' '.groups[0] | [(.name | type), (.rules | length > 0)]' '[[]"string",true]' rules
field 'rules, one' '.groups[0].rules[0] | [has("query"), has("health"), has("type")]' '[[]true,true,true]' rules
field 'query' '[.resultType, (.result | length)]' '[[]"vector",2]' query storefront_up
field 'notify' '[.receivers[0].name, (.messages | type)]' '[[]"oncall","array"]' notify
field 'notify test' .queued true notify test oncall
field 'plugin' '.hosts[0] | [.group, .state]' '[[]"storefront","running"]' plugin
field 'plugin retry' .retried true plugin retry storefront
field 'reload' .reloaded true reload

# --- the ways to the agent -----------------------------------------------------------------------------------------
(
  unset TILLWATCH_SOCKET
  exits '--socket' 0 '*list*' probes --socket "$dir/agent.sock"
  exits '-s' 0 '*list*' probes -s "$dir/agent.sock"
  exits '--socket=' 0 '*list*' probes "--socket=$dir/agent.sock"
  exits '--url without a token' 77 '*token*401*' probes --url "http://127.0.0.1:$port"
  exits '--url' 0 '*list*' probes --url "http://127.0.0.1:$port" --token-file "$dir/read.token"
  exits '--url with a slash' 0 '*list*' probes --url "http://127.0.0.1:$port/" --token-file "$dir/read.token"
  exits '--url: read does not act' 77 '*scope act*403*' reload --url "http://127.0.0.1:$port" --token-file "$dir/read.token"
  exits '--url: act acts' 0 'reloaded' reload --url "http://127.0.0.1:$port" --token-file "$dir/act.token"
  TILLWATCH_URL="http://127.0.0.1:$port" exits 'TILLWATCH_URL' 0 '*list*' probes --token-file "$dir/read.token"
  exits 'top --url' 0 '*esc*list*' top --once --url "http://127.0.0.1:$port" --token-file "$dir/read.token"
  exits 'something that is no agent' '[1-9]*' '*' status --url "http://127.0.0.1:$http"
  echo "$n $red" >"$dir/sub"
)
read -r n red <"$dir/sub"

# --- colours: to a terminal alone, and not with NO_COLOR; foreign bytes never --------------------------------------
# pty COMMAND...: its output on a terminal of 100x30
pty() { script -qec "stty cols 100 rows 30; $*" /dev/null </dev/null; }
is 'a pipe has no colours' "$(tw status | grep -c "$esc")" 0
is 'a terminal has' "$(pty "$tillwatch status" | grep -c "$esc" | sed 's/^[1-9].*/some/')" some
is 'NO_COLOR' "$(NO_COLOR=1 pty "$tillwatch status" | grep -c "$esc")" 0
is '--no-color' "$(pty "$tillwatch status --no-color" | grep -c "$esc")" 0
is 'an empty NO_COLOR' "$(NO_COLOR='' pty "$tillwatch status" | grep -c "$esc" | sed 's/^[1-9].*/some/')" some
is 'a frame has none' "$(tw top --once | grep -c "$esc")" 0
tw probes >"$dir/probes.txt"
is 'no control byte of a foreign server' "$(LC_ALL=C grep -c '[^[:print:][:space:]]' <(LC_ALL=C tr -d '\200-\377' <"$dir/probes.txt"))" 0

# --- a reader that goes away -----------------------------------------------------------------------------------------
closed() { tw "$@" 2>"$dir/err" | true; echo "${PIPESTATUS[0]} $(cat "$dir/err")"; }
for v in "rules --show" schema "query {__name__=~\"tillwatch.*\"} --json" help "top --once"; do
  # shellcheck disable=SC2086
  is "$v to a closed pipe" "$(closed $v)" '@(0|141|74) '
done
is 'a full disk is said' "$(tw rules --show >/dev/full 2>/dev/null; echo $?)" 74

kill -TERM "$agent"
wait "$agent"
exits 'db check' 0 '*0 findings' db check "$dir/made/by/it/store"
field 'db check as JSON' .findings '[[][]]' db check "$dir/made/by/it/store"
ended
