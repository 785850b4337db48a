// GgufSummary: what people want to know of a model file at a glance, from its metadata and tensor table
// alone. Never fails: a fact that the file does not tell is empty or 0. Pure, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "airframe/gguf/gguf.h"

namespace airframe {

struct GgufSummary {
    std::string name;          // general.name, else the file's stem
    std::string architecture;  // general.architecture
    uint64_t parameters = 0;   // elements of all weights (tensors of integers do not count)
    std::string size_label;    // "1.1B"; the file's own label where it has one ("8x7B")
    std::string quantization;  // "Q4_K_M"; the type with the most bytes where the file does not say
    uint64_t context_tokens = 0;
    uint64_t tensor_bytes = 0;
    bool has_chat_template = false;
    uint32_t parts = 1;  // of a split model
};

GgufSummary summarize(const GgufFile& file);

// 1100048384 -> "1.1B", 260032 -> "260K", 7241732096 -> "7.2B", 70553706496 -> "71B".
std::string size_label(uint64_t parameters);

// The name of a general.file_type number, such as "Q4_K_M" for 15; empty for numbers that are not known.
std::string_view file_type_name(int64_t number);
// The number for a name; -1 when there is none. Case does not matter.
int64_t file_type_of(std::string_view name);

}  // namespace airframe
