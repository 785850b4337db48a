// ChatText: a conversation as tokens of one model, cut to its context where that was asked for.
#pragma once

#include <optional>
#include <vector>

#include "shimmy/service/chat_plan.h"
#include "shimmy/service/truncation.h"

namespace shimmy {

struct ChatText {
    ChatPlan plan;
    std::vector<airframe::TokenId> tokens;
    Truncation cut;
};

// Errors: those of plan_chat().
base::Result<ChatText> write_chat(const LoadedModel& model, const ChatInput& chat);

// Without its oldest parts, as few of them as leave at most `tokens_max` tokens. Where even the last turn has
// more, nothing is cut: the engine refuses the whole. Errors: those of plan_chat().
base::Result<ChatText> fit_chat(const LoadedModel& model, const ChatInput& chat, size_t tokens_max);

}  // namespace shimmy
