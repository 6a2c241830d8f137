#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: a state nobody reaches, a state without a way out, and a stale page are all caught.
# Method: the real tables pass; then one edge at a time is taken out of a copy.
. "$(dirname "$0")/lib.sh"
need_program python3 python3

for f in server/conn/conn.c server/req/req.c client/conn.c docs/machines.md; do
    put "$f" <"$src/$f"
done
expect 0 "every state reachable" "$src/tools/machines" --root "$tree"

sed -i 's/\[CE_FINISH\] = { CONN_FINISH,  finish  }/[CE_FINISH] = { CONN_DRAIN, drain }/' \
    "$tree/server/conn/conn.c"
expect 1 "CONN_FINISH cannot be reached" "$src/tools/machines" --root "$tree"

put server/conn/conn.c <"$src/server/conn/conn.c"
sed -i 's/{ REQ_FREE,    release }/{ REQ_DRAIN, release }/' "$tree/server/req/req.c"
expect 1 "has no way to REQ_FREE" "$src/tools/machines" --root "$tree"

put server/req/req.c <"$src/server/req/req.c"
printf 'stale\n' >>"$tree/docs/machines.md"
expect 1 "out of date" "$src/tools/machines" --root "$tree"
