# SPDX-License-Identifier: BSD-3-Clause
# Tests. Exit 77 means "skipped: this host cannot", and the last line printed says why.
#
#   pmi_test(NAME region_pin SOURCES region_pin.c LIBS pmemd_server
#            [LABELS unit] [TIMEOUT 60] [ARGS ...] [LINK_OPTIONS -Wl,--wrap=mmap ...])
#       One cmocka program build/<preset>/tests/NAME and the ctest of that name.
#   pmi_script_test(NAME check_layers COMMAND ${PROJECT_SOURCE_DIR}/tests/tools/x.sh args...
#            [LABELS unit] [TIMEOUT 60])
#       Any command. It finds PMEMD_SOURCE_DIR, PMEMD_BUILD_DIR, PMEMD_BIN_DIR and PMEMD_LIB_DIR
#       in its environment.
#   pmi_fuzz_test(NAME wire SOURCES wire.c LIBS pmi_proto CORPUS dir [SECONDS 60])
#       A libFuzzer target; built in the fuzz preset only.
#
# Labels: unit integration crash sim fuzz hostile long. A sanitizer build gets four times the
# time. A test that must not share the machine says so with RUN_SERIAL.

set(PMEMD_TEST_DIR "${PROJECT_BINARY_DIR}/tests")
set(_pmi_slow 1)
if(PMEMD_SANITIZE OR PMEMD_COVERAGE)
    set(_pmi_slow 4)
endif()

set(PMEMD_TEST_ENVIRONMENT
    "PMEMD_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "PMEMD_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "PMEMD_BIN_DIR=${PROJECT_BINARY_DIR}/bin"
    "PMEMD_LIB_DIR=${PROJECT_BINARY_DIR}/lib"
    "CMAKE_GENERATOR=${CMAKE_GENERATOR}") # a host that builds us need not have make

# Common tail of all three: labels, time limit, skip code, environment.
function(_pmi_test_properties name labels timeout serial)
    if(NOT labels)
        set(labels unit)
    endif()
    if(NOT timeout)
        set(timeout 60)
    endif()
    math(EXPR timeout "${timeout} * ${_pmi_slow}")
    set_tests_properties(${name} PROPERTIES
        LABELS "${labels}"
        TIMEOUT ${timeout}
        SKIP_RETURN_CODE 77
        RUN_SERIAL "${serial}"
        ENVIRONMENT "${PMEMD_TEST_ENVIRONMENT}")
endfunction()

function(pmi_test)
    cmake_parse_arguments(PARSE_ARGV 0 T "RUN_SERIAL" "NAME;TIMEOUT"
                          "SOURCES;LIBS;LABELS;ARGS;LINK_OPTIONS")
    if(NOT T_NAME OR NOT T_SOURCES OR T_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "pmi_test: NAME and SOURCES are needed (${T_UNPARSED_ARGUMENTS})")
    endif()
    if(NOT TARGET dep::cmocka)
        return()
    endif()
    foreach(source IN LISTS T_SOURCES)
        if(NOT PMEMD_WERROR AND NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${source}"
           AND NOT EXISTS "${source}")
            message(WARNING "test ${T_NAME} is left out: ${source} does not exist")
            return()
        endif()
    endforeach()
    add_executable(${T_NAME} ${T_SOURCES})
    set_target_properties(${T_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PMEMD_TEST_DIR}")
    target_link_libraries(${T_NAME} PRIVATE ${T_LIBS} pmi_common pmemd_warnings dep::cmocka
                                            dep::threads)
    if(T_LINK_OPTIONS)
        target_link_options(${T_NAME} PRIVATE ${T_LINK_OPTIONS})
    endif()
    add_test(NAME ${T_NAME} COMMAND ${T_NAME} ${T_ARGS})
    _pmi_test_properties(${T_NAME} "${T_LABELS}" "${T_TIMEOUT}" "${T_RUN_SERIAL}")
endfunction()

function(pmi_script_test)
    cmake_parse_arguments(PARSE_ARGV 0 T "RUN_SERIAL" "NAME;TIMEOUT" "COMMAND;LABELS")
    if(NOT T_NAME OR NOT T_COMMAND OR T_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "pmi_script_test: NAME and COMMAND are needed (${T_UNPARSED_ARGUMENTS})")
    endif()
    add_test(NAME ${T_NAME} COMMAND ${T_COMMAND})
    _pmi_test_properties(${T_NAME} "${T_LABELS}" "${T_TIMEOUT}" "${T_RUN_SERIAL}")
endfunction()

function(pmi_fuzz_test)
    cmake_parse_arguments(PARSE_ARGV 0 T "" "NAME;CORPUS;SECONDS" "SOURCES;LIBS")
    if(NOT PMEMD_FUZZ)
        return()
    endif()
    if(NOT T_SECONDS)
        set(T_SECONDS 60)
    endif()
    set(target fuzz_${T_NAME})
    add_executable(${target} ${T_SOURCES})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PMEMD_TEST_DIR}")
    target_link_libraries(${target} PRIVATE ${T_LIBS} pmi_common pmemd_warnings)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set(found "${PROJECT_BINARY_DIR}/corpus/${T_NAME}") # new inputs go here, not to the tree
    file(MAKE_DIRECTORY "${found}")
    add_test(NAME ${target} COMMAND ${target} -max_total_time=${T_SECONDS} -print_final_stats=1
                                    "${found}" ${T_CORPUS})
    math(EXPR timeout "${T_SECONDS} + 60")
    _pmi_test_properties(${target} fuzz ${timeout} OFF)
endfunction()
