# What is installed, and into which Debian package it goes (ADR 49).  `deploy/package` makes the packages with CPack;
# `cmake --install build/release --component agent` installs one of them without.

set(an_deploy ${CMAKE_SOURCE_DIR}/deploy)
set(an_made ${CMAKE_BINARY_DIR}/packages)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # tests are in no package
string(TIMESTAMP an_when "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH, where that is set
find_program(an_gzip gzip REQUIRED)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME andon)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR Andon)
set(CPACK_PACKAGE_CONTACT "Andon <andon@localhost>")
set(CPACK_SET_DESTDIR ON) # /etc lies outside of the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
if(CMAKE_CROSSCOMPILING AND CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64) # deploy/package tells dpkg-shlibdeps the same
endif()
set(CPACK_COMPONENTS_ALL "")

# component, package, section, first line of the description, the rest of it
function(an_package component name section summary text)
    string(TOUPPER ${component} upper)
    set(an_name ${name})
    foreach(file changelog copyright)
        configure_file(${an_deploy}/packages/${file}.in ${an_made}/${component}/${file} @ONLY)
    endforeach()
    execute_process(COMMAND ${an_gzip} -9nf changelog WORKING_DIRECTORY ${an_made}/${component} COMMAND_ERROR_IS_FATAL ANY)
    install(FILES ${an_made}/${component}/changelog.gz ${an_made}/${component}/copyright DESTINATION share/doc/${name}
        COMPONENT ${component})
    set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${component} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${text}" PARENT_SCOPE)
endfunction()

# With its manual page and completions, where the program can be asked for them.
function(an_package_program component program section)
    if(an_libs)
        set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/andon")
    endif()
    install(TARGETS ${program} RUNTIME DESTINATION bin COMPONENT ${component})
    if(CMAKE_CROSSCOMPILING)
        return()
    endif()
    set(pages ${an_made}/pages)
    install(CODE "execute_process(COMMAND ${an_deploy}/packages/pages $<TARGET_FILE:${program}> ${section} ${pages}
        COMMAND_ERROR_IS_FATAL ANY)" COMPONENT ${component})
    install(FILES ${pages}/${program}.${section}.gz DESTINATION share/man/man${section} COMPONENT ${component})
    install(FILES ${pages}/${program}.bash DESTINATION share/bash-completion/completions RENAME ${program}
        COMPONENT ${component})
    install(FILES ${pages}/_${program} DESTINATION share/zsh/vendor-completions COMPONENT ${component})
    install(FILES ${pages}/${program}.fish DESTINATION share/fish/vendor_completions.d COMPONENT ${component})
endfunction()

# A service: its user, the folder of its state, its units, and folders of configuration that it may read by its group.
function(an_package_service component an_user an_data an_data_mode an_gecos an_units an_folders)
    foreach(script postinst prerm postrm)
        configure_file(${an_deploy}/packages/${script}.in ${an_made}/${component}/${script} @ONLY
            FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    endforeach()
    string(TOUPPER ${component} upper)
    set(extra ${an_made}/${component}/postinst ${an_made}/${component}/prerm ${an_made}/${component}/postrm)
    if(EXISTS ${an_deploy}/packages/${component}/conffiles)
        list(APPEND extra ${an_deploy}/packages/${component}/conffiles)
    endif()
    set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${extra}" PARENT_SCOPE)
    install(DIRECTORY DESTINATION /etc/andon/secrets COMPONENT ${component}
        DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endfunction()

# A library that Debian does not have (deploy/install-open62541) goes into a package of its own.
set(an_libs "")
if(AN_HAVE_OPCUA)
    find_library(an_opcua NAMES open62541 HINTS ${OPCUA_LIBRARY_DIRS} NO_CACHE REQUIRED)
    file(REAL_PATH "${an_opcua}" an_opcua)
    execute_process(COMMAND dpkg-query -S ${an_opcua} RESULT_VARIABLE an_unowned OUTPUT_QUIET ERROR_QUIET)
    if(an_unowned)
        set(an_libs "andon-libs (= ${PROJECT_VERSION})")
        get_filename_component(an_opcua_dir ${an_opcua} DIRECTORY)
        string(REGEX REPLACE "^.*/(lib[^/]*\\.so\\.[0-9]+\\.[0-9]+)[^/]*$" "\\1" an_soname ${an_opcua})
        install(FILES ${an_opcua} DESTINATION lib/andon RENAME ${an_soname} COMPONENT libs)
        set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${an_opcua_dir})
        an_package(libs andon-libs libs "libraries of Andon that Debian does not have"
            "open62541, with which andon-agent reads OPC UA servers; its licence is the
Mozilla Public License 2.0.")
        install(FILES ${an_deploy}/packages/open62541.txt DESTINATION share/doc/andon-libs COMPONENT libs)
    endif()
endif()

set(an_agent_name andon-agent)
set(an_agent_other andon-agent-small)
if(NOT AN_COORDINATOR)
    set(an_agent_name andon-agent-small)
    set(an_agent_other andon-agent)
endif()
an_package(agent ${an_agent_name} misc "anomaly detection at the line, and federated learning: the site's agent"
    "Reads a line's sensors and cameras, scores them, raises alarms, and takes part
in the training of models with data that never leave the site.")
an_package_program(agent andon-agent 8)
an_package_service(agent andon-agent /var/lib/andon-agent 0750 "Andon agent" "andon-agent@*.service" /etc/andon/agent)
install(FILES ${an_deploy}/systemd/andon-agent@.service DESTINATION lib/systemd/system COMPONENT agent)
install(FILES ${an_deploy}/packages/agent/site.yaml ${an_deploy}/systemd/devices.conf ${an_deploy}/systemd/secrets.conf
    DESTINATION share/doc/${an_agent_name}/examples COMPONENT agent)
install(FILES docs/OPERATIONS.md docs/CONFIGURATION.md docs/METRICS.md docs/SOURCES.md docs/SECURITY.md
    DESTINATION share/doc/${an_agent_name} COMPONENT agent)
install(FILES docs/recipes/at-the-line.md docs/recipes/write-rules.md
    DESTINATION share/doc/${an_agent_name}/recipes COMPONENT agent)
set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS adduser)
if(an_libs)
    set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS "${an_libs}, adduser")
endif()
set(CPACK_DEBIAN_AGENT_PACKAGE_RECOMMENDS ca-certificates) # brokers and APIs over TLS
set(CPACK_DEBIAN_AGENT_PACKAGE_CONFLICTS ${an_agent_other})
set(CPACK_DEBIAN_AGENT_PACKAGE_REPLACES ${an_agent_other})

if(AN_COORDINATOR)
    an_package(coordinator andon-coordinator misc "federated learning for factories: the coordinator"
        "Sums what the sites learned, makes signed versions of models of it, rolls them
out in stages, and answers drift with further rounds.")
    an_package_program(coordinator andon-coordinator 8)
    an_package_service(coordinator andon /var/lib/andon 0700 "Andon coordinator" andon-coordinator.service "")
    install(FILES ${an_deploy}/systemd/andon-coordinator.service DESTINATION lib/systemd/system COMPONENT coordinator)
    install(FILES ${an_deploy}/packages/coordinator/coordinator.yaml DESTINATION /etc/andon COMPONENT coordinator)
    install(FILES docs/OPERATIONS.md docs/CONFIGURATION.md docs/METRICS.md docs/SECURITY.md docs/PROTOCOL.md
        DESTINATION share/doc/andon-coordinator COMPONENT coordinator)
    install(FILES docs/recipes/audit.md DESTINATION share/doc/andon-coordinator/recipes COMPONENT coordinator)
    install(DIRECTORY ${an_deploy}/examples/models ${an_deploy}/prometheus ${an_deploy}/grafana
        DESTINATION share/doc/andon-coordinator/examples COMPONENT coordinator)
    set(CPACK_DEBIAN_COORDINATOR_PACKAGE_DEPENDS adduser)
    set(CPACK_DEBIAN_COORDINATOR_PACKAGE_RECOMMENDS andon)
    set(CPACK_DEBIAN_COORDINATOR_PACKAGE_SUGGESTS "postgresql, sqlite3")

    an_package(client andon misc "client of the coordinator of Andon"
        "Admits sites, makes models, follows rounds, signs releases, reads the journal.")
    an_package_program(client andon 1)
    install(FILES docs/OPERATIONS.md DESTINATION share/doc/andon COMPONENT client)

    an_package(lab andon-lab science "laboratory of Andon: models and federations on files"
        "Trains, scores, evaluates, inspects, exports and simulates federations,
without a network.")
    an_package_program(lab andon-lab 1)
    install(FILES docs/LAB.md docs/CONFIGURATION.md DESTINATION share/doc/andon-lab COMPONENT lab)
    set(CPACK_DEBIAN_LAB_PACKAGE_DEPENDS ${an_libs})
endif()

include(CPack)
