// libFuzzer: any bytes as a regular expression; what compiles is written to an end.
#include "airframe/text/grammar_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto grammar = airframe::compile_regex_grammar(text);
    if (grammar) airframe::write_by(*grammar, text);
    return 0;
}
