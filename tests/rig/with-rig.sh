# with-rig.sh - what the tests on the rig share beyond tests/check.sh; they source it, and the rig is up. It sets
#   here   this folder
#   door   the shop's address; its other ports are RIG_*_PORT
# The rig ends with the test. A check that fails is told, and the test goes on; it ends with `count`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../check.sh"
export RIG_HOME=${RIG_HOME:-${TMPDIR:-/tmp}/tillwatch-rig-home}
export RIG_DOOR_PORT=$(free_port) RIG_TLS_PORT=$(free_port) RIG_SHOP_PORT=$(free_port) RIG_PG_PORT=$(free_port)
door=http://127.0.0.1:$RIG_DOOR_PORT

at_end() { "$here/rig" down >/dev/null 2>&1; }
say() { printf '%s  %s\n' "$(date -u +%T)" "$1"; }
ok() { n=$((n + 1)); say "ok    $1"; }
fail() { bad "$@"; evidence 2>&1 | sed 's/^/        | /'; return 1; }
same() { if [ "$2" = "$3" ]; then ok "$1: $2"; else fail "$1" "$2, and not $3"; fi; } # NAME GOT WANTED
count() { echo "$n passed, $red failed"; [ "$red" -eq 0 ]; exit; }
sql() { psql -qAt -h 127.0.0.1 -p "$RIG_PG_PORT" -U postgres -d shop -c "$1"; }

say "the rig comes up"
"$here/rig" up >"$dir/rig.log" 2>&1 || { bad 'the rig comes up' "$(tail -20 "$dir/rig.log")"; count; }
sql "alter database shop set timezone = 'UTC'"
