// Regular expressions and choices as grammars.
#include "airframe/text/grammar.h"
#include "airframe/text/regex_compile.h"
#include "base/utf8.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::fail;

base::Result<GrammarPtr> grammar_of(Dfa dfa) {
    if (dfa.empty()) return fail(ErrorCode::kInvalidArgument, "no text matches the regular expression");
    auto grammar = std::make_shared<Grammar>();
    grammar->dfas.push_back(std::move(dfa));
    grammar->start = {NodeKey::Kind::kText, 0, 0, 0};
    return grammar;
}

}  // namespace

base::Result<GrammarPtr> compile_regex_grammar(std::string_view pattern) {
    Budget budget;
    auto dfa = compile_regex(pattern, RegexMatch::kWhole, budget);
    if (dfa) return grammar_of(*std::move(dfa));
    const auto& error = dfa.error();
    if (error.message.starts_with("regular expression")) return std::unexpected(error);
    return fail(error.code, "regular expression, position 0: {}", error.message);
}

base::Result<GrammarPtr> compile_choice(std::span<const std::string> choices) {
    if (choices.empty()) return fail(ErrorCode::kInvalidArgument, "choice: at least one text is needed");
    for (size_t i = 0; i < choices.size(); ++i) {
        if (!base::is_valid_utf8(choices[i]))
            return fail(ErrorCode::kInvalidArgument, "choice {}: it is not valid UTF-8", i);
        if (choices[i].empty()) return fail(ErrorCode::kInvalidArgument, "choice {}: it is empty", i);
    }
    Budget budget;
    TRY(Dfa dfa, words(choices, budget));
    return grammar_of(std::move(dfa));
}

}  // namespace airframe
