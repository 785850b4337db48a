// libFuzzer: any bytes as a JSON Schema; what compiles is written to an end.
#include "airframe/text/grammar_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto grammar = airframe::compile_json_schema(text);
    if (grammar) airframe::write_by(*grammar, text, {.any_key_order = size % 2 == 0});
    return 0;
}
