#include "shimmy/service/answer_grammar.h"

#include <algorithm>
#include <utility>

#include "airframe/text/grammar_builder.h"
#include "airframe/text/text_scan.h"
#include "airframe/text/token_trie.h"
#include "shimmy/service/call_grammar.h"
#include "shimmy/service/channel_calls.h"
#include "shimmy/service/marked_calls.h"

namespace shimmy {

using airframe::GrammarBuilder;
using airframe::GrammarPtr;
using airframe::Tokenizer;
using airframe::TokenKind;
using base::ErrorCode;
using Kind = Constraint::Kind;
using Place = GrammarBuilder::Place;

namespace {

constexpr std::string_view kDefaultParam = "response_format";
constexpr int kSpacesMax = 3;  // line breaks and spaces between thoughts and answer

base::Result<GrammarPtr> compile(const Constraint& constraint) {
    switch (constraint.kind) {
        case Kind::kJson:
            return airframe::compile_json_object();
        case Kind::kJsonSchema:
            return airframe::compile_json_schema(constraint.text);
        case Kind::kGbnf:
            return airframe::compile_gbnf(constraint.text);
        case Kind::kRegex:
            return airframe::compile_regex_grammar(constraint.text);
        case Kind::kChoice:
            return airframe::compile_choice(constraint.choices);
    }
    return base::fail(ErrorCode::kInternal, "a constraint of an unknown kind");
}

base::Result<GrammarPtr> compile_constraint(const Constraint& constraint) {
    auto compiled = compile(constraint);
    if (compiled) return compiled;
    const std::string param = constraint.param.empty() ? std::string(kDefaultParam) : constraint.param;
    return std::unexpected(
        grammar_error(std::move(compiled).error(), param, constraint.kind == Kind::kJsonSchema));
}

// The marks that stand around thoughts and answers in this model's conversations.
class Marks {
  public:
    Marks(const Tokenizer& tokenizer, const ChatPlan& plan) : tokenizer_(tokenizer), plan_(plan) {}
    std::string operator()(std::string_view text) const { return spelled(tokenizer_, text, plan_.marks); }
    bool can_write(std::string_view mark) const {
        const auto id = tokenizer_.find(mark);
        return !id || !tokenizer_.ends_generation(*id);
    }

  private:
    const Tokenizer& tokenizer_;
    const ChatPlan& plan_;
};

// Where free text begins that ends with the first mark.
Place text_before(GrammarBuilder& builder, std::string_view mark, Place behind) {
    airframe::TextScan scan(builder, {});
    scan.found(scan.text(airframe::TextScan::kAnywhere, mark), behind);
    const Place start = scan.place({});
    scan.finish();
    return start;
}

// The calls that the request demands, or may have in place of what it asks for.
base::Result<void> add_block(GrammarBuilder& builder, Place from, Place to, const ChatPlan& plan,
                             const Spell& spell) {
    CallRules rules(builder, plan, spell);
    return CallBlock(builder, plan, rules, spell).add(from, to);
}

// The place where the answer begins: behind the thoughts, where the prompt has opened them.
Place lead(GrammarBuilder& builder, const ChatPlan& plan, const Marks& marks, Place start) {
    if (plan.output.format->channels) {
        constexpr std::string_view kThoughts = "<|channel|>analysis<|message|>", kEnd = "<|end|>";
        if (!marks.can_write(kEnd)) return start;
        const Place answer = builder.place(), ended = builder.place();
        builder.join(builder.text(start, marks(kThoughts)), text_before(builder, marks(kEnd), ended));
        builder.text(ended, marks("<|start|>assistant"), answer);
        builder.join(start, answer);
        return answer;
    }
    if (!plan.output.in_reasoning) return start;
    const Place ended = builder.place(), answer = builder.place();
    builder.join(start, text_before(builder, marks(plan.output.think.end), ended));
    const Place space = builder.place();
    builder.accept(space);
    Place at = space;
    for (int i = 0; i < kSpacesMax; ++i) {
        const Place next = builder.place();
        builder.accept(next);
        builder.text(at, "\n", next);
        builder.text(at, " ", next);
        at = next;
    }
    builder.use(ended, GrammarBuilder::rule(space), answer);
    return answer;
}

}  // namespace

bool is_constrained(const AnswerRules& rules) {
    return rules.constraint != nullptr || (rules.plan != nullptr && rules.plan->calls.wanted);
}

std::string answer_key(const AnswerRules& rules) {
    std::string key;
    const auto add = [&key](std::string_view text) {
        key += fmt::format("{}:", text.size());
        key += text;
    };
    if (rules.constraint != nullptr) {
        add(std::to_string(static_cast<int>(rules.constraint->kind)));
        add(rules.constraint->text);
        for (const std::string& choice : rules.constraint->choices) add(choice);
    }
    if (rules.plan == nullptr) return key;
    const ChatOutputOptions& output = rules.plan->output;
    add(output.format->name);
    add(output.think.end);
    add(output.in_reasoning ? "opened" : "");
    add(output.split_reasoning ? "split" : "");
    const CallDemand& calls = rules.plan->calls;
    add(calls.required ? "must" : "may");
    add(calls.parallel ? "calls" : "call");
    add(boost::json::serialize(calls.tools));
    return key;
}

base::Result<GrammarPtr> compile_answer(const AnswerRules& rules, const Tokenizer& tokenizer) {
    const ChatPlan* plan = rules.plan;
    GrammarPtr body;
    if (rules.constraint != nullptr && (plan == nullptr || !plan->calls.required)) {
        TRY(body, compile_constraint(*rules.constraint));
    }
    if (plan == nullptr) return body;
    const bool as_it_is =
        !plan->output.format->channels && !plan->output.in_reasoning && plan->calls.tools.empty();
    if (body && as_it_is) return body;
    GrammarBuilder builder;
    const Marks marks(tokenizer, *plan);
    const Spell spell = [&](std::string_view text) { return marks(text); };
    const bool may_call = !plan->calls.tools.empty();
    if (!body && !plan->calls.required) {
        TRY(const Place start, plan->output.format->channels ? add_channel_calls(builder, *plan, spell)
                                                             : add_marked_calls(builder, *plan, spell));
        return builder.finish(start);
    }
    const Place start = builder.place(), end = builder.place();
    builder.accept(end);
    const Place from = lead(builder, *plan, marks, start);
    // Calls may stand in place of the text.
    if (!body || (may_call && can_write(plan->output.format->writing, plan->calls.tools, false))) {
        TRY_VOID(add_block(builder, from, end, *plan, spell));
    }
    if (!body) return builder.finish(start);
    const bool channels = plan->output.format->channels;
    const Place text = channels ? builder.text(from, marks("<|channel|>final<|message|>")) : from;
    builder.use(text, builder.add(*body), end);
    return builder.finish(start);
}

base::Error grammar_error(base::Error error, const std::string& param, bool is_schema) {
    error.code = ErrorCode::kInvalidArgument;
    error.detail = is_schema ? "invalid_json_schema" : "invalid_grammar";
    error.message = fmt::format("'{}' cannot be promised: {}", param, error.message);
    error.param = param;
    return error;
}

std::string spelled(const Tokenizer& tokenizer, std::string_view text,
                    std::span<const std::string_view> marks) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const auto is_here = [&](std::string_view mark) {
            if (!text.substr(at).starts_with(mark)) return false;
            const auto id = tokenizer.find(mark);
            return id && tokenizer.kind(*id) == TokenKind::kControl;
        };
        const auto mark = std::ranges::find_if(marks, is_here);
        if (mark == marks.end()) {
            out += text[at++];
            continue;
        }
        out += airframe::TokenTrie::kControlByte;
        out += *mark;
        at += mark->size();
    }
    return out;
}

}  // namespace shimmy
