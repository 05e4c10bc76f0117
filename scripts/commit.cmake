# cmake -DSOURCE=DIR -DTO=FILE -P commit.cmake: writes the commit of DIR into a header, which changes only when that does.
set(commit "")
find_program(GIT git)
if(GIT)
    execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --dirty=+ --abbrev=12 --exclude=*
                    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(failed)
        set(commit "")
    endif()
endif()
file(CONFIGURE OUTPUT ${TO} CONTENT "#define CUPEL_COMMIT \"${commit}\"\n")
