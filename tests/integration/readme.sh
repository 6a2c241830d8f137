#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: the C example in README.md compiles and does what the README says.
# Method: cut the first C block out of the page, compile it against the built library with every
# warning an error, run it against a server.
# Usage: readme.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
src=$1 build=$2
work=$(mktemp -d)
pid=
cleanup() {
    [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } || true
    rm -rf "$work"
}
trap cleanup EXIT

sed -n '/^```c$/,/^```$/p' "$src/README.md" | sed '/^```/d' >"$work/hello.c"
grep -q pmemd_open "$work/hello.c"
# shellcheck disable=SC2086  # SANITIZE is a list of flags
${CC:-cc} -std=c11 -Wall -Wextra -Werror ${SANITIZE:-} -I "$src/include" "$work/hello.c" \
    -o "$work/hello" -L "$build/lib" -lpmemd -Wl,-rpath,"$build/lib"

"$build/bin/pmemd" --listen "unix:$work/s" --region name=demo,medium=mem,size=8M 2>"$work/log" &
pid=$!
for _ in $(seq 100); do
    [ -S "$work/s" ] && break
    sleep 0.1
done
out=$("$work/hello" "pmemd+unix://$work/s?region=demo") || {
    cat "$work/log"
    exit 1
}
[ "$out" = hello ] || { printf 'the example printed: %s\n' "$out"; exit 1; }
