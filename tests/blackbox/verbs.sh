#!/usr/bin/env bash
# verbs.sh - what programs get of the verbs: against a shop in which probes fail, an alert fires, one receiver takes and one refuses, a
# host was killed and a flow lags, each answer of `--json` is as its schema in docs/schemas says, and between them the answers have every
# member that the schemas tell of; errors are JSON, too; what cannot be JSON refuses. What shells complete is every verb and every option.
# Each property that no set-up here makes says so in its schema (x-rare, with the reason). Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
at_end() { exec 8>&-; }
export NO_COLOR=1 TILLWATCH_PLUGINS=$dir/plugins
for python in python3 /usr/bin/python3; do "$python" -c 'import jsonschema' 2>/dev/null && break; done
"$python" -c 'import jsonschema' || { echo 'verbs.sh: python3-jsonschema is missing (scripts/setup --test)'; exit 1; }
mkdir "$dir/answers" "$dir/plugins"
cp "$build"/plugins/.libs/*.so "$dir/plugins/"
answers=0
# answer SCHEMA CODE VERB...: keeps what it says to a program; its exit code is one of CODE ("0|1")
answer() {
  local schema=$1 codes=$2 rc
  shift 2
  answers=$((answers + 1))
  printf '%s\n' "$*" >"$dir/answers/$schema.$answers.of"
  "$tillwatch" "$@" --json >"$dir/answers/$schema.$answers.json" 2>"$dir/err"
  rc=$?
  if [ "$schema" = error ] && [ "$(jq .exit_code "$dir/answers/error.$answers.json" 2>&1)" != "$rc" ]; then bad "tillwatch $* --json: another exit_code than $rc"
  elif [[ "|$codes|" = *"|$rc|"* ]]; then ok; else bad "tillwatch $* --json: exit $rc, not $codes: $(tail -c 300 "$dir/err")"; fi
}

# --- the shop ------------------------------------------------------------------------------------------------------------
mkfifo "$dir/in"
exec 8<>"$dir/in" # the made-up shop ends when we do
: >"$dir/init.log"
python3 "$top/tests/shop/init-shop.py" vendure "$dir/init.log" <"$dir/in" >"$dir/init.port" 2>"$dir/init.err" 8>&- &
"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 8>&- &
within 20 'the shop' test -s "$dir/shop.json"
within 20 'the other shop' test -s "$dir/init.port"
http=$(jq -r .http_port "$dir/shop.json") tls=$(jq -r .tls_port "$dir/shop.json")
# Asking it takes twenty seconds, which pass meanwhile.
"$tillwatch" init "http://127.0.0.1:$(cat "$dir/init.port")" --json -o "$dir/init.yaml" >"$dir/answers/init.0.json" 2>"$dir/init.said" 8>&- &
init=$!
echo init >"$dir/answers/init.0.of"

put() { cat >"$1.new" && mv "$1.new" "$1"; }
stock() { awk -v add="$1" 'BEGIN { print "SKU;qty;price"; for (i = 0; i < 300; i++) printf "A-%d;%d;%.2f\n", i, i % 7 + (i < 20 ? add : 0), 10 + i / 4 }'; }
for f in wms web market; do stock 0 | put "$dir/$f.csv"; done
: >"$dir/edge.log"
cat >"$dir/rules.yaml" <<'Y'
groups:
  - name: own
    interval: 1s
    limit: 50
    rules:
      - {record: "shop:up:sum", expr: "sum(storefront_up)", labels: {team: web}}
      - {record: "shop:wrong", expr: "storefront_up + on(shop) storefront_up"}
      - {alert: Broken, expr: "storefront_up == 0", keep_firing_for: 1m, labels: {severity: critical}, annotations: {summary: "{{ $labels.probe }} is broken"}}
      - {alert: Shaky, expr: "storefront_up == 0", labels: {severity: warning}, annotations: {summary: "{{ $labels.probe }} is shaky"}}
Y
configuration() {
  cat >"$1" <<Y
shop: {name: acme, currency: EUR}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
rules: ["$dir/rules.yaml"]
systems:
  warehouse: {title: Warehouse, owner: logistics, runbook: "https://wiki.example/wms"}
  storefront: {title: Shop, owner: web}
  market: {title: Marketplace}
  psp: {owner: payments}
flows:
  payment: {from: storefront, to: psp}
  stock: {title: Stock, from: warehouse, to: market, owner: logistics, max_lag: 1s, via: storefront}
sources:
  edge_log: {type: access_log, system: storefront, path: ["$dir/edge.log"], interval: 1s, lateness: 1s}
  wms: {type: csv, system: warehouse, path: "$dir/wms.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
  web: {type: csv, system: storefront, path: "$dir/web.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
  market: {type: csv, system: market, path: "$dir/market.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
  alien: {type: csv, path: "$dir/market.csv", interval: 1s, fields: {sku: SKU, available: qty, price: price}}
probes:
  - {name: list, plugin: storefront, system: storefront, interval: 1s, timeout: 900ms, url: "http://127.0.0.1:$http/p/"}
  - {name: gone, plugin: storefront, interval: 1s, timeout: 900ms, url: "http://127.0.0.1:$http/no-such-page"}
  - {name: order-rate, plugin: checkout, interval: 1s, timeout: 900ms, rate: {source: edge_log, match: {path: /order, method: POST}}}
  - {name: calls, plugin: api, system: storefront, interval: 1s, timeout: 900ms, calls: [{name: stock, request: {url: "http://127.0.0.1:$http/api/stock?page=1"}}]}
  - {name: shop-api, plugin: api, source: edge_log, interval: 1s, timeout: 900ms, step: 10s, routes: [{name: cart, path: /api/cart}]}
  - name: stock-parity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    fields:
      available: {reference: wms, compare: {web: {grace: 2m}, market: {grace: 3s}}}
      price: {reference: wms, compare: {web: {grace: 90s}, alien: {}}}
receivers:
  oncall: {type: webhook, url: "http://127.0.0.1:$http/hook/oncall"}
  deaf: {type: webhook, url: "http://127.0.0.1:$http/no-such-page", fallback: oncall}
  shut: {type: webhook, url: "http://127.0.0.1:1/"}
route:
  receiver: oncall
  group_wait: 1s
  routes: [{matchers: 'severity="critical"', receiver: deaf, group_wait: 1s}]
inhibit_rules:
  - {source_matchers: 'severity="critical"', target_matchers: 'severity="warning"', equal: [probe]}
Y
  chmod 600 "$1"
}
configuration "$dir/shop.yaml"
sed 's/name: list/nmae: list/' "$dir/shop.yaml" >"$dir/wrong.yaml"
chmod 600 "$dir/wrong.yaml"

# Two steps that are the same: only the plugin knows that it is wrong.
cat >"$dir/refused.yaml" <<Y
shop: {name: acme}
sources: {edge_log: {type: access_log, path: ["$dir/edge.log"]}}
probes:
  - {name: flow, plugin: checkout, funnel: {source: edge_log, steps: [{name: a, match: {path: /a}}, {name: b, match: {path: /a}}]}}
Y
chmod 600 "$dir/refused.yaml"

# --- without an agent ---------------------------------------------------------------------------------------------------
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
answer help 0 help
answer check 0 check
answer check 78 check "$dir/wrong.yaml"
# A word that was, one that only its writer can rewrite, and one that is written.
sed -e '/^synthetic:/d' -e '1i synthetic: {"he\\x61der": {X-Synthetic: tillwatch}}' "$dir/refused.yaml" | sed '/^probes:/,$d' >"$dir/old.yaml"
cat >>"$dir/old.yaml" <<Y
  pages: {type: pages, interval: 1h, urls: ["http://127.0.0.1:1/a"], url: "http://127.0.0.1:1/\${key}"}
probes:
  - {name: home, plugin: storefront, interval: 1h, url: "http://127.0.0.1:1/"}
Y
sed -i 's/^sources: {edge_log.*/sources:/' "$dir/old.yaml"
chmod 600 "$dir/old.yaml"
answer check 0 check "$dir/old.yaml"
answer config-upgrade 1 config upgrade --dry-run "$dir/old.yaml"
answer config-upgrade 1 config upgrade "$dir/old.yaml"
answer error 78 config upgrade "$dir/wrong.yaml"
answer schema 0 schema
answer map 0 map --offline
answer map-coverage 0 map --offline --coverage
sed 's/interval: 1s, timeout: 900ms/interval: 20s, timeout: 19s/' "$dir/shop.yaml" >"$dir/patient.yaml"
chmod 600 "$dir/patient.yaml"
TILLWATCH_CONFIG=$dir/patient.yaml answer run 0 run --offline list
TILLWATCH_CONFIG=$dir/patient.yaml answer run 1 run --offline gone
TILLWATCH_CONFIG=$dir/patient.yaml answer run 0 run --offline calls
answer source-try 0 source try wms
answer doctor 1 doctor --no-test

# --- with one ---------------------------------------------------------------------------------------------------------------
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 8>&- &
agent=$!
said() { "$tillwatch" "${@:2}" --json 2>/dev/null | jq -e "$1"; }
within 60 'all has run' said '[.probes[] | select(.runs > 2)] | length == 11' probes
answer plugin 0 plugin
asked() { # requests to the API, for as long as it takes until a slot of them is complete
  awk -v now="$(date '+%d/%b/%Y:%H:%M:%S %z')" 'BEGIN { for (i = 0; i < 4; i++) printf "198.51.100.7 - - [%s] \"GET /api/cart HTTP/1.1\" %d 12 \"-\" \"-\"\n", now, i ? 200 : 502 }' >>"$dir/edge.log"
  said '.systems[1].error_share > 0.2' map
}
within 60 'errors of the API' asked
stock 3 | put "$dir/wms.csv"
within 20 'keys that differ' said '.result[0].value[1] == "20"' query 'inventory_open_keys{source="web",field="available"}'
stock 3 | put "$dir/web.csv"
within 30 'a lag' said '[.flows[].measured_by[].lag_p95_s] | any' map
within 30 'drift' said '[.flows[].measured_by[].drift_age_s] | any(. != null and . > 0)' map
within 30 'an alert, and one that it inhibits' said '.alerts | any(.state == "firing" and .labels.alertname == "Broken") and any(.inhibitedBy != "")' alerts
within 60 'a message that was refused' said '(.receivers | any(.last_error != "")) and (.messages | length > 0)' notify
within 30 'a rule that fails' said '[.groups[].rules[] | select(.health == "err")] | length == 1' rules
# A host that is killed is started again.
waits() { # killed once more where nobody saw it wait
  local host
  "$tillwatch" plugin --json >"$dir/waits.json" || return 1
  jq -e '.hosts[] | select(.last_exit != "" and .next_try != null)' "$dir/waits.json" && return
  for host in $(jq '.hosts[] | select(.group == "storefront" and .state == "running") | .pid' "$dir/waits.json"); do kill -9 "$host"; done
  return 1
}
within 60 'a host that was killed says when it is started again' waits
answers=$((answers + 1))
mv "$dir/waits.json" "$dir/answers/plugin.$answers.json"
echo plugin >"$dir/answers/plugin.$answers.of"
within 30 'it is up again' said '[.hosts[] | select(.state == "running" and .restarts > 0)] | length > 0' plugin
answer plugin 0 plugin
answer plugin-retry 0 plugin retry
answer notify-test 0 notify test oncall
answer notify-test 0 notify test shut
within 20 'it arrived' said '.receivers[] | select(.name == "oncall") | .delivered > 0' notify
within 30 'one that waits' said '.receivers | any(.name == "shut" and .pending > 0 and .last_error != "" and .next_try != null)' notify
answer notify 0 notify
answer notify 0 notify list
answer status 1 status
answer status-shop 1 status --socket "$dir/agent.sock" --socket "$dir/none.sock"
answer probes 0 probes
answer alerts 0 alerts
answer rules 0 rules
answer map 0 map
answer map-coverage 0 map --coverage
answer map-coverage 1 map --min 99%
answer query 0 query storefront_up
answer query 0 query nothing
answer query 0 query 1
answer query 0 query '"text"'
answer query 0 query -r 10s storefront_up
answer query 0 query 'inventory_lag_seconds'
answer query 0 query -r 20s 'inventory_lag_seconds'
ran() { "$tillwatch" run list --json >"$dir/run" 2>/dev/null; }
within 30 'a run' ran
answer run '0|1|69' run gone
answer reload 0 reload
answer doctor 1 doctor
answer db-check 0 db check "$dir/store"
answer db-check 1 db check "$dir/none"
wait "$init" && ok || bad "init: $(tail -n 3 "$dir/init.said")"

# --- what is wrong is JSON, too -------------------------------------------------------------------------------------------
answer error 64 statsu
answer error 64 status --bogus
answer error 64 status x
answer error 64 query --at yesterday up
answer error 64 top
answer error 64 completion bash
answer error 64 rules --show
answer error 64 notify eat
answer error 65 query 'sum('
answer error 66 status --url http://127.0.0.1:1 --token-file "$dir/none"
answer error 69 status --url http://127.0.0.1:1
answer error 1 notify test nope
answer error 1 run nope
answer error 78 map -c "$dir/wrong.yaml"
answer error 78 source try wms -c "$dir/wrong.yaml"
answer error 78 run -c "$dir/refused.yaml" flow
answer error 73 init "http://127.0.0.1:$http" -o "$dir/init.yaml"
cp "$dir/wrong.yaml" "$dir/shop.yaml"
answer error 78 reload

"$python" "$top/tests/blackbox/verbs.py" "$top/docs/schemas" "$dir/answers" >"$dir/judged" && ok || bad "answers: $(cat "$dir/judged")"

# --- help: an example each, which the verb's own parser takes -----------------------------------------------------------
"$tillwatch" help --json >"$dir/table"
mapfile -t verbs < <(jq -r '.verbs[].name' "$dir/table")
[ "${#verbs[@]}" -ge 18 ] && ok || bad "only ${#verbs[@]} verbs are in the table"
# example NAME PROGRAM EXAMPLE [VERB]: up to a pipe or a redirection, it is a command line of PROGRAM; --help behind it ends the parser,
# and 64 is what the parser says of usage (what is not on this machine is another matter)
example() {
  local words
  mapfile -d '' -t words < <(python3 -c '
import shlex, sys
words = shlex.shlex(sys.argv[1], posix=True, punctuation_chars=True)
words.whitespace_split = True
for word in words:
    if set(word) <= set("();<>|&"): break
    sys.stdout.write(word + "\0")' "$3")
  bash -n -c "$3" 2>"$dir/err" && [ "${words[0]:-}" = "$1" ] && [ -z "${4:-}" ] || [ "${words[1]:-}" = "${4:-}" ] \
    && { "$2" "${words[@]:1}" --help >/dev/null 2>"$dir/err"; [ $? != 64 ] || grep -q 'on this machine' "$dir/err"; } && ok || bad "the example of $1 ${4:-}: $3: $(head -n 1 "$dir/err")"
}
for verb in "${verbs[@]}"; do
  "$tillwatch" "$verb" --help | grep -qE '^Examples?$' && ok || bad "tillwatch $verb --help has no example"
  mapfile -t lines < <(jq -r --arg verb "$verb" '.verbs[] | select(.name == $verb) | .examples[]' "$dir/table")
  [ "${#lines[@]}" -gt 0 ] && ok || bad "tillwatch $verb --help has an empty example"
  for line in "${lines[@]}"; do example tillwatch "$tillwatch" "$line" "$verb"; done
  "$tillwatch" "$verb" --help | grep -qE '^Exit codes$' && ok || bad "tillwatch $verb --help tells no exit codes"
  page=$top/docs/man/tillwatch-$verb.1
  [ -s "$page" ] && ok || bad "there is no tillwatch-$verb(1)"
  [ ! -s "$page" ] || ! command -v mandoc >/dev/null || [ -z "$(mandoc -T lint -W warning "$page" 2>&1 | tee "$dir/err")" ] && ok || bad "$(head -n 3 "$dir/err")"
done
# What a schema is called begins with a verb.
for schema in "$top"/docs/schemas/*.json; do
  schema=$(basename "$schema" .json)
  case $schema in error|help) continue ;; esac
  [[ " ${verbs[*]} " = *" ${schema%%-*} "* ]] && ok || bad "docs/schemas/$schema.json is of no verb"
done
for verb in $(jq -r '.verbs[] | select(.has_json) | .name' "$dir/table"); do
  compgen -G "$top/docs/schemas/$verb*.json" >/dev/null && ok || bad "$verb --json has no schema"
done
for name in tillwatchd tillwatch-host; do
  program=$build/tillwatch-host
  [ "$name" = tillwatch-host ] || program=$build/agent/tillwatchd
  mapfile -t lines < <("$program" --help | sed -n '/^Examples$/,/^$/s/^  //p')
  [ "${#lines[@]}" -gt 0 ] && ok || bad "$name --help has no example"
  for line in "${lines[@]}"; do example "$name" "$program" "$line"; done
  compgen -G "$top/docs/man/$name.8" >/dev/null && ok || bad "there is no $name(8)"
done
"$build/agent/tillwatchd" -c "$dir/shop.yaml" --json 2>"$dir/err"
[ $? = 64 ] && ok || bad 'tillwatchd --json starts an agent'

# --- completion: each verb, each option, and none that there is not --------------------------------------------------------
options() { # VERB: as --help lists them
  "$tillwatch" "$1" --help | sed -nE 's/^ +(-[A-Za-z0-9], )?(--[a-z-]+).*/\2/p' | sort
}
offered() { # WHAT WANTED GOT
  [ "$2" = "$3" ] && ok || bad "completion: $1: $(diff <(echo "$2") <(echo "$3") | grep '^[<>]' | tr '\n' ' ')"
}
all=$(printf '%s\n' "${verbs[@]}" | sort)
words=$(printf 'list\ntest')
in_bash() { # WORDS...: what is offered for the last
  bash -c 'source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _tillwatch; printf "%s\n" "${COMPREPLY[@]}"' bash "$build/packaging/tillwatch" "$@" | sort
}
in_zsh() { # WORDS...
  zsh -fc 'words=("${@:2}"); CURRENT=$(($# - 1))
    _describe() { print -l -- ${verbs%%:*} }
    _arguments() { for a; do [[ $a == --* ]] && print -- ${${a%%\[*}%%=*}; [[ $a == 1:* ]] && print -l -- $args; done }
    source "$1"' zsh "$build/packaging/_tillwatch" "$@" | sort | sed '/^$/d'
}
in_fish() { # LINE
  (cd "$dir/plugins" && HOME=$dir XDG_CONFIG_HOME=$dir XDG_DATA_HOME=$dir fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$build/packaging/tillwatch.fish" "$1") | cut -f1 | grep -v '\.so$' | sort
}
for shell in bash zsh fish; do
  command -v "$shell" >/dev/null || { echo "not tried: $shell is missing (scripts/setup --test)"; continue; }
  for name in tillwatch tillwatchd; do
    case $shell in bash) file=$name ;; zsh) file=_$name ;; fish) file=$name.fish ;; esac
    "$shell" -n "$build/packaging/$file" 2>"$dir/err" && [ -s "$build/packaging/$file" ] && ok || bad "$shell: $file: $(head -n 2 "$dir/err")"
    [ "$name" = tillwatch ] && continue
    for option in $("$build/agent/tillwatchd" --help | sed -nE 's/^ +(-[a-z], )?--([a-z-]+).*/\2/p'); do
      grep -qE -- "(--|-l )$option([ =[]|$)" "$build/packaging/$file" && ok || bad "$shell does not complete tillwatchd --$option"
    done
  done
  case $shell in
    bash)
      offered "$shell, verbs" "$all" "$(in_bash tillwatch '' | grep -vxE 'help|version')"
      offered "$shell, words" "$words" "$(in_bash tillwatch notify '')" ;;
    zsh)
      offered "$shell, verbs" "$all" "$(in_zsh tillwatch '')"
      offered "$shell, words" "$words" "$(in_zsh tillwatch notify '' | grep -v '^--')" ;;
    fish)
      offered "$shell, verbs" "$all" "$(in_fish 'tillwatch ')"
      offered "$shell, words" "$words" "$(in_fish 'tillwatch notify ')" ;;
  esac
  for verb in "${verbs[@]}"; do
    case $shell in
      bash) offered "$shell, $verb" "$(options "$verb")" "$(in_bash tillwatch "$verb" --)" ;;
      zsh) offered "$shell, $verb" "$(options "$verb")" "$(in_zsh tillwatch "$verb" -- | grep '^--')" ;;
      fish) offered "$shell, $verb" "$(options "$verb")" "$(in_fish "tillwatch $verb --" | grep '^--')" ;;
    esac
  done
done

ended "$(tail -n 1 "$dir/judged")"
