// Prefixes across engines: found again, and never at the price of a wrong answer or a failed start.
#include "airframe/engine/prefix_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "airframe/engine/engine.h"
#include "airframe/model/make_model.h"
#include "base/test_dir.h"

namespace airframe {
namespace {

namespace fs = std::filesystem;

class PrefixStoreTest : public ::testing::Test {
  protected:
    base::TestDir folder_;
    fs::path root_ = folder_.path();
    fs::path model_ = root_ / "model.gguf", dir_ = root_ / "cache";

    void SetUp() override { make(1); }

    void make(uint64_t seed) {
        ModelShape shape = **find_shape("tinyllama-1.1b");
        shape.n_layers = 2;
        shape.dim = shape.ffn_dim = 128;
        shape.n_heads = shape.n_kv_heads = 2;
        shape.vocab = 288;
        shape.ctx_tokens = 512;
        ASSERT_TRUE(make_model(shape, **find_mix("Q8_0"), model_, {.seed = seed}));
    }

    struct Answer {
        std::vector<TokenId> tokens;
        int32_t cached_tokens = -1;
    };
    // A fresh engine over the directory answers one prompt of 200 tokens and ends.
    Answer ask(EngineOptions options = {}, const std::string& salt = {}) {
        options.cache_dir = dir_.string();
        const auto load = [&]() -> base::Result<std::unique_ptr<Engine>> {
            TRY(auto file, GgufFile::open(model_));
            TRY(auto tokenizer, Tokenizer::create(file.metadata()));
            TRY(auto backend, make_backend("cpu", {.threads = 1}));
            TRY(auto model, Model::load(std::move(file), std::move(backend), {}));
            return Engine::create(std::move(model), std::move(tokenizer), options);
        };
        auto engine = load();
        EXPECT_TRUE(engine) << engine.error().message;
        std::vector<TokenId> prompt(200);
        for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<TokenId>(i * 31 % 280);
        auto stream = (*engine)->submit({.prompt = prompt,
                                         .sampling = {.temperature = 0},
                                         .max_tokens = 12,
                                         .ignore_eos = true,
                                         .cache_salt = salt});
        EXPECT_TRUE(stream);
        Answer answer;
        while (auto event = (*stream)->next()) {
            if (const auto* delta = std::get_if<Delta>(&*event))
                answer.tokens.insert(answer.tokens.end(), delta->tokens.begin(), delta->tokens.end());
            if (const auto* end = std::get_if<Finished>(&*event))
                answer.cached_tokens = end->usage.cached_tokens;
        }
        return answer;
    }
    std::vector<fs::path> files() const {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(dir_)) found.push_back(entry.path());
        return found;
    }
};

TEST_F(PrefixStoreTest, APromptIsFoundAgainByTheNextEngine) {
    const Answer first = ask();
    EXPECT_EQ(first.cached_tokens, 0);
    ASSERT_EQ(files().size(), 1u);
    const Answer second = ask();
    EXPECT_EQ(second.cached_tokens, 192);
    EXPECT_EQ(second.tokens, first.tokens);
}

TEST_F(PrefixStoreTest, OtherModelsAndSettingsHaveFilesOfTheirOwn) {
    ask();
    EXPECT_EQ(ask({.kv_type = KvType::kQ8}).cached_tokens, 0);
    EXPECT_EQ(ask({.ctx_tokens = 256}).cached_tokens, 0);
    make(2);
    EXPECT_EQ(ask().cached_tokens, 0);
    EXPECT_EQ(files().size(), 4u);
    make(1);
    EXPECT_EQ(ask().cached_tokens, 192) << "it has survived the others";
}

TEST_F(PrefixStoreTest, PagesUnderASaltAreNotWritten) {
    ask({}, "a key");
    EXPECT_FALSE(fs::exists(dir_) && !files().empty());
}

TEST_F(PrefixStoreTest, DamageCostsWhatComesAfterItOnly) {
    const Answer first = ask();
    const fs::path file = files().front();
    const auto bytes = fs::file_size(file);
    {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(static_cast<std::streamoff>(bytes / 2));
        stream.put('!');
    }
    const Answer second = ask();
    EXPECT_GT(second.cached_tokens, 0);
    EXPECT_LT(second.cached_tokens, 192);
    EXPECT_EQ(second.tokens, first.tokens);
    EXPECT_EQ(ask().cached_tokens, 192) << "and is mended";
}

TEST_F(PrefixStoreTest, WhatIsNoCacheIsIgnoredAndLeftAlone) {
    const Answer first = ask();
    const fs::path file = files().front();
    const auto bytes = fs::file_size(file);
    for (const auto size : {bytes - 1, uintmax_t{10}}) {
        fs::resize_file(file, size);
        const Answer again = ask();
        EXPECT_EQ(again.cached_tokens, 0) << size;
        EXPECT_EQ(again.tokens, first.tokens);
    }
    std::ofstream(file) << "somebody's letter";
    EXPECT_EQ(ask().cached_tokens, 0);
    EXPECT_EQ(fs::file_size(file), 17u);
}

TEST_F(PrefixStoreTest, ADirectoryThatCannotBeUsedCostsTheCacheOnly) {
    std::ofstream(dir_) << "a file where the folder should be";
    const Answer first = ask();
    EXPECT_EQ(first.cached_tokens, 0);
    EXPECT_EQ(first.tokens.size(), 12u);
    fs::remove(dir_);
    dir_ = "/dev/full/cache";
    EXPECT_EQ(ask().tokens, first.tokens);
}

// A limit on the size of files stops writing half-way, as a full disk does.
TEST_F(PrefixStoreTest, ADiskThatFillsUpCostsTheCacheOnly) {
    const Answer first = ask();
    const auto whole = fs::file_size(files().front());
    fs::remove(files().front());
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto old = std::signal(SIGXFSZ, SIG_IGN);
    rlimit low = before;
    low.rlim_cur = whole / 2;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
    EXPECT_EQ(ask().tokens, first.tokens);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, old);
    EXPECT_TRUE(files().empty()) << "nothing half-written stays";
    EXPECT_EQ(ask().tokens, first.tokens);
    EXPECT_EQ(ask().cached_tokens, 192) << "and with room again it is kept";
}

TEST_F(PrefixStoreTest, TheBoundHolds) {
    ask();
    const auto whole = fs::file_size(files().front());
    const Answer second = ask({.cache_dir_bytes = whole / 2});
    EXPECT_EQ(second.cached_tokens, 192);
    EXPECT_LE(fs::file_size(files().front()), whole / 2);
    const Answer third = ask();
    EXPECT_GT(third.cached_tokens, 0);
    EXPECT_LT(third.cached_tokens, 192);
    // Another model's file makes room.
    make(2);
    ask({.cache_dir_bytes = whole});
    uintmax_t total = 0;
    for (const fs::path& file : files()) total += fs::file_size(file);
    EXPECT_LE(total, whole);
}

}  // namespace
}  // namespace airframe
