#!/usr/bin/env bash
# remake.sh - the goldens of the dashboard: frames of all views at six sizes and three glyph sets, and a
# few states of time.
#   tests/golden/remake.sh BUILD_DIR          writes tests/golden/frames/ anew: review the diff
#   tests/golden/remake.sh BUILD_DIR --check  compares; prints the first difference, exits 1
set -eu
src=$(cd "$(dirname "$0")" && pwd)
demo=$(cd "$1" && pwd)/tui/tui-demo
mode=${2:-}
out=$src/frames
if [ "$mode" = --check ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
else
  rm -rf "$out"
  mkdir -p "$out"
fi
export LC_ALL=C.UTF-8 TZ=UTC TERM=xterm-256color
unset NO_COLOR || true
frame() { # $1: name; the rest: options
  local name=$1
  shift
  "$demo" --fixtures "$src/fixtures" --now 1795444327000 --utc --format golden "$@" >"$out/$name.txt"
}
for view in overview storefront funnel api stock; do
  case $view in funnel) probe=real-checkout ;; api) probe=shop-api ;; stock) probe=stock-parity ;; *) probe=product-page ;; esac
  for size in 60x20 80x24 100x30 120x40 140x45 200x60; do
    for glyphs in ascii block braille; do
      frame "$view.$size.$glyphs" --view $view --probe "$probe" --once $size --glyphs $glyphs
    done
  done
done
for size in 80x24 140x45; do
  frame "api-calls.$size.braille" --view api --probe shop-graphql --once $size --glyphs braille
done
shops() { # the list of three, of which one does not answer; $1: name; the rest: options
  local name=$1
  shift
  "$demo" --shop cumulus= --shop "borealis=$src/fixtures/borealis" --shop "acme-eu=$src/fixtures" --now 1795444327000 --utc \
    --format golden "$@" >"$out/$name.txt"
}
for size in 60x20 80x24 100x30 120x40 140x45 200x60; do
  for glyphs in ascii block braille; do
    shops "shops.$size.$glyphs" --once $size --glyphs $glyphs
  done
done
shops shops.mono --once 80x24 --theme mono --glyphs braille
shops shops.tiny --once 40x10 --glyphs braille
shops shops.line --once 18x3 --glyphs braille
frame stock.cursor --once 100x30 --view stock --cursor 13:55 --glyphs braille
frame overview.frozen --once 100x30 --at 14:21 --glyphs braille
frame overview.cursor --once 100x30 --cursor 14:26:30 --glyphs braille
frame storefront.cursor --once 140x45 --view storefront --probe search --cursor 14:24:15 --glyphs braille
frame storefront.fail --once 100x30 --view storefront --probe checkout-page --glyphs braille
frame storefront.15m --once 80x24 --view storefront --probe search --range 15m --glyphs braille
frame overview.mono --once 80x24 --theme mono --glyphs braille
frame overview.tiny --once 40x10 --glyphs braille
frame overview.line --once 18x3 --glyphs braille
n=$(find "$out" -name '*.txt' | wc -l)
if [ "$mode" = --check ]; then
  [ "$n" -eq 122 ] || { echo "goldens: $n frames instead of 122"; exit 1; }
  diff -r "$src/frames" "$out" | head -40 | sed 's/^/goldens: /' && diff -rq "$src/frames" "$out" >/dev/null
  echo "goldens: $n frames equal"
else
  echo "goldens: $n frames written to $out"
fi
