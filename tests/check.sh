# check.sh - what the tests of the real binaries share; they source it. It sets
#   top, build, tillwatch   the source, the build (top_srcdir, top_builddir) and its command line
#   dir                     a folder of the test's own; it goes at the end and stays after a failure, or when KEEP is set
#   seed                    of $RANDOM: SEED=N does the same again
# and exports which host and plugins the agent takes. What a test started ends with it; `agent` is the agent that is asked. A
# test may define `evidence`, what a failure shows, and `at_end`, what is to be done before its folder goes. The last thing
# that it does is `ended`.
top=$(cd "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}" && pwd)
build=$(cd "${top_builddir:-$top/build}" && pwd)
tillwatch=$build/cli/tillwatch
dir=$(mktemp -d "${TMPDIR:-/tmp}/tillwatch-$(basename "$0" .sh)-test.XXXXXX")
n=0 red=0 agent='' seed=${SEED:-$RANDOM}
RANDOM=$seed
unset TILLWATCH_CONFIG TILLWATCH_SOCKET TILLWATCH_URL
export TILLWATCH_HOST=$build/tillwatch-host TILLWATCH_PLUGINS=$build/plugins/.libs

evidence() {
  [ -z "$agent" ] || "$tillwatch" status
  [ ! -e "$dir/agent.log" ] || tail -n 20 "$dir/agent.log"
}
at_end() { :; }
finish() {
  local p
  for p in $(jobs -rp); do kill "$p" 2>/dev/null || :; done
  wait || :
  at_end
  if [ "$red" = 0 ] && [ -z "${KEEP:-}" ]; then rm -rf "$dir"; else echo "kept: $dir"; fi
  [ "$red" = 0 ] || exit 1
}
trap finish EXIT
trap 'red=1; exit 130' INT TERM

ok() { n=$((n + 1)); echo "ok $n${1:+ $1}"; }
bad() { red=$((red + 1)); printf 'FAIL: %s (seed %s)\n' "$1" "$seed"; [ -z "${2:-}" ] || printf '  %.2000s\n' "$2"; } # NAME [WHY]: the test goes on
fail() { bad "$@"; evidence; exit 1; } # NAME [WHY]: it does not
is() { # NAME GOT WANTED: as the shell's pattern says; the test goes on
  # shellcheck disable=SC2053
  if [[ $2 == $3 ]]; then ok "$1"; else bad "$1" "got    $2"$'\n'"  wanted $3"; fi
}
like() { # NAME GOT WANTED: the same, but the test does not go on
  # shellcheck disable=SC2053
  [[ $2 == $3 ]] || fail "$1" "got    ${2:0:900}"$'\n'"  wanted $3"
  ok "$1"
}
check() { # NAME COMMAND...: it is true
  local name=$1
  shift
  "$@" >"$dir/out" 2>&1 || fail "$name" "$(tail -c 2000 "$dir/out")"
  ok "$name"
}
within() { # SECONDS NAME COMMAND...: it becomes true; a machine that is busy may take three times as long
  local limit=$((SECONDS + 3 * $1)) name=$2
  shift 2
  until "$@" >"$dir/out" 2>&1; do
    [ "$SECONDS" -lt "$limit" ] || { fail "$name" "$(tail -c 2000 "$dir/out")"; return; }
    sleep 0.2
  done
  ok "$name"
}
value() { "$tillwatch" query "$1" --json 2>/dev/null | sed -n 's/^ *"\([-0-9.e+]*\)"$/\1/p'; } # EXPRESSION: its value now
reads() { [ "$(value "$1")" = "$2" ]; } # EXPRESSION VALUE
shows() { # NAME EXPRESSION VALUE: so it is now. A run that is late has no values; then the next one's are taken
  local limit=$((SECONDS + 30)) got
  until got=$(value "$2"); [ -n "$got" ] || [ "$SECONDS" -ge "$limit" ]; do sleep 0.2; done
  [ "$got" = "$3" ] || fail "$1" "$2 is ${got:-not there}, and not $3"
  ok "$1"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ended() { [ "$red" = 0 ] || exit 1; echo "ok: $n checks${1:+, $1}"; exit 0; } # [AND WHAT ELSE]
