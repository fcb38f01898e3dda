#!/usr/bin/env bash
# examples.sh - each of config/examples is a configuration that this version takes, with nothing but the environment it names;
# its header says whether it was tried; one misspelt key in it is refused, with its place. Nothing is asked, nothing listens.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { cat "$dir/out" 2>/dev/null; }
# names FILE: what it wants of the environment
names() { grep -v '^ *#' "$1" | grep -oE '\$\{env:[A-Z_]+\}' | sort -u | sed 's/^..env:\(.*\)}$/\1/'; }
# taken FILE [NAME]: with a harmless value for each name but NAME, and with no other environment
taken() {
  local set=() name
  for name in $(names "$1"); do [ "$name" = "${2:-}" ] || set+=("$name=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"); done
  env -i PATH="$PATH" TMPDIR="$dir" TILLWATCH_HOST="$TILLWATCH_HOST" TILLWATCH_PLUGINS="$TILLWATCH_PLUGINS" "${set[@]}" \
    "$tillwatch" check -c "$1" >"$dir/out" 2>&1
}
platforms='magento medusa plain shopify shopware vendure woocommerce'
[ "$(cd "$top/config/examples" && echo *.yaml)" = "$(printf '%s.yaml ' $platforms | sed 's/ $//')" ] || fail 'the platforms are others than these'
for p in $platforms; do
  file=$top/config/examples/$p.yaml
  taken "$file" || fail "$p: check refuses it"
  grep -q "$p.yaml: ok: " "$dir/out" || fail "$p: check does not say ok"
  ok "$p: check takes it"

  # Comments stand before the first key; one of them says what was tried.
  sed '/^[^#]/,$d' "$file" >"$dir/head"
  [ "$(grep -cE '^# (Tried|Not tried): ' "$dir/head")" = 1 ] || fail "$p: the header does not say whether it was tried"
  for name in $(names "$file"); do
    grep -qE "(^#| )[ ]*$name( |\$)" "$dir/head" || fail "$p: the header does not say what $name is"
  done
  if sed 's/#.*//' "$file" | grep -F '${file:'; then fail "$p: wants a file that is not there"; fi
  grep -q '^# .*@' "$dir/head" && fail "$p: the header is not filled in"
  ok "$p: its header says what was tried and what it needs"

  # A name without its value, a key misspelt, an option that only the plugin can judge: each is refused with its place.
  name=$(names "$file" | head -1)
  taken "$file" "$name" && fail "$p: taken without $name"
  grep -qE "$p.yaml:[0-9]+:[0-9]+: .*$name" "$dir/out" || fail "$p: nothing is said of $name"
  line=$(grep -nE '^    (grace|rate|routes|source|interval|plugin):' "$file" | head -1 | cut -d: -f1)
  sed "${line}s/\(^ *[a-z]*\)\([a-z]\):/\1:/" "$file" >"$dir/$p.yaml"
  taken "$dir/$p.yaml" && fail "$p: a misspelt key is taken (line $line)"
  grep -qE "$p.yaml:$line:[0-9]+: .*did you mean" "$dir/out" || fail "$p: a misspelt key has no place (line $line)"
  sed 's/compare: {orders: {max_lag: 5m}, payments:/compare: {orders: {max_lag: 5m}, elsewhere:/' "$file" >"$dir/$p.yaml"
  taken "$dir/$p.yaml" && fail "$p: a source that is not there is taken"
  grep -qE "$p.yaml:[0-9]+:[0-9]+: probes\[[0-9]+\]\.compare.*elsewhere" "$dir/out" || fail "$p: a source that is not there has no place"
  ok "$p: what is wrong in it is refused, with its place"
done
ended
