#include "shimmy/store/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_data.h"

namespace shimmy {
namespace {

using testing::HasSubstr;

ModelEntry entry(std::string id, std::filesystem::path path = {}, std::vector<std::string> aliases = {}) {
    ModelEntry made;
    made.id = std::move(id);
    made.path = std::move(path);
    made.aliases = std::move(aliases);
    return made;
}

std::vector<ModelEntry> three_models() {
    std::vector<ModelEntry> models;
    models.push_back(entry("qwen3:latest"));
    models.push_back(
        entry("llama-3.2-1b-instruct-q4-k-m", "/m/Llama-3.2-1B-Instruct-Q4_K_M.gguf", {"tinyllama-1.1b"}));
    models.push_back(entry("big", "/m/Big-00001-of-00003.gguf"));
    return models;
}

std::string found(const Catalog& catalog, std::string_view name) {
    const auto entry = catalog.find(name);
    return entry ? entry->id : "";
}

TEST(Catalog, FindsByIdInAnyCase) {
    const Catalog catalog(three_models());
    EXPECT_EQ(found(catalog, "big"), "big");
    EXPECT_EQ(found(catalog, "BIG"), "big");
    EXPECT_EQ(found(catalog, "bi"), "");
    EXPECT_EQ(found(catalog, ""), "");
}

TEST(Catalog, FindsByAliasAndFileStem) {
    const Catalog catalog(three_models());
    const std::string id = "llama-3.2-1b-instruct-q4-k-m";
    EXPECT_EQ(found(catalog, "tinyllama-1.1b"), id);
    EXPECT_EQ(found(catalog, "Llama-3.2-1B-Instruct-Q4_K_M"), id);
    EXPECT_EQ(found(catalog, "Llama-3.2-1B-Instruct-Q4_K_M.gguf"), id);
    EXPECT_EQ(found(catalog, "Big"), "big");
}

TEST(Catalog, LatestIsImplied) {
    const Catalog catalog(three_models());
    EXPECT_EQ(found(catalog, "qwen3"), "qwen3:latest");
    EXPECT_EQ(found(catalog, "big:latest"), "big");
    EXPECT_EQ(found(catalog, "qwen3:8b"), "");
}

TEST(Catalog, AnExactIdWinsOverAnotherModelsAlias) {
    std::vector<ModelEntry> models;
    models.push_back(entry("a", {}, {"b"}));
    models.push_back(entry("b"));
    EXPECT_EQ(found(Catalog(std::move(models)), "b"), "b");
}

TEST(Catalog, SortedWithTheBuiltInModelLast) {
    static constexpr std::byte kBytes[4] = {};
    std::vector<ModelEntry> models = three_models();
    models.push_back(entry("a-guide"));
    models.back().embedded = kBytes;
    const Catalog catalog(std::move(models));
    std::vector<std::string> ids;
    for (const ModelEntry& model : catalog.entries()) ids.push_back(model.id);
    EXPECT_THAT(ids, testing::ElementsAre("big", "llama-3.2-1b-instruct-q4-k-m", "qwen3:latest", "a-guide"));
}

TEST(Catalog, DefaultIsTheFirstUntilOneIsSet) {
    Catalog catalog(three_models());
    EXPECT_EQ(catalog.default_id(), "big");
    catalog.set_default("qwen3:latest");
    EXPECT_EQ(catalog.default_id(), "qwen3:latest");
    EXPECT_EQ(Catalog(std::vector<ModelEntry>{}).default_id(), "");
}

TEST(Catalog, AnUnknownNameIsLookedForOnceMore) {
    int scans = 0;
    Catalog catalog({}, [&] {
        ++scans;
        std::vector<ModelEntry> models;
        models.push_back(entry("new-model"));
        return models;
    });
    EXPECT_FALSE(catalog.find("new-model"));
    EXPECT_TRUE(catalog.find_or_refresh("new-model"));
    EXPECT_EQ(scans, 1);
    EXPECT_TRUE(catalog.find_or_refresh("new-model"));
    EXPECT_EQ(scans, 1) << "a known name needs no look at the disk";
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(catalog.find_or_refresh("no-such-model"));
    EXPECT_EQ(scans, 1) << "many unknown names do not keep the disk busy";
}

TEST(Catalog, AnUnknownNameIsAnsweredWithCloseOnes) {
    Catalog catalog(three_models());
    const auto missing = catalog.find_or_refresh("qwen3:lates");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, base::ErrorCode::kNotFound);
    EXPECT_THAT(missing.error().message, HasSubstr("did you mean qwen3:latest?"));
    EXPECT_THAT(catalog.find_or_refresh("zzzzzzzz").error().message, HasSubstr("shimmy list"));
}

TEST(Facts, ComeFromTheHeaderAndAreKept) {
    REQUIRE_TEST_DATA(data);
    const ModelEntry model = entry("stories", data / "models/stories260K-q8_0.gguf");
    const ModelFacts& facts = model.facts();
    EXPECT_EQ(facts.fault, "");
    EXPECT_EQ(facts.architecture, "llama");
    EXPECT_EQ(facts.quantisation, "Q8_0");
    EXPECT_EQ(facts.context_tokens, 512u);
    EXPECT_EQ(facts.parameters, "260K");
    EXPECT_FALSE(facts.has_chat_template);
    const ModelEntry copy = model;
    EXPECT_EQ(&copy.facts(), &facts);
}

TEST(Facts, OfAnUnreadableFileSayWhy) {
    const ModelEntry model = entry("gone", "/nowhere/gone.gguf");
    EXPECT_THAT(model.facts().fault, HasSubstr("/nowhere/gone.gguf"));
    EXPECT_FALSE(open_model(model));
}

TEST(ModelId, IsTheStemInLowerCaseWithDashes) {
    EXPECT_EQ(model_id_of("Llama-3.2-1B Instruct_Q4_K_M"), "llama-3.2-1b-instruct-q4-k-m");
    EXPECT_EQ(model_id_of("stories260K-q8_0"), "stories260k-q8-0");
}

}  // namespace
}  // namespace shimmy
