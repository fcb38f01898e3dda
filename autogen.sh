#!/bin/sh
# autogen.sh - makes ./configure from configure.ac, in a fresh checkout.
cd "$(dirname "$0")" && mkdir -p m4 && exec autoreconf -fi
