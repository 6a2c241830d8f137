# SPDX-License-Identifier: BSD-3-Clause
# Language, options, sanitizers and hardening: what holds for every file of the project.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(_werror_default OFF)
if(DEFINED ENV{CI} AND NOT "$ENV{CI}" MATCHES "^(|0|false|no)$")
    set(_werror_default ON)
endif()
option(PMEMD_WERROR "Warnings are errors (default: when the environment sets CI)"
       ${_werror_default})
option(PMEMD_HARDEN "Fortify, stack protector, control-flow protection, full RELRO" OFF)
option(PMEMD_COVERAGE "Instrument for gcov" OFF)
option(PMEMD_FUZZ "Build the fuzz targets with libFuzzer (clang only)" OFF)
set(PMEMD_SANITIZE "" CACHE STRING "Sanitizers: empty, 'address,undefined' or 'thread'")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# -DNDEBUG stays out: our assertions are always on, and nobody else's are worth losing.
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-fno-omit-frame-pointer)

include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported()

if(PMEMD_HARDEN)
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong)
    check_c_compiler_flag(-fcf-protection PMEMD_HAVE_CF_PROTECTION) # x86 only
    if(PMEMD_HAVE_CF_PROTECTION)
        add_compile_options(-fcf-protection)
    endif()
    add_link_options(LINKER:-z,relro LINKER:-z,now)
endif()

if(PMEMD_SANITIZE)
    add_compile_options(-fsanitize=${PMEMD_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${PMEMD_SANITIZE})
    add_compile_definitions(PMI_SANITIZED=1)
endif()

if(PMEMD_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "The fuzz preset needs clang: set CC=clang or use --preset fuzz")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(PMEMD_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
