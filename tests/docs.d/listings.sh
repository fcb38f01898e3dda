# listings.sh - every listing of the documents is checked, compiled, run, parsed or evaluated, or says why it is not.
# Sourced by tests/docs, which made $dir/listings (see listings.py). Counts what was done and prints it.
declare -A did=()
count() { did[$1]=$((${did[$1]:-0} + 1)); }
rows() { awk -F'\t' -v language="$1" '$4 == language && $5 != "not run"' "$dir/listings/index"; } # LANGUAGE

# --- YAML: passes `tillwatch check`; a piece gets a shop around it, a file of rules is also Prometheus' ---------------
check_yaml() { # PLACE FILE
  local file=$2
  if grep -q '^groups:' "$file"; then
    promtool check rules "$file" >"$dir/out" 2>&1 && good || bad "$1: promtool: $(tail -n 3 "$dir/out")"
    file=$dir/with-rules.yaml
    printf 'rules: ["%s"]\n' "$2" >"$file"
  fi
  grep -q '^shop:' "$file" || sed -i '1i shop: {name: example}' "$file"
  grep -q '^probes:' "$file" || printf 'probes:\n  - {name: any, plugin: storefront, url: "http://a/"}\n' >>"$file"
  chmod 600 "$file" "$2"
  # Secrets come from the environment or from files: any value will do.
  sed -i "s|\${file:[^}]*}|\${file:$dir/any.secret}|g" "$file"
  mapfile -t given < <(grep -o '${env:[A-Z_]*' "$file" | sed "s/.*://; s|\$|=$(cat "$dir/any.secret")|")
  env "${given[@]}" "$build/cli/tillwatch" check "$file" >"$dir/out" 2>&1 && good || bad "$1: $(head -n 3 "$dir/out")"
}
(umask 077; printf 'whsec_%s' "$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')" >"$dir/any.secret")
while IFS=$'\t' read -r i page at _; do
  check_yaml "$page:$at" "$dir/listings/$i.yaml"
  count 'pieces of YAML checked'
done < <(rows yaml)

# --- JSON ---------------------------------------------------------------------------------------------------------
while IFS=$'\t' read -r i page at _ mark schema _; do
  [ "$mark" = schema ] || schema=
  python3 tests/docs.d/schema.py "$dir/listings/$i.json" ${schema:+"docs/$schema"} >"$dir/out" 2>&1 && good || bad "$page:$at: $(head -n 3 "$dir/out")"
  count 'of JSON parsed'
done < <(rows json)

# --- C: above, by its name; here it is only counted ------------------------------------------------------------------
while IFS=$'\t' read -r _ page at _ mark _; do
  [ "$mark" = example ] && good || bad "$page:$at: C without a name under which it is compiled"
  count 'of C compiled'
done < <(rows c)

# --- shell, each page in its own folder, in the order in which it is read ----------------------------------------------
shown() { sed 's/\x1b\[[0-9;]*m//g; s/[0-9][0-9.,]*/0/g; s/[[:space:]]\{1,\}/ /g; s/^ //; s/ $//'; } # without digits and layout
running=()
if world_start; then
  for page in "${pages[@]}" docs/man/*; do
    awk -F'\t' -v page="$page" '$2 == page && $4 == "sh" && $5 != "not run" { found = 1 } END { exit !found }' "$dir/listings/index" || continue
    while IFS=$'\t' read -r i _ at _; do
      sed '$d' "$dir/listings/$i.sh" | grep -q ' && ' && bad "$page:$at: && before its last line: a failure would not be seen; write two lines"
    done < <(rows sh | awk -F'\t' -v page="$page" '$2 == page')
    run_page "$page" &
    running+=($!)
  done

  # --- PromQL: expressions, an empty line between two -------------------------------------------------------------------
  evaluate() { # PLACE EXPRESSION: it is evaluated without an error, and each metric is one of METRICS.md
    local metric
    TILLWATCH_SOCKET=$world/agent.sock tillwatch query "$2" --json >"$dir/out" 2>&1 && good || bad "$1: $2: $(head -n 2 "$dir/out")"
    # Texts hold no metrics; neither is a rule's name (with colons) one.
    for metric in $(sed 's/"[^"]*"//g' <<<"$2" | grep -oP '(?<![:\w])(storefront|checkout|api|inventory|tillwatch|access_log|sql|csv|http_json|pages|webhook)_[a-z_]*[a-z](?![:\w])' | sort -u); do
      grep -qF "| \`$metric\` |" docs/METRICS.md && good || bad "$1: no metric is named $metric"
    done
    count 'expressions evaluated'
  }
  while IFS=$'\t' read -r i page at _; do
    while IFS= read -r -d '' expression; do
      [ -z "${expression//[[:space:]]/}" ] || evaluate "$page:$at" "$expression"
    done < <(awk 'BEGIN { RS = "" } { gsub(/(^|\n)#[^\n]*/, ""); printf "%s%c", $0, 0 }' "$dir/listings/$i.promql")
  done < <(rows promql)
  . tests/docs.d/dashboards.sh

  # --- and what has become of the pages --------------------------------------------------------------------------------------
  [ "${#running[@]}" = 0 ] || wait "${running[@]}"
  for page in "${pages[@]}" docs/man/*; do
    here=$world/pages/$(basename "$page")
    while IFS=$'\t' read -r i _ at _ _ _ _ expects; do
      grep -qx "$i" "$here/ran" || { bad "$page:$at: it does not run: $(tail -n 4 "$here/$i.out" 2>/dev/null || tail -n 4 "$here/page.out")"; break; }
      good
      count 'blocks of commands run'
      [ "$expects" = - ] || { grep -qE -- "$expects" "$here/$i.out" && good || bad "$page:$at: it does not say \"$expects\": $(tail -n 4 "$here/$i.out")"; }
    done < <(rows sh | awk -F'\t' -v page="$page" '$2 == page')
  done
  # Output: each line is one that the block before it printed.
  last=
  while IFS=$'\t' read -r i page at language mark _; do
    [ "$language" != sh ] || { last=$world/pages/$(basename "$page")/$i.out; continue; }
    [ "$mark" = output ] || continue
    while IFS= read -r line; do
      case $line in ''|*...*) continue ;; esac
      shown <"$last" | grep -qxF -- "$(shown <<<"$line")" && good || bad "$page:$at: nobody printed: $line"
    done <"$dir/listings/$i.$language"
    count 'outputs compared'
  done <"$dir/listings/index"
fi
while IFS=$'\t' read -r _ page at language mark why _; do
  [ "$mark" != 'not run' ] || count 'not run (the page says why)'
done <"$dir/listings/index"
least() { [ "${did[$2]:-0}" -ge "$1" ] && good || bad "only ${did[$2]:-0} $2"; }
least 10 'pieces of YAML checked'
least 20 'blocks of commands run'
least 60 'expressions evaluated'
