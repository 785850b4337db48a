// shimmy tokenize: text to token ids and back, to see what a model is given; --jsonl is the door for
// checking.

#include <boost/json.hpp>

#include <cctype>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/tokenizer.h"
#include "base/log.h"
#include "base/system.h"
#include "base/utf8.h"
#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/models.h"
#include "shimmy/app/terminal.h"

namespace shimmy {
namespace json = boost::json;

using airframe::TokenId;
using airframe::Tokenizer;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

struct TokenizeOptions {
    std::string model;
    std::vector<std::string> words;  // [MODEL] [TEXT]
    bool bos = false;
    bool parse_special = false;
    bool jsonl = false;
    bool decode = false;
    bool as_json = false;
};

std::string_view name_of(airframe::TokenKind kind) {
    switch (kind) {
        case airframe::TokenKind::kNormal:
            return "normal";
        case airframe::TokenKind::kUnknown:
            return "unknown";
        case airframe::TokenKind::kControl:
            return "control";
        case airframe::TokenKind::kUserDefined:
            return "user-defined";
        case airframe::TokenKind::kUnused:
            return "unused";
        case airframe::TokenKind::kByte:
            return "byte";
    }
    return "normal";
}

// Any GGUF file with a vocabulary will do, whether or not it is a model that we can run.
Result<airframe::GgufFile> open_vocabulary(const std::string& model, const GlobalOptions& global) {
    std::error_code error;
    if (std::filesystem::is_regular_file(model, error)) return airframe::GgufFile::open_header(model);
    TRY(const ModelEntry entry, resolve_model(model, global));
    return open_model(entry);
}

Result<TokenId> checked_id(int64_t id, const Tokenizer& tokenizer) {
    if (id < 0 || id >= tokenizer.vocab_size())
        return fail(ErrorCode::kInvalidArgument, "token id {} is not in the vocabulary (0 to {})", id,
                    tokenizer.vocab_size() - 1);
    return static_cast<TokenId>(id);
}

// "1,2,3", "1 2 3" or "[1, 2, 3]".
Result<std::vector<TokenId>> parse_ids(std::string_view text, const Tokenizer& tokenizer) {
    std::vector<TokenId> ids;
    const char *at = text.data(), *end = text.data() + text.size();
    while (true) {
        while (at != end &&
               (std::isspace(static_cast<unsigned char>(*at)) != 0 || *at == ',' || *at == '[' || *at == ']'))
            ++at;
        if (at == end) return ids;
        int64_t id = 0;
        const auto [rest, error] = std::from_chars(at, end, id);
        if (error != std::errc())
            return fail(ErrorCode::kInvalidArgument, "'{}' is no token id; ids look like 1,2,3",
                        base::printable({at, end}, 20));
        TRY(ids.emplace_back(), checked_id(id, tokenizer));
        at = rest;
    }
}

json::array to_json(std::span<const TokenId> ids) { return json::array(ids.begin(), ids.end()); }

// One line of --jsonl: {"text", "parse_special"} to {"ids"}, or with --decode {"ids"} to {"text"}.
Result<json::object> answer_line(const std::string& line, const TokenizeOptions& options,
                                 const Tokenizer& tokenizer) {
    boost::system::error_code error;
    const json::value value = json::parse(line, error);
    const json::object* object = error ? nullptr : value.if_object();
    if (object == nullptr)
        return fail(ErrorCode::kInvalidArgument, "the line is no JSON object{}{}", error ? ": " : "",
                    error ? error.message() : "");
    if (options.decode) {
        const json::value* list = object->if_contains("ids");
        if (list == nullptr || !list->is_array())
            return fail(ErrorCode::kInvalidArgument, "ids: a list is needed");
        std::vector<TokenId> ids;
        for (const json::value& element : list->get_array()) {
            if (!element.is_int64())
                return fail(ErrorCode::kInvalidArgument, "ids: every element must be an integer");
            TRY(ids.emplace_back(), checked_id(element.get_int64(), tokenizer));
        }
        return json::object{{"text", base::to_valid_utf8(tokenizer.decode(ids, true))}};
    }
    const json::value* text = object->if_contains("text");
    if (text == nullptr || !text->is_string())
        return fail(ErrorCode::kInvalidArgument, "text: a string is needed");
    const json::value* parse = object->if_contains("parse_special");
    if (parse != nullptr && !parse->is_bool())
        return fail(ErrorCode::kInvalidArgument, "parse_special: true or false is needed");
    const bool parse_special = parse != nullptr ? parse->get_bool() : options.parse_special;
    return json::object{
        {"ids", to_json(tokenizer.encode(text->get_string(),
                                         {.add_special = options.bos, .parse_special = parse_special}))}};
}

int run_lines(const TokenizeOptions& options, const Tokenizer& tokenizer) {
    for (std::string line; std::getline(std::cin, line);) {
        const auto answer = answer_line(line, options, tokenizer);
        fmt::print("{}\n",
                   json::serialize(answer ? *answer : json::object{{"error", answer.error().message}}));
        std::fflush(stdout);  // the other side may be waiting for it
    }
    return kExitOk;
}

void print_tokens(std::span<const TokenId> ids, const Tokenizer& tokenizer) {
    std::vector<std::vector<std::string>> rows{{"ID", "KIND", "TEXT"}};
    for (const TokenId id : ids)
        rows.push_back({fmt::format("{}", id), std::string(name_of(tokenizer.kind(id))),
                        json::serialize(json::string(base::to_valid_utf8(tokenizer.token_bytes(id, true))))});
    fmt::print("{}\n{} {}\n", format_table(rows), ids.size(), ids.size() == 1 ? "token" : "tokens");
}

json::object tokens_json(std::span<const TokenId> ids, const Tokenizer& tokenizer) {
    json::array tokens;
    for (const TokenId id : ids)
        tokens.push_back(json::object{{"id", id},
                                      {"kind", name_of(tokenizer.kind(id))},
                                      {"text", base::to_valid_utf8(tokenizer.token_bytes(id, true))}});
    return {{"count", ids.size()}, {"ids", to_json(ids)}, {"tokens", std::move(tokens)}};
}

Result<int> run_once(const TokenizeOptions& options, const std::string& text, const Tokenizer& tokenizer) {
    if (options.decode) {
        TRY(const auto ids, parse_ids(text, tokenizer));
        const std::string decoded = base::to_valid_utf8(tokenizer.decode(ids, true));
        if (options.as_json)
            print_json(json::object{{"text", decoded}});
        else
            fmt::print("{}\n", decoded);
        return kExitOk;
    }
    const auto ids =
        tokenizer.encode(text, {.add_special = options.bos, .parse_special = options.parse_special});
    if (options.as_json)
        print_json(tokens_json(ids, tokenizer));
    else
        print_tokens(ids, tokenizer);
    return kExitOk;
}

Result<int> run_tokenize(const TokenizeOptions& options, const GlobalOptions& global) {
    std::vector<std::string> words = options.words;
    std::string model = options.model;
    if (model.empty() && !words.empty()) {
        model = words.front();
        words.erase(words.begin());
    }
    if (words.size() > 1)
        return fail(ErrorCode::kInvalidArgument, "one text at a time: put '{} …' in quotes",
                    base::printable(words[0] + " " + words[1], 60));
    if (options.jsonl && !words.empty())
        return fail(ErrorCode::kInvalidArgument, "--jsonl reads standard input; leave out the text");
    if (!options.jsonl && words.empty() && base::is_terminal(0))
        return fail(ErrorCode::kInvalidArgument,
                    "what should be tokenized? Give TEXT, or the text on standard input");

    TRY(const auto file, open_vocabulary(model, global));
    TRY(const auto tokenizer, Tokenizer::create(file.metadata()));
    if (options.jsonl) return run_lines(options, *tokenizer);
    const std::string text =
        words.empty() ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : words[0];
    return run_once(options, text, *tokenizer);
}

}  // namespace

void add_tokenize(CommandLine line) {
    auto options = std::make_shared<TokenizeOptions>();
    CLI::App* command =
        line.add(options, "tokenize", "Show the tokens that a model makes of a text, and back", run_tokenize);
    command->add_option("-m,--model", options->model, "The model: an id from `shimmy list`, or a GGUF file");
    command
        ->add_option("text", options->words,
                     "The text, after the model where -m names none; else standard input is read")
        ->option_text("[MODEL] [TEXT]");
    command->add_flag("--bos", options->bos, "Add the begin and end tokens that the model asks for");
    command->add_flag("--parse-special", options->parse_special,
                      "Control tokens written in the text become those tokens; else they are plain text");
    command->add_flag("--decode", options->decode, "The other way: TEXT is token ids, such as 1,2,3");
    command->add_flag("--json", options->as_json, "For scripts: ids, and each token's kind and text");
    command->add_flag(
        "--jsonl", options->jsonl,
        "Lines {\"text\", \"parse_special\"} on standard input become lines {\"ids\"}; with --decode "
        "{\"ids\"} becomes {\"text\"}; a bad line becomes {\"error\"}");
    command->footer(
        "Examples:\n"
        "  shimmy tokenize -m model.gguf \"Hello, world!\"\n"
        "  shimmy tokenize -m model.gguf --parse-special --json \"<|im_start|>user\"\n"
        "  shimmy tokenize -m model.gguf --decode 9906,11,1917,0\n"
        "  shimmy tokenize -m model.gguf --jsonl < texts.jsonl > ids.jsonl");
}

}  // namespace shimmy
