# Installs the engine as a CMake package, so that other programs can embed it (examples/embed):
#   find_package(airframe REQUIRED)
#   target_link_libraries(program PRIVATE airframe::airframe)
# Its own component: cmake --install build/release --component airframe --prefix …
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(airframe_floors base airframe_quant airframe_gguf airframe_tokenizer airframe_grammar airframe_jinja airframe_chat
                    airframe_reference airframe_cpu airframe_vulkan airframe_model airframe_engine)
# What a program may include, and what that includes in turn; the rest of the headers is ours. All lie in one folder of
# their own, beneath which includes read as they do in this tree.
set(airframe_headers
  airframe/backend/backend.h airframe/backend/batch.h airframe/backend/kv_type.h
  airframe/engine/engine.h
  airframe/gguf/gguf.h airframe/gguf/metadata.h
  airframe/model/embed.h airframe/model/kv_pool.h airframe/model/model.h airframe/model/placement.h
  airframe/model/rope_table.h airframe/model/spec.h
  airframe/quant/quant.h airframe/quant/quant_type.h
  airframe/text/chat_template.h airframe/text/grammar.h airframe/text/grammar_budget.h airframe/text/grammar_dfa.h
  airframe/text/grammar_machine.h airframe/text/grammar_nodes.h airframe/text/jinja.h airframe/text/json_schema_value.h
  airframe/text/token_masks.h airframe/text/token_trie.h airframe/text/tokenizer.h
  base/clock.h base/log.h base/mmap_file.h base/result.h base/system.h)
set(airframe_include_dir ${CMAKE_INSTALL_INCLUDEDIR}/airframe)
set(airframe_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/airframe)

foreach(floor ${airframe_floors})
  string(REPLACE airframe_ "" short ${floor})
  set_target_properties(${floor} PROPERTIES EXPORT_NAME ${short})
endforeach()
target_include_directories(airframe INTERFACE $<INSTALL_INTERFACE:${airframe_include_dir}>)

install(TARGETS airframe ${airframe_floors} EXPORT airframe_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/airframe COMPONENT airframe)
install(EXPORT airframe_targets FILE airframeTargets.cmake NAMESPACE airframe::
  DESTINATION ${airframe_package_dir} COMPONENT airframe)
foreach(header ${airframe_headers})
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/src/${header} DESTINATION ${airframe_include_dir}/${folder} COMPONENT airframe)
endforeach()

# Static libraries hand their dependencies on: the package finds them again.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/airframeConfig.cmake CONTENT [[
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(fmt)
find_dependency(spdlog)
find_dependency(Boost 1.81 COMPONENTS json)
find_dependency(PkgConfig)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
include(${CMAKE_CURRENT_LIST_DIR}/airframeTargets.cmake)
]] @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/airframeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/airframeConfig.cmake ${PROJECT_BINARY_DIR}/airframeConfigVersion.cmake
  DESTINATION ${airframe_package_dir} COMPONENT airframe)
