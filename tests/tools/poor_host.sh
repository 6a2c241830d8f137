#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: the scripts' promises on poor hosts. Packages present: apt is never called. Missing without
# root: the one line, exit 3. nr_hugepages: raised only if needed, put back, a refusal is no error.
# Method: scripts/lib.sh with dpkg-query, apt-get, id, sudo and the kernel's file replaced.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

fake() { # PROGRAM: its script on standard input
    put "bin/$1"
    chmod +x "$tree/bin/$1"
}
with_lib() { # COMMANDS, run with scripts/lib.sh and the fakes in front
    PATH=$tree/bin:$PATH bash -c "set -euo pipefail; . '$src/scripts/lib.sh'; $1"
}
calls() {
    cat "$tree/calls" 2>/dev/null || true
}

fake dpkg-query <<<'#!/bin/sh
case $* in *clang*|*cmocka*) exit 1 ;; *) echo installed ;; esac'
fake apt-get <<<"#!/bin/sh
echo \"apt-get \$*\" >>'$tree/calls'"
fake id <<<'#!/bin/sh
echo 1000'
fake sudo <<<'#!/bin/sh
exit 1'

expect 0 "" with_lib 'need_packages build'
[ -z "$(calls)" ] || fail "apt was called with nothing missing: $(calls)"

expect 3 "apt-get install -y --no-install-recommends clang-format clang-tidy libcmocka-dev" \
    with_lib 'need_packages build test </dev/null'
[ -z "$(calls)" ] || fail "apt was called without root: $(calls)"

fake sudo <<<"#!/bin/sh
[ \"\$1\" != -n ] || shift
exec \"\$@\""
expect 0 "installing 3 packages" with_lib 'need_packages build test </dev/null'
grep -q '^apt-get .*update' <<<"$(calls)" || fail "sudo: no update: $(calls)"
grep -q '^apt-get .*install .*clang-tidy' <<<"$(calls)" || fail "sudo: no install: $(calls)"

# A pretended kernel: $tree/nr is nr_hugepages, all of them free, memory in plenty.
kernel="hugepages_control() { echo '$tree/nr'; }
    hugepages_free() { cat '$tree/nr'; }
    meminfo() { echo 99999999; }"
echo 5 >"$tree/nr"
expect 0 "5 of 2 MiB are free, 4 needed; nr_hugepages stays" with_lib "$kernel; hugepages_want 4"
expect 0 "nr_hugepages 5 -> 9" with_lib "$kernel; hugepages_want 9"
echo 5 >"$tree/nr"
expect 0 "nr_hugepages restored 9 -> 5" with_lib "$kernel; hugepages_want 9; hugepages_restore"
[ "$(cat "$tree/nr")" = 5 ] || fail "nr_hugepages is $(cat "$tree/nr") at the end"
expect 0 "may not be raised here" \
    with_lib "$kernel; hugepages_write() { return 1; }; hugepages_want 9; hugepages_restore"
expect 0 "too little memory" with_lib "$kernel; meminfo() { echo 262144; }; hugepages_want 9"
