#include "shimmy/service/chat_text.h"

#include <algorithm>
#include <utility>

namespace shimmy {

base::Result<ChatText> write_chat(const LoadedModel& model, const ChatInput& chat) {
    ChatText text;
    TRY(text.plan, plan_chat(model, chat));
    const airframe::Rendered& rendered = text.plan.rendered;
    text.tokens = model.engine->tokenizer().encode(rendered.text,
                                                   {.parse_special = true, .untrusted = rendered.untrusted});
    return text;
}

// Found by halving, as each look renders and tokenizes.
base::Result<ChatText> fit_chat(const LoadedModel& model, const ChatInput& chat, size_t tokens_max) {
    TRY(ChatText whole, write_chat(model, chat));
    const auto parts = removable_parts(chat.messages);
    if (whole.tokens.size() <= tokens_max || parts.empty()) return whole;
    ChatInput shorter = chat;
    const auto without = [&](size_t count) -> base::Result<ChatText> {
        shorter.messages = without_parts(chat.messages, parts, count);
        TRY(ChatText text, write_chat(model, shorter));
        text.cut = {static_cast<uint32_t>(chat.messages.size() - shorter.messages.size()),
                    whole.tokens.size() - std::min(text.tokens.size(), whole.tokens.size())};
        return text;
    };
    TRY(ChatText fewest, without(parts.size()));
    if (fewest.tokens.size() > tokens_max) return whole;
    for (size_t low = 1, high = parts.size(); low < high;) {
        const size_t middle = low + (high - low) / 2;
        TRY(ChatText text, without(middle));
        if (text.tokens.size() > tokens_max) {
            low = middle + 1;
        } else {
            high = middle;
            fewest = std::move(text);
        }
    }
    return fewest;
}

}  // namespace shimmy
