#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: tools/check-layers refuses each kind of wrong include, and nothing else.
# Method: a small clean house, then one planted violation at a time.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
need_program python3 python3
check=("$src/tools/check-layers" --root "$tree")

put include/pmemd/pmemd.h <<<'#include <stdint.h>'
put common/err.h <<<'#include <pmemd/pmemd.h>'
put proto/wire.c <<<'#include "common/err.h"'
put server/os/ring.h <<<'#include <liburing.h>'
put server/os/ring.c <<<'#include "server/os/ring.h"'
put server/store/region.h <<<'#include "server/os/ring.h"'
put server/req/req.h <<<'#include "server/store/region.h"'
put server/repl/core.h <<<'/* #include "server/conn/conn.h" is only a comment */'
put server/conn/conn.h <<<'#include "server/req/req.h"'
put server/shard.h <<<'#include "server/conn/conn.h"'
put server/main.c <<<'#include "server/shard.h"'
put client/handle.c <<<'#include "proto/../common/err.h"'
put tools/pmemctl/pmemctl.h <<<'#include <pmemd/pmemd.h>'
put tools/pmemctl/main.c <<<'#include "pmemctl.h"'
put tests/unit/x.c <<<'#include "server/shard.h"'
expect 0 "no upward edge, no circle" "${check[@]}"
expect 0 "server/conn" "${check[@]}" --print

violation() { # FILE LINE SENTENCE
    put "$1" <<<"$2"
    expect 1 "$3" "${check[@]}"
    rm "$tree/$1"
}
violation server/store/up.c '#include "server/conn/conn.h"' "upward: floor 5 includes floor 8"
violation server/repl/side.c '#include "server/req/req.h"' "share floor 7"
violation common/up.c '#include "server/shard.h"' "common may not include server"
violation client/wrong.c '#include "server/shard.h"' "client may not include server"
violation tools/pmemctl/deep.c '#include "common/err.h"' "guest may not include common"
violation server/store/pb.c '#include "proto/pmemd.pb-c.h"' "protobuf-c stays in proto/"
violation client/ev.c '#include <ev.h>' "libev stays in client/loop_ev.c"
violation include/pmemd/other.h '#include "common/err.h"' "public may not include common"

put server/os/a.h <<<'#include "b.h"'
put server/os/b.h <<<'#include "server/os/a.h"'
expect 1 "circle: server/os/a.h -> server/os/b.h -> server/os/a.h" "${check[@]}"
