#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: a READ is as of one moment per extent, and no acknowledged WRITE is forgotten, while many
# overlapping requests of many connections are in flight, under each send policy.
# Method: pmemd-bench --op torn stamps every word and judges every byte it reads; the run counts
# only if it met enough overlaps. Usage: torn.sh [SECONDS]
# shellcheck source=tests/lib/server.sh
. "$(dirname "$0")/../lib/server.sh"

secs=${1:-3}

# value FILE KEY: a number of the JSON line.
value() {
    sed -n "s/.*\"$2\":\([0-9][0-9]*\).*/\1/p" "$1"
}

# torn URI SECONDS ARGS...
torn() {
    local uri=$1 run=$2 code=0 key
    shift 2
    "$PMEMD_BIN_DIR/pmemd-bench" --uri "$uri" --op torn --secs "$run" --json "$@" \
        >"$work/out" 2>"$work/err" || code=$?
    [ "$code" -eq 0 ] || fail "torn $* ends with $code: $(cat "$work/out" "$work/err")"
    for key in torn stale errors lost; do
        [ "$(value "$work/out" $key)" = 0 ] || fail "$key: $(cat "$work/out" "$work/err")"
    done
    printf '%-46s %8s overlaps, 0 torn, 0 stale\n' "${uri%%:*} $*" "$(value "$work/out" overlaps)"
}

enough() {
    [ "$(value "$work/out" overlaps)" -gt 10000 ] ||
        fail "only $(value "$work/out" overlaps) overlaps: that proves little"
}

for policy in auto zc; do
    printf -- '--send %s\n' "$policy"
    server_up --send "$policy"
    torn "$tcp_uri" "$secs"
    enough
    torn "$tcp_uri" "$secs" --bs 4K --conns 4 --qd 8
    enough
    # What once hung: many small ones that wait for each other, on either transport.
    torn "$unix_uri" 1 --bs 16K --conns 4 --qd 16
    torn "$unix_uri" 1 --bs 4K --conns 4 --qd 16
    torn "$tcp_uri" 1 --bs 64K --conns 8 --qd 4 --crc
    server_down
done
