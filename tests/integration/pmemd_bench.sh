#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: pmemd-bench measures a real server in every way it offers, its torn run meets enough
#       overlaps and finds nothing, and its exit codes are the promised ones.
# Method: short runs; the figures themselves are not judged, only that they are there.
# shellcheck source-path=SCRIPTDIR source=tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

server_start $((64 * 1024 * 1024))

for op in randread randwrite read write; do
    expect 0 "^$op 4096 B, qd 32, conns 1, .* 0 errors$" \
        "$bench" --uri "$uri" --op $op --secs 0.3
done
expect 0 'crc on' "$bench" --uri "$uri" --crc --secs 0.2
expect 0 'crc off' "$bench" --uri "$uri" --no-crc --bs 1M --qd 4 --op write --secs 0.2
expect 0 'conns 3' "$bench" --uri "$uri" --conns 3 --qd 2 --secs 0.2
expect 0 'conns 2' "$bench" --uri "$uri" --conns 2 --qd 2 --spin --secs 0.2 --op randwrite
expect 0 'qd 1' "$bench" --uri "$uri" --qd 1 --spin --secs 0.2 --region-bytes 1M
"$bench" --uri "$uri" --secs 0.2 --json --srv-pid "$server" >"$dir/out.log" || fail "--json"
for key in op bs qd conns secs ops iops gbps p50_us p99_us p999_us cli_us_op srv_us_op errors \
    path crc spin; do
    grep -q "\"$key\":" "$dir/out.log" || fail "--json has no $key"
done
grep -q '"srv_us_op":[0-9]' "$dir/out.log" || fail "no CPU time of the server"

# --- torn: 64 KiB blocks (in place) and small ones (staged)
for bs in 64K 4K; do
    for secs in 3 12; do # a sanitizer makes it several times slower
        "$bench" --uri "$uri" --op torn --bs $bs --secs $secs --json >"$dir/out.log" ||
            fail "torn with blocks of $bs ends with $?"
        grep -q '"torn":0,"stale":0,' "$dir/out.log" || fail "torn bytes"
        overlaps=$(sed 's/.*"overlaps":\([0-9]*\).*/\1/' "$dir/out.log")
        [ "$overlaps" -le 10000 ] || break
    done
    [ "$overlaps" -gt 10000 ] || fail "only $overlaps overlaps with blocks of $bs"
    checks=$((checks + 1))
done
expect 0 ' 0 torn, 0 stale$' "$bench" --uri "$uri" --op torn --secs 0.5 --crc --bs 1K --conns 4

# --- exit codes
expect 0 '^usage: pmemd-bench' "$bench" --help
expect 0 '^pmemd-bench [0-9]' "$bench" --version
expect 1 'connect to' "$bench" --timeout 0.3 --uri "pmemd+unix://$dir/nosuch?region=demo"
expect 2 'uri is missing' "$bench" --op read
expect 2 'not a value' "$bench" --uri "$uri" --op frob
expect 2 'no such process' "$bench" --uri "$uri" --srv-pid 2147483647
expect 2 'torn needs' "$bench" --uri "$uri" --op torn --bs 32M
expect 3 'may not run there' "$bench" --uri "$uri" --cpu 1023
expect 4 "^pmemd-bench: 'commit' is not built into this version$" "$bench" --uri "$uri" --op commit
expect 4 "^pmemd-bench: 'cas' is not built into this version$" "$bench" --uri "$uri" --op cas
expect 4 'no region of that name' "$bench" --uri "pmemd+unix://$dir/sock?region=other"

# --- a server that dies ends the run, and soon
"$bench" --uri "$uri" --secs 30 --timeout 0.5 >"$dir/out.log" 2>&1 &
pid=$!
sleep 0.6
server_kill
for _ in $(seq 100); do
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
done
kill -0 $pid 2>/dev/null && { kill -KILL $pid; fail "the run goes on without a server"; }
wait $pid
[ $? -eq 1 ] || fail "a run without a server does not fail"

echo "pmemd-bench: $checks checks passed"
