# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` puts where: programs, libpmemd (shared and static), headers,
# pkg-config file and CMake package.

include(CMakePackageConfigHelpers)

foreach(program IN ITEMS pmemd)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT server)
    endif()
endforeach()
# The tools find libpmemd beside them wherever the prefix is.
file(RELATIVE_PATH _bin_to_lib "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
foreach(program IN ITEMS pmemctl pmemd-bench)
    if(TARGET ${program})
        set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/${_bin_to_lib}")
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
    endif()
endforeach()

if(NOT TARGET pmemd_client)
    return()
endif()

set(_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pmemd)

install(DIRECTORY include/pmemd DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
        FILES_MATCHING PATTERN "*.h" PATTERN "*.def")

# Consumers write pmemd::pmemd; libpmemd-ev, where libev was found, is pmemd::pmemd_ev.
set_target_properties(pmemd_client PROPERTIES EXPORT_NAME pmemd)
target_include_directories(pmemd_client INTERFACE
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
install(TARGETS pmemd_client EXPORT pmemdTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
                NAMELINK_COMPONENT dev)
if(TARGET pmemd_client_ev)
    set_target_properties(pmemd_client_ev PROPERTIES EXPORT_NAME pmemd_ev)
    install(TARGETS pmemd_client_ev EXPORT pmemdTargets
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
                    NAMELINK_COMPONENT dev)
endif()

# The archive is installed for `pkg-config --static`; it is not exported, since it would drag
# our internal libraries into the package.
if(TARGET pmemd_client_static)
    install(FILES "$<TARGET_FILE:pmemd_client_static>"
            DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
endif()

install(EXPORT pmemdTargets NAMESPACE pmemd:: DESTINATION ${_package_dir} COMPONENT dev)
configure_package_config_file(cmake/pmemdConfig.cmake.in
    "${PROJECT_BINARY_DIR}/pmemdConfig.cmake" INSTALL_DESTINATION ${_package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/pmemdConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/pmemdConfig.cmake"
              "${PROJECT_BINARY_DIR}/pmemdConfigVersion.cmake"
        DESTINATION ${_package_dir} COMPONENT dev)

# Written when installing, since `cmake --install --prefix` decides then.
install(CODE "
    set(PROJECT_VERSION \"${PROJECT_VERSION}\")
    set(CMAKE_INSTALL_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
    set(CMAKE_INSTALL_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
    configure_file(\"${PROJECT_SOURCE_DIR}/client/pmemd.pc.in\" \"${PROJECT_BINARY_DIR}/pmemd.pc\"
                   @ONLY)" COMPONENT dev)
install(FILES "${PROJECT_BINARY_DIR}/pmemd.pc"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
