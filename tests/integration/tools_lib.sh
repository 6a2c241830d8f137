# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the tools' scripts: a scratch folder, a server on a Unix socket in it, checks.
# Everything started here is ended at exit, by its own process id.
# shellcheck shell=bash
# shellcheck disable=SC2034  # some of it is for whoever sources this
set -u

: "${PMEMD_BIN_DIR:?the folder with pmemd, pmemctl and pmemd-bench}"
pmemctl=$PMEMD_BIN_DIR/pmemctl
bench=$PMEMD_BIN_DIR/pmemd-bench
dir=$(mktemp -d "${TMPDIR:-/tmp}/pmemd-tools-XXXXXX")
uri="pmemd+unix://$dir/sock?region=demo"
server=
checks=0

finish() {
    local rc=$?
    if [ -n "$server" ]; then
        kill -KILL "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    [ "$rc" -ne 0 ] && [ "$rc" -ne 77 ] && tail -n 20 "$dir"/*.log 2>/dev/null
    rm -rf "$dir"
    exit "$rc"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $*"
    exit 1
}

# server_start SIZE: a fresh region of zeroes. Skips the test where io_uring is not allowed.
server_start() {
    rm -f "$dir/sock"
    "$PMEMD_BIN_DIR/pmemd" --listen "unix:$dir/sock" --region "name=demo,medium=mem,size=$1" \
        >"$dir/server.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        "$pmemctl" --timeout 1 flush "$uri" >/dev/null 2>&1 && return 0
        if ! kill -0 "$server" 2>/dev/null; then
            wait "$server"
            local rc=$?
            server=
            [ "$rc" -eq 3 ] && { tail -n 1 "$dir/server.log"; exit 77; }
            fail "the server ended with $rc"
        fi
        sleep 0.05
    done
    fail "the server does not answer"
}

server_kill() {
    kill -KILL "$server"
    wait "$server" 2>/dev/null
    server=
}

# expect CODE PATTERN COMMAND...: its exit code, and a basic regular expression in what it says
# on both streams.
expect() {
    local code=$1 pattern=$2 rc
    shift 2
    "$@" >"$dir/out.log" 2>&1
    rc=$?
    [ "$rc" -eq "$code" ] || fail "exit $rc, not $code: $*"
    grep -q -e "$pattern" "$dir/out.log" || fail "nothing like '$pattern' said by: $*"
    checks=$((checks + 1))
}
