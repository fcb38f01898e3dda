#!/usr/bin/env bash
# service.sh - what a service manager hears of the agent: ready with a sentence, alive again and again, reloading and ready
# again, stopping; no host has its socket. And what shells complete.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { cat "$dir/heard"; tail -5 "$dir/agent.log"; }
touch "$dir/heard"
mkfifo "$dir/in"
# Writes what is told, a datagram a line; ends with its standard input.
cat >"$dir/manager.py" <<'P'
import os, socket, sys, threading
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1] + '/notify')
def hear():
    while True:
        text = s.recv(4096).decode()
        with open(sys.argv[1] + '/heard', 'a') as f:
            f.write(text.replace('\n', ' ') + '\n')
threading.Thread(target=hear, daemon=True).start()
sys.stdin.read()
os._exit(0)
P
python3 "$dir/manager.py" "$dir" <"$dir/in" &
exec 8>"$dir/in"
within 10 'a service manager listens' test -S "$dir/notify"
config() { # NAME
  cat >"$dir/shop.yaml" <<Y
shop: {name: $1}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
defaults: {interval: 1s, timeout: 500ms}
probes:
  - {name: page, plugin: storefront, url: "http://127.0.0.1:9/"}
Y
  chmod 600 "$dir/shop.yaml"
}
config acme
NOTIFY_SOCKET=$dir/notify WATCHDOG_USEC=900000 "$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
within 15 'ready, with a sentence' grep -q '^READY=1 STATUS=watching acme: 1 probes, 0 receivers$' "$dir/heard"
"$tillwatch" --version >/dev/null
TILLWATCH_SOCKET=$dir/agent.sock "$tillwatch" probes >"$dir/out" 2>&1 || fail 'it answers as soon as it says that it is ready'
ok 'it answers as soon as it says that it is ready'
within 10 'and lives' eval '[ "$(grep -c "^WATCHDOG=1$" "$dir/heard")" -ge 4 ]'
kill -HUP "$agent"
within 10 'it reloads' grep -q '^RELOADING=1 MONOTONIC_USEC=[0-9][0-9]*$' "$dir/heard"
within 10 'and is ready again' eval '[ "$(grep -c "^READY=1" "$dir/heard")" = 2 ]'
echo nonsense >"$dir/shop.yaml"
kill -HUP "$agent"
within 10 'after a reload that failed too' eval '[ "$(grep -c "^READY=1 STATUS=watching acme" "$dir/heard")" = 3 ]'
within 10 'a host runs' pgrep -P "$agent" -f tillwatch-host
for host in $(pgrep -P "$agent"); do
  ! tr '\0' '\n' <"/proc/$host/environ" | grep -q NOTIFY || fail 'no host has the socket'
done
ok 'no host has the socket'
kill "$agent"
within 10 'it says that it stops' grep -q '^STOPPING=1$' "$dir/heard"
wait "$agent"
agent=''

# Without a manager, and with one that is not there, nothing of it matters.
config acme
NOTIFY_SOCKET=$dir/nobody "$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
within 15 'a manager that is not there does not matter' env TILLWATCH_SOCKET="$dir/agent.sock" "$tillwatch" probes

# Who may act through the socket: root, the agent's user, a group; nobody else.
if [ "$(id -u)" = 0 ]; then
  kill "$agent" && wait "$agent"
  sed -i 's|api: {socket|api: {act_group: games, socket|' "$dir/shop.yaml"
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
  agent=$!
  export TILLWATCH_SOCKET=$dir/agent.sock
  within 15 'an agent that knows a group' "$tillwatch" probes
  chmod 755 "$dir"
  as() { setpriv --reuid nobody --regid nogroup --groups "$1" curl -s -o /dev/null -w '%{http_code}' --unix-socket "$dir/agent.sock" "${@:2}"; }
  [ "$(as root http://agent/tillwatch/v1/probes)" = 200 ] || fail 'who may open the socket may read'
  [ "$(as root -X POST http://agent/-/reload)" = 403 ] || fail 'and no more'
  [ "$(as root,games -X POST http://agent/-/reload)" = 200 ] || fail 'but who is in the group may act'
  ok 'who may open the socket may read, who is in the group may act'
fi

# Completion: every verb and option that there is, and nothing else; bash takes it.
"$tillwatch" completion bash >"$dir/bash" || fail 'bash has one'
complete_is() { # WORDS... EXPECTED
  local want=${*: -1}
  bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tillwatch 2>/dev/null; echo "${COMPREPLY[*]}"' - "$dir/bash" "${@:1:$#-1}" >"$dir/out"
  [ "$(cat "$dir/out")" = "$want" ] || fail "bash completes ${*:1:$#-1}: $(cat "$dir/out")"
}
complete_is tillwatch stat status
complete_is tillwatch status --sock --socket
complete_is tillwatch query --js --json
ok 'bash completes verbs and options'
for s in zsh fish; do
  "$tillwatch" completion $s >"$dir/$s" || fail "$s has one"
  for v in $("$tillwatch" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do grep -q "$v" "$dir/$s" || fail "$s knows $v"; done
done
ok 'zsh and fish know every verb'
"$tillwatch" completion tcsh >"$dir/out" 2>&1
[ $? = 64 ] && grep -q 'bash, zsh and fish' "$dir/out" || fail 'another shell is refused'
ok 'another shell is refused'
ended
