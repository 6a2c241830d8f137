#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: tools/check-size passes 70 lines and refuses 71, passes 700 and refuses 701.
# Method: generated functions and files at both sides of each limit.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
need_program python3 python3
need_program pmccabe pmccabe
check=("$src/tools/check-size" --root "$tree")

function_of() { # LINES NAME: the return type's line and the braces included
    printf 'int\n%s(int x)\n{\n' "$2"
    for _ in $(seq $(($1 - 5))); do
        printf '    x++;\n'
    done
    printf '    return x;\n}\n'
}

function_of 70 just_fits | put common/a.c
expect 0 "max 70 lines" "${check[@]}"
function_of 71 too_long | put common/b.c
expect 1 "too_long() has 71 lines" "${check[@]}"
rm "$tree/common/b.c"

seq -f '/* %g */' 700 | put server/long.h
expect 0 "functions: median" "${check[@]}"
seq -f '/* %g */' 701 | put server/long.h
expect 1 "server/long.h: 701 lines" "${check[@]}"
