#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: an installed libpmemd-ev serves other people's builds, by pkg-config and by
#       find_package(pmemd), and libpmemd itself does not need libev.
# Method: installs this build into a scratch prefix and builds examples/libev.c there both ways.
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../tools/lib.sh"
build=${PMEMD_BUILD_DIR:?set by ctest}
need_program pkg-config pkg-config
prefix=$tree/prefix

cmake --install "$build" --prefix "$prefix" >"$tree/log" || fail "$(tail -n 5 "$tree/log")"
pc=$(find "$prefix" -name pmemd-ev.pc)
[ -n "$pc" ] || fail "no pmemd-ev.pc is installed"
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH=$libdir/pkgconfig

put app/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES C)
find_package(pmemd REQUIRED)
add_executable(app libev.c)
target_link_libraries(app PRIVATE pmemd::pmemd_ev ev)
END
cp "$src/examples/libev.c" "$tree/app/"

# shellcheck disable=SC2046  # pkg-config prints words
"${CC:-cc}" "$tree/app/libev.c" -o "$tree/app/plain" $(pkg-config --cflags --libs pmemd-ev)
expect 1 "malformed" env LD_LIBRARY_PATH="$libdir" "$tree/app/plain" nonsense

cmake -S "$tree/app" -B "$tree/app/build" -DCMAKE_PREFIX_PATH="$prefix" >"$tree/log" 2>&1 ||
    fail "find_package: $(tail -n 5 "$tree/log")"
cmake --build "$tree/app/build" >"$tree/log" 2>&1 || fail "$(tail -n 5 "$tree/log")"
expect 1 "malformed" "$tree/app/build/app" nonsense

# What the one exports is its API and no more; what the other needs is not libev.
exported=$(objdump -T "$libdir/libpmemd-ev.so" | awk '/PMEMD_EV_/ && !/\*ABS\*/ { print $NF }' |
    sort | paste -sd ' ')
[ "$exported" = "pmemd_ev_attach pmemd_ev_client pmemd_ev_detach pmemd_ev_take" ] ||
    fail "libpmemd-ev exports: $exported"
needed=$(objdump -p "$libdir/libpmemd.so" | awk '$1 == "NEEDED" { print $2 }')
case $needed in
    *libev*) fail "libpmemd needs libev" ;;
esac
