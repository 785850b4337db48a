#include "airframe/text/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <string>

#include "base/check.h"

namespace airframe {
namespace {

// PCRE2's own \s counts U+180E, which left White_Space in Unicode 6.3; the published tokenizers do not.
constexpr std::string_view kWhiteSpace = R"(\t-\r\x{85}\p{Z})";

// The pattern with `\s` and `\S` spelled out. REQUIRES: no `\S` inside a class.
std::string widen_white_space(std::string_view pattern) {
    std::string out;
    bool in_class = false;
    for (size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == '\\' && i + 1 < pattern.size()) {
            const char escaped = pattern[++i];
            if (escaped == 's' && in_class)
                out += kWhiteSpace;
            else if (escaped == 's' || escaped == 'S')
                out += fmt::format("[{}{}]", escaped == 'S' ? "^" : "", kWhiteSpace);
            else
                (out += c) += escaped;
            continue;
        }
        if (c == '[') in_class = true;
        if (c == ']') in_class = false;
        out += c;
    }
    return out;
}

template <auto Function>
struct FreeWith {
    template <class T>
    void operator()(T* object) const {
        Function(object);
    }
};
using Code = std::unique_ptr<pcre2_code, FreeWith<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, FreeWith<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, FreeWith<pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, FreeWith<pcre2_jit_stack_free>>;

constexpr size_t kJitStackBytes = 32u << 10, kJitStackBytesMax = 64u << 20;

}  // namespace

struct Pretokenizer::Step {
    Code code;
    bool jit;
    SplitKind kind;
};

// What one split() needs to search; the patterns themselves are shared by all threads.
struct Pretokenizer::Search {
    MatchData match{pcre2_match_data_create(1, nullptr)};
    MatchContext context;  // made when a search first needs more than the small stack of the JIT
    JitStack stack;

    struct Found {
        size_t begin, end;
    };

    // The first match at or after `from`, or {size, size}.
    Found next(const Step& step, std::string_view text, size_t from) {
        int result = run(step, text, from);
        if (result == PCRE2_ERROR_JIT_STACKLIMIT && context == nullptr) {
            context.reset(pcre2_match_context_create(nullptr));
            stack.reset(pcre2_jit_stack_create(kJitStackBytes, kJitStackBytesMax, nullptr));
            pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
            result = run(step, text, from);
        }
        CHECK(result >= 0 || result == PCRE2_ERROR_NOMATCH,
              "pre-tokenizer pattern failed with PCRE2 error {}", result);
        if (result < 0) return {text.size(), text.size()};
        const size_t* bounds = pcre2_get_ovector_pointer(match.get());
        return {bounds[0], bounds[1]};
    }

    int run(const Step& step, std::string_view text, size_t from) {
        const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
        return step.jit ? pcre2_jit_match(step.code.get(), subject, text.size(), from, 0, match.get(),
                                          context.get())
                        : pcre2_match(step.code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                                      match.get(), context.get());
    }
};

Pretokenizer::Pretokenizer(const PretokenizerSpec& spec) {
    for (const SplitStep& step : spec.steps) {
        const std::string pattern = widen_white_space(step.pattern);
        int error = 0;
        size_t offset = 0;
        Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
        CHECK(code != nullptr, "pre-tokenizer '{}': PCRE2 error {} at {} in {}", spec.name, error, offset,
              pattern);
        const bool jit = pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE) == 0;
        steps_.push_back({std::move(code), jit, step.kind});
    }
}

Pretokenizer::Pretokenizer(Pretokenizer&&) noexcept = default;
Pretokenizer& Pretokenizer::operator=(Pretokenizer&&) noexcept = default;
Pretokenizer::~Pretokenizer() = default;

void Pretokenizer::split_erased(std::string_view text, PieceSink sink) const {
    if (text.empty()) return;
    Search search;
    apply(0, text, search, sink);
}

namespace {

// Cuts `digits` (valid UTF-8) into groups of three characters counted from the right.
template <class Each>
void each_digit_group(std::string_view digits, Each each) {
    const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    size_t left = static_cast<size_t>(std::ranges::count_if(digits, begins_character));
    size_t begin = 0;
    for (size_t at = 0; at < digits.size(); ++at) {
        if (!begins_character(digits[at])) continue;
        if (at > begin && left % 3 == 0) {
            each(digits.substr(begin, at - begin));
            begin = at;
        }
        --left;
    }
    each(digits.substr(begin));
}

}  // namespace

void Pretokenizer::apply(size_t step, std::string_view text, Search& search, PieceSink sink) const {
    if (step == steps_.size()) return sink(text);
    const auto pass_on = [&](std::string_view piece) {
        if (!piece.empty()) apply(step + 1, piece, search, sink);
    };
    for (size_t at = 0; at < text.size();) {
        const auto [begin, end] = search.next(steps_[step], text, at);
        pass_on(text.substr(at, begin - at));
        const std::string_view found = text.substr(begin, end - begin);
        if (steps_[step].kind == SplitKind::kDigitGroups && !found.empty())
            each_digit_group(found, pass_on);
        else
            pass_on(found);
        at = end;
    }
}

}  // namespace airframe
