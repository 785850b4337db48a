// The border between the interpreter and the rest: failures become errors here. See jinja.h.
#include "airframe/text/jinja.h"

#include <algorithm>
#include <new>

#include "airframe/text/jinja_machine.h"
#include "airframe/text/jinja_parser.h"
#include "airframe/text/jinja_unicode.h"

namespace airframe {

struct JinjaTemplate::Program {
    std::unique_ptr<const jinja::Program> parsed;
};

namespace {

constexpr size_t kSourceBytesMax = 4u << 20;

// "line 3, column 7: … in: {% if x %}", columns in characters.
base::Error syntax_error(std::string_view source, const jinja::SyntaxFailure& failure) {
    const size_t offset = std::min(failure.offset, source.size());
    const std::string_view before = source.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t line_begin = before.rfind('\n') + 1;  // 0 on the first line
    const size_t line_end = std::min(source.find('\n', offset), source.size());
    constexpr size_t kShownBytes = 60;
    const size_t shown_begin = std::max(line_begin, offset > kShownBytes ? offset - kShownBytes : 0);
    const std::string_view shown =
        source.substr(shown_begin, std::min(line_end - shown_begin, 2 * kShownBytes));
    return {base::ErrorCode::kInvalidArgument,
            fmt::format("chat template, line {}, column {}: {} (near: {})", line,
                        jinja::count_code_points(before.substr(line_begin)) + 1, failure.message, shown),
            {},
            "template"};
}

base::Error render_error(const jinja::Failure& failure, uint32_t line) {
    using Kind = jinja::Failure::Kind;
    if (failure.kind == Kind::kRaised)
        return {base::ErrorCode::kInvalidArgument, failure.message, {}, "raised"};
    return {base::ErrorCode::kInvalidArgument,
            fmt::format("chat template, line {}: {}", line, failure.message),
            {},
            failure.kind == Kind::kBudget ? "budget" : "template"};
}

}  // namespace

JinjaTemplate::JinjaTemplate(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
JinjaTemplate::JinjaTemplate(JinjaTemplate&&) noexcept = default;
JinjaTemplate& JinjaTemplate::operator=(JinjaTemplate&&) noexcept = default;
JinjaTemplate::~JinjaTemplate() = default;

base::Result<JinjaTemplate> JinjaTemplate::parse(std::string_view source) {
    if (source.size() > kSourceBytesMax) {
        return base::fail(base::ErrorCode::kInvalidArgument, "chat template of {} bytes: at most {} are read",
                          source.size(), kSourceBytesMax);
    }
    try {
        auto program = std::make_unique<Program>();
        program->parsed = jinja::Parser::parse(source);
        return JinjaTemplate(std::move(program));
    } catch (const jinja::SyntaxFailure& failure) {
        return std::unexpected(syntax_error(jinja::normalise_source(source), failure));
    } catch (const jinja::Failure& failure) {
        return std::unexpected(render_error(failure, 0));
    }
}

base::Result<Rendered> JinjaTemplate::render(const boost::json::object& variables,
                                             const RenderOptions& options) const {
    jinja::Budget budget(options.steps_max, options.memory_bytes_max);
    uint32_t line = 0;
    try {
        jinja::Machine machine(*program_->parsed, variables, options, budget);
        try {
            return machine.run();
        } catch (const jinja::Failure&) {
            line = machine.line();
            throw;
        }
    } catch (const jinja::Failure& failure) {
        return std::unexpected(render_error(failure, line));
    } catch (const std::bad_alloc&) {
        return base::fail(base::ErrorCode::kOutOfMemory, "no memory left to render the chat template");
    }
}

}  // namespace airframe
