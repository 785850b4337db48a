// Continues a text with the model of a GGUF file:  embed MODEL.gguf "Once upon a time"
// and, with a third word, prints the text's vector instead:  embed MODEL.gguf "Once upon a time" vector
#include <cstdio>

#include "airframe/engine/engine.h"
#include "airframe/model/embed.h"

using namespace airframe;

static base::Result<void> run(const char* path, const char* text, bool vector) {
    TRY(GgufFile file, GgufFile::open(path));
    TRY(std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::create(file.metadata()));
    TRY(auto backend, make_backend("cpu", {}));
    TRY(auto model, Model::load(std::move(file), std::move(backend), {}));
    const std::vector<TokenId> prompt = tokenizer->encode(text, {.add_special = true});
    if (vector) {
        TRY(const auto values, embed_tokens(*model, prompt, Pooling::kMean));
        for (const float value : values) std::printf("%g\n", value);
        return {};
    }

    TRY(auto engine, Engine::create(std::move(model), tokenizer, {}));
    TRY(auto stream, engine->submit({.prompt = prompt, .sampling = {.temperature = 0}, .max_tokens = 64}));
    while (auto event = stream->next()) {
        if (const auto* delta = std::get_if<Delta>(&*event)) std::printf("%s", delta->text.c_str());
        if (const auto* failed = std::get_if<Failed>(&*event)) return std::unexpected(failed->error);
    }
    return {};
}

int main(int argc, char** argv) {
    if (argc != 3 && argc != 4) return std::fprintf(stderr, "usage: embed MODEL.gguf TEXT [vector]\n"), 2;
    if (const auto done = run(argv[1], argv[2], argc == 4); !done)
        return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    return 0;
}
