#!/usr/bin/env bash
# trees.sh - packages in bare Debian systems: built there, installed, watched and paged with, upgraded over a store that is
# kept, removed, purged.
#   tests/packaging/trees.sh [--keep] [SUITE...]     default: bookworm trixie; root; about ten minutes a suite
# Needs debootstrap. A tree that stands from a run before (--keep) is used again. Ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
keep=''
[ "${1:-}" = --keep ] && { keep=yes; shift; }
[ $# -gt 0 ] || set -- bookworm trixie
work=${TILLWATCH_TREES:-${TMPDIR:-/tmp}/tillwatch-trees}
passed=0 failed=0 mounted=()
say() { printf '%s  %s\n' "$(date -u +%T)" "$1"; }
ok() { passed=$((passed + 1)); say "ok    $1"; }
no() { failed=$((failed + 1)); say "FAIL  $1"; tail -15 "$log" | sed 's/^/        | /'; }
check() { local name=$1; shift; if "$@" >>"$log" 2>&1; then ok "$name"; else no "$name"; return 1; fi; }
release() { local m; for m in "${mounted[@]}"; do umount "$m" 2>/dev/null; done; mounted=(); }
trap release EXIT
trap 'exit 130' INT TERM
[ "$(id -u)" = 0 ] || { echo 'trees.sh: root is needed' >&2; exit 77; }
command -v debootstrap >/dev/null || { echo 'trees.sh: debootstrap is missing (apt install debootstrap)' >&2; exit 77; }
mkdir -p "$work"
log=$work/log
: >"$log"
# Packages come from where this machine has its own.
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*debian\)\/* .*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -1)
[ -n "$mirror" ] || { echo 'trees.sh: no mirror of Debian in /etc/apt' >&2; exit 69; }

in_tree() { DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$tree" "$@"; }
prepare() { # a bare tree with what building needs
  if [ ! -x "$tree/usr/bin/apt-get" ]; then
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$tree" "$mirror" || return 1
  fi
  for m in proc dev/shm; do
    mkdir -p "$tree/$m"
    mount -t "$([ $m = proc ] && echo proc || echo tmpfs)" none "$tree/$m" && mounted+=("$tree/$m")
  done
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
  chmod 755 "$tree/usr/sbin/policy-rc.d"
  in_tree apt-get update -qq
}
copy() { # VERSION: the tracked files as a source tree, as that version
  rm -rf "$tree/src/tillwatch-$1"
  mkdir -p "$tree/src/tillwatch-$1"
  git ls-files -z | tar -c --null -T - | tar -x -C "$tree/src/tillwatch-$1"
  [ "$1" = 0.1.0 ] || sed -i "1s/(0.1.0-1)/($1-1)/" "$tree/src/tillwatch-$1/debian/changelog"
}
build() { # VERSION
  copy "$1"
  in_tree sh -c "cd /src/tillwatch-$1 && apt-get install -y -qq --no-install-recommends build-essential fakeroot devscripts equivs lintian && mk-build-deps -i -r -t 'apt-get -y -qq --no-install-recommends' debian/control && DEB_BUILD_OPTIONS='nocheck noautodbgsym parallel=$(nproc)' dpkg-buildpackage -us -uc -b"
}
debs() { (cd "$tree" && ls src/tillwatch_"$1"-1_*.deb src/tillwatch-plugins_"$1"-1_*.deb | sed 's|^|/|'); }
install_() { # VERSION
  # shellcheck disable=SC2046
  in_tree apt-get install -y -qq --no-install-recommends $(debs "$1") python3
}
# A second version of the same sources: what is upgraded is the package, over the store of the one before.
rebuild() { # VERSION
  copy "$1"
  rm -rf "$tree/src/tillwatch-$1/_build"
  in_tree sh -c "cd /src/tillwatch-$1 && DEB_BUILD_OPTIONS='nocheck noautodbgsym parallel=$(nproc)' dpkg-buildpackage -us -uc -b"
}
# As its own user, with its own folders: the agent measures for some seconds and ends; how many samples are there?
measure() {
  in_tree sh -c 'mkdir -p /etc/tillwatch /run/tillwatch && chown tillwatch /run/tillwatch
    printf "shop: {name: acme}\ndefaults: {interval: 1s, timeout: 900ms}\nprobes:\n  - {name: page, plugin: storefront, url: \"http://127.0.0.1:9/\"}\n" >/etc/tillwatch/tillwatch.yaml
    chown root:tillwatch /etc/tillwatch/tillwatch.yaml && chmod 640 /etc/tillwatch/tillwatch.yaml
    setpriv --reuid tillwatch --regid tillwatch --init-groups tillwatchd -c /etc/tillwatch/tillwatch.yaml & pid=$!
    for i in $(seq 100); do tillwatch probes 2>/dev/null | grep -q page && break; sleep 0.1; done
    sleep 6; tillwatch query "count_over_time(tillwatch_probe_verdict{probe=\"page\"}[30d])" --json | grep -o "\"[0-9]*\"" | tr -d \" >/samples
    kill $pid; wait $pid; cat /samples; test -s /samples'
}

for suite in "$@"; do
  tree=$work/$suite
  say "Debian $suite"
  check "$suite: a bare system" prepare || { release; continue; }
  check "$suite: packages are built" build 0.1.0 || { release; continue; }
  check "$suite: lintian finds no error and warns of nothing" in_tree sh -c 'cd /src && lintian --allow-root --fail-on error,warning tillwatch_0.1.0-1_*.changes'
  check "$suite: they are installed" install_ 0.1.0
  check "$suite: user, groups and folders are there" in_tree sh -c 'id tillwatch && getent group tillwatch-act && test -d /etc/tillwatch || { mkdir -p /etc/tillwatch; id tillwatch; }'
  check "$suite: the smoke test" in_tree bash /src/tillwatch-0.1.0/debian/tests/smoke
  check "$suite: it measures as its own user" measure
  before=$(cat "$tree/samples")
  check "$suite: a later version is built" rebuild 0.1.1
  check "$suite: and installed over it" install_ 0.1.1
  check "$suite: it goes on measuring" measure
  after=$(cat "$tree/samples")
  if [ "${after:-0}" -gt "${before:-0}" ] && [ "${before:-0}" -gt 0 ]; then ok "$suite: the store was kept: $before samples, then $after"; else no "$suite: the store was not kept: $before samples, then $after"; fi
  check "$suite: removed, what was measured stays" in_tree sh -c 'apt-get remove -y -qq tillwatch tillwatch-plugins && test -e /var/lib/tillwatch/live.db && test ! -e /usr/sbin/tillwatchd'
  check "$suite: purged, nothing is left" in_tree sh -c 'apt-get purge -y -qq tillwatch tillwatch-plugins && test ! -e /var/lib/tillwatch && test ! -e /etc/tillwatch && ! find /usr /etc /var/lib -name "*tillwatch*" ! -path "*/dpkg/*" ! -path "/var/lib/systemd/*" ! -path "*build-deps*" | grep .'
  release
  [ -n "$keep" ] || rm -rf --one-file-system "$tree"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
