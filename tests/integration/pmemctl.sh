#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: pmemctl moves real bytes to and from a real server, resumes after a kill of either side,
#       and ends with the promised exit codes.
# Method: files of random bytes, compared; processes killed once their progress record exists.
# shellcheck source-path=SCRIPTDIR source=tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

bytes=$((96 * 1024 * 1024))
region=$((128 * 1024 * 1024))
head -c $bytes /dev/urandom >"$dir/file"
server_start $region

# --- there and back
expect 0 "^stored $bytes bytes at offset 0 in " "$pmemctl" put "$uri" "$dir/file"
grep -q '^durable: volatile$' "$dir/out.log" || fail "put does not say what it reached"
expect 0 "^fetched $bytes bytes at offset 0 in " "$pmemctl" get "$uri" "$dir/copy" --length 96M
cmp "$dir/file" "$dir/copy" || fail "the copy differs"
[ -e "$dir/copy.part" ] && fail "the .part file is left"
"$pmemctl" get "$uri" - --length 96M 2>"$dir/out.log" | cmp - "$dir/file" || fail "a pipe differs"
"$pmemctl" put "$uri" - --offset 1000001 <"$dir/file" >/dev/null || fail "standard input"
head -c 5000000 "$dir/file" | "$pmemctl" put "$uri" - --offset 77 >/dev/null || fail "put pipe"
"$pmemctl" get "$uri" "$dir/copy" --offset 77 --length 5000000 >/dev/null || fail "get odd"
cmp -n 5000000 "$dir/file" "$dir/copy" || fail "the odd copy differs"

# --- JSON
"$pmemctl" --json put "$uri" "$dir/file" >"$dir/out.log" || fail "put --json"
for key in verb uri file bytes offset secs gbps path resumed_from level class; do
    grep -q "\"$key\":" "$dir/out.log" || fail "put --json has no $key"
done
"$pmemctl" --json stat "$uri" >"$dir/out.log" || fail "stat --json"
for key in name size medium class memory_kind page_size fixed_buffers shard connections lsn \
    epoch crc bytes_zc bytes_copied bytes_staged bytes_unknown why_copied counters; do
    grep -q "\"$key\":" "$dir/out.log" || fail "stat --json has no $key"
done
expect 0 '"regions":\[{"name":"demo"' "$pmemctl" --json list "pmemd+unix://$dir/sock"
expect 0 '^demo ' "$pmemctl" list "pmemd+unix://$dir/sock"
expect 0 '^durable: volatile$' "$pmemctl" flush "$uri"
expect 0 '^region  *demo$' "$pmemctl" stat "$uri"

# --- exit codes
expect 0 '^usage: pmemctl' "$pmemctl" --help
expect 0 '^pmemctl [0-9]' "$pmemctl" --version
expect 1 'No such file' "$pmemctl" put "$uri" "$dir/nosuch"
expect 1 'connect to' "$pmemctl" --timeout 0.3 stat "pmemd+unix://$dir/nosuch?region=demo"
expect 2 'is not a verb' "$pmemctl" frobnicate "$uri"
expect 2 'malformed' "$pmemctl" stat nonsense
expect 2 'names no region' "$pmemctl" stat "pmemd+unix://$dir/sock"
expect 4 "^pmemctl: 'create' is not built into this version$" "$pmemctl" create "$uri" --size 1G
expect 4 'no region of that name' "$pmemctl" stat "pmemd+unix://$dir/sock?region=other"
expect 4 'less durable' "$pmemctl" stat "$uri&class=power-safe"
expect 4 'the region holds only' "$pmemctl" put "$uri" "$dir/file" --offset 64M
expect 4 "past the region's" "$pmemctl" get "$uri" "$dir/copy" --offset 1G
expect 4 'standard input has more' sh -c "cat '$dir/file' | '$pmemctl' put '$uri' - --offset 64M"
expect 1 'No space left' "$pmemctl" get "$uri" /dev/full

# --- resume
# run_and_kill WHO COMMAND...: WHO (tool or server) is killed once the record exists. Fails if
# the command was done before that three times in a row.
run_and_kill() {
    local who=$1 record=$2 pid rc
    shift 2
    for _ in 1 2 3; do
        rm -f "$record"
        "$@" >"$dir/out.log" 2>&1 &
        pid=$!
        until [ -e "$record" ] || ! kill -0 $pid 2>/dev/null; do :; done
        if [ "$who" = server ]; then
            kill -KILL "$server"
        else
            kill "-$who" $pid 2>/dev/null
        fi
        wait $pid 2>/dev/null
        rc=$?
        if [ "$who" = server ]; then
            wait "$server" 2>/dev/null
            server=
            server_start $region
        fi
        [ $rc -ne 0 ] && [ -e "$record" ] && return 0
    done
    fail "never caught in the middle: $*"
}

for signal in KILL TERM; do
    server_kill && server_start $region
    run_and_kill $signal "$dir/file.pmemctl-resume" \
        "$pmemctl" put "$uri" "$dir/file" --checkpoint 4M
    expect 0 'of them in an earlier run' "$pmemctl" put "$uri" "$dir/file" --resume
    [ -e "$dir/file.pmemctl-resume" ] && fail "the record is left"
    "$pmemctl" get "$uri" - --length 96M 2>/dev/null | cmp - "$dir/file" || fail "resumed put"

    rm -f "$dir/copy"
    run_and_kill $signal "$dir/copy.pmemctl-resume" \
        "$pmemctl" get "$uri" "$dir/copy" --length 96M --checkpoint 4M
    [ -e "$dir/copy" ] && fail "an interrupted get looks complete"
    expect 0 'of them in an earlier run' "$pmemctl" get "$uri" "$dir/copy" --length 96M --resume
    cmp "$dir/file" "$dir/copy" || fail "resumed get"
    [ -e "$dir/copy.pmemctl-resume" ] && fail "the record is left"
done

# A server that dies takes its volatile region along: the record must not be believed.
run_and_kill server "$dir/file.pmemctl-resume" \
    "$pmemctl" put "$uri" "$dir/file" --checkpoint 4M --timeout 0.2
expect 0 'starting over: the region no longer holds' \
    "$pmemctl" put "$uri" "$dir/file" --resume
"$pmemctl" get "$uri" - --length 96M 2>/dev/null | cmp - "$dir/file" || fail "after a restart"
touch -d '2001-01-01' "$dir/file"
expect 0 'starting over: .*there is no progress record' \
    "$pmemctl" put "$uri" "$dir/file" --resume

echo "pmemctl: $checks checks passed"
