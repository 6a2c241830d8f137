#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: the threads that serve make one kind of system call under load, io_uring_enter.
# Method: strace counts the calls of the threads named pmemd/N while clients read and write in
# every size; their connections are open before it attaches. What else is allowed, and why:
#   nothing at all while requests do not overlap;
#   mmap munmap mremap mprotect madvise brk futex while they do: the memory of bytes copied
#   aside for a waiting writer comes from malloc (docs/HACKING.md names that exception).
# shellcheck source=tests/lib/server.sh
. "$(dirname "$0")/../lib/server.sh"

command -v strace >/dev/null || skip "strace is missing: apt-get install strace"

# shard_threads: the ids of the threads named pmemd/N.
shard_threads() {
    local task
    for task in "/proc/$server/task"/*; do
        case $(cat "$task/comm" 2>/dev/null) in
            pmemd/*) basename "$task" ;;
        esac
    done
}

loads=()

# load URI OP BS QD: in the background.
load() {
    "$PMEMD_BIN_DIR/pmemd-bench" --uri "$1" --op "$2" --bs "$3" --qd "$4" --conns 2 --secs 2.5 \
        --region-bytes 32M >/dev/null 2>"$work/bench.$2.$3" &
    loads+=($!)
}

# count NAME ALLOWED: what the shards call while the loads run; all must be enter or ALLOWED (a
# regular expression). Threads are named one by one: with -f strace would take them all.
count() {
    local id ids=() pid calls others
    sleep 0.8 # the loads have connected
    for id in $(shard_threads); do
        ids+=(-p "$id")
    done
    [ ${#ids[@]} -eq 4 ] || fail "there are not two threads named pmemd/N"
    timeout -s INT 1 strace -c -U name,calls -o "$work/calls" "${ids[@]}" 2>"$work/strace" || true
    ! grep -q 'Operation not permitted' "$work/strace" || skip "strace may not attach here"
    for pid in "${loads[@]}"; do
        wait "$pid" || fail "a load failed: $(cat "$work"/bench.*)"
    done
    loads=()
    calls=$(awk '$1 == "io_uring_enter" { print $2 }' "$work/calls")
    others=$(awk '/^[a-z]/ && !/^(io_uring_enter|syscall|total) / { print $1 }' "$work/calls" |
        sort | xargs)
    printf '%-24s %6s io_uring_enter; others: %s\n' "$1" "${calls:-0}" "${others:-none}"
    [ "${calls:-0}" -gt 100 ] || fail "too few calls to tell: $(cat "$work/calls" "$work/strace")"
    for id in $others; do
        grep -qxE "$2" <<<"$id" || fail "$id is called on the data path"
    done
}

for policy in copy zc; do
    server_up --send "$policy" --shards 2 --region name=other,medium=mem,size=64M
    load "$tcp_uri" randread 4K 32
    load "$unix_uri" randread 64K 8
    load "pmemd://127.0.0.1:$port/other" randwrite 4K 32
    load "pmemd://127.0.0.1:$port/other" write 1M 4
    count "$policy, no overlap" 'none'
    load "$tcp_uri" torn 64K 4
    load "pmemd://127.0.0.1:$port/other" torn 4K 16
    count "$policy, overlapping" 'mmap|munmap|mremap|mprotect|madvise|brk|futex'
    server_down
done
