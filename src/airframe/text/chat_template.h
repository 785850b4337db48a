// ChatTemplate: a model's conversation format. Chooses the template, learns by trying it what it can take,
// and brings every conversation into that form. Immutable once created; any thread.
//
//   TRY(auto chat, ChatTemplate::create(file.metadata(), *tokenizer, override));
//   TRY(auto rendered, chat.render({.messages = messages, .add_generation_prompt = true, .now_seconds =
//   local_seconds()})); tokenizer->encode(rendered.text, {.parse_special = true, .untrusted =
//   rendered.untrusted});
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/gguf/metadata.h"
#include "airframe/text/jinja.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

struct ChatPrompt {
    boost::json::array messages;  // OpenAI's form
    boost::json::array tools;     // empty: none
    boost::json::object extra;    // further variables: enable_thinking, documents, …
    bool add_generation_prompt = true;
    int64_t now_seconds = 0;  // what strftime_now shows: local_seconds()
};

// What a template does with the parts of a conversation, found out by rendering small ones.
struct ChatAbilities {
    bool system_role = false;       // else the system text goes before the first user's
    bool text_content = false;      // content as a string
    bool content_parts = false;     // content as a list of {"type": "text", "text": …}
    bool tools = false;             // shows the tools' definitions
    bool tool_calls = false;        // shows the calls of earlier turns; else they become text
    bool tool_results = false;      // shows what they gave; else that becomes a user's turn
    bool null_content = false;      // takes a message with nothing but calls; else its content is ""
    bool object_arguments = false;  // wants their arguments as an object, not as JSON text
};

class ChatTemplate {
  public:
    // The template in order of preference: `override` (a file's path or the name of a built-in one; empty:
    // none), the file's own, one by the vocabulary, name and family of the model, ChatML with a warning.
    // Errors: kInvalidArgument: the template cannot be parsed (line and column), no such file or name.
    static base::Result<ChatTemplate> create(const Metadata& metadata, const Tokenizer& tokenizer,
                                             std::string_view override = {});

    // Errors: kInvalidArgument, detail as JinjaTemplate::render.
    base::Result<Rendered> render(const ChatPrompt& prompt) const;

    const std::string& origin() const {
        return origin_;
    }  // "the model's file", "built-in template zephyr", …
    const std::string& warning() const {
        return warning_;
    }  // empty, or what the user should know of the choice
    const std::string& source(bool with_tools = false) const;
    const ChatAbilities& abilities() const { return abilities_; }

  private:
    struct Variant {
        std::string source;
        JinjaTemplate parsed;
    };
    explicit ChatTemplate(Variant main) : main_(std::move(main)) {}

    base::Result<Rendered> render_as_is(const boost::json::array& messages, const ChatPrompt& prompt) const;
    base::Result<Rendered> probe(boost::json::array messages, boost::json::array tools = {}) const;
    void find_abilities();
    void find_tool_abilities(const boost::json::object& user, const boost::json::array& tools);
    boost::json::array adapted(const boost::json::array& messages) const;

    std::string origin_, warning_;
    Variant main_;
    std::vector<Variant> tool_use_;  // none or one: preferred when there are tools
    boost::json::object special_;    // bos_token, eos_token, …
    ChatAbilities abilities_;
};

// The names that `override` knows.
std::vector<std::string_view> builtin_chat_templates();

// The clock on the wall, as seconds that read right when taken for UTC.
int64_t local_seconds();

}  // namespace airframe
