# Writes version.cpp at build time, so that a program always names the commit it was built from.
# cmake -DSOURCE=… -DOUTPUT=… -DVERSION=… -P version.cmake      rewrites OUTPUT only when something changed
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --exclude=*
  OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE STATUS)
if(NOT STATUS EQUAL 0)
  set(COMMIT unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
#include "shimmy/app/version.h"

namespace shimmy {
const std::string_view kVersion = "@VERSION@";
const std::string_view kCommit = "@COMMIT@";
}  // namespace shimmy
]] @ONLY)
