// Strict tools where the model chooses: in every format text is free, and a call is held to its schema, token
// by token of real vocabularies and byte by byte.
#include <gtest/gtest.h>

#include <string>

#include "airframe/gguf/gguf.h"
#include "airframe/text/grammar_machine.h"
#include "airframe/text/token_masks.h"
#include "base/rng.h"
#include "base/test_data.h"
#include "shimmy/service/answer_grammar.h"
#include "shimmy/service/fake_model.h"

namespace shimmy {
namespace {

namespace json = boost::json;
using airframe::GrammarMachine;
using airframe::GrammarState;

constexpr std::string_view kTools = R"([
 {"type": "function", "function": {"name": "get_time", "strict": true, "parameters": {"type": "object",
   "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}, "required": ["city", "n"],
   "additionalProperties": false}}},
 {"type": "function", "function": {"name": "note", "parameters": {"type": "object",
   "properties": {"text": {"type": "string"}}, "required": ["text"]}}}])";

ChatPlan plan_for(const ChatFormat& format, bool parallel) {
    ChatPlan plan;
    plan.calls = {.wanted = true, .parallel = parallel, .tools = json::parse(kTools).as_array()};
    plan.output.format = &format;
    for (const json::value& tool : plan.calls.tools)
        plan.output.tools.emplace(std::string(tool_name(tool)), tool.at("function").at("parameters"));
    plan.output.parallel = parallel;
    plan.marks = marks_of(format, plan.output.think, true);
    return plan;
}

// Arguments as the format writes them: pairs of a name and a value of JSON.
using Pairs = std::vector<std::pair<std::string, std::string>>;
std::string arguments(const CallWriting& writing, const Pairs& pairs) {
    std::string out;
    for (const auto& [key, value] : pairs) {
        if (writing.arguments == ArgumentSyntax::kJson) {
            out.append(out.empty() ? "{\"" : ", \"").append(key).append("\": ").append(value);
            continue;
        }
        const bool raw = writing.arguments == ArgumentSyntax::kParameters && value.starts_with('"');
        if (!out.empty()) out += writing.parameter_separator;
        out.append(writing.key_begin).append(key).append(writing.value_begin);
        out.append(raw ? value.substr(1, value.size() - 2) : value).append(writing.value_end);
    }
    return writing.arguments == ArgumentSyntax::kJson ? out + "}" : out;
}
std::string call(const CallWriting& writing, std::string_view name, const Pairs& pairs) {
    std::string out(writing.before_name);
    out += name;
    if (!writing.before_number.empty()) out.append(writing.before_number).append("0");
    return out.append(writing.before_arguments).append(arguments(writing, pairs)).append(writing.after);
}
std::string block(const CallWriting& writing, const std::string& calls) {
    return std::string(writing.prefix) + calls + std::string(writing.suffix);
}

const Pairs kRight = {{"city", "\"Rome\""}, {"n", "3"}}, kWrong = {{"city", "\"Rome\""}, {"n", "\"three\""}},
            kMissing = {{"n", "3"}}, kFurther = {{"city", "\"Rome\""}, {"n", "3"}, {"x", "1"}},
            kAny = {{"whatever", "1"}};

// What is written as text, and as text before a call, where the format has words for that.
struct Words {
    std::string_view format, text, before;
};
constexpr Words kWords[] = {
    {"harmony",
     "<|channel|>analysis<|message|>Hm <b>.<|end|><|start|>assistant<|channel|>final<|message|>1 < 2",
     "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"},
    {"functionary-3.2", "all\nA {\"name\": 1}\n", "all\nLet me see.>>>"},
    {"functionary-2", "all\n<|content|>Text.",
     "all\n<|content|>Let me see.\n<|from|>assistant\n<|recipient|>"},
    {"llama-4", "[1, 2, other(x)]", "  "},
    {"llama-3", "{\"answer\": {\"name\": \"get_time\"}}", " "},
    {"generic", "{\"name\": \"Anna\", \"age\": 3}", "\n"},
};
Words words_of(std::string_view format) {
    const auto row = std::ranges::find(kWords, format, &Words::format);
    return row == std::end(kWords) ? Words{format, "The answer {\"n\": 1}\nis < 3.", "Let me see.\n"} : *row;
}

enum class Verdict { kRefused, kOpen, kWhole };

class Driver {
  public:
    Driver(const ChatPlan& plan, const airframe::Tokenizer& tokenizer)
        : tokenizer_(tokenizer),
          masks_(*compile_answer({.plan = &plan}, tokenizer), airframe::TokenTrie::create(tokenizer)) {}

    Verdict operator()(std::string_view text) {
        GrammarState state = masks_.start();
        for (const airframe::TokenId id : tokenizer_.encode(text, {.parse_special = true})) {
            const auto mask = masks_.mask(state);
            if (!mask) return Verdict::kRefused;
            if (((*mask)[static_cast<size_t>(id) / 64] >> (id % 64) & 1) == 0) return Verdict::kRefused;
            state = masks_.advance(state, id);
        }
        const auto mask = masks_.mask(state);
        if (!mask) return Verdict::kRefused;
        const airframe::TokenId end = tokenizer_.special().end_of_generation.front();
        const bool may_end = ((*mask)[static_cast<size_t>(end) / 64] >> (end % 64) & 1) != 0;
        return may_end ? Verdict::kWhole : Verdict::kOpen;
    }

  private:
    const airframe::Tokenizer& tokenizer_;
    airframe::TokenMasks masks_;
};

void expect_held(const ChatFormat& format, const airframe::Tokenizer& tokenizer) {
    const CallWriting& writing = format.writing;
    const Words words = words_of(format.name);
    const ChatPlan plan = plan_for(format, true), single = plan_for(format, false);
    Driver drive(plan, tokenizer), drive_single(single, tokenizer);
    const std::string before(words.before), right = call(writing, "get_time", kRight);
    for (const std::string_view text :
         {words.text, std::string_view("Hello, world."), std::string_view("4 < 5")})
        EXPECT_EQ(drive(text), Verdict::kWhole) << text;
    EXPECT_EQ(drive(block(writing, right)), Verdict::kWhole) << block(writing, right);
    EXPECT_EQ(drive_single(block(writing, right)), Verdict::kWhole);
    EXPECT_EQ(drive(before + block(writing, right)), Verdict::kWhole) << before + block(writing, right);
    for (const Pairs& pairs : {kWrong, kMissing, kFurther})
        EXPECT_EQ(drive(before + block(writing, call(writing, "get_time", pairs))), Verdict::kRefused)
            << call(writing, "get_time", pairs);
    const std::string other = call(writing, "note", kAny);
    EXPECT_EQ(drive(before + block(writing, other)), Verdict::kWhole) << other;
    if (writing.several) {
        const std::string two = before + block(writing, right + std::string(writing.separator) + other);
        EXPECT_EQ(drive(two), Verdict::kWhole) << two;
        EXPECT_EQ(drive_single(two), Verdict::kRefused) << two;
        const std::string bad =
            block(writing, other + std::string(writing.separator) + call(writing, "get_time", kWrong));
        EXPECT_EQ(drive(bad), Verdict::kRefused) << bad;
    }
    const std::string whole = block(writing, right), begun = whole.substr(0, whole.find("Rome") + 2);
    EXPECT_EQ(drive(begun), Verdict::kOpen) << "no end within " << begun;
}

class StrictCalls : public testing::TestWithParam<size_t> {};

TEST_P(StrictCalls, AreHeldByteByByte) { expect_held(chat_formats()[GetParam()], ByteTokenizer()); }

TEST_P(StrictCalls, AreHeldInARealVocabulary) {
    REQUIRE_TEST_DATA(data);
    const ChatFormat& format = chat_formats()[GetParam()];
    for (const std::string name : {"gpt-oss", "qwen3", "llama-bpe"}) {
        SCOPED_TRACE(name);
        const auto file =
            airframe::GgufFile::open_header(data / "tokenizers" / ("ggml-vocab-" + name + ".gguf"));
        ASSERT_TRUE(file);
        const auto tokenizer = airframe::Tokenizer::create(file->metadata());
        ASSERT_TRUE(tokenizer);
        expect_held(format, **tokenizer);
    }
}

// Texts put together by chance from pieces of calls: where the grammar lets one pass, the reader finds no
// call of the strict tool that is against its schema.
TEST_P(StrictCalls, NoTextPassesThatReadsAsAnotherCall) {
    const ChatFormat& format = chat_formats()[GetParam()];
    const CallWriting& writing = format.writing;
    const ChatPlan plan = plan_for(format, true);
    const ByteTokenizer bytes;
    GrammarMachine machine(*compile_answer({.plan = &plan}, bytes));
    const auto schema = airframe::compile_json_schema(json::serialize(plan.output.tools.at("get_time")));
    GrammarMachine valid(*schema, {.any_key_order = true});
    const std::string args[] = {arguments(writing, kWrong), arguments(writing, kRight), "{\"n\": \"x\"}"};
    std::vector<std::string> pieces = {"{",
                                       "}",
                                       "[",
                                       "]",
                                       ",",
                                       ":",
                                       " ",
                                       "\n",
                                       ";",
                                       "x",
                                       "<",
                                       "```json\n",
                                       "```",
                                       "\"name\": ",
                                       "\"get_time\"",
                                       "get_time",
                                       "\"note\"",
                                       "\"arguments\": ",
                                       "\"parameters\": ",
                                       "(",
                                       ")",
                                       "\"function\": ",
                                       "\"type\": \"function\", ",
                                       "\"tool_calls\": [",
                                       "{\"name\": \"get_time\", ",
                                       ">",
                                       "\"id\": 1, ",
                                       "all\n",
                                       "{\"name\": \"get_time\", \"arguments\": {\"n\": \"x\"}}",
                                       "get_time(n=\"x\")",
                                       "{\"name\": \"x\", ",
                                       " to=functions.get_time",
                                       "[get_time(",
                                       ".call(",
                                       "assistant"};
    for (const std::string& arg : args) pieces.push_back(arg);
    for (const auto part : {writing.prefix, writing.before_name, writing.before_arguments, writing.after,
                            writing.separator, writing.suffix})
        pieces.emplace_back(part);
    for (const std::string_view mark : plan.marks) pieces.emplace_back(mark);
    base::Rng rng(GetParam() + 1);
    int passed = 0;
    for (int run = 0; run < 4000; ++run) {
        std::vector<std::string> parts = {std::string(writing.prefix),
                                          std::string(writing.before_name),
                                          "get_time",
                                          std::string(writing.before_arguments),
                                          args[rng.next_below(3)],
                                          std::string(writing.after),
                                          std::string(writing.suffix)};
        for (uint64_t i = rng.next_below(7); i > 0; --i) {
            const size_t at = rng.next_below(parts.size());
            const std::string& piece = pieces[rng.next_below(pieces.size())];
            if (rng.next_below(2) == 0)
                parts[at] = piece;
            else
                parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(at), piece);
        }
        std::string text;
        for (const std::string& part : parts) text += part;
        if (!machine.accepts(text)) continue;
        ++passed;
        const auto output = make_chat_output(plan.output);
        std::vector<ChatPart> read;
        output->push(text, read);
        output->finish(read);
        std::map<uint32_t, std::string> calls;
        for (const ChatPart& part : read) {
            if (part.kind == ChatPart::Kind::kCall && part.text == "get_time") calls[part.call] = "";
            if (part.kind == ChatPart::Kind::kArguments && calls.contains(part.call))
                calls[part.call] += part.text;
        }
        for (const auto& [index, read_arguments] : calls)
            EXPECT_TRUE(valid.accepts(read_arguments)) << read_arguments << " in " << text;
        if (HasFailure()) return;
    }
    EXPECT_GT(passed, 40);
}

INSTANTIATE_TEST_SUITE_P(EveryFormat, StrictCalls, testing::Range<size_t>(0, chat_formats().size()),
                         [](const auto& info) {
                             std::string name(chat_formats()[info.param].name);
                             std::ranges::replace_if(name, [](char c) { return c == '-' || c == '.'; }, '_');
                             return name;
                         });

}  // namespace
}  // namespace shimmy
