#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: an installed libpmemd serves other people's builds: pkg-config (shared and static) and
# find_package(pmemd); and the installed programs run from any prefix.
# Method: installs this build into a scratch prefix and builds one small program three ways.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"
build=${PMEMD_BUILD_DIR:?set by ctest}
need_program pkg-config pkg-config
prefix=$tree/prefix

cmake --install "$build" --prefix "$prefix" >"$tree/log" || fail "$(tail -n 5 "$tree/log")"
pc=$(find "$prefix" -name pmemd.pc)
[ -n "$pc" ] || fail "no pmemd.pc is installed"
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH=$libdir/pkgconfig

put app/main.c <<'END'
#include <pmemd/pmemd.h>
#include <stdio.h>
int main(void) { return printf("version %s\n", pmemd_version()) < 0; }
END
put app/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES C)
find_package(pmemd REQUIRED)
add_executable(app main.c)
target_link_libraries(app PRIVATE pmemd::pmemd)
END

compile() { # OUTPUT FLAGS...
    local out=$1
    shift
    cc "$tree/app/main.c" -o "$out" "$@"
}
# shellcheck disable=SC2046  # pkg-config prints words
compile "$tree/shared" $(pkg-config --cflags --libs pmemd)
expect 0 "version " env LD_LIBRARY_PATH="$libdir" "$tree/shared"

cmake -S "$tree/app" -B "$tree/app/build" -DCMAKE_PREFIX_PATH="$prefix" >"$tree/log" 2>&1 ||
    fail "find_package: $(tail -n 5 "$tree/log")"
cmake --build "$tree/app/build" >"$tree/log" 2>&1 || fail "$(tail -n 5 "$tree/log")"
expect 0 "version " "$tree/app/build/app"

expect 0 "$(pkg-config --modversion pmemd)" "$prefix/bin/pmemctl" --version
expect 0 "$(pkg-config --modversion pmemd)" "$prefix/sbin/pmemd" --version

rm -f "$libdir"/libpmemd.so*
# shellcheck disable=SC2046
compile "$tree/static" $(pkg-config --static --cflags --libs pmemd)
expect 0 "version " "$tree/static"
