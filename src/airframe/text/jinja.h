// Chat templates: the Jinja language as Hugging Face templates use it, sandboxed.
//
//   auto made = JinjaTemplate::parse(source);                    // syntax errors carry line and column
//   auto text = made->render(variables, options);                // steps, output and depth are bounded
// Every string knows which of its bytes came from outside (message contents): the rendering reports those
// ranges so that the tokenizer never turns a user's text into control tokens. Parsed templates are immutable;
// any thread.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

struct RenderOptions {
    int64_t steps_max = 2'000'000;
    size_t output_bytes_max = 64u << 20;
    size_t memory_bytes_max = 512u << 20;  // of all values alive at once
    int64_t now_unix_seconds = 0;          // for strftime_now
    // Top-level variables whose strings come from users; all others are trusted.
    std::vector<std::string> untrusted_variables = {"messages", "tools", "documents"};
    // Values of a "role" member that count as the template's own words: templates build control tokens around
    // them
    // ("<|" + message.role + "|>"), and these cannot make any other.
    std::vector<std::string> trusted_roles = {"system", "developer", "user", "assistant", "tool"};
    // Whether list.append and its like work. The sandbox of Hugging Face forbids them; other servers do not.
    bool lists_may_change = false;
};

struct Rendered {
    std::string text;
    std::vector<ByteRange>
        untrusted;  // ascending, disjoint: bytes of `text` that came from untrusted variables
};

class JinjaTemplate {
  public:
    // Errors: kInvalidArgument with line, column and the offending token.
    static base::Result<JinjaTemplate> parse(std::string_view source);

    JinjaTemplate(JinjaTemplate&&) noexcept;
    JinjaTemplate& operator=(JinjaTemplate&&) noexcept;
    ~JinjaTemplate();

    // Errors: kInvalidArgument; detail "raised" when the template called raise_exception (message = its
    // text), "budget" when a limit was reached, else "template" with the line.
    base::Result<Rendered> render(const boost::json::object& variables, const RenderOptions& options) const;

  private:
    struct Program;
    explicit JinjaTemplate(std::unique_ptr<const Program> program);
    std::unique_ptr<const Program> program_;
};

}  // namespace airframe
