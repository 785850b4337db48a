// How models write tool calls and thoughts: a table with a row for each family of chat templates. The row is
// chosen by what the model's template contains.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shimmy {

enum class CallSyntax : uint8_t {
    kJson,        // {"name": …, "arguments": {…}}, or a list of such
    kNamed,       // words with the name, then the arguments as a JSON object
    kParameters,  // the name, then each parameter between marks of its own
    kPython,      // [name(key="value"), …]
    kPythonTag,   // JSON, name.call(key="value"), or plain Python for a tool that runs it
};

// The marks around the parameters of CallSyntax::kParameters.
struct ParameterMarks {
    std::string_view name_end;  // characters, any of which ends the function's name
    std::string_view key_begin, key_end;
    std::string_view value_begin;  // empty: right behind key_end
    std::string_view value_end;
};

// What begins a call, in the text that a model writes.
struct CallTrigger {
    std::string_view begin;  // empty: the answer itself begins with the call
    std::string_view end;    // empty: the call ends by itself
    CallSyntax syntax = CallSyntax::kJson;
    std::string_view (*name)(std::string_view header) = nullptr;  // kNamed: the name among the words
    std::string_view header_end = {};       // kNamed: ends these words; empty: the arguments' brace does
    const ParameterMarks* marks = nullptr;  // kParameters
};

enum class ArgumentSyntax : uint8_t { kJson, kParameters, kPython };

// What a model is made to write when a call is demanded: prefix, calls with separators between them, suffix.
// A call is before_name, the name, before_number and a number where that is not empty, before_arguments, the
// arguments, after.
struct CallWriting {
    std::string_view prefix = {}, before_name = {}, before_arguments = {}, after = {};
    std::string_view separator = {}, suffix = {};
    bool several = true;  // else one call is an answer
    ArgumentSyntax arguments = ArgumentSyntax::kJson;
    // A parameter that is no member of JSON: key_begin, its name, value_begin, its value, value_end.
    std::string_view key_begin = {}, value_begin = {}, value_end = {}, parameter_separator = {};
    std::string_view before_number = {};
};

struct ChatFormat {
    std::string_view name;
    std::span<const std::string_view> template_has;  // all of them occur in the template
    std::span<const CallTrigger> triggers;
    CallWriting writing;
    std::span<const std::string_view> dropped;      // marks that mean nothing to a client
    std::span<const std::string_view> tokens = {};  // control tokens that are parts of its marks
    bool channels = false;                          // harmony: <|channel|>analysis<|message|>…
    bool short_ids = false;  // call ids of nine letters and digits, as its template demands
};

// Tools that run what a model writes behind CallSyntax::kPythonTag, where that is no call of another one.
inline constexpr std::string_view kCodeTools[] = {"python", "ipython", "code_interpreter"};

// The name that stands for no tool: what follows it is the answer's text.
inline constexpr std::string_view kContentName = "all";

struct ThinkMarks {
    std::string_view begin, end;  // empty: the model does not think aloud
};

// The row for a template (its source when tools are shown). A template that knows no tools gets the generic
// one.
const ChatFormat& chat_format_for(std::string_view template_source);
std::span<const ChatFormat> chat_formats();  // all rows
// Calls as plain JSON, for templates that know no tools and for calls that are demanded.
const ChatFormat& generic_chat_format();
ThinkMarks think_marks_for(std::string_view template_source);

// The marks that matter in an answer: where one of them is a control token, its text must be seen.
std::vector<std::string_view> marks_of(const ChatFormat& format, const ThinkMarks& think, bool with_tools);

}  // namespace shimmy
