#!/usr/bin/env bash
# host-describe.sh - `tillwatch-host --describe` and `--once` from outside: manifests, results,
# refusals with their words and exit codes, and the example of docs/PLUGINS.md, compiled and run.
set -eu
. "$(dirname "$0")/../check.sh"
host=$build/tillwatch-host plugins=$build/tests/plugins/.libs
umask 022
evidence() { cat "$dir/out" "$dir/err"; }
# expect CODE COMMAND...: its output into $dir/out, its complaints into $dir/err
expect() {
  local want=$1 got=0; shift
  "$@" >"$dir/out" 2>"$dir/err" || got=$?
  [ "$got" -eq "$want" ] || fail "exit $want: $*" "exit $got"
  ok "exit $want: ${*##*/}"
}
says() { grep -qF -- "$1" "$dir/out" "$dir/err" || fail "it says $1"; ok "says $1"; }
probe() { # PLUGIN OPTIONS
  printf '{"name":"p","plugin":"%s","interval_ms":1000,"offset_ms":0,"timeout_ms":1000,"options":%s}' "$1" "$2"
}
cp "$plugins"/*.so "$dir"

# Every plugin describes itself in one line; the ABI on paper too, sources included.
for so in "$dir"/tp_*.so "$dir"/paper_*.so; do
  case $so in *tp_old_abi.so) continue ;; esac
  expect 0 "$host" --describe "$so"
  [ "$(wc -l <"$dir/out")" -eq 1 ] || fail "$so: not one line"
  says '"metrics":['
done
[ "$(ls "$dir"/paper_*.so | wc -l)" -eq 9 ] || fail "the ABI on paper is not whole"

# What cannot be loaded says why.
expect 78 "$host" --describe "$dir/tp_old_abi.so"; says 'built for ABI 9, this host speaks 0'
expect 78 "$host" --describe "$dir/none.so"; says 'No such file'
ln -s tp_ok.so "$dir/link.so"
expect 78 "$host" --describe "$dir/link.so"; says 'symbolic link'
echo text >"$dir/text.so"
expect 78 "$host" --describe "$dir/text.so"
chmod g+w "$dir/tp_ok.so"
expect 78 "$host" --describe "$dir/tp_ok.so"; says 'group or others may write it'
chmod g-w "$dir/tp_ok.so"
mkdir -m 0777 "$dir/open"; chmod 0777 "$dir/open"; cp "$dir/tp_ok.so" "$dir/open"
expect 78 "$host" --describe "$dir/open/tp_ok.so"; says "because of the directory $dir/open"
expect 64 "$host"
expect 64 "$host" --describe

# One run without an agent; options on standard input stay out of the command line.
expect 0 "$host" --once "$dir/tp_ok.so" --probe "$(probe tp_ok '{"value":3,"word":"hello"}')"
says '"verdict":"ok"'; says '"word":"hello"'
probe tp_ok '{"word":"from stdin"}' >"$dir/in"
expect 0 "$host" --once "$dir/tp_ok.so" --probe - <"$dir/in"; says 'from stdin'
expect 78 "$host" --once "$dir/tp_refuse.so" --probe "$(probe tp_refuse '{"steps":[{"url":"bad"}]}')"
says '"refused":"steps/0/url"'
expect 78 "$host" --once "$dir/tp_ok.so" --probe "$(probe other '{}')"; says 'has no plugin other'
expect 78 "$host" --once "$dir/tp_ok.so" --probe 'no json'
expect 0 "$host" --once "$dir/tp_hang.so" --probe "$(probe tp_hang '{}')"; says '"cause":"timeout"'

# The example of the documentation is a plugin that works.
sed -n '/^<!-- example: greeting.c -->/,/^```$/p' "$top/docs/PLUGINS.md" |
  sed -e '/^<!--/d' -e '/^```/d' >"$dir/greeting.c"
grep -q TW_PLUGIN "$dir/greeting.c" || fail "no example in docs/PLUGINS.md"
${CC:-cc} -std=c11 -Wall -Wextra -Werror -Wno-missing-field-initializers -I"$top/include" -fPIC -shared \
  -fvisibility=hidden -o "$dir/greeting.so" "$dir/greeting.c"
expect 0 "$host" --describe "$dir/greeting.so"; says '"prefix":"greeting_"'
expect 0 "$host" --once "$dir/greeting.so" --probe \
  "$(probe greeting '{"url":"http://127.0.0.1:1/","word":"welcome","slow":2000000}')"
says '"verdict":"crit"'; says '"cause":"http"'
ended
