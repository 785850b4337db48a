// What each family of templates makes a model write, taken apart: whole, byte by byte, and at every split.
#include "shimmy/service/chat_output.h"

#include <gtest/gtest.h>

#include <string>

namespace shimmy {
namespace {

namespace json = boost::json;

struct Answer {
    std::string text, reasoning, calls;  // calls: name(arguments) name(arguments)
    bool operator==(const Answer&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Answer& answer) {
    return out << "text '" << answer.text << "' reasoning '" << answer.reasoning << "' calls '"
               << answer.calls << "'";
}

struct Case {
    const char* about;
    std::string_view template_source;
    std::string_view written;
    Answer expected;
    bool in_reasoning = false;
    bool parallel = true;
};

ToolSchemas test_tools() {
    return {
        {"get_time",
         json::parse(R"({"type":"object","properties":{"city":{"type":"string"},"n":{"type":"integer"}}})")},
        {"stop", json::value(nullptr)},
        {"python", json::value(nullptr)}};
}

Answer read(const Case& test, const std::vector<std::string_view>& pieces) {
    ChatOutputOptions options;
    options.format = &chat_format_for(test.template_source);
    options.think = think_marks_for(test.template_source);
    options.in_reasoning = test.in_reasoning;
    options.tools = test_tools();
    options.parallel = test.parallel;
    const auto output = make_chat_output(std::move(options));
    std::vector<ChatPart> parts;
    for (const std::string_view piece : pieces) output->push(piece, parts);
    output->finish(parts);
    Answer answer;
    for (const ChatPart& part : parts) {
        if (part.kind == ChatPart::Kind::kText) answer.text += part.text;
        if (part.kind == ChatPart::Kind::kReasoning) answer.reasoning += part.text;
        if (part.kind == ChatPart::Kind::kCall) answer.calls += part.text + ":";
        if (part.kind == ChatPart::Kind::kArguments) answer.calls += part.text;
    }
    return answer;
}

constexpr std::string_view kHermes = "<tool_call> <think>";
constexpr std::string_view kQwenCoder = "<tool_call> <function= <parameter=";
constexpr std::string_view kGlm = "<tool_call> <arg_key> <arg_value> <think>";
constexpr std::string_view kLlama3 = "<|start_header_id|> parameters";
constexpr std::string_view kMistral = "[TOOL_CALLS]";
constexpr std::string_view kMistralNew = "[TOOL_CALLS] [ARGS] [THINK]";
constexpr std::string_view kDeepseek = "<｜tool▁call▁begin｜> <think> </think>";
constexpr std::string_view kKimi = "<|tool_calls_section_begin|>";
constexpr std::string_view kHarmony = "<|channel|> <|message|>";
constexpr std::string_view kCommand = "<|START_ACTION|> <|START_THINKING|>";
constexpr std::string_view kCommandOld = "Action: ```json tool_name";
constexpr std::string_view kFunctionary3 = ">>>all";
constexpr std::string_view kFunctionary31 = "<function= </function>";
constexpr std::string_view kFunctionary2 = "<|recipient|> <|content|>";
constexpr std::string_view kLfm = "<|tool_call_start|>";
constexpr std::string_view kPhi = "<|tool_call|>";
constexpr std::string_view kInvoke = "<invoke name= <parameter name=";

const Case kCases[] = {
    {"hermes",
     kHermes,
     "Let me see.\n\n<tool_call>\n{\"name\": \"get_time\", \"arguments\": {\"city\": "
     "\"Pa}ris\"}}\n</tool_call>",
     {"Let me see.", "", "get_time:{\"city\": \"Pa}ris\"}"}},
    {"hermes, two",
     kHermes,
     "<tool_call>\n{\"name\": \"get_time\", \"arguments\": {\"n\": "
     "1}}\n</tool_call>\n<tool_call>\n{\"arguments\": {}, \"name\": \"stop\"}\n</tool_call>",
     {"", "", "get_time:{\"n\": 1}stop:{}"}},
    {"hermes, one only",
     kHermes,
     "<tool_call>\n{\"name\": \"get_time\", \"arguments\": {\"n\": "
     "1}}\n</tool_call>\n<tool_call>\n{\"arguments\": {}, \"name\": \"stop\"}\n</tool_call>",
     {"", "", "get_time:{\"n\": 1}"},
     false,
     false},
    {"hermes, arguments as text",
     kHermes,
     R"(<tool_call>{"name": "get_time", "arguments": "{\"n\": 2}"}</tool_call>)",
     {"", "", R"(get_time:{"n": 2})"}},
    {"hermes, a raw line end in a string",
     kHermes,
     "<tool_call>{\"name\":\"get_time\",\"arguments\":{\"city\":\"a\nb\"}}</tool_call>",
     {"", "", R"(get_time:{"city":"a\nb"})"}},
    {"hermes, not JSON",
     kHermes,
     "<tool_call>\nget_time please\n</tool_call>",
     {"<tool_call>\nget_time please\n</tool_call>", "", ""}},
    {"hermes, an unknown tool",
     kHermes,
     R"(<tool_call>{"name": "fly", "arguments": {}}</tool_call>)",
     {R"(<tool_call>{"name": "fly", "arguments": {}}</tool_call>)", "", ""}},
    {"hermes, broken off",
     kHermes,
     R"(<tool_call>{"name": "get_time", "arguments": {"city": "Par)",
     {"", "", R"(get_time:{"city": "Par)"}},
    {"hermes, no call", kHermes, "2 < 3 <tool tips> \n", {"2 < 3 <tool tips> \n", "", ""}},
    {"thoughts", kHermes, "<think>\nHm, <tool_call>?\n</think>\n\nYes.", {"Yes.", "Hm, <tool_call>?", ""}},
    {"thoughts opened by the prompt", kHermes, "Hm.\n</think>\n\nYes.", {"Yes.", "Hm.", ""}, true},
    {"thoughts, then a call",
     kHermes,
     "<think>a</think>\n<tool_call>{\"name\":\"stop\",\"arguments\":{}}</tool_call>",
     {"", "a", "stop:{}"}},
    {"thoughts without an end", kHermes, "<think>abc", {"", "abc", ""}},
    {"thoughts in the middle are text", kHermes, "A <think>b</think>", {"A <think>b</think>", "", ""}},
    {"qwen3-coder",
     kQwenCoder,
     "I look.\n<tool_call>\n<function=get_time>\n<parameter=city>\nNew "
     "\"York\"\n2\n</parameter>\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
     {"I look.", "", R"(get_time:{"city": "New \"York\"\n2", "n": 3})"}},
    {"qwen3-coder, no parameters",
     kQwenCoder,
     "<tool_call>\n<function=stop>\n</function>\n</tool_call>",
     {"", "", "stop:{}"}},
    {"glm",
     kGlm,
     "<tool_call>get_time\n<arg_key>city</arg_key>\n<arg_value>12</arg_value>\n<arg_key>n</"
     "arg_key><arg_value>3</arg_value>\n</tool_call>",
     {"", "", R"(get_time:{"city": "12", "n": 3})"}},
    {"invoke",
     kInvoke,
     "<minimax:tool_call>\n<invoke name=\"get_time\">\n<parameter "
     "name=\"city\">Rome</parameter>\n</invoke>\n</minimax:tool_call>",
     {"", "", R"(get_time:{"city": "Rome"})"}},
    {"llama 3", kLlama3, R"({"name": "get_time", "parameters": {"n": 1}})", {"", "", R"(get_time:{"n": 1})"}},
    {"llama 3, type first, two",
     kLlama3,
     R"({"type": "function", "name": "get_time", "parameters": {"n": 1}}; {"name": "stop", "parameters": {}})",
     {"", "", R"(get_time:{"n": 1}stop:{})"}},
    {"llama 3, tag and JSON",
     kLlama3,
     R"(<|python_tag|>{"name": "stop", "parameters": {}})",
     {"", "", "stop:{}"}},
    {"llama 3, tag and call",
     kLlama3,
     R"x(<|python_tag|>get_time.call(city="Rome", n=2))x",
     {"", "", R"(get_time:{"city":"Rome","n":2})"}},
    {"llama 3, tag and code",
     kLlama3,
     "<|python_tag|>print(1 + 1)",
     {"", "", R"x(python:{"code": "print(1 + 1)"})x"}},
    {"llama 3, other JSON", kLlama3, R"({"answer": 4})", {R"({"answer": 4})", "", ""}},
    {"mistral",
     kMistral,
     R"([TOOL_CALLS] [{"name": "get_time", "arguments": {"n": 1}}, {"name": "stop", "arguments": {}, "id": "abcdefghi"}])",
     {"", "", R"(get_time:{"n": 1}stop:{})"}},
    {"mistral, new",
     kMistralNew,
     R"(Well.[TOOL_CALLS]get_time[ARGS]{"n": 1}[TOOL_CALLS]stop[CALL_ID]abcdefghi[ARGS]{})",
     {"Well.", "", R"(get_time:{"n": 1}stop:{})"}},
    {"mistral, thoughts", kMistralNew, "[THINK]Hm[/THINK]Yes", {"Yes", "Hm", ""}},
    {"deepseek 3",
     kDeepseek,
     "Ok<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n```json\n{\"n\": "
     "1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>stop\n```json\n{}\n```<"
     "｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     {"Ok", "", R"(get_time:{"n": 1}stop:{})"}},
    {"deepseek 3.1",
     kDeepseek,
     "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{\"n\": "
     "1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     {"", "", R"(get_time:{"n": 1})"}},
    {"kimi",
     kKimi,
     "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_time:0<|tool_call_argument_begin|>{\"n\": "
     "1}<|tool_call_end|><|tool_calls_section_end|>",
     {"", "", R"(get_time:{"n": 1})"}},
    {"harmony",
     kHarmony,
     "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes: a<b.",
     {"Yes: a<b.", "Hm.", ""}},
    {"harmony, a call",
     kHarmony,
     "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.get_time "
     "<|constrain|>json<|message|>{\"city\": \"a b\"}<|call|>",
     {"", "Hm.", R"(get_time:{"city": "a b"})"}},
    {"harmony, recipient first",
     kHarmony,
     " to=functions.stop<|channel|>commentary json<|message|>{}",
     {"", "", "stop:{}"}},
    {"harmony, preamble", kHarmony, "<|channel|>commentary<|message|>I look.<|end|>", {"I look.", "", ""}},
    {"harmony forgotten", kHarmony, "Just text.", {"Just text.", "", ""}},
    {"command-r7b",
     kCommand,
     "<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": "
     "\"get_time\", \"parameters\": {\"n\": 1}}\n]<|END_ACTION|>",
     {"", "Hm.", R"(get_time:{"n": 1})"}},
    {"command-r7b, text", kCommand, "<|START_RESPONSE|>Yes.<|END_RESPONSE|>", {"Yes.", "", ""}},
    {"command-r",
     kCommandOld,
     "Action: ```json\n[\n  {\"tool_name\": \"get_time\", \"parameters\": {\"n\": 1}}\n]```",
     {"", "", R"(get_time:{"n": 1})"}},
    {"functionary 3.2",
     kFunctionary3,
     "all\nI look.\n>>>get_time\n{\"n\": 1}>>>stop\n{}",
     {"I look.", "", R"(get_time:{"n": 1}stop:{})"}},
    {"functionary 3.2, a call at once",
     kFunctionary3,
     "get_time\n{\"n\": 1}",
     {"", "", R"(get_time:{"n": 1})"}},
    {"functionary 3.1",
     kFunctionary31,
     "<function=get_time>{\"n\": 1}</function><function=stop>{}</function>",
     {"", "", R"(get_time:{"n": 1}stop:{})"}},
    {"functionary 2",
     kFunctionary2,
     "all\n<|content|>I look.\n<|from|>assistant\n<|recipient|>get_time\n<|content|>{\"n\": 1}",
     {"I look.", "", R"(get_time:{"n": 1})"}},
    {"lfm2",
     kLfm,
     "<|tool_call_start|>[get_time(city='Ro\\'me', n=-2), stop()]<|tool_call_end|>Done.",
     {"Done.", "", R"(get_time:{"city":"Ro'me","n":-2}stop:{})"}},
    {"phi-4",
     kPhi,
     R"(<|tool_call|>[{"name": "get_time", "arguments": {"n": 1}}]<|/tool_call|>)",
     {"", "", R"(get_time:{"n": 1})"}},
    {"phi-4, functools",
     kPhi,
     R"(functools[{"name": "get_time", "arguments": {"n": 1}}])",
     {"", "", R"(get_time:{"n": 1})"}},
    {"generic", "", R"({"name": "get_time", "arguments": {"n": 1}})", {"", "", R"(get_time:{"n": 1})"}},
    {"generic, wrapped",
     "",
     R"({"tool_calls": [{"type": "function", "function": {"name": "get_time", "arguments": {"n": 1}}}, {"name": "stop"}]})",
     {"", "", R"(get_time:{"n": 1}stop:{})"}},
    {"generic, fenced",
     "",
     "```json\n{\"tool_call\": {\"name\": \"stop\", \"arguments\": {}}}\n```",
     {"", "", "stop:{}"}},
    {"generic, a code block", "", "```json\n{\"a\": 1}\n```", {"```json\n{\"a\": 1}\n```", "", ""}},
    {"generic, text", "", "Hello {\"name\": \"stop\"}", {"Hello {\"name\": \"stop\"}", "", ""}},
    {"empty", kHermes, "", {}},
};

TEST(ChatOutput, ReadsWhatEachFamilyWrites) {
    for (const Case& test : kCases) EXPECT_EQ(read(test, {test.written}), test.expected) << test.about;
}

TEST(ChatOutput, IsTheSameHoweverTheTextIsCut) {
    for (const Case& test : kCases) {
        std::vector<std::string_view> bytes;
        for (size_t i = 0; i < test.written.size(); ++i) bytes.push_back(test.written.substr(i, 1));
        EXPECT_EQ(read(test, bytes), test.expected) << test.about << ", byte by byte";
        for (size_t i = 0; i <= test.written.size(); ++i) {
            EXPECT_EQ(read(test, {test.written.substr(0, i), test.written.substr(i)}), test.expected)
                << test.about << ", split at " << i;
        }
    }
}

TEST(ChatOutput, GivesArgumentsAsTheyCome) {
    ChatOutputOptions options;
    options.format = &chat_format_for(kHermes);
    options.tools = test_tools();
    const auto output = make_chat_output(std::move(options));
    std::vector<ChatPart> parts;
    output->push(R"(<tool_call>{"name": "get_time", "arguments": {"ci)", parts);
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_EQ(parts[0].text, "get_time");
    EXPECT_EQ(parts[1].text, R"({"ci)");
    EXPECT_TRUE(output->in_call());
}

TEST(ChatOutput, WithoutToolsACallIsText) {
    ChatOutputOptions options;
    options.format = &chat_format_for(kHermes);
    const auto output = make_chat_output(std::move(options));
    std::vector<ChatPart> parts;
    output->push("<tool_call>{\"name\": \"stop\"}", parts);
    output->finish(parts);
    ASSERT_EQ(parts.size(), 1u);
    EXPECT_EQ(parts[0].text, "<tool_call>{\"name\": \"stop\"}");
}

}  // namespace
}  // namespace shimmy
