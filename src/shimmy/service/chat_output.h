// ChatOutput: what a model writes in answer to a conversation, taken apart into text, thoughts and tool calls
// while it is being written. However the model's text is cut into pieces, the parts put together are the
// same.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shimmy/service/call_parser.h"
#include "shimmy/service/chat_format.h"

namespace shimmy {

struct ChatPart {
    enum class Kind : uint8_t { kText, kReasoning, kCall, kArguments };
    Kind kind;
    std::string text;   // kCall: the function's name; kArguments: a piece of their JSON
    uint32_t call = 0;  // kCall, kArguments: which one, from 0
};

struct ChatOutputOptions {
    const ChatFormat* format = nullptr;
    ThinkMarks think;             // empty: the model has none
    bool split_reasoning = true;  // else thoughts are text
    bool in_reasoning = false;    // the prompt has opened them already
    ToolSchemas tools;            // none: what looks like a call is text
    bool parallel = true;         // else only the first call counts
};

class ChatOutput {
  public:
    virtual ~ChatOutput() = default;
    virtual void push(std::string_view text, std::vector<ChatPart>& out) = 0;
    // The model writes no more.
    virtual void finish(std::vector<ChatPart>& out) = 0;
    virtual bool in_reasoning() const = 0;
    virtual bool in_call() const = 0;
};

std::unique_ptr<ChatOutput> make_chat_output(ChatOutputOptions options);

// Collects parts: neighbours of one kind become one.
class ChatPartSink final : public CallSink {
  public:
    explicit ChatPartSink(bool parallel) : parallel_(parallel) {}

    void collect_into(std::vector<ChatPart>* out) { out_ = out; }
    void add(ChatPart::Kind kind, std::string_view text);
    void begin_call(std::string_view name) override;
    void add_arguments(std::string_view json) override;
    uint32_t calls() const { return calls_; }

  private:
    const bool parallel_;
    std::vector<ChatPart>* out_ = nullptr;
    uint32_t calls_ = 0;
    bool muted_ = false;
};

}  // namespace shimmy
