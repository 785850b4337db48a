// Continues a text with the model of a GGUF file:  embed MODEL.gguf "Once upon a time"
#include <cstdio>

#include "airframe/engine/engine.h"

using namespace airframe;

static base::Result<void> tell(const char* path, const char* beginning) {
    TRY(GgufFile file, GgufFile::open(path));
    TRY(std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::create(file.metadata()));
    TRY(auto backend, make_backend("cpu", {}));
    TRY(auto model, Model::load(std::move(file), std::move(backend), {}));
    TRY(auto engine, Engine::create(std::move(model), tokenizer, {}));

    const std::vector<TokenId> prompt = tokenizer->encode(beginning, {.add_special = true});
    TRY(auto stream, engine->submit({.prompt = prompt, .sampling = {.temperature = 0}, .max_tokens = 64}));
    while (auto event = stream->next()) {
        if (const auto* delta = std::get_if<Delta>(&*event)) std::printf("%s", delta->text.c_str());
        if (const auto* failed = std::get_if<Failed>(&*event)) return std::unexpected(failed->error);
    }
    return {};
}

int main(int argc, char** argv) {
    if (argc != 3) return std::fprintf(stderr, "usage: embed MODEL.gguf TEXT\n"), 2;
    if (const auto told = tell(argv[1], argv[2]); !told)
        return std::fprintf(stderr, "%s\n", told.error().message.c_str()), 1;
    return 0;
}
