#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: every program under examples/, and the one printed in libpmemd(3), does what it says, over
#       a Unix socket and over TCP, and fails with a sentence where it cannot.
# Method: one server with two regions and both listeners, in a folder of its own; exit codes and
#         output compared, copied bytes compared with the tools.
# shellcheck shell=bash
set -u

: "${PMEMD_SOURCE_DIR:?}" "${PMEMD_BUILD_DIR:?}" "${PMEMD_BIN_DIR:?}" "${PMEMD_LIB_DIR:?}"
examples=$PMEMD_BUILD_DIR/examples
pmemctl=$PMEMD_BIN_DIR/pmemctl
dir=$(mktemp -d "${TMPDIR:-/tmp}/pmemd-examples-XXXXXX")
server=
port=
checks=0

finish() {
    local rc=$?
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
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

# Exit code 3 is also that of a port in use: another one is tried before the host is blamed.
server_start() {
    local rc=0
    for _ in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        "$PMEMD_BIN_DIR/pmemd" --listen "unix:$dir/sock" --listen "127.0.0.1:$port" \
            --region name=a,medium=mem,size=16M --region name=b,medium=mem,size=16M \
            >"$dir/server.log" 2>&1 &
        server=$!
        for _ in $(seq 200); do
            "$pmemctl" --timeout 1 flush "$(tcp a)" >/dev/null 2>&1 && return 0
            kill -0 "$server" 2>/dev/null || break
            sleep 0.05
        done
        kill "$server" 2>/dev/null
        wait "$server"
        rc=$?
        server=
    done
    [ "$rc" -eq 3 ] && { tail -n 1 "$dir/server.log"; exit 77; }
    fail "the server ended with $rc"
}

unix() {
    printf 'pmemd+unix://%s/sock?region=%s' "$dir" "$1"
}

tcp() {
    printf 'pmemd://127.0.0.1:%s/%s' "$port" "$1"
}

# expect CODE PATTERN COMMAND...: its exit code, and a basic regular expression in its output.
expect() {
    local code=$1 pattern=$2 rc
    shift 2
    timeout 60 "$@" >"$dir/out.log" 2>&1
    rc=$?
    [ "$rc" -eq "$code" ] || fail "exit $rc, not $code: $*"
    grep -q -e "$pattern" "$dir/out.log" || fail "nothing like '$pattern' said by: $*"
    checks=$((checks + 1))
}

server_start

# --- the same on both transports
for uri in "$(unix a)" "$(tcp a)"; do
    expect 0 '^hello, durable world$' "$examples/hello" "$uri"
    expect 0 '^64 clients, 12800 requests, all right$' "$examples/many" "$uri"
    expect 0 '^300 clients, 1200 requests, all right$' "$examples/many" "$uri" 300 2
    if [ -x "$examples/libev" ]; then
        expect 0 '^256 blocks stored, read back and compared$' "$examples/libev" "$uri"
    fi
done

# --- region a, by one transport, to region b, by the other
head -c 10000001 /dev/urandom >"$dir/file"
"$pmemctl" put "$(unix a)" "$dir/file" >"$dir/put.log" 2>&1 || fail "pmemctl put"
for pair in "$(unix a) $(tcp b)" "$(tcp a) $(unix b)"; do
    # shellcheck disable=SC2086  # two words
    expect 0 '^copied 10000001 bytes$' "$examples/epoll" $pair 10000001
    "$pmemctl" get "$(tcp b)" "$dir/copy" --length 10000001 >"$dir/get.log" 2>&1 ||
        fail "pmemctl get"
    cmp "$dir/file" "$dir/copy" || fail "the copy differs"
    rm "$dir/copy"
done

# --- refusals
expect 2 '^usage: epoll' "$examples/epoll"
expect 1 'outside the region' "$examples/epoll" "$(unix a)" "$(unix b)" 20000000
for program in hello many libev; do
    [ -x "$examples/$program" ] || continue
    expect 1 'no region of that name' "$examples/$program" "$(tcp nosuch)"
    expect 1 'malformed' "$examples/$program" nonsense
done

# --- the program in the manual
# shellcheck disable=SC2016  # fences, not commands
sed -n '/^```$/,/^```$/p' "$PMEMD_SOURCE_DIR/docs/man/libpmemd.3.scd" | sed '/^```$/d' \
    >"$dir/manual.c"
grep -q pmemd_reap "$dir/manual.c" || fail "libpmemd(3) has no asynchronous example"
# shellcheck disable=SC2086  # SANITIZE is a list of flags
${CC:-cc} -std=c11 -Wall -Wextra -Werror ${SANITIZE:-} -I "$PMEMD_SOURCE_DIR/include" \
    "$dir/manual.c" -o "$dir/manual" -L "$PMEMD_LIB_DIR" -lpmemd \
    -Wl,-rpath,"$PMEMD_LIB_DIR" || fail "the program in libpmemd(3) does not compile"
expect 0 '^16 blocks, in whatever order they came$' "$dir/manual" "$(unix a)"
expect 0 '^16 blocks, in whatever order they came$' "$dir/manual" "$(tcp a)"
expect 1 'no region of that name' "$dir/manual" "$(tcp nosuch)"

kill "$server"
wait "$server" || fail "the server ends with $?"
server=
echo "examples: $checks checks passed"
