# SPDX-License-Identifier: BSD-3-Clause
# libpmemd-ev: the one library of ours that links libev, so that libpmemd needs no loop. It is
# built where libev was found, and sees libpmemd through its public header alone.
if(NOT TARGET dep::ev)
  message(STATUS "libev not found: libpmemd-ev is not built (apt-get install libev-dev)")
  return()
endif()

add_library(pmemd_client_ev_objects OBJECT loop_ev.c)
set_target_properties(pmemd_client_ev_objects PROPERTIES
  POSITION_INDEPENDENT_CODE ON
  C_VISIBILITY_PRESET hidden)
target_link_libraries(pmemd_client_ev_objects PUBLIC pmi_common PRIVATE dep::ev pmemd_warnings)

set(_ev_map "${CMAKE_CURRENT_SOURCE_DIR}/libpmemd-ev.map")
add_library(pmemd_client_ev SHARED $<TARGET_OBJECTS:pmemd_client_ev_objects>)
set_target_properties(pmemd_client_ev PROPERTIES
  OUTPUT_NAME pmemd-ev
  VERSION ${PROJECT_VERSION}
  SOVERSION 0
  LINKER_LANGUAGE C
  LINK_DEPENDS "${_ev_map}"
  INSTALL_RPATH "$ORIGIN") # libpmemd lies beside it
# libev by its path: as a target it would be asked for by whoever imports ours.
target_link_libraries(pmemd_client_ev PUBLIC pmemd_client
                                      PRIVATE pmi_common "${PMEMD_EV_LIBRARY}")
target_link_options(pmemd_client_ev PRIVATE "LINKER:--version-script=${_ev_map}" LINKER:-z,defs)
if(PMEMD_SANITIZE)
  # A sanitizer's runtime is in the program, so the library cannot be complete by itself.
  target_link_options(pmemd_client_ev PRIVATE LINKER:-z,undefs)
endif()

# What it needs of common/ is in libpmemd.a.
add_library(pmemd_client_ev_static STATIC $<TARGET_OBJECTS:pmemd_client_ev_objects>)
set_target_properties(pmemd_client_ev_static PROPERTIES
  OUTPUT_NAME pmemd-ev
  LINKER_LANGUAGE C)
target_link_libraries(pmemd_client_ev_static INTERFACE pmemd_client_static dep::ev)

# cmake/PmemdInstall.cmake installs the shared library with the others.
install(FILES "$<TARGET_FILE:pmemd_client_ev_static>"
        DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(CODE "
    set(PROJECT_VERSION \"${PROJECT_VERSION}\")
    set(CMAKE_INSTALL_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
    set(CMAKE_INSTALL_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
    configure_file(\"${CMAKE_CURRENT_SOURCE_DIR}/pmemd-ev.pc.in\"
                   \"${PROJECT_BINARY_DIR}/pmemd-ev.pc\" @ONLY)" COMPONENT dev)
install(FILES "${PROJECT_BINARY_DIR}/pmemd-ev.pc"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
