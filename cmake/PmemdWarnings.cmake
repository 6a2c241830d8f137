# SPDX-License-Identifier: BSD-3-Clause
# pmemd_warnings: link it PRIVATE into every target of ours, never into a dependency's code
# (generated *.pb-c.c and the like).

add_library(pmemd_warnings INTERFACE)

target_compile_options(pmemd_warnings INTERFACE
    -Wall -Wextra -Wpedantic
    -Wshadow -Wconversion -Wsign-conversion
    -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wredundant-decls
    -Wundef -Wvla -Walloca
    -Wformat=2
    -Wswitch-enum -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough)

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(pmemd_warnings INTERFACE
        -Wformat-signedness -Wduplicated-cond -Wduplicated-branches -Wlogical-op)
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
    target_compile_options(pmemd_warnings INTERFACE
        -Wunreachable-code-aggressive -Wmissing-variable-declarations
        -Wno-gnu-zero-variadic-macro-arguments)
endif()

if(PMEMD_WERROR)
    target_compile_options(pmemd_warnings INTERFACE -Werror)
endif()
