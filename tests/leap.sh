# shellcheck shell=bash disable=SC2154
# leap.sh - for scripts: a clock that leaps while all wait (leap.h), and how programs are started under it. Sourced; $build and $dir
# are the script's. Programs: "${then[@]}" PROGRAM; their hosts: TILLWATCH_HOST=$dir/host. End it: kill $leap_pid.
leap_start() { # [FROM [STEP_MS]]: unix seconds; how far it leaps at once
  rm -f "$dir/clock"
  "$build/tests/leap-clock" "$dir/clock" run "$@" &
  leap_pid=$!
  until [ -s "$dir/clock" ]; do kill -0 "$leap_pid" || return 1; sleep 0.05; done
  then=(env "LEAP_FILE=$dir/clock" "LD_PRELOAD=$build/tests/.libs/leap.so")
  printf '#!/bin/sh\nLEAP_FILE=%s LD_PRELOAD=%s exec %s "$@"\n' "$dir/clock" "$build/tests/.libs/leap.so" "$build/tillwatch-host" >"$dir/host"
  chmod 755 "$dir/host"
}
leap_now() { "$build/tests/leap-clock" "$dir/clock" now | cut -d. -f1; }
leap_until() { "$build/tests/leap-clock" "$dir/clock" until "$1" >/dev/null; }
# leap_till SECONDS COMMAND...: leaps until the command succeeds; prints after how many seconds. False: not within so many
leap_till() {
  local from limit
  from=$(leap_now) limit=$(($(leap_now) + $1))
  until "${@:2}" >"$dir/out" 2>&1; do
    [ "$(leap_now)" -lt "$limit" ] || { cat "$dir/out"; return 1; }
    leap_until $(($(leap_now) + 5))
  done
  echo $(($(leap_now) - from))
}
