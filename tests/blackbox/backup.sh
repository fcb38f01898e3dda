#!/usr/bin/env bash
# backup.sh - docs/examples/backup.py: a store with days that are over is copied while its agent writes; the copy is whole, an agent
# goes on from it with every sample, a second copy takes only what is new; a damaged copy is found, a store is never copied over.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { cat "$dir/out"; tail -n 5 "$dir"/*.log; ls -l "$dir" "$dir/store" "$dir/copy"; }
export TILLWATCH_SOCKET=$dir/agent.sock
days=$((3 * 86400))
printf '#!/bin/sh\nLD_PRELOAD=%s PAST_SECONDS=%s exec %s "$@"\n' "$build/tests/.libs/past.so" $days "$build/tillwatch-host" >"$dir/past-host"
chmod 755 "$dir/past-host"
config() { # STORE
  printf 'shop: {name: acme}\nagent: {store: {path: "%s"}, api: {socket: "%s"}}\ndefaults: {interval: 1s, timeout: 500ms}\n' "$1" "$dir/agent.sock"
  printf 'probes: [{name: page, plugin: storefront, url: "http://127.0.0.1:9/"}]\n'
}
config "$dir/store" >"$dir/shop.yaml"
config "$dir/copy" >"$dir/copied.yaml"
chmod 600 "$dir"/*.yaml
# samples TIME: how many there are up to then
samples() { "$tillwatch" query 'sum(count_over_time(tillwatch_probe_failed[7d]))' --at "$1" --json | sed -n 's/^ *"\([0-9]*\)"$/\1/p'; }
measures() { "$tillwatch" query 'count_over_time(tillwatch_probe_failed[1m]) > 3' --json | grep -q '"value"'; }
backup() { python3 "$top/docs/examples/backup.py" "$dir/store" "$dir/copy"; }

while [ "$(date -u +%H%M)" = 2359 ]; do sleep 1; done # one day is over, not two
TILLWATCH_HOST=$dir/past-host LD_PRELOAD=$build/tests/.libs/past.so PAST_SECONDS=$days "$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/past.log" 2>&1 &
agent=$!
within 30 'an agent of three days ago has measured' eval 'LD_PRELOAD=$build/tests/.libs/past.so PAST_SECONDS=$days measures'
past=$(($(date +%s) - days))
had=$(LD_PRELOAD=$build/tests/.libs/past.so PAST_SECONDS=$days samples "$past")
kill "$agent"; wait "$agent"
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
within 60 'the day that is over becomes a file' eval 'compgen -G "$dir/store/d-*.db"'
within 30 'the agent of today measures' measures
[ "${had:-0}" -ge 3 ] && [ "$(samples "$past")" -ge "$had" ] || fail "the agent of today has the $had samples of three days ago"
ok 'a store with a day that is over, and an agent that writes'

backup >"$dir/out" 2>&1 || fail 'the copy is made while the agent writes'
grep -q ', 1 days, 1 of them new$' "$dir/out" || fail 'it has the day'
"$tillwatch" db check "$dir/copy" >"$dir/out" 2>&1 || fail 'the copy is whole'
ok 'copied while it is written to; the copy is whole'
touch "$dir/copy/d-20200101.db"
inode=$(stat -c %i "$(ls -d "$dir"/copy/d-*.db | tail -n 1)")
backup >"$dir/out" 2>&1 || fail 'it is made again'
grep -q ', 1 days, 0 of them new$' "$dir/out" || fail 'a day is copied once'
[ "$(stat -c %i "$dir"/copy/d-*.db)" = "$inode" ] || fail 'a day is copied once, and one that is gone is gone'
ok 'again: only what is new; a day that the store has no more is gone'
python3 "$top/docs/examples/backup.py" "$dir/copy" "$dir/store" >"$dir/out" 2>&1 && fail 'a store is no copy'
[ -s "$dir/store/store.lock" ] || fail 'a store is left alone'
ok 'a store is never copied over'

# What is in the copy: every sample up to when it was made.
within 30 'four samples of each of the two agents' eval 'at=$(date +%s); want=$(samples "$at"); [ "${want:-0}" -ge 8 ]'
backup >"$dir/out" 2>&1 || fail 'a third time'
kill "$agent"; wait "$agent"
"$build/agent/tillwatchd" -c "$dir/copied.yaml" >"$dir/copied.log" 2>&1 &
agent=$!
within 30 'an agent goes on from the copy' measures
got=$(samples "$at")
[ "${got:-0}" -ge "$want" ] || fail "the copy has $got of $want samples"
"$tillwatch" query 'count_over_time(tillwatch_probe_failed[1h] offset 3d)' --json | grep -q '"value"' || fail 'those of three days ago too'
within 30 'nothing in it is damaged' grep -q 'checked after an unclean stop, 0 damaged' "$dir/copied.log"
ok "an agent goes on from it with all $want samples"

kill "$agent"; wait "$agent"; agent=''
python3 - "$dir"/copy/d-*.db <<'P'
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(-3000, 2)
    f.write(b'\xff' * 2000)
P
"$tillwatch" db check "$dir/copy" >"$dir/out" 2>&1 && fail 'a damaged copy is found'
ok 'a damaged copy is found'
ended
