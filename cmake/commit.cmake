# Writes the commit that is built into `out`, only where it changed: cmake -Dout=... -Dsource=... -P
execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=*
                WORKING_DIRECTORY ${source} OUTPUT_VARIABLE commit RESULT_VARIABLE failed
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(failed)
    set(commit "")
endif()
set(line "#define VN_COMMIT \"${commit}\"\n")
set(old "")
if(EXISTS ${out})
    file(READ ${out} old)
endif()
if(NOT line STREQUAL old)
    file(WRITE ${out} "${line}")
endif()
