// shimmy grammar: does a text obey a grammar? The door for checking what generation is held to.

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>

#include "airframe/text/grammar_machine.h"
#include "airframe/text/json_schema_keywords.h"
#include "shimmy/app/command.h"

namespace shimmy {
namespace json = boost::json;

using airframe::GrammarPtr;
using airframe::schema::Value;
using base::ErrorCode;
using base::fail;
using base::Result;
using Kind = Value::Kind;

namespace {

struct GrammarOptions {
    bool jsonl = false;
    bool written_order = false;
    bool keywords = false;
};

// A schema as JSON, or as a string of JSON.
Result<GrammarPtr> compile_schema(const Value& value) {
    return value.is(Kind::kString) ? airframe::compile_json_schema(value.text)
                                   : airframe::compile_json_schema(value);
}

Result<std::vector<std::string>> strings_of(const Value& value, std::string_view name) {
    std::vector<std::string> out;
    if (!value.is(Kind::kArray)) return fail(ErrorCode::kInvalidArgument, "{}: a list is needed", name);
    for (const Value& item : value.items) {
        if (!item.is(Kind::kString))
            return fail(ErrorCode::kInvalidArgument, "{}: every element must be a string", name);
        out.push_back(item.text);
    }
    return out;
}

Result<GrammarPtr> compile_line(const Value& line) {
    constexpr std::string_view kKinds[] = {"schema", "gbnf", "regex", "choice", "json"};
    if (std::ranges::count_if(kKinds, [&](auto kind) { return line.find(kind) != nullptr; }) != 1)
        return fail(ErrorCode::kInvalidArgument, "one of schema, gbnf, regex, choice or json is needed");
    if (const Value* schema = line.find("schema")) return compile_schema(*schema);
    for (const auto& [name, compile] :
         {std::pair{"gbnf", &airframe::compile_gbnf}, {"regex", &airframe::compile_regex_grammar}}) {
        const Value* text = line.find(name);
        if (text == nullptr) continue;
        if (!text->is(Kind::kString))
            return fail(ErrorCode::kInvalidArgument, "{}: a string is needed", name);
        return compile(text->text);
    }
    if (line.find("json") != nullptr) return airframe::compile_json_object();
    TRY(const auto choices, strings_of(*line.find("choice"), "choice"));
    return airframe::compile_choice(choices);
}

Result<json::object> answer_line(const std::string& text, const GrammarOptions& options) {
    TRY(const Value line, airframe::schema::parse_value(text));  // numbers keep all their digits
    if (!line.is(Kind::kObject)) return fail(ErrorCode::kInvalidArgument, "the line is no JSON object");
    TRY(GrammarPtr grammar, compile_line(line));
    airframe::GrammarMachine machine(std::move(grammar), {.any_key_order = !options.written_order});
    const Value* list = line.find("texts");
    if (list == nullptr) return fail(ErrorCode::kInvalidArgument, "texts: a list is needed");
    TRY(const auto texts, strings_of(*list, "texts"));
    json::array accepted;
    for (const std::string& candidate : texts) {
        accepted.emplace_back(machine.accepts(candidate));
        if (machine.exhausted())
            return fail(ErrorCode::kInvalidArgument, "text {}: it has too many readings to follow",
                        accepted.size() - 1);
    }
    return json::object{{"accepted", std::move(accepted)}};
}

Result<int> run_grammar(const GrammarOptions& options, const GlobalOptions&) {
    if (options.keywords) {
        fmt::print("{}", airframe::schema::keywords_markdown());
        return kExitOk;
    }
    if (!options.jsonl)
        return fail(ErrorCode::kInvalidArgument, "give --jsonl, and the lines on standard input");
    for (std::string line; std::getline(std::cin, line);) {
        const auto answer = answer_line(line, options);
        fmt::print("{}\n",
                   json::serialize(answer ? *answer : json::object{{"error", answer.error().message}}));
        std::fflush(stdout);  // the other side may be waiting for it
    }
    return kExitOk;
}

}  // namespace

void add_grammar(CommandLine line) {
    auto options = std::make_shared<GrammarOptions>();
    CLI::App* command = line.add(options, "grammar",
                                 "Check texts against a JSON Schema, grammar, regex or choice", run_grammar);
    command->add_flag(
        "--jsonl", options->jsonl,
        "Lines {\"schema\" | \"gbnf\" | \"regex\" | \"choice\" | \"json\", \"texts\": […]} on standard "
        "input become lines {\"accepted\": [true, …]}, or {\"error\"} where the grammar does not compile");
    command->add_flag(
        "--written-order", options->written_order,
        "Keys of objects must come in the schema's order, as in generated text; else any order will do");
    command->add_flag("--keywords", options->keywords, "Print what becomes of each keyword of JSON Schema");
    command->footer(
        "A text is accepted when it is one that constrained generation could write, key order aside.\n"
        "\"schema\" is a JSON Schema, as JSON or as a string of JSON; \"gbnf\" a grammar with a rule root;\n"
        "\"regex\" must match the whole text; \"choice\" lists the texts; \"json\": true means any JSON "
        "object.\n\n"
        "Examples:\n"
        "  echo '{\"schema\": {\"type\": \"integer\", \"minimum\": 3}, \"texts\": [\"3\", \"2\"]}' | shimmy "
        "grammar "
        "--jsonl\n"
        "  echo '{\"gbnf\": \"root ::= \\\"yes\\\" | \\\"no\\\"\", \"texts\": [\"yes\", \"maybe\"]}' | "
        "shimmy grammar "
        "--jsonl");
}

}  // namespace shimmy
