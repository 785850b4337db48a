// libFuzzer: any bytes as a chat template, rendered for a small conversation within a small budget.
#include <boost/json.hpp>

#include "airframe/text/jinja.h"
#include "base/check.h"

namespace {

const boost::json::object& conversation() {
    static const boost::json::object variables =
        boost::json::parse(R"({"messages": [{"role": "user", "content": "Hi <|x|> \u00e9"},
            {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5]}}}]}],
            "tools": [{"name": "f"}], "bos_token": "<s>", "n": -7, "s": "a,b c", "l": [3, 1, 2], "d": {"x": 1}})")
            .as_object();
    return variables;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto parsed = airframe::JinjaTemplate::parse({reinterpret_cast<const char*>(data), size});
    if (!parsed) return 0;
    airframe::RenderOptions options;
    options.steps_max = 20'000;
    options.output_bytes_max = 1 << 16;
    options.memory_bytes_max = 4 << 20;
    options.lists_may_change = size % 2 == 0;
    const auto rendered = parsed->render(conversation(), options);
    if (!rendered) return 0;
    size_t at = 0;
    for (const airframe::ByteRange& range : rendered->untrusted) {
        CHECK(range.begin >= at && range.begin < range.end && range.end <= rendered->text.size(),
              "ranges out of order");
        at = range.end;
    }
    return 0;
}
