// shimmy embed: one vector of length 1 for each text.

#include <fmt/ranges.h>

#include <boost/json.hpp>

#include <memory>

#include "airframe/model/embed.h"
#include "airframe/text/tokenizer.h"
#include "shimmy/app/command.h"
#include "shimmy/app/json_text.h"
#include "shimmy/app/load_model.h"
#include "shimmy/app/models.h"

namespace shimmy {
namespace json = boost::json;
namespace {

struct EmbedArgs {
    std::string model, pooling;
    std::vector<std::string> texts;
    std::vector<int32_t> tokens;
    bool as_json = false;
};

// The token lists to embed: of the texts, or the one that was given.
base::Result<std::vector<std::vector<int32_t>>> token_lists(const EmbedArgs& args,
                                                            const airframe::Model& model) {
    if (args.texts.empty() == args.tokens.empty())
        return base::fail(base::ErrorCode::kInvalidArgument, "name either texts or --tokens");
    if (!args.tokens.empty()) return std::vector<std::vector<int32_t>>{args.tokens};
    TRY(const auto tokenizer, airframe::Tokenizer::create(model.file().metadata()));
    std::vector<std::vector<int32_t>> lists;
    for (const std::string& text : args.texts)
        lists.push_back(tokenizer->encode(text, {.add_special = true}));
    return lists;
}

base::Result<int> run_embed(const EmbedArgs& args, const GlobalOptions& global) {
    TRY(const ModelEntry entry, resolve_model(args.model, global));
    std::optional<airframe::Pooling> pooling;
    if (!args.pooling.empty()) {
        TRY(pooling, airframe::pooling_of(args.pooling));
    }
    TRY(const auto model, load_model(entry, global));
    TRY(const auto lists, token_lists(args, *model));
    json::array rows, counts;
    for (const std::vector<int32_t>& tokens : lists) {
        TRY(const auto vector, airframe::embed_tokens(*model, tokens, pooling));
        if (args.as_json) {
            rows.push_back(json::array(vector.begin(), vector.end()));
            counts.push_back(tokens.size());
        } else {
            fmt::print("{}\n", fmt::join(vector, " "));
        }
    }
    if (args.as_json) print_json(json::object{{"id", entry.id}, {"tokens", counts}, {"embeddings", rows}});
    return kExitOk;
}

}  // namespace

void add_embed(CommandLine line) {
    auto args = std::make_shared<EmbedArgs>();
    CLI::App* command = line.add(args, "embed", "Vectors of texts, for comparing what they mean", run_embed);
    command->add_option("-m,--model,--name", args->model, "The model: an id or a GGUF file")
        ->option_text("MODEL")
        ->required();
    command->add_option("TEXT", args->texts, "The texts");
    command->add_option("--tokens", args->tokens, "Token ids instead of a text, separated by commas")
        ->delimiter(',');
    command->add_option("--pooling", args->pooling, "mean, cls or last; else as the model's file says")
        ->check(CLI::IsMember({"mean", "cls", "last"}));
    command->add_flag("--json", args->as_json, "For scripts");
    command->footer(
        "One line of numbers for each text, a vector of length 1: the product of two is their likeness. "
        "Encoders (BERT,\n"
        "nomic-bert) are made for this; any other model serves too, by its last token's row.\n\n"
        "Examples:\n"
        "  shimmy embed -m bge-small-en-v1.5-q8_0.gguf \"a cat\" \"a kitten\"\n"
        "  shimmy embed -m model.gguf --pooling mean --json \"a text\"");
}

}  // namespace shimmy
