#!/usr/bin/env bash
# check-frames.sh - the goldens are what the code draws; each as wide and high as it says, none with a
# control byte.
set -eu
top=${top_srcdir:?}
cd "$top/tests/golden/frames"
for f in *.[0-9]*x[0-9]*.*.txt; do
  size=$(printf %s "$f" | cut -d. -f2)
  n=$(sed '/^--$/,$d' "$f" | wc -l)
  w=$(sed '/^--$/,$d' "$f" | LC_ALL=C.UTF-8 wc -L)
  [ "$n" -eq "${size#*x}" ] || { echo "$f: $n rows, not ${size#*x}"; exit 1; }
  [ "$w" -le "${size%x*}" ] || { echo "$f: $w columns, not ${size%x*}"; exit 1; }
done
if grep -lP '[\x00-\x08\x0b-\x1f\x7f]' -- *.txt; then echo "a control byte in a frame"; exit 1; fi
if LC_ALL=C grep -lP '[\x80-\xff]' -- *.ascii.txt; then echo "not ASCII"; exit 1; fi
exec "$top/tests/golden/remake.sh" "${top_builddir:?}" --check
