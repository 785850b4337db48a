#include "shimmy/service/chat_format.h"

#include <algorithm>
#include <iterator>

namespace shimmy {

namespace {

using Text = std::string_view;

Text trimmed(Text text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first == Text::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

Text before(Text text, Text mark) { return text.substr(0, text.find(mark)); }
Text after(Text text, Text mark) {
    const size_t at = text.find(mark);
    return at == Text::npos ? text : text.substr(at + mark.size());
}

// "get_time\n", "get_time>"
Text first_word(Text header) { return trimmed(header.substr(0, header.find_first_of("\n>"))); }
// "get_time[CALL_ID]abc[ARGS]"
Text mistral_name(Text header) { return trimmed(before(header, "[")); }
// "function<｜tool▁sep｜>get_time\n```json\n", or "get_time<｜tool▁sep｜>"
Text deepseek_name(Text header) {
    constexpr Text kSeparator = "<｜tool▁sep｜>";
    if (trimmed(before(header, kSeparator)) == "function") return first_word(after(header, kSeparator));
    return trimmed(before(header, kSeparator));
}
// "functions.get_time:0<|tool_call_argument_begin|>"
Text kimi_name(Text header) {
    const Text id = trimmed(before(header, "<|"));
    return before(id.starts_with("functions.") ? id.substr(10) : id, ":");
}

constexpr ParameterMarks kQwenMarks = {">", "<parameter=", ">", "", "</parameter>"};
constexpr ParameterMarks kGlmMarks = {"\n<", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"};
constexpr ParameterMarks kInvokeMarks = {">", "<parameter name=\"", "\">", "", "</parameter>"};

constexpr Text kHarmonyHas[] = {"<|channel|>", "<|message|>"};
constexpr Text kHarmonyDropped[] = {"<|constrain|>"};

constexpr Text kQwenCoderHas[] = {"<function=", "<parameter="};
constexpr CallTrigger kQwenCoder[] = {
    {.begin = "<function=", .end = "</function>", .syntax = CallSyntax::kParameters, .marks = &kQwenMarks}};
constexpr Text kToolCallTags[] = {"<tool_call>", "</tool_call>"};
constexpr Text kGlmHas[] = {"<arg_key>", "<arg_value>"};
constexpr CallTrigger kGlm[] = {
    {.begin = "<tool_call>", .end = "</tool_call>", .syntax = CallSyntax::kParameters, .marks = &kGlmMarks}};
constexpr Text kInvokeHas[] = {"<invoke name=", "<parameter name="};
constexpr CallTrigger kInvoke[] = {{.begin = "<invoke name=\"",
                                    .end = "</invoke>",
                                    .syntax = CallSyntax::kParameters,
                                    .marks = &kInvokeMarks}};
constexpr Text kInvokeDropped[] = {"<minimax:tool_call>", "</minimax:tool_call>", "<function_calls>",
                                   "</function_calls>"};

constexpr Text kDeepseekHas[] = {"<｜tool▁call▁begin｜>", "```json"};
constexpr Text kDeepseek31Has[] = {"<｜tool▁call▁begin｜>"};
constexpr CallTrigger kDeepseek[] = {{.begin = "<｜tool▁call▁begin｜>",
                                      .end = "<｜tool▁call▁end｜>",
                                      .syntax = CallSyntax::kNamed,
                                      .name = deepseek_name}};
constexpr Text kDeepseekDropped[] = {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁sep｜>"};
constexpr Text kKimiHas[] = {"<|tool_calls_section_begin|>"};
constexpr CallTrigger kKimi[] = {{.begin = "<|tool_call_begin|>",
                                  .end = "<|tool_call_end|>",
                                  .syntax = CallSyntax::kNamed,
                                  .name = kimi_name}};
constexpr Text kKimiDropped[] = {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>",
                                 "<|tool_call_argument_begin|>"};

constexpr Text kMistralHas[] = {"[TOOL_CALLS]"};
constexpr CallTrigger kMistral[] = {
    {.begin = "[TOOL_CALLS]", .end = "", .syntax = CallSyntax::kNamed, .name = mistral_name}};
constexpr Text kMistralNewHas[] = {"[TOOL_CALLS]", "[ARGS]"};
constexpr Text kMistralDropped[] = {"[CALL_ID]", "[ARGS]"};

constexpr Text kCommandHas[] = {"<|START_ACTION|>"};
constexpr CallTrigger kCommand[] = {
    {.begin = "<|START_ACTION|>", .end = "<|END_ACTION|>", .syntax = CallSyntax::kJson}};
constexpr Text kCommandDropped[] = {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>",
                                    "<|END_TEXT|>"};
constexpr Text kCommandOldHas[] = {"Action:", "```json", "tool_name"};
constexpr CallTrigger kCommandOld[] = {{.begin = "Action:", .end = "```", .syntax = CallSyntax::kJson}};

constexpr Text kFunctionary3Has[] = {">>>all"};
constexpr CallTrigger kFunctionary3[] = {
    {.begin = ">>>", .end = "", .syntax = CallSyntax::kNamed, .name = first_word, .header_end = "\n"},
    {.begin = "", .end = "", .syntax = CallSyntax::kNamed, .name = first_word, .header_end = "\n"}};
constexpr Text kFunctionary31Has[] = {"<function=", "</function>"};
constexpr CallTrigger kFunctionary31[] = {
    {.begin = "<function=", .end = "</function>", .syntax = CallSyntax::kNamed, .name = first_word},
    {.begin = "<|python_tag|>", .end = "", .syntax = CallSyntax::kPythonTag}};
constexpr Text kFunctionary2Has[] = {"<|recipient|>", "<|content|>"};
constexpr CallTrigger kFunctionary2[] = {
    {.begin = "<|recipient|>",
     .end = "",
     .syntax = CallSyntax::kNamed,
     .name = first_word,
     .header_end = "<|content|>"},
    {.begin = "", .end = "", .syntax = CallSyntax::kNamed, .name = first_word, .header_end = "<|content|>"}};
constexpr Text kFunctionary2Dropped[] = {"<|from|>assistant\n", "<|content|>", "<|stop|>"};
constexpr Text kFunctionary2Tokens[] = {"<|from|>"};

constexpr Text kLfmHas[] = {"<|tool_call_start|>"};
constexpr CallTrigger kLfm[] = {
    {.begin = "<|tool_call_start|>", .end = "<|tool_call_end|>", .syntax = CallSyntax::kPython}};

constexpr Text kPhiHas[] = {"<|tool_call|>"};
constexpr CallTrigger kPhi[] = {
    {.begin = "<|tool_call|>", .end = "<|/tool_call|>", .syntax = CallSyntax::kJson},
    {.begin = "<tool_call>", .end = "</tool_call>", .syntax = CallSyntax::kJson},
    {.begin = "functools", .end = "", .syntax = CallSyntax::kJson}};
constexpr Text kGraniteHas[] = {"<|tool_call|>", "<|start_of_role|>"};
constexpr CallTrigger kGranite[] = {
    {.begin = "<|tool_call|>", .end = "", .syntax = CallSyntax::kJson},
    {.begin = "<tool_call>", .end = "</tool_call>", .syntax = CallSyntax::kJson}};
constexpr Text kFireHas[] = {"functools["};
constexpr CallTrigger kFire[] = {{.begin = "functools", .end = "", .syntax = CallSyntax::kJson}};
constexpr Text kNemotronHas[] = {"<TOOLCALL>"};
constexpr CallTrigger kNemotron[] = {
    {.begin = "<TOOLCALL>", .end = "</TOOLCALL>", .syntax = CallSyntax::kJson}};

constexpr Text kHermesHas[] = {"<tool_call>"};
constexpr CallTrigger kHermes[] = {
    {.begin = "<tool_call>", .end = "</tool_call>", .syntax = CallSyntax::kJson}};

constexpr Text kLlama4Has[] = {"<|header_start|>"};
constexpr CallTrigger kLlama4[] = {
    {.begin = "<|python_start|>", .end = "<|python_end|>", .syntax = CallSyntax::kPython},
    {.begin = "", .end = "", .syntax = CallSyntax::kPython}};
constexpr Text kLlama4Dropped[] = {"<|python_start|>", "<|python_end|>"};

constexpr Text kLlama3Has[] = {"<|start_header_id|>", "parameters"};
constexpr CallTrigger kLlama3[] = {{.begin = "<|python_tag|>", .end = "", .syntax = CallSyntax::kPythonTag},
                                   {.begin = "", .end = "", .syntax = CallSyntax::kJson}};

constexpr CallTrigger kGeneric[] = {
    {.begin = "", .end = "", .syntax = CallSyntax::kJson},
    {.begin = "<tool_call>", .end = "</tool_call>", .syntax = CallSyntax::kJson},
};

// What is written, format by format.
constexpr CallWriting kHarmonyWriting = {.prefix = "<|channel|>",
                                         .before_name = "commentary to=functions.",
                                         .before_arguments = " <|constrain|>json<|message|>",
                                         .several = false};
constexpr CallWriting kQwen3CoderWriting = {.prefix = "<tool_call>\n",
                                            .before_name = "<function=",
                                            .before_arguments = ">\n",
                                            .after = "</function>",
                                            .separator = "\n</tool_call>\n<tool_call>\n",
                                            .suffix = "\n</tool_call>",
                                            .arguments = ArgumentSyntax::kParameters,
                                            .key_begin = "<parameter=",
                                            .value_begin = ">\n",
                                            .value_end = "\n</parameter>\n"};
constexpr CallWriting kGlmWriting = {.prefix = "<tool_call>",
                                     .before_arguments = "\n",
                                     .separator = "</tool_call>\n<tool_call>",
                                     .suffix = "</tool_call>",
                                     .arguments = ArgumentSyntax::kParameters,
                                     .key_begin = "<arg_key>",
                                     .value_begin = "</arg_key>\n<arg_value>",
                                     .value_end = "</arg_value>\n"};
constexpr CallWriting kInvokeWriting = {.prefix = "<invoke name=\"",
                                        .before_arguments = "\">\n",
                                        .separator = "</invoke>\n<invoke name=\"",
                                        .suffix = "</invoke>",
                                        .arguments = ArgumentSyntax::kParameters,
                                        .key_begin = "<parameter name=\"",
                                        .value_begin = "\">",
                                        .value_end = "</parameter>\n"};
constexpr CallWriting kDeepseekWriting = {.prefix = "<｜tool▁calls▁begin｜>",
                                          .before_name = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
                                          .before_arguments = "\n```json\n",
                                          .after = "\n```<｜tool▁call▁end｜>",
                                          .separator = "\n",
                                          .suffix = "<｜tool▁calls▁end｜>"};
constexpr CallWriting kDeepseek31Writing = {.prefix = "<｜tool▁calls▁begin｜>",
                                            .before_name = "<｜tool▁call▁begin｜>",
                                            .before_arguments = "<｜tool▁sep｜>",
                                            .after = "<｜tool▁call▁end｜>",
                                            .suffix = "<｜tool▁calls▁end｜>"};
constexpr CallWriting kKimiWriting = {.prefix = "<|tool_calls_section_begin|>",
                                      .before_name = "<|tool_call_begin|>functions.",
                                      .before_arguments = "<|tool_call_argument_begin|>",
                                      .after = "<|tool_call_end|>",
                                      .suffix = "<|tool_calls_section_end|>",
                                      .before_number = ":"};
constexpr CallWriting kMistralArgsWriting = {
    .prefix = "[TOOL_CALLS]", .before_arguments = "[ARGS]", .separator = "[TOOL_CALLS]"};
constexpr CallWriting kMistralWriting = {.prefix = "[TOOL_CALLS] [",
                                         .before_name = "{\"name\": \"",
                                         .before_arguments = "\", \"arguments\": ",
                                         .after = "}",
                                         .separator = ", ",
                                         .suffix = "]"};
constexpr CallWriting kCommandR7bWriting = {.prefix = "<|START_ACTION|>[\n    ",
                                            .before_name = "{\"tool_call_id\": \"0\", \"tool_name\": \"",
                                            .before_arguments = "\", \"parameters\": ",
                                            .after = "}",
                                            .separator = ",\n    ",
                                            .suffix = "\n]<|END_ACTION|>"};
constexpr CallWriting kCommandRWriting = {.prefix = "Action: ```json\n[\n    ",
                                          .before_name = "{\n        \"tool_name\": \"",
                                          .before_arguments = "\",\n        \"parameters\": ",
                                          .after = "\n    }",
                                          .separator = ",\n    ",
                                          .suffix = "\n]```"};
constexpr CallWriting kFunctionary32Writing = {.before_arguments = "\n", .separator = ">>>"};
constexpr CallWriting kFunctionary31Writing = {.prefix = "<function=",
                                               .before_arguments = ">",
                                               .separator = "</function><function=",
                                               .suffix = "</function>"};
constexpr CallWriting kFunctionary2Writing = {.before_arguments = "\n<|content|>",
                                              .separator = "\n<|from|>assistant\n<|recipient|>"};
constexpr CallWriting kLfm2Writing = {.prefix = "<|tool_call_start|>[",
                                      .before_arguments = "(",
                                      .after = ")",
                                      .separator = ", ",
                                      .suffix = "]<|tool_call_end|>",
                                      .arguments = ArgumentSyntax::kPython,
                                      .value_begin = "=",
                                      .parameter_separator = ", "};
constexpr CallWriting kGraniteWriting = {.prefix = "<|tool_call|>[",
                                         .before_name = "{\"name\": \"",
                                         .before_arguments = "\", \"arguments\": ",
                                         .after = "}",
                                         .separator = ", ",
                                         .suffix = "]"};
constexpr CallWriting kPhi4Writing = {.prefix = "<|tool_call|>[",
                                      .before_name = "{\"name\": \"",
                                      .before_arguments = "\", \"arguments\": ",
                                      .after = "}",
                                      .separator = ", ",
                                      .suffix = "]<|/tool_call|>"};
constexpr CallWriting kFirefunctionWriting = {.prefix = "functools[",
                                              .before_name = "{\"name\": \"",
                                              .before_arguments = "\", \"arguments\": ",
                                              .after = "}",
                                              .separator = ", ",
                                              .suffix = "]"};
constexpr CallWriting kNemotronWriting = {.prefix = "<TOOLCALL>[",
                                          .before_name = "{\"name\": \"",
                                          .before_arguments = "\", \"arguments\": ",
                                          .after = "}",
                                          .separator = ", ",
                                          .suffix = "]</TOOLCALL>"};
constexpr CallWriting kHermesWriting = {.prefix = "<tool_call>\n",
                                        .before_name = "{\"name\": \"",
                                        .before_arguments = "\", \"arguments\": ",
                                        .after = "}",
                                        .separator = "\n</tool_call>\n<tool_call>\n",
                                        .suffix = "\n</tool_call>"};
constexpr CallWriting kLlama4Writing = {.prefix = "[",
                                        .before_arguments = "(",
                                        .after = ")",
                                        .separator = ", ",
                                        .suffix = "]",
                                        .arguments = ArgumentSyntax::kPython,
                                        .value_begin = "=",
                                        .parameter_separator = ", "};
constexpr CallWriting kLlama3Writing = {.before_name = "{\"name\": \"",
                                        .before_arguments = "\", \"parameters\": ",
                                        .after = "}",
                                        .several = false};
constexpr CallWriting kGenericWriting = {.before_name = "{\"name\": \"",
                                         .before_arguments = "\", \"arguments\": ",
                                         .after = "}",
                                         .several = false};

// The more a row asks of the template, the earlier it stands.
constexpr ChatFormat kFormats[] = {
    {.name = "harmony",
     .template_has = kHarmonyHas,
     .writing = kHarmonyWriting,
     .dropped = kHarmonyDropped,
     .channels = true},
    {.name = "qwen3-coder",
     .template_has = kQwenCoderHas,
     .triggers = kQwenCoder,
     .writing = kQwen3CoderWriting,
     .dropped = kToolCallTags},
    {.name = "glm", .template_has = kGlmHas, .triggers = kGlm, .writing = kGlmWriting},
    {.name = "invoke",
     .template_has = kInvokeHas,
     .triggers = kInvoke,
     .writing = kInvokeWriting,
     .dropped = kInvokeDropped},
    {.name = "deepseek",
     .template_has = kDeepseekHas,
     .triggers = kDeepseek,
     .writing = kDeepseekWriting,
     .dropped = kDeepseekDropped},
    {.name = "deepseek-3.1",
     .template_has = kDeepseek31Has,
     .triggers = kDeepseek,
     .writing = kDeepseek31Writing,
     .dropped = kDeepseekDropped},
    {.name = "kimi",
     .template_has = kKimiHas,
     .triggers = kKimi,
     .writing = kKimiWriting,
     .dropped = kKimiDropped},
    {.name = "mistral-args",
     .template_has = kMistralNewHas,
     .triggers = kMistral,
     .writing = kMistralArgsWriting,
     .dropped = kMistralDropped,
     .short_ids = true},
    {.name = "mistral",
     .template_has = kMistralHas,
     .triggers = kMistral,
     .writing = kMistralWriting,
     .dropped = kMistralDropped,
     .short_ids = true},
    {.name = "command-r7b",
     .template_has = kCommandHas,
     .triggers = kCommand,
     .writing = kCommandR7bWriting,
     .dropped = kCommandDropped},
    {.name = "command-r",
     .template_has = kCommandOldHas,
     .triggers = kCommandOld,
     .writing = kCommandRWriting},
    {.name = "functionary-3.2",
     .template_has = kFunctionary3Has,
     .triggers = kFunctionary3,
     .writing = kFunctionary32Writing},
    {.name = "functionary-3.1",
     .template_has = kFunctionary31Has,
     .triggers = kFunctionary31,
     .writing = kFunctionary31Writing},
    {.name = "functionary-2",
     .template_has = kFunctionary2Has,
     .triggers = kFunctionary2,
     .writing = kFunctionary2Writing,
     .dropped = kFunctionary2Dropped,
     .tokens = kFunctionary2Tokens},
    {.name = "lfm2", .template_has = kLfmHas, .triggers = kLfm, .writing = kLfm2Writing},
    {.name = "granite", .template_has = kGraniteHas, .triggers = kGranite, .writing = kGraniteWriting},
    {.name = "phi-4", .template_has = kPhiHas, .triggers = kPhi, .writing = kPhi4Writing},
    {.name = "firefunction", .template_has = kFireHas, .triggers = kFire, .writing = kFirefunctionWriting},
    {.name = "nemotron", .template_has = kNemotronHas, .triggers = kNemotron, .writing = kNemotronWriting},
    {.name = "hermes", .template_has = kHermesHas, .triggers = kHermes, .writing = kHermesWriting},
    {.name = "llama-4", .template_has = kLlama4Has, .triggers = kLlama4, .writing = kLlama4Writing},
    {.name = "llama-3", .template_has = kLlama3Has, .triggers = kLlama3, .writing = kLlama3Writing},
    {.name = "generic", .template_has = {}, .triggers = kGeneric, .writing = kGenericWriting},
};

constexpr ThinkMarks kThinkMarks[] = {
    {"<|START_THINKING|>", "<|END_THINKING|>"},
    {"[THINK]", "[/THINK]"},
    {"<seed:think>", "</seed:think>"},
    {"<think>", "</think>"},
    {"<thinking>", "</thinking>"},
};

}  // namespace

std::span<const ChatFormat> chat_formats() { return kFormats; }

const ChatFormat& generic_chat_format() { return kFormats[std::size(kFormats) - 1]; }

const ChatFormat& chat_format_for(std::string_view template_source) {
    return *std::ranges::find_if(kFormats, [&](const ChatFormat& format) {
        return std::ranges::all_of(format.template_has,
                                   [&](Text text) { return template_source.find(text) != Text::npos; });
    });
}

ThinkMarks think_marks_for(std::string_view template_source) {
    for (const ThinkMarks& marks : kThinkMarks) {
        if (template_source.find(marks.end) != Text::npos || template_source.find(marks.begin) != Text::npos)
            return marks;
    }
    return {};
}

std::vector<std::string_view> marks_of(const ChatFormat& format, const ThinkMarks& think, bool with_tools) {
    std::vector<std::string_view> marks = {think.begin, think.end};
    if (format.channels) marks.insert(marks.end(), {"<|channel|>", "<|message|>", "<|start|>", "<|end|>"});
    if (with_tools) {
        marks.insert(marks.end(), format.dropped.begin(), format.dropped.end());
        marks.insert(marks.end(), format.tokens.begin(), format.tokens.end());
        for (const CallTrigger& trigger : format.triggers)
            marks.insert(marks.end(), {trigger.begin, trigger.end, trigger.header_end});
    }
    std::erase_if(marks, [](Text mark) { return mark.empty(); });
    return marks;
}

}  // namespace shimmy
