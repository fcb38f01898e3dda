#!/usr/bin/env bash
# first-hour.sh - a newcomer with a bare Debian machine and the README: its own commands, one after the other, from the sources to a
# page that is received because the newcomer's shop is down. Prints what each step took; the bar is 15 minutes, waiting included.
#   tests/packaging/first-hour.sh [--keep] [--build DIR]   DIR has the demo shop, which runs outside (build); root
# Needs debootstrap; making the bare machine is not counted. --keep leaves it, as bare as it was, for the next run.
# Ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
keep='' build=build
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=yes ;;
    --build) build=${2:?--build needs a folder}; shift ;;
    *) sed -n '2,6p' "$0"; exit 64 ;;
  esac
  shift
done
bar_s=900
work=${TILLWATCH_TREES:-${TMPDIR:-/tmp}/tillwatch-trees}
bare=$work/bare tree=$work/first-hour passed=0 failed=0 mounted=() shop_pid='' agent_pid=''
[ "$(id -u)" = 0 ] || { echo 'first-hour.sh: root is needed' >&2; exit 77; }
command -v debootstrap >/dev/null || { echo 'first-hour.sh: debootstrap is missing (apt install debootstrap)' >&2; exit 77; }
[ -x "$build/tests/shop/tillwatch-shop" ] || { echo "first-hour.sh: no demo shop in $build (scripts/build $build)" >&2; exit 77; }
mkdir -p "$work"
dir=$(mktemp -d "$work/first-hour-run.XXXXXX")
log=$dir/log
finish() {
  local m
  [ -z "$agent_pid" ] || { kill "$agent_pid" && wait "$agent_pid"; } 2>/dev/null
  [ -z "$shop_pid" ] || { kill "$shop_pid" && wait "$shop_pid"; } 2>/dev/null
  for m in "${mounted[@]}"; do umount "$m" 2>/dev/null; done
  rm -rf --one-file-system "$tree"
  [ -n "$keep" ] || rm -rf --one-file-system "$bare"
  if [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]; then rm -rf "$dir"; else echo "kept: $log"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM
started=0 step=0
ok() { passed=$((passed + 1)); printf 'ok    %4d s  %s\n' $((SECONDS - step)) "$1"; step=$SECONDS; }
no() { failed=$((failed + 1)); printf 'FAIL  %4d s  %s\n' $((SECONDS - step)) "$1"; tail -15 "$log" | sed 's/^/        | /'; echo "$passed passed, $failed failed"; exit 1; }
in_tree() { DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$tree" sh -c "cd /root/tillwatch && $1"; }
# do_ NAME COMMAND: as a newcomer would, in the folder of the sources
do_() { echo "+ $2" >>"$log"; if in_tree "$2" >>"$log" 2>&1; then ok "$1: $2"; else no "$1: $2"; fi; }

# --- a bare machine, and the sources on it ---------------------------------------------------------------------------
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*debian\)\/* .*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -1)
[ -n "$mirror" ] || { echo 'first-hour.sh: no mirror of Debian in /etc/apt' >&2; exit 69; }
[ -e "$bare/made" ] || { rm -rf --one-file-system "$bare" && debootstrap --variant=minbase --include=ca-certificates bookworm "$bare" "$mirror" >"$log" 2>&1 && touch "$bare/made"; } || no 'a bare system'
rm -rf --one-file-system "$tree" && cp -a "$bare" "$tree" || no 'a copy of it'
for m in proc dev/shm; do
  mkdir -p "$tree/$m"
  mount -t "$([ $m = proc ] && echo proc || echo tmpfs)" none "$tree/$m" && mounted+=("$tree/$m")
done
rm -rf "$tree/root/tillwatch"
mkdir -p "$tree/root/tillwatch"
git ls-files -z | tar -c --null -T - | tar -x -C "$tree/root/tillwatch"

# --- the newcomer's shop, and where pages arrive ---------------------------------------------------------------------
"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 7200 >"$dir/shop.log" 2>&1 &
shop_pid=$!
until [ -s "$dir/shop.json" ]; do kill -0 "$shop_pid" || no 'the shop'; sleep 0.1; done
shop=http://127.0.0.1:$(sed -n 's/.*"http_port": *\([0-9]*\).*/\1/p' "$dir/shop.json")
said() { grep -q "\\\\*\"status\\\\*\": *\\\\*\"$1" "$dir/webhooks.jsonl" 2>/dev/null; }

# --- what the README says to somebody with a shop --------------------------------------------------------------------
section=$(awk '/^\*\*You watch a dashboard/ { is_on = 1 } /^\*\*You get the webhooks/ { is_on = 0 } is_on' README.md)
# line PATTERN: the command of a listing; word PATTERN: the command within the text. Without comments, with the newcomer's own names
own() { sed -e 's/ *#.*//' -e "s#https://shop.example#$shop#g; s#FILE#/root/shop.yaml#g"; }
line() { grep "^$1" <<<"$section" | head -1 | own; }
word() { grep -o "\`$1[^\`]*\`" <<<"$section" | head -1 | tr -d '`' | own; }
install=$(line scripts/setup)$(for c in scripts/build 'sudo make'; do printf ' && %s' "$(line "$c")"; done) init=$(line 'tillwatch init') check=$(word 'tillwatch check') run=$(word 'tillwatchd -c') status=$(word 'tillwatch status')
for c in "$(line scripts/setup)" "$(line scripts/build)" "$(line 'sudo make')" "$init" "$check" "$run" "$status"; do [ -n "$c" ] || no 'the README has the commands'; done
grep -q "Change the receiver's url" <<<"$section" || no "the README says to change the receiver's url"
# Root of a bare machine has no sudo, and needs none: the README says so.
if grep -q 'as root without `sudo`' <<<"$section"; then install=${install//sudo /}; fi

started=$SECONDS step=$SECONDS
do_ 'install' "$install"
do_ 'a file' "$init"
sed -i "s#https://pager.example/hook#$shop/hook/oncall#" "$tree/root/shop.yaml"
do_ 'is it right?' "$check"
echo "+ $run" >>"$log"
LC_ALL=C.UTF-8 chroot "$tree" sh -c "cd /root/tillwatch && exec $run" >>"$log" 2>&1 &
agent_pid=$!
# "5 probes, 5 ok": each of them has been measured.
until in_tree "$status" >"$dir/status" 2>&1 && grep -qE '([1-9][0-9]*) probes, \1 ok' "$dir/status"; do
  [ $((SECONDS - step)) -lt 300 ] && kill -0 "$agent_pid" 2>/dev/null || { cat "$dir/status" >>"$log"; no "it runs: $run"; }
  sleep 1
done
ok "it runs, all is well: $(head -1 "$dir/status")"
curl -sf -d '{"name": "status", "status": 500}' "$shop/control/fault" >/dev/null || no 'the shop is broken'
until said firing; do [ $((SECONDS - step)) -lt 600 ] || no 'a page comes'; sleep 1; done
ok 'the shop is down, and a page was received'
whole=$((SECONDS - started))
printf 'whole\t%d s\tbar %d s\t%s\n' "$whole" "$bar_s" "$([ "$whole" -le "$bar_s" ] && echo ok || echo short)"
if [ "$whole" -le "$bar_s" ]; then ok 'from a bare machine to a page'; else no 'from a bare machine to a page: too long'; fi
echo "$passed passed, $failed failed"
