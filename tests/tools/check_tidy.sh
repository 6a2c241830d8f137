#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: tools/check-tidy passes clean code, refuses a null dereference, and looks again only at
# what changed.
# Method: a build directory of one file, made by hand.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
need_program python3 python3
need_program clang-tidy clang-tidy
check=("$src/tools/check-tidy" --root "$tree" --build "$tree/build" -j 1)
cp "$src/.clang-tidy" "$tree"

put common/a.c <<'END'
int value_of(const int *p);
int
value_of(const int *p)
{
    return p == 0 ? 0 : *p;
}
END
put build/compile_commands.json <<END
[{"directory": "$tree", "file": "$tree/common/a.c",
  "command": "cc -Wall -Wlogical-op -o a.o -c $tree/common/a.c"}]
END
expect 0 "1 files, 1 looked at" "${check[@]}"
expect 0 "1 files, 0 looked at" "${check[@]}"
sed -i 's/p == 0 ? 0 : \*p/p == 0 ? *p : 0/' "$tree/common/a.c"
expect 1 "common/a.c:5:21: error: Dereference of null pointer" "${check[@]}"
