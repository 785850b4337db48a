# One static library per floor, its unit tests beside its sources, explicit link edges.

# add_floor(NAME [SOURCES ...] [LINKS ...]): the static library of one floor.
function(add_floor name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  target_link_libraries(${name} PUBLIC ${ARG_LINKS})
endfunction()

# add_floor_test(NAME [ASAN] [SOURCES ...] [LINKS ...]): a GoogleTest program found by CTest, case by case.
# ASAN: it reads what comes from outside or manages memory, so the deep tests run it under AddressSanitizer too. Tests that need the shared test data find it through SHIMMY_TEST_DATA.
function(add_floor_test name)
  if(NOT SHIMMY_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "ASAN" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest_main GTest::gmock)
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  if(SHIMMY_DEEP_TESTS AND ARG_ASAN)
    add_asan_test(${name})
  endif()
endfunction()

# add_fuzz_target(NAME SOURCES ... LINKS ...): a libFuzzer program; built only with SHIMMY_FUZZ, run by deep tests.
# Seeds: fuzz_seeds/NAME/ in the same folder.
function(add_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  if(SHIMMY_DEEP_TESTS)
    add_fuzz_test(${name})
  endif()
  if(NOT SHIMMY_FUZZ)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
endfunction()
