// Which template a model gets: from the command line, from its file, or by what is known of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "airframe/gguf/metadata.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

struct TemplateChoice {
    std::string source;
    std::string origin;    // for people
    std::string warning;   // empty: none
    std::string tool_use;  // the file's variant for tools; empty: none
};

// As ChatTemplate::create. Errors: kInvalidArgument (no such file or name), kIo.
base::Result<TemplateChoice> choose_chat_template(const Metadata& metadata, const Tokenizer& tokenizer,
                                                  std::string_view override);

std::optional<std::string_view> builtin_chat_template(std::string_view name);

}  // namespace airframe
