# completion.awk - what shells need to complete a program that tells its options in --help, a line each:
#     "  -c, --config FILE       configuration (default: ...)"
#   PROGRAM --help | awk -f completion.awk -v name=PROGRAM -v shell=bash|zsh|fish
BEGIN { n = 0 }
match($0, /^ +(-[a-z], )?--[a-z-]+/) {
  split(substr($0, 1, RLENGTH), word, "--")
  option[++n] = word[2]
  rest = substr($0, RLENGTH + 1)
  value[n] = match(rest, /^ [A-Z]+/) ? substr(rest, 2, RLENGTH - 1) : ""
  if (value[n] != "") rest = substr(rest, RLENGTH + 1)
  sub(/^ +/, "", rest)
  gsub(/[\[\]:'"]/, "", rest) # words of the shells themselves
  help[n] = rest == "" ? option[n] : rest
}
END {
  if (n == 0) exit 1
  if (shell == "bash") {
    for (i = 1; i <= n; i++) all = all "--" option[i] " "
    printf "# bash completion for %s\ncomplete -o default -W \"%s\" %s\n", name, all, name
  } else if (shell == "zsh") {
    printf "#compdef %s\n_arguments", name
    for (i = 1; i <= n; i++)
      printf " \\\n  '--%s%s[%s]%s'", option[i], value[i] == "" ? "" : "=", help[i], value[i] == "" ? "" : ":" value[i] (value[i] == "FILE" ? ":_files" : "")
    print ""
  } else {
    printf "# fish completion for %s\n", name
    for (i = 1; i <= n; i++)
      printf "complete -c %s -l %s%s -d '%s'\n", name, option[i], value[i] == "" ? "" : value[i] == "FILE" ? " -r -F" : " -x", help[i]
  }
}
