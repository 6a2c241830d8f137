# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Sourced by script tests: a real pmemd on a free port of 127.0.0.1 and on a Unix socket. All that
# is started here is ended at exit, by its own process id.
#
#   . tests/lib/server.sh
#   server_up [OPTION...]       sets $server (pid), $port, $tcp_uri, $unix_uri; region demo, 64 MiB
#   server_down                 SIGTERM; fails unless it ends with 0 and said nothing bad
set -u

: "${PMEMD_BIN_DIR:?the folder with pmemd, pmemctl and pmemd-bench}"
work=$(mktemp -d "${TMPDIR:-/tmp}/pmemd-test-XXXXXX")
server='' port='' tcp_uri='' unix_uri=''

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

skip() {
    printf '%s\n' "$*"
    exit 77
}

server_cleanup() {
    local code=$?
    trap - EXIT
    if [ -n "$server" ]; then
        kill -KILL "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    if [ "$code" -ne 0 ] && [ "$code" -ne 77 ] && [ -e "$work/log" ]; then
        tail -n 40 "$work/log"
    fi
    rm -rf "$work"
    exit "$code"
}
trap server_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# server_start OPTION...: 0 when it serves; 1 when the port was somebody else's.
server_start() {
    local code
    port=$((20000 + RANDOM % 12000)) # below the range for outgoing ports
    "$PMEMD_BIN_DIR/pmemd" --listen "127.0.0.1:$port" --listen "unix:$work/s" \
        --region name=demo,medium=mem,size=64M "$@" >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 400); do
        grep -q ' server.ready ' "$work/log" && return 0
        if ! kill -0 "$server" 2>/dev/null; then
            wait "$server"
            code=$?
            server=
            [ "$code" -ne 3 ] || skip "$(tail -n 1 "$work/log")"
            grep -q 'ddress already in use' "$work/log" && return 1
            fail "the server ended with $code"
        fi
        sleep 0.05
    done
    fail "the server does not become ready"
}

server_up() {
    local tries
    for tries in 1 2 3 4 5; do
        server_start "$@" && break
        [ "$tries" -lt 5 ] || fail "no free port"
    done
    # shellcheck disable=SC2034  # for whoever sources this
    tcp_uri="pmemd://127.0.0.1:$port/demo"
    # shellcheck disable=SC2034
    unix_uri="pmemd+unix://$work/s?region=demo"
}

server_down() {
    local code=0
    kill -TERM "$server" || fail "the server is gone"
    wait "$server" || code=$?
    server=
    [ "$code" -eq 0 ] || fail "the server ended with $code"
    ! grep -qiE 'assertion|Sanitizer|runtime error|shard\.broken' "$work/log" ||
        fail "the server said something bad"
}
