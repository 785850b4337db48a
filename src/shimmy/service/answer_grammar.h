// What an answer must be, as one grammar over what the model writes: its thoughts, where it thinks first,
// then the constraint of the request or the calls that it demands. Pure.
#pragma once

#include <string>

#include "airframe/text/grammar.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"
#include "shimmy/service/chat_plan.h"
#include "shimmy/service/generation.h"

namespace shimmy {

struct AnswerRules {
    const Constraint* constraint = nullptr;  // null: none
    const ChatPlan* plan = nullptr;          // null: no conversation
};

// False: the answer is free.
bool is_constrained(const AnswerRules& rules);
// Equal for equal grammars of one model.
std::string answer_key(const AnswerRules& rules);
// REQUIRES: is_constrained(). Errors: kInvalidArgument, detail "invalid_json_schema" or "invalid_grammar",
// where the grammar is wrong or asks for what cannot be promised; they say where in it.
base::Result<airframe::GrammarPtr> compile_answer(const AnswerRules& rules,
                                                  const airframe::Tokenizer& tokenizer);

// An error of the grammar compilers as one of the request's field `param`.
base::Error grammar_error(base::Error error, const std::string& param, bool is_schema);

// `text` as grammars see it: each of the marks that is a control token of the vocabulary as that token.
std::string spelled(const airframe::Tokenizer& tokenizer, std::string_view text,
                    std::span<const std::string_view> marks);

}  // namespace shimmy
