# with-rig.sh - what the tests on the rig share; they source it, and the rig is up. It sets
#   here, top, build, tillwatch   this folder, the source, the build (top_builddir) and its command line
#   dir                           a folder of the test's own; it goes at the end and stays when a check has failed
#   door                          the shop's address; its other ports are RIG_*_PORT
# The rig, and what a test started and named in `agent` and `pids`, end with it. A test ends with `count`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${top_builddir:-$top/build}
tillwatch=$build/cli/tillwatch
dir=$(mktemp -d "${TMPDIR:-/tmp}/tillwatch-rig-$(basename "$0" .sh).XXXXXX")
passed=0 failed=0 agent='' pids=()
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
export RIG_HOME=${RIG_HOME:-${TMPDIR:-/tmp}/tillwatch-rig-home}
export RIG_DOOR_PORT=$(free_port) RIG_TLS_PORT=$(free_port) RIG_SHOP_PORT=$(free_port) RIG_PG_PORT=$(free_port)
door=http://127.0.0.1:$RIG_DOOR_PORT

cleanup() {
  local p
  for p in $agent "${pids[@]}"; do kill "$p" 2>/dev/null; done
  for p in $agent "${pids[@]}"; do wait "$p" 2>/dev/null; done
  "$here/rig" down >/dev/null 2>&1
  if [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]; then rm -rf "$dir"; else echo "kept: $dir"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '%s  %s\n' "$(date -u +%T)" "$1"; }
ok() { passed=$((passed + 1)); say "ok    $1"; }
no() { failed=$((failed + 1)); say "FAIL  $1"; tail -5 "$dir/agent.log" | sed 's/^/        | /'; "$tillwatch" status | sed 's/^/        | /'; }
within() { # SECONDS NAME COMMAND...: it becomes true
  local limit=$((SECONDS + $1)) name=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$limit" ] || { no "$name"; return 1; }
    sleep 0.3
  done
  ok "$name"
}
same() { if [ "$2" = "$3" ]; then ok "$1: $2"; else no "$1: $2, and not $3"; fi; } # NAME GOT WANTED
count() { echo "$passed passed, $failed failed"; [ "$failed" -eq 0 ]; }
sql() { psql -qAt -h 127.0.0.1 -p "$RIG_PG_PORT" -U postgres -d shop -c "$1"; }

say "the rig comes up"
"$here/rig" up >"$dir/rig.log" 2>&1 || { tail -20 "$dir/rig.log"; echo "the rig did not come up"; echo "0 passed, 1 failed"; exit 1; }
sql "alter database shop set timezone = 'UTC'"
