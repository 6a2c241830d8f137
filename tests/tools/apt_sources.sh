#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: both formats of apt sources are read alike; disabled and source-only entries are not used.
# Method: one file of each format with the oddities apt allows.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

put a.list <<'END'
# deb http://comment.example/debian bookworm main
deb [arch=amd64 signed-by=/k/one.gpg] http://one.example/debian bookworm main contrib # tail
deb-src http://one.example/debian bookworm main
END
put b.sources <<'END'
Types: deb deb-src
# a comment inside
URIs: http://two.example/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /k/two.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
END
got=$(awk -f "$src/scripts/apt-sources.awk" "$tree/a.list" "$tree/b.sources" | sort)
want='http://one.example/debian bookworm main contrib | /k/one.gpg
http://two.example/debian bookworm main | /k/two.gpg
http://two.example/debian bookworm-updates main | /k/two.gpg'
[ "$got" = "$want" ] || fail "got: $got"
