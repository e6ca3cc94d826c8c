# The pages as libraries: an_console_pages (the coordinator's console) and an_site_pages (the agent's own page), made of
# what npm builds in the build tree, or empty.
set(an_console_mode off)
if(AN_CONSOLE)
    find_program(AN_NPM npm)
    find_program(AN_NODE NAMES node nodejs)
    set(an_node_version 0)
    if(AN_NODE)
        execute_process(COMMAND ${AN_NODE} --version OUTPUT_VARIABLE an_node_version OUTPUT_STRIP_TRAILING_WHITESPACE)
        string(REGEX REPLACE "^v" "" an_node_version "${an_node_version}")
    endif()
    if(AN_NPM AND an_node_version VERSION_GREATER_EQUAL 18)
        string(TOLOWER ${AN_CONSOLE} an_console_mode)
    elseif(AN_CONSOLE STREQUAL "AUTO")
        message(STATUS "AN_CONSOLE: left out, for there is no npm with Node.js 18 (Debian: nodejs npm)")
    else()
        message(FATAL_ERROR "AN_CONSOLE is ON and there is no npm with Node.js 18 (Debian: nodejs npm)")
    endif()
endif()

set(an_console_source ${CMAKE_CURRENT_LIST_DIR})
set(an_console_out ${CMAKE_BINARY_DIR}/console)
file(GLOB_RECURSE an_console_files CONFIGURE_DEPENDS ${an_console_source}/src/* ${an_console_source}/messages/*)
file(GLOB an_console_top CONFIGURE_DEPENDS ${an_console_source}/*.json ${an_console_source}/*.html
    ${an_console_source}/*.mjs ${an_console_source}/*.ts)
add_custom_command(OUTPUT ${an_console_out}/console_assets.c ${an_console_out}/site_assets.c
    COMMAND ${an_console_source}/build.sh ${an_console_source} ${an_console_out} ${an_console_mode}
    DEPENDS ${an_console_files} ${an_console_top} ${an_console_source}/build.sh
    COMMENT "Building the console" VERBATIM)
add_custom_target(an_pages DEPENDS ${an_console_out}/console_assets.c ${an_console_out}/site_assets.c)
foreach(page console site)
    add_library(an_${page}_pages STATIC ${an_console_out}/${page}_assets.c)
    target_link_libraries(an_${page}_pages PUBLIC an_flags)
    add_dependencies(an_${page}_pages an_pages)
endforeach()
