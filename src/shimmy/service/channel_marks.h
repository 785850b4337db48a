// The words of harmony, gpt-oss's format of channels: for who reads them, and for who holds answers to them.
#pragma once

#include <string_view>

namespace shimmy::channel {

inline constexpr std::string_view kStart = "<|start|>", kChannel = "<|channel|>", kMessage = "<|message|>",
                                  kConstrain = "<|constrain|>", kTo = "to=", kFunctions = "functions.";
inline constexpr std::string_view kEnds[] = {"<|end|>", "<|call|>", "<|return|>"};

}  // namespace shimmy::channel
