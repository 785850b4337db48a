// For tests of the tokenizers: small vocabularies made on the spot, and the real ones of the shared test
// data.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/gguf/gguf.h"
#include "airframe/gguf/gguf_writer.h"
#include "airframe/text/tokenizer.h"

namespace airframe {

// Makes a tokenizer from a file that `fill` writes.
inline base::Result<std::unique_ptr<Tokenizer>> make_tokenizer(const std::function<void(GgufWriter&)>& fill) {
    const auto path =
        std::filesystem::temp_directory_path() / fmt::format("shimmy-tokenizer-{}.gguf", ::getpid());
    GgufWriter writer;
    fill(writer);
    TRY_VOID(writer.open(path));
    TRY_VOID(writer.close());
    auto file = GgufFile::open_header(path);
    std::filesystem::remove(path);
    if (!file) return std::unexpected(file.error());
    return Tokenizer::create(file->metadata());
}

// A vocabulary as rows, for make_tokenizer.
struct TestVocab {
    std::string model;  // tokenizer.ggml.model
    std::vector<std::string> pieces;
    std::vector<int32_t> kinds;
    std::vector<float> scores;
    std::vector<std::string> merges;

    TokenId add(std::string piece, TokenKind kind = TokenKind::kNormal, float score = 0) {
        pieces.push_back(std::move(piece));
        kinds.push_back(static_cast<int32_t>(kind));
        scores.push_back(score);
        return static_cast<TokenId>(pieces.size()) - 1;
    }
    void add_byte_tokens() {
        for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), TokenKind::kByte);
    }
    void write(GgufWriter& writer) const {
        writer.add("tokenizer.ggml.model", model);
        writer.add_array("tokenizer.ggml.tokens", std::span(pieces));
        writer.add_array("tokenizer.ggml.token_type", std::span(kinds));
        writer.add_array("tokenizer.ggml.scores", std::span(scores));
        writer.add_array("tokenizer.ggml.merges", std::span(merges));
    }
    std::unique_ptr<Tokenizer> build(const std::function<void(GgufWriter&)>& more = {}) const {
        auto made = make_tokenizer([&](GgufWriter& writer) {
            write(writer);
            if (more) more(writer);
        });
        EXPECT_TRUE(made) << made.error().message;
        return made ? *std::move(made) : nullptr;
    }
};

// Calls `use` with every vocabulary of the shared test data, one at a time.
inline void each_real_tokenizer(const std::filesystem::path& data,
                                const std::function<void(const std::string& name, const Tokenizer&)>& use) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(data / "tokenizers"))
        if (entry.path().extension() == ".gguf") paths.push_back(entry.path());
    std::ranges::sort(paths);
    ASSERT_FALSE(paths.empty());
    for (const auto& path : paths) {
        const std::string name = path.stem().string().substr(std::string_view("ggml-vocab-").size());
        SCOPED_TRACE(name);
        const auto file = GgufFile::open_header(path);
        ASSERT_TRUE(file) << file.error().message;
        const auto tokenizer = Tokenizer::create(file->metadata());
        ASSERT_TRUE(tokenizer) << tokenizer.error().message;
        use(name, **tokenizer);
    }
}

// A text from an id list for messages: "1 2 3".
inline std::string ids_text(std::span<const TokenId> ids) {
    std::string out;
    for (const TokenId id : ids) out += fmt::format("{}{}", out.empty() ? "" : " ", id);
    return out;
}

}  // namespace airframe
