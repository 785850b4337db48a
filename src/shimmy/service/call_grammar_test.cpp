// Calls in every format: what the grammar lets a model write is read back as calls of the tools, with
// arguments as their schemas say.
#include "shimmy/service/call_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "airframe/text/grammar_machine.h"
#include "airframe/text/token_trie.h"
#include "base/rng.h"
#include "shimmy/service/answer_grammar.h"
#include "shimmy/service/fake_model.h"
#include "shimmy/service/marked_calls.h"

namespace shimmy {
namespace {

namespace json = boost::json;
using airframe::GrammarMachine;
using airframe::GrammarState;
using testing::HasSubstr;

// All marks are control tokens of this vocabulary.
class MarkTokenizer final : public airframe::Tokenizer {
  public:
    std::vector<airframe::TokenId> encode(std::string_view, const airframe::EncodeOptions&) const override {
        return {};
    }
    std::string token_bytes(airframe::TokenId, bool) const override { return ""; }
    std::string decode(std::span<const airframe::TokenId>, bool) const override { return ""; }
    int32_t vocab_size() const override { return 2; }
    airframe::TokenKind kind(airframe::TokenId) const override { return airframe::TokenKind::kControl; }
    const airframe::SpecialTokens& special() const override { return special_; }
    std::optional<airframe::TokenId> find(std::string_view) const override { return 1; }
    std::string_view piece(airframe::TokenId) const override { return ""; }
    std::string_view model_name() const override { return "marks"; }
    std::string_view pre_name() const override { return ""; }

  private:
    airframe::SpecialTokens special_;
};

constexpr std::string_view kTools = R"([
 {"type": "function", "function": {"name": "get_time", "strict": true, "parameters": {"type": "object",
   "properties": {"city": {"type": "string", "maxLength": 6}, "n": {"type": "integer", "minimum": 0, "maximum": 99},
                  "unit": {"enum": ["h", "m"]}, "deep": {"$ref": "#/$defs/deep"}},
   "$defs": {"deep": {"type": "object", "properties": {"on": {"type": ["boolean", "null"]}},
                      "required": ["on"], "additionalProperties": false}},
   "required": ["city", "unit"], "additionalProperties": false}}},
 {"type": "function", "function": {"name": "stop", "strict": true, "parameters": {"type": "object", "properties": {},
                                   "additionalProperties": false}}},
 {"type": "function", "function": {"name": "say", "strict": true, "parameters": {"type": "object",
   "properties": {"text": {"type": "string", "pattern": "^[a-z\\\\\"<é😀\\n]{0,9}x$"}}, "required": ["text"],
   "additionalProperties": false}}}])";

ToolSchemas schemas_of(const json::array& tools) {
    ToolSchemas schemas;
    for (const json::value& tool : tools)
        schemas.emplace(std::string(tool_name(tool)), tool.at("function").at("parameters"));
    return schemas;
}

ChatPlan plan_for(const ChatFormat& format, bool parallel, bool required = true) {
    ChatPlan plan;
    plan.calls = {
        .wanted = true, .required = required, .parallel = parallel, .tools = json::parse(kTools).as_array()};
    plan.output.format = &format;
    plan.output.tools = schemas_of(plan.calls.tools);
    plan.output.parallel = parallel;
    plan.marks = marks_of(format, plan.output.think, true);
    return plan;
}

// A text of the grammar by chance; quotes and brackets that close are liked, so that it ends soon.
std::string write(GrammarMachine& machine, GrammarState state, base::Rng& rng) {
    std::string text;
    for (int i = 0; i < 4000; ++i) {
        std::vector<std::pair<uint8_t, GrammarState>> next, closing;
        for (int byte = 0; byte < 256; ++byte) {
            const GrammarState to = machine.step(state, static_cast<uint8_t>(byte));
            if (to == GrammarMachine::kDead) continue;
            next.emplace_back(byte, to);
            if (std::string_view("\"}])<\n").find(static_cast<char>(byte)) != std::string_view::npos)
                closing.push_back(next.back());
        }
        if (machine.complete(state) && (next.empty() || rng.next_below(3) == 0)) return text;
        if (next.empty()) break;
        const auto& from = !closing.empty() && rng.next_below(2) == 0 ? closing : next;
        const auto [byte, to] = from[rng.next_below(from.size())];
        text += static_cast<char>(byte);
        state = to;
    }
    return "";  // thoughts without end
}

struct Call {
    std::string name, arguments;
};
struct Read {
    std::string text;
    std::vector<Call> calls;
};
Read read(const ChatPlan& plan, std::string text) {
    std::erase(text, airframe::TokenTrie::kControlByte);
    const auto output = make_chat_output(plan.output);
    std::vector<ChatPart> parts;
    output->push(text, parts);
    output->finish(parts);
    Read out;
    for (const ChatPart& part : parts) {
        if (part.kind == ChatPart::Kind::kCall) out.calls.push_back({part.text, ""});
        if (part.kind == ChatPart::Kind::kArguments) out.calls.back().arguments += part.text;
        if (part.kind == ChatPart::Kind::kText) out.text += part.text;
    }
    return out;
}

void expect_valid(const ChatPlan& plan, const Call& call, const std::string& written) {
    const auto tool = plan.output.tools.find(call.name);
    ASSERT_NE(tool, plan.output.tools.end()) << call.name << " in " << written;
    const auto grammar = airframe::compile_json_schema(json::serialize(tool->second));
    ASSERT_TRUE(grammar);
    GrammarMachine machine(*grammar, {.any_key_order = true});
    EXPECT_TRUE(machine.accepts(call.arguments)) << call.name << " " << call.arguments << " in " << written;
}

class EveryFormat : public testing::TestWithParam<size_t> {};

TEST_P(EveryFormat, IsWrittenAsItIsRead) {
    const ChatFormat& format = chat_formats()[GetParam()];
    const MarkTokenizer marks;
    const ByteTokenizer bytes;
    base::Rng rng(GetParam());
    bool several = false;
    int ended = 0;
    for (const bool parallel : {true, false})
        for (const airframe::Tokenizer* tokenizer :
             std::initializer_list<const airframe::Tokenizer*>{&marks, &bytes}) {
            const ChatPlan plan = plan_for(format, parallel);
            ASSERT_TRUE(can_write(format.writing, plan.calls.tools, true));
            const auto grammar = compile_answer({.plan = &plan}, *tokenizer);
            ASSERT_TRUE(grammar) << grammar.error().message;
            GrammarMachine machine(*grammar);
            for (int run = 0; run < 12; ++run) {
                const std::string written = write(machine, machine.start(), rng);
                if (written.empty()) continue;
                ++ended;
                const Read answer = read(plan, written);
                EXPECT_EQ(answer.text, "") << written;
                ASSERT_GE(answer.calls.size(), 1U) << written;
                EXPECT_TRUE(parallel || answer.calls.size() == 1) << written;
                several = several || answer.calls.size() > 1;
                for (const Call& call : answer.calls) expect_valid(plan, call, written);
                if (HasFailure()) return;
            }
        }
    EXPECT_GT(ended, 20);
    EXPECT_EQ(several, format.writing.several);
}

TEST_P(EveryFormat, HoldsStrictToolsToTheirSchemasBehindItsMark) {
    const ChatFormat& format = chat_formats()[GetParam()];
    const std::string mark(opening_mark(format));
    if (mark.empty() || format.channels) {  // not held, as API.md says
        const std::string_view free[] = {"harmony", "functionary-3.2", "functionary-2",
                                         "llama-4", "llama-3",         "generic"};
        EXPECT_NE(std::ranges::find(free, format.name), std::end(free)) << format.name;
        return;
    }
    const MarkTokenizer marks;
    const ByteTokenizer bytes;
    base::Rng rng(GetParam());
    int calls = 0;
    for (const airframe::Tokenizer* tokenizer :
         std::initializer_list<const airframe::Tokenizer*>{&marks, &bytes}) {
        const ChatPlan plan = plan_for(format, false, false);  // a call, and the end
        const auto grammar = compile_answer({.plan = &plan}, *tokenizer);
        ASSERT_TRUE(grammar) << grammar.error().message;
        GrammarMachine machine(*grammar);
        const std::string spelt = spelled(*tokenizer, mark, plan.marks);
        EXPECT_TRUE(machine.accepts("Just < text, no call."));
        EXPECT_FALSE(machine.accepts("Let me see. " + spelt + "nonsense"));
        const GrammarState opened = machine.walk(machine.start(), "Let me see. " + spelt);
        for (int run = 0; run < 20; ++run) {
            const std::string written = write(machine, opened, rng);
            if (written.empty()) continue;
            for (const Call& call : read(plan, spelt + written).calls) {
                ++calls;
                expect_valid(plan, call, written);
            }
        }
    }
    EXPECT_GT(calls, 10);
}

INSTANTIATE_TEST_SUITE_P(CallGrammar, EveryFormat, testing::Range<size_t>(0, chat_formats().size()),
                         [](const auto& info) {
                             std::string name(chat_formats()[info.param].name);
                             std::ranges::replace_if(name, [](char c) { return c == '-' || c == '.'; }, '_');
                             return name;
                         });

TEST(CallGrammar, ThoughtsComeFirstWhereThePromptHasOpenedThem) {
    ChatPlan plan = plan_for(chat_format_for("<tool_call>"), true);
    plan.output.think = {"<think>", "</think>"};
    plan.output.in_reasoning = true;
    const auto grammar = compile_answer({.plan = &plan}, ByteTokenizer());
    ASSERT_TRUE(grammar);
    GrammarMachine machine(*grammar);
    const std::string call = "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>";
    EXPECT_TRUE(machine.accepts("Hm, <that>…</think>\n\n" + call));
    EXPECT_FALSE(machine.accepts(call));
    EXPECT_FALSE(machine.accepts("Hm</think>\n\nNo."));

    plan.calls = {};
    const Constraint schema{.kind = Constraint::Kind::kJsonSchema, .text = R"({"type": "integer"})"};
    const auto answer = compile_answer({&schema, &plan}, ByteTokenizer());
    ASSERT_TRUE(answer);
    GrammarMachine thinking(*answer);
    EXPECT_TRUE(thinking.accepts("one, two </think>3"));
    EXPECT_FALSE(thinking.accepts("3"));
}

TEST(CallGrammar, AFormattedAnswerMayStillCall) {
    const Constraint schema{.kind = Constraint::Kind::kJsonSchema, .text = R"({"type": "integer"})"};
    ChatPlan plan = plan_for(chat_format_for("<tool_call>"), true, false);
    const auto answer = compile_answer({&schema, &plan}, ByteTokenizer());
    ASSERT_TRUE(answer);
    GrammarMachine machine(*answer);
    EXPECT_TRUE(machine.accepts("3"));
    EXPECT_TRUE(machine.accepts("<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>"));
    EXPECT_FALSE(machine.accepts("three"));
}

TEST(CallGrammar, HarmonyAnswersInItsFinalChannel) {
    const Constraint schema{.kind = Constraint::Kind::kJsonSchema, .text = R"({"type": "integer"})"};
    ChatPlan plan = plan_for(chat_format_for("<|channel|> <|message|>"), true, false);
    plan.calls = {};
    const auto answer = compile_answer({&schema, &plan}, ByteTokenizer());
    ASSERT_TRUE(answer);
    GrammarMachine machine(*answer);
    EXPECT_TRUE(machine.accepts("<|channel|>final<|message|>3"));
    EXPECT_TRUE(machine.accepts(
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>3"));
    EXPECT_FALSE(machine.accepts("3"));
}

TEST(CallGrammar, SaysWhichFunctionsSchemaIsWrong) {
    ChatPlan plan = plan_for(chat_format_for("<tool_call>"), true);
    plan.calls.tools = json::parse(R"([{"type": "function", "function": {"name": "f", "parameters":
        {"type": "object", "properties": {"a": {"type": "string", "format": "regex"}}}}}])")
                           .as_array();
    const auto grammar = compile_answer({.plan = &plan}, ByteTokenizer());
    ASSERT_FALSE(grammar);
    EXPECT_EQ(grammar.error().code, base::ErrorCode::kInvalidArgument);
    EXPECT_EQ(grammar.error().detail, "invalid_json_schema");
    EXPECT_THAT(grammar.error().message, HasSubstr("function 'f'"));
    EXPECT_THAT(grammar.error().message, HasSubstr("#/properties/a"));
}

TEST(ConstraintCache, KeepsWhatItHasCompiled) {
    ConstraintCache cache;
    const ByteTokenizer tokenizer;
    int compiled = 0;
    const auto compile = [&] {
        ++compiled;
        return airframe::compile_regex_grammar("a+");
    };
    const auto first = cache.get("a", tokenizer, compile), again = cache.get("a", tokenizer, compile);
    ASSERT_TRUE(first && again);
    EXPECT_EQ(*first, *again);
    EXPECT_EQ(compiled, 1);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(cache.get(std::to_string(i), tokenizer, compile));
    ASSERT_TRUE(cache.get("a", tokenizer, compile));
    EXPECT_EQ(compiled, 202) << "the oldest make room";
}

}  // namespace
}  // namespace shimmy
