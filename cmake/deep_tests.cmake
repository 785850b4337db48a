# Tests that build parts of the tree again under sanitizers: the tests marked ASAN, and the fuzz targets.
# On with SHIMMY_DEEP_TESTS (test.sh sets it). The other builds are fixtures: CTest makes them when a test needs them.

# add_deep_build(PRESET): the test that builds what build/PRESET needs. Call it when all targets are known.
function(add_deep_build preset)
  get_property(targets GLOBAL PROPERTY deep_${preset}_targets)
  add_test(NAME deep.build_${preset}
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/build_preset.sh ${preset} ${targets})
  set_tests_properties(deep.build_${preset} PROPERTIES
    FIXTURES_SETUP ${preset} TIMEOUT 2400 LABELS deep RUN_SERIAL ON)
endfunction()

# The same program in another build of this tree.
function(deep_twin out preset name)
  file(RELATIVE_PATH folder ${PROJECT_BINARY_DIR} ${CMAKE_CURRENT_BINARY_DIR})
  set(${out} ${PROJECT_SOURCE_DIR}/build/${preset}/${folder}/${name} PARENT_SCOPE)
endfunction()

# add_asan_test(NAME): the floor test NAME once more in the AddressSanitizer build, but for what only measures time.
function(add_asan_test name)
  deep_twin(program asan ${name})
  add_test(NAME asan.${name} COMMAND ${program} --gtest_brief=1 --gtest_filter=-*Time*:*LongText*)
  set_property(GLOBAL APPEND PROPERTY deep_asan_targets ${name})
  set_tests_properties(asan.${name} PROPERTIES
    FIXTURES_REQUIRED asan TIMEOUT 900 LABELS deep
    ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=1;UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1")
endfunction()

# add_fuzz_test(NAME): a run of the fuzz target NAME, for SHIMMY_FUZZ_SECONDS (60).
function(add_fuzz_test name)
  deep_twin(program fuzz ${name})
  add_test(NAME fuzz.${name} COMMAND ${PROJECT_SOURCE_DIR}/scripts/fuzz.sh ${program} ${CMAKE_CURRENT_SOURCE_DIR})
  set_property(GLOBAL APPEND PROPERTY deep_fuzz_targets ${name})
  set_tests_properties(fuzz.${name} PROPERTIES FIXTURES_REQUIRED fuzz TIMEOUT 900 LABELS deep)
endfunction()
