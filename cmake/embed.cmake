# embed_file(TARGET SYMBOL FILE): puts the bytes of FILE into TARGET, unchanged and page-aligned, so that they can stay
# where they lie in the program's own mapping:
#   extern "C" const std::byte SYMBOL_begin[], SYMBOL_end[];
function(embed_file target symbol file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT [[
asm(R"(
    .section .rodata
    .balign 4096
    .global @symbol@_begin
    .global @symbol@_end
@symbol@_begin:
    .incbin "@file@"
@symbol@_end:
    .byte 0
    .previous
)");
]] @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${source})
endfunction()

# embed_files(TARGET SYMBOL FILES...): puts several files into TARGET, and a function that lists them:
#   std::span<const base::EmbeddedFile> SYMBOL();     base/embedded_file.h
function(embed_files target symbol)
  set(number 0)
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME)
    string(APPEND data "    .global ${symbol}_${number}_begin\n    .global ${symbol}_${number}_end\n"
                       "${symbol}_${number}_begin:\n    .incbin \"${file}\"\n${symbol}_${number}_end:\n    .byte 0\n")
    string(APPEND declarations "extern \"C\" const char ${symbol}_${number}_begin[], ${symbol}_${number}_end[];\n")
    string(APPEND rows "    {\"${name}\", ${symbol}_${number}_begin, ${symbol}_${number}_end},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT [[
#include <span>

#include "base/embedded_file.h"

asm(R"(
    .section .rodata
@data@    .previous
)");

@declarations@
static constexpr base::EmbeddedFile kFiles[] = {
@rows@};

std::span<const base::EmbeddedFile> @symbol@() { return kFiles; }
]] @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${ARGN}")
  target_sources(${target} PRIVATE ${source})
endfunction()
