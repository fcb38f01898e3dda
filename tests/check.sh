# check.sh - what the tests of the real binaries share; they source it. It sets
#   top, build, tillwatch   the source, the build (top_srcdir, top_builddir) and its command line
#   dir                     a folder of the test's own; it goes at the end and stays after a failure
#   seed                    of $RANDOM: SEED=N does the same again
# and exports which host and plugins the agent takes. What a test started and named in `agent` and `pids` ends with it. It
# may define `evidence`, what a failure shows, and `at_end`, what is to be done before its folder goes.
top=$(cd "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}" && pwd)
build=$(cd "${top_builddir:-$top/build}" && pwd)
tillwatch=$build/cli/tillwatch
dir=$(mktemp -d "${TMPDIR:-/tmp}/tillwatch-$(basename "$0" .sh)-test.XXXXXX")
n=0 agent='' pids=() keep='' seed=${SEED:-$RANDOM}
RANDOM=$seed
unset TILLWATCH_CONFIG TILLWATCH_SOCKET TILLWATCH_URL
export TILLWATCH_HOST=$build/tillwatch-host TILLWATCH_PLUGINS=$build/plugins/.libs

evidence() {
  [ -z "$agent" ] || "$tillwatch" status
  tail -n 20 "$dir/agent.log"
}
at_end() { :; }
finish() {
  local p
  for p in $agent "${pids[@]}"; do kill "$p" 2>/dev/null; done
  for p in $agent "${pids[@]}"; do wait "$p" 2>/dev/null; done
  at_end
  [ -n "$keep" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

ok() { n=$((n + 1)); echo "ok $n $1"; }
fail() { keep=yes; echo "FAIL: $1 (seed $seed)"; evidence; echo "kept: $dir"; exit 1; }
check() { # NAME COMMAND...: it is true
  local name=$1
  shift
  "$@" >"$dir/out" 2>&1 || { cat "$dir/out"; fail "$name"; }
  ok "$name"
}
within() { # SECONDS NAME COMMAND...: it becomes true
  local limit=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >"$dir/out" 2>&1; do
    [ "$SECONDS" -lt "$limit" ] || { cat "$dir/out"; fail "$name"; }
    sleep 0.2
  done
  ok "$name"
}
like() { # NAME GOT PATTERN: a shell's pattern
  # shellcheck disable=SC2053
  [[ $2 == $3 ]] || { printf 'got    %.900s\nwanted %s\n' "$2" "$3"; fail "$1"; }
  ok "$1"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
