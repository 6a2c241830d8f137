# SPDX-License-Identifier: BSD-3-Clause
# Dependencies, each as one imported target dep::NAME. All are Debian 12 packages; the list
# to install is scripts/packages.

find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
add_library(dep::threads ALIAS Threads::Threads)

# pmi_dep(NAME MODULE...): dep::NAME from pkg-config; stops with the package's name if absent.
function(pmi_dep name)
    string(TOUPPER "PMEMD_DEP_${name}" prefix)
    pkg_check_modules(${prefix} REQUIRED QUIET IMPORTED_TARGET GLOBAL ${ARGN})
    add_library(dep::${name} ALIAS PkgConfig::${prefix})
endfunction()

pmi_dep(uring liburing>=2.3)
pmi_dep(pmem2 libpmem2>=1.10)
pmi_dep(protobuf_c libprotobuf-c>=1.4)
pmi_dep(isal libisal>=2.30)
pmi_dep(jansson jansson>=2.14)
pmi_dep(inih inih>=55)

find_program(PROTOC_C_EXECUTABLE NAMES protoc-c REQUIRED DOC "protobuf-c compiler")

# libev has no .pc file. Only the optional glue library (libpmemd-ev) needs it.
find_path(PMEMD_EV_INCLUDE_DIR ev.h PATH_SUFFIXES libev)
find_library(PMEMD_EV_LIBRARY ev)
mark_as_advanced(PMEMD_EV_INCLUDE_DIR PMEMD_EV_LIBRARY)
if(PMEMD_EV_INCLUDE_DIR AND PMEMD_EV_LIBRARY)
    add_library(dep::ev UNKNOWN IMPORTED GLOBAL)
    set_target_properties(dep::ev PROPERTIES
        IMPORTED_LOCATION "${PMEMD_EV_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${PMEMD_EV_INCLUDE_DIR}")
endif()

if(BUILD_TESTING)
    pkg_check_modules(PMEMD_DEP_CMOCKA QUIET IMPORTED_TARGET GLOBAL cmocka)
    if(PMEMD_DEP_CMOCKA_FOUND)
        add_library(dep::cmocka ALIAS PkgConfig::PMEMD_DEP_CMOCKA)
    else()
        message(STATUS "cmocka not found: the C tests are not built (apt-get install libcmocka-dev)")
    endif()
endif()
