// Same text in any company: with a deterministic backend a request's tokens do not depend on the batch, on
// chunking or on cache hits; without, only by rounding. On small models made here, one per structure.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "airframe/engine/engine.h"
#include "airframe/engine/sampler.h"
#include "airframe/model/logit_distance.h"
#include "airframe/model/make_model.h"
#include "airframe/model/run_tokens.h"
#include "base/rng.h"
#include "base/test_dir.h"

namespace airframe {
namespace {

constexpr uint32_t kVocab = 288;

// Few layers, real proportions, room for prompts.
ModelShape small(ModelShape shape) {
    shape.n_layers = 2;
    shape.dim = 256;
    shape.n_heads = 4;
    shape.n_kv_heads = 2;
    shape.head_dim = 64;
    shape.ffn_dim = 512;
    shape.vocab = kVocab;
    shape.ctx_tokens = 512;
    shape.rope_dims = shape.rope_dims > 0 ? 32 : 0;
    shape.window = shape.window > 0 ? 48 : 0;
    return shape;
}

struct TestModel {
    base::TestDir dir;
    std::filesystem::path path = dir / "model.gguf";
    TestModel(const char* shape, const char* mix) {
        const auto made = make_model(small(**find_shape(shape)), **find_mix(mix), path, {});
        EXPECT_TRUE(made) << made.error().message;
    }

    base::Result<std::unique_ptr<Model>> load(bool deterministic) const {
        TRY(auto file, GgufFile::open(path));
        TRY(auto backend, make_backend("cpu", {.threads = 2, .deterministic = deterministic}));
        return Model::load(std::move(file), std::move(backend), {});
    }
    base::Result<std::unique_ptr<Engine>> engine(const EngineOptions& options) const {
        TRY(auto model, load(true));
        TRY(auto tokenizer, Tokenizer::create(model->file().metadata()));
        return Engine::create(std::move(model), std::move(tokenizer), options);
    }
};

EngineRequest random_request(base::Rng& rng, const std::vector<TokenId>& beginning) {
    EngineRequest request;
    if (rng.next_below(2) == 0) request.prompt = beginning;
    const size_t more = 1 + rng.next_below(120);
    for (size_t i = 0; i < more; ++i) request.prompt.push_back(static_cast<TokenId>(rng.next_below(kVocab)));
    request.sampling = {
        .temperature = rng.next_below(3) == 0 ? 0.0f : 1.5f, .top_k = 0, .top_p = 1, .seed = rng.next_u64()};
    request.max_tokens = static_cast<int32_t>(4 + rng.next_below(24));
    request.ignore_eos = true;
    return request;
}

std::vector<TokenId> read(EventStream& stream, Finished* finished = nullptr) {
    std::vector<TokenId> tokens;
    while (auto event = stream.next()) {
        if (const auto* delta = std::get_if<Delta>(&*event))
            tokens.insert(tokens.end(), delta->tokens.begin(), delta->tokens.end());
        if (const auto* end = std::get_if<Finished>(&*event); end != nullptr && finished != nullptr)
            *finished = *end;
        if (const auto* failed = std::get_if<Failed>(&*event)) ADD_FAILURE() << failed->error.message;
    }
    return tokens;
}

class CompanyTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CompanyTest, DeterministicTokensDoNotDependOnTheCrowd) {
    const TestModel model(GetParam(), "Q4_0");
    base::Rng rng(99);
    std::vector<TokenId> beginning;
    for (int i = 0; i < 100; ++i) beginning.push_back(static_cast<TokenId>(rng.next_below(kVocab)));
    std::vector<EngineRequest> requests;
    for (int i = 0; i < 24; ++i) requests.push_back(random_request(rng, beginning));

    // Alone, each in an engine that has seen nothing: no company, no cache hit, the prompt in one chunk.
    std::vector<std::vector<TokenId>> alone;
    for (const EngineRequest& request : requests) {
        auto engine = model.engine({.ctx_tokens = 512});
        ASSERT_TRUE(engine) << engine.error().message;
        auto stream = (*engine)->submit(request);
        ASSERT_TRUE(stream) << stream.error().message;
        alone.push_back(read(**stream));
    }
    // Together: small steps, odd chunks, shared beginnings, pages so few that some are put aside.
    const EngineOptions crowds[] = {
        {.ctx_tokens = 512, .kv_tokens = 2048},
        {.ctx_tokens = 512, .kv_tokens = 512, .batch_tokens = 33, .prefill_chunk = 5, .max_sequences = 12},
    };
    for (const EngineOptions& options : crowds) {
        auto engine = model.engine(options);
        ASSERT_TRUE(engine) << engine.error().message;
        std::vector<std::unique_ptr<EventStream>> streams;
        for (const EngineRequest& request : requests) {
            auto stream = (*engine)->submit(request);
            ASSERT_TRUE(stream) << stream.error().message;
            streams.push_back(std::move(*stream));
        }
        for (size_t i = 0; i < streams.size(); ++i) EXPECT_EQ(read(*streams[i]), alone[i]) << "request " << i;
    }
}

// Guessing and checking changes nothing, drawn at random or not: the sampler sees the same logits in the same
// order.
TEST_P(CompanyTest, SpeculationGivesTheSameTokens) {
    const TestModel model(GetParam(), "Q4_0");
    base::Rng rng(31);
    int32_t drafted = 0;
    for (int round = 0; round < 12; ++round) {
        EngineRequest request = random_request(rng, {});
        // Texts of five different tokens repeat themselves: the lookup finds something.
        for (const TokenId id : {40, 41, 42, 43, 44}) request.sampling.logit_bias[id] = 50;
        request.max_tokens = 60;
        std::vector<TokenId> answers[2];
        for (const bool speculate : {false, true}) {
            auto engine = model.engine(
                {.ctx_tokens = 512, .speculation = speculate ? Speculation::kAlways : Speculation::kOff});
            ASSERT_TRUE(engine) << engine.error().message;
            auto stream = (*engine)->submit(request);
            ASSERT_TRUE(stream);
            Finished finished;
            answers[speculate] = read(**stream, &finished);
            drafted += finished.timings.draft_tokens;
        }
        EXPECT_EQ(answers[0], answers[1]) << "round " << round;
    }
    EXPECT_GT(drafted, 0);
}

TEST_P(CompanyTest, ScoresOfAPromptAreTheModelsOwn) {
    const TestModel file(GetParam(), "F32");
    base::Rng rng(8);
    std::vector<TokenId> prompt(150);
    for (TokenId& token : prompt) token = static_cast<TokenId>(rng.next_below(kVocab));
    auto model = file.load(true);
    ASSERT_TRUE(model);
    const auto logits = run_tokens(**model, prompt);
    ASSERT_TRUE(logits);
    auto engine = file.engine({.ctx_tokens = 512});
    ASSERT_TRUE(engine) << engine.error().message;
    for (int round = 0; round < 2; ++round) {  // the second time its pages lie in the cache
        auto stream = (*engine)->submit({.prompt = prompt, .max_tokens = round, .prompt_logprobs = 2});
        ASSERT_TRUE(stream);
        std::optional<PromptLogprobs> scores;
        while (auto event = (*stream)->next())
            if (auto* event_scores = std::get_if<PromptLogprobs>(&*event)) scores = std::move(*event_scores);
        ASSERT_TRUE(scores);
        ASSERT_EQ(scores->tokens.size(), prompt.size() - 1);
        SamplerScratch scratch;
        for (size_t i = 0; i + 1 < prompt.size(); ++i) {
            Delta::Logprobs want;
            raw_logprobs(std::span(*logits).subspan(i * kVocab, kVocab), prompt[i + 1], 2, scratch, want);
            EXPECT_EQ(scores->tokens[i].chosen.id, prompt[i + 1]);
            ASSERT_EQ(scores->tokens[i].chosen.logprob, want.chosen.logprob) << "position " << i;
            ASSERT_EQ(scores->tokens[i].top.size(), 2u);
            EXPECT_EQ(scores->tokens[i].top[0].id, want.top[0].id);
        }
    }
}

TEST_P(CompanyTest, OtherwiseACrowdChangesNoMoreThanRounding) {
    constexpr double kKlMax = 1e-4;
    const TestModel file(GetParam(), "Q4_0");
    for (const bool deterministic : {false, true}) {
        auto model = file.load(deterministic);
        ASSERT_TRUE(model) << model.error().message;
        base::Rng rng(5);
        std::vector<int32_t> tokens(256);
        for (int32_t& token : tokens) token = static_cast<int32_t>(rng.next_below(kVocab));
        const auto crowd = run_tokens(**model, tokens, {.chunk_rows = 64});
        const auto alone = run_tokens(**model, tokens, {.chunk_rows = 1});
        ASSERT_TRUE(crowd && alone);
        if (deterministic) {
            EXPECT_EQ(*crowd, *alone);
        } else {
            const LogitDistance distance = logit_distance(*alone, *crowd, kVocab);
            // a near tie of a router sends a token to another expert: the median tells about rounding
            EXPECT_LE(
                std::string_view(GetParam()).starts_with("mixtral") ? distance.kl_median : distance.kl_mean,
                kKlMax);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CompanyTest,
                         ::testing::Values("tinyllama-1.1b", "mixtral-tiny", "gemma-2-2b", "phi-2"),
                         [](const auto& info) {
                             std::string name = info.param;
                             std::ranges::replace_if(name, [](char c) { return !std::isalnum(c); }, '_');
                             return name;
                         });

// int4 takes at most a seventh of f32, and what is allocated is what the formula says.
TEST(KvTypes, TakeTheBytesThatTheFormulaSays) {
    const TestModel model("tinyllama-1.1b", "Q4_0");
    uint64_t f32_bytes = 0;
    for (const auto& [type, vector_bytes] :
         {std::pair{KvType::kF32, 256}, {KvType::kF16, 128}, {KvType::kQ8, 66}, {KvType::kInt4, 34}}) {
        auto engine = model.engine({.ctx_tokens = 512, .kv_tokens = 512, .kv_type = type});
        ASSERT_TRUE(engine) << engine.error().message;
        EXPECT_EQ((*engine)->kv_bytes(), 512u * 2 * 2 * 2 * static_cast<uint64_t>(vector_bytes));
        if (type == KvType::kF32) f32_bytes = (*engine)->kv_bytes();
        EXPECT_EQ(kv_type_of(kv_type_name(type)), type);
        auto stream =
            (*engine)->submit({.prompt = std::vector<TokenId>(70, 5), .max_tokens = 8, .ignore_eos = true});
        ASSERT_TRUE(stream);
        EXPECT_FALSE(read(**stream).empty());
        if (type == KvType::kInt4) {
            EXPECT_LE((*engine)->kv_bytes() * 7, f32_bytes);
        }
    }
    EXPECT_FALSE(kv_type_of("int3"));
}

}  // namespace
}  // namespace airframe
