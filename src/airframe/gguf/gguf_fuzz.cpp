// libFuzzer: any bytes as a GGUF file. What opens must let every value and every tensor byte be read.
#include "airframe/gguf/reader.h"
#include "airframe/gguf/split.h"
#include "base/check.h"

namespace {

void touch(const airframe::GgufContents& contents) {
    const airframe::Metadata& metadata = contents.metadata;
    for (const airframe::MetaEntry& entry : metadata.entries()) {
        CHECK(metadata.find(entry.key) == &entry.value, "the index misses a key");
        (void)metadata.get_int(entry.key);
        (void)metadata.get_float(entry.key);
        (void)metadata.get_bool(entry.key);
        (void)metadata.get_string(entry.key);
        (void)metadata.get_strings(entry.key);
        (void)metadata.get_floats(entry.key);
        (void)metadata.get_ints(entry.key);
    }
    (void)airframe::split_of(metadata);
    volatile uint8_t sink = 0;
    for (const airframe::TensorInfo& tensor : contents.tensors)
        for (uint64_t i = 0; i < tensor.bytes; ++i) sink = static_cast<uint8_t>(tensor.data[i]);
    (void)sink;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto contents = airframe::GgufReader::read({reinterpret_cast<const std::byte*>(data), size});
    if (contents) touch(*contents);
    return 0;
}
