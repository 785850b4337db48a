#include "shimmy/store/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>

#include "base/clock.h"

namespace shimmy {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

const std::string kHex(64, 'a');
const std::string kOtherHex(64, 'b');

template <class T>
std::string raw(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::string gguf_string(const std::string& text) { return raw<uint64_t>(text.size()) + text; }

// The header of a file with string keys only.
std::string gguf_bytes(const std::map<std::string, std::string>& keys, uint64_t n_tensors = 1) {
    std::string bytes = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(n_tensors) + raw<uint64_t>(keys.size());
    for (const auto& [key, value] : keys) bytes += gguf_string(key) + raw<uint32_t>(8) + gguf_string(value);
    return bytes;
}

std::string ollama_manifest(const std::string& digest) {
    return R"({"schemaVersion":2,"layers":[{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:00"},)"
           R"({"mediaType":"application/vnd.ollama.image.model","digest":")" +
           digest + R"(","size":1}]})";
}

// A machine of its own: HOME is an empty folder, and no variable names a place.
class DiscoveryTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "shimmy-discovery-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = fs::canonical(pattern);
        fs::create_directories(root_ / "here");
        old_folder_ = fs::current_path();
        fs::current_path(root_ / "here");
        for (const char* name : kVariables) {
            const char* value = std::getenv(name);
            old_[name] = value != nullptr ? std::optional<std::string>(value) : std::nullopt;
            ::unsetenv(name);
        }
        set("HOME", home());
    }
    void TearDown() override {
        fs::current_path(old_folder_);
        for (const auto& [name, value] : old_)
            value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
        fs::remove_all(root_);
    }

    fs::path home() const { return root_ / "home"; }
    void set(const char* name, const fs::path& value) { ::setenv(name, value.c_str(), 1); }

    fs::path write(const fs::path& path,
                   const std::string& bytes = gguf_bytes({{"general.architecture", "llama"}})) {
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }

    // Ids below the test's folder: this machine's own places do not count.
    std::vector<std::string> ids(const SearchOptions& options = {}) {
        found_ = discover(search_places(options));
        std::vector<std::string> ids;
        for (const ModelEntry& model : found_.models)
            if (model.path.string().starts_with(root_.string())) ids.push_back(model.id);
        return ids;
    }
    std::string reason_of(const std::string& file) const {
        for (const SkippedFile& skipped : found_.skipped)
            if (skipped.path.filename() == file) return skipped.reason;
        return "not skipped";
    }

    static constexpr const char* kVariables[] = {"HOME",
                                                 "SHIMMY_BASE_GGUF",
                                                 "LIBSHIMMY_MODEL_PATH",
                                                 "SHIMMY_MODEL_PATHS",
                                                 "HF_HUB_CACHE",
                                                 "HUGGINGFACE_HUB_CACHE",
                                                 "HF_HOME",
                                                 "XDG_CACHE_HOME",
                                                 "XDG_DATA_HOME",
                                                 "OLLAMA_MODELS",
                                                 "LLAMA_CACHE",
                                                 "USERPROFILE"};
    fs::path root_, old_folder_;
    std::map<std::string, std::optional<std::string>> old_;
    Discovery found_;
};

TEST_F(DiscoveryTest, AnEmptyMachineHasNoModels) { EXPECT_THAT(ids(), IsEmpty()); }

TEST_F(DiscoveryTest, FindsModelsInEveryUsualFolder) {
    write("models/Here.gguf");
    write(home() / "models/Home_Folder.gguf");
    write(home() / ".lmstudio/models/org/repo/Studio-Q4.gguf");
    write(home() / ".cache/lm-studio/models/org/repo/old-studio.gguf");
    write(home() / "lm-studio/models/third.gguf");
    write(home() / "Library/Application Support/LMStudio/models/mac.gguf");
    write(home() / ".local/share/shimmy/models/own.GGUF");
    write(home() / ".cache/llama.cpp/org_repo_file.gguf");
    EXPECT_THAT(ids(), UnorderedElementsAre("here", "home-folder", "studio-q4", "old-studio", "third", "mac",
                                            "own", "org-repo-file"));
}

TEST_F(DiscoveryTest, VariablesAndOptionsNamePlaces) {
    write(root_ / "a/one.gguf");
    write(root_ / "b/deep/er/two.gguf");
    write(root_ / "c/three.gguf");
    write(root_ / "d/four.gguf");
    ::setenv("SHIMMY_MODEL_PATHS", ((root_ / "a").string() + ":" + (root_ / "b").string()).c_str(), 1);
    EXPECT_THAT(ids({.model_path = root_ / "d/four.gguf", .model_dirs = {(root_ / "c").string()}}),
                ElementsAre("four", "three", "one", "two"));
    EXPECT_EQ(found_.named_id, "four");
    ::setenv("SHIMMY_MODEL_PATHS", ((root_ / "a").string() + ";" + (root_ / "b").string()).c_str(), 1);
    EXPECT_THAT(ids(), ElementsAre("one", "two"));
}

TEST_F(DiscoveryTest, BaseGgufNamesTheModelAndItsFolder) {
    set("SHIMMY_BASE_GGUF", write(root_ / "x/My_Model.gguf"));
    write(root_ / "x/neighbour.gguf");
    write(root_ / "x/below/not-searched.gguf");
    EXPECT_THAT(ids(), ElementsAre("my-model", "neighbour"));
    EXPECT_EQ(found_.named_id, "my-model");
    EXPECT_THAT(found_.models[0].aliases, Contains("tinyllama-1.1b"));
}

TEST_F(DiscoveryTest, AMissingNamedFileIsNoted) {
    set("SHIMMY_BASE_GGUF", root_ / "gone.gguf");
    EXPECT_THAT(ids(), IsEmpty());
    ASSERT_FALSE(found_.places.empty());
    EXPECT_EQ(found_.places[0].note, "no such file");
}

TEST_F(DiscoveryTest, HubCacheNamesComeFromSnapshotsNotBlobs) {
    const fs::path hub = home() / ".cache/huggingface/hub";
    const fs::path repository = hub / "models--org--Tiny-GGUF";
    write(repository / "blobs/0123abcd");
    fs::create_directories(repository / "snapshots/rev1/sub");
    fs::create_symlink("../../blobs/0123abcd", repository / "snapshots/rev1/Tiny_Q4.gguf");
    fs::create_directories(repository / "snapshots/rev2");
    fs::create_symlink("../../blobs/0123abcd", repository / "snapshots/rev2/Tiny_Q4.gguf");
    fs::create_symlink("../../blobs/gone", repository / "snapshots/rev2/lost.gguf");
    write(hub / "datasets--org--set/snapshots/rev/not-a-model.gguf");
    EXPECT_THAT(ids(), ElementsAre("tiny-q4"));
    EXPECT_THAT(reason_of("lost.gguf"), HasSubstr("is not there"));
}

TEST_F(DiscoveryTest, EachHubVariableIsObeyed) {
    const char* const below = "models--o--n/snapshots/r/";
    set("HF_HUB_CACHE", root_ / "one");
    set("HF_HOME", root_ / "two");
    set("XDG_CACHE_HOME", root_ / "three");
    write(root_ / "one" / below / "a.gguf");
    write(root_ / "two/hub" / below / "b.gguf");
    write(root_ / "three/huggingface/hub" / below / "c.gguf");
    EXPECT_THAT(ids(), ElementsAre("a", "b", "c"));
}

TEST_F(DiscoveryTest, OllamaManifestsNameBlobs) {
    const fs::path store = home() / ".ollama/models";
    write(store / "blobs" / ("sha256-" + kHex));
    write(store / "blobs" / ("sha256-" + kOtherHex));
    write(store / "manifests/registry.ollama.ai/library/llama3.2/latest", ollama_manifest("sha256:" + kHex));
    write(store / "manifests/hf.co/user/Repo-GGUF/Q4_K_M", ollama_manifest("sha256:" + kOtherHex));
    EXPECT_THAT(ids(), UnorderedElementsAre("llama3.2:latest", "hf.co/user/Repo-GGUF:Q4_K_M"));
    const Catalog catalog(found_.models);
    EXPECT_TRUE(catalog.find("llama3.2"));
    EXPECT_TRUE(catalog.find("llama3.2:latest"));
    EXPECT_FALSE(catalog.find("llama3.2:1b"));
}

TEST_F(DiscoveryTest, TwoOllamaNamesOfOneBlobAreOneModel) {
    const fs::path store = root_ / "elsewhere";
    set("OLLAMA_MODELS", store);
    write(store / "blobs" / ("sha256-" + kHex));
    write(store / "manifests/registry.ollama.ai/library/m/1b", ollama_manifest("sha256:" + kHex));
    write(store / "manifests/registry.ollama.ai/library/m/latest", ollama_manifest("sha256:" + kHex));
    EXPECT_THAT(ids(), ElementsAre("m:1b"));
    EXPECT_TRUE(Catalog(found_.models).find("m"));
}

TEST_F(DiscoveryTest, OllamaDigestsCannotLeaveTheBlobFolder) {
    const fs::path store = home() / ".ollama/models";
    const fs::path library = store / "manifests/registry.ollama.ai/library";
    write(store / "secret.gguf");
    write(library / "evil/latest", ollama_manifest("sha256:../secret.gguf"));
    write(library / "evil/slashes", ollama_manifest("sha256:" + std::string(60, '.') + "/../"));
    write(library / "bad/json", "{\"layers\": [");
    write(library / "bad/types", R"({"layers":[1,{"mediaType":7,"digest":[]}]})");
    write(library / "bad/deep", std::string(100'000, '['));
    EXPECT_THAT(ids(), IsEmpty());
    EXPECT_THAT(reason_of("latest"), HasSubstr("has a digest that is not sha256"));
    EXPECT_THAT(reason_of("slashes"), HasSubstr("has a digest that is not sha256"));
    EXPECT_THAT(reason_of("json"), HasSubstr("is not JSON"));
    EXPECT_THAT(reason_of("types"), HasSubstr("no GGUF model"));
}

TEST_F(DiscoveryTest, ABlobPathGetsItsOllamaName) {
    const fs::path store = home() / ".ollama/models";
    set("SHIMMY_BASE_GGUF", write(store / "blobs" / ("sha256-" + kHex)));
    write(store / "manifests/registry.ollama.ai/library/m/1b", ollama_manifest("sha256:" + kHex));
    EXPECT_THAT(ids(), ElementsAre("m:1b"));
    EXPECT_EQ(found_.named_id, "m:1b");
}

TEST_F(DiscoveryTest, PartsOfOneModelAreOneEntry) {
    write("models/Big-Q4-00002-of-00003.gguf");
    write("models/Big-Q4-00001-of-00003.gguf");
    write("models/Big-Q4-00003-of-00003.gguf");
    write("models/Half-00001-of-00002.gguf");
    EXPECT_THAT(ids(), ElementsAre("big-q4"));
    const ModelEntry& big = found_.models[0];
    EXPECT_EQ(big.parts.size(), 3u);
    EXPECT_EQ(big.path.filename(), "Big-Q4-00001-of-00003.gguf");
    EXPECT_EQ(big.bytes, 3 * fs::file_size(big.path));
    EXPECT_THAT(reason_of("Half-00001-of-00002.gguf"), HasSubstr("only 1 of its 2 parts"));
}

TEST_F(DiscoveryTest, FilesOfOneNameGetDistinctIds) {
    write("models/llama/model.gguf");
    write("models/qwen/model.gguf");
    write(home() / "models/qwen/model.gguf");
    EXPECT_THAT(ids(), ElementsAre("model", "model-qwen", "model-2"));
}

TEST_F(DiscoveryTest, OneFileUnderManyNamesIsOneModel) {
    const fs::path file = write("models/real.gguf");
    fs::create_symlink(fs::absolute(file), "models/symlink.gguf");
    fs::create_hard_link(file, "models/zz-hard-link.gguf");
    EXPECT_THAT(ids(), ElementsAre("real"));
    EXPECT_TRUE(Catalog(found_.models).find("symlink"));
}

TEST_F(DiscoveryTest, OnlyLanguageModelsAreListed) {
    write("models/mmproj-x.gguf", gguf_bytes({{"general.architecture", "clip"}}));
    write("models/lora.gguf", gguf_bytes({{"general.architecture", "llama"}, {"general.type", "adapter"}}));
    write("models/vocab.gguf", gguf_bytes({{"general.architecture", "llama"}}, 0));
    write("models/text.gguf", "hello");
    write("models/empty.gguf", "");
    write("models/short.gguf", "GGUF");
    write("models/.hidden.gguf");
    write("models/readme.txt");
    write("models/good.gguf");
    EXPECT_THAT(ids(), ElementsAre("good"));
    EXPECT_THAT(reason_of("mmproj-x.gguf"), HasSubstr("image projector"));
    EXPECT_THAT(reason_of("lora.gguf"), HasSubstr("LoRA adapter"));
    EXPECT_THAT(reason_of("vocab.gguf"), HasSubstr("vocabulary"));
    EXPECT_THAT(reason_of("text.gguf"), HasSubstr("not a GGUF file"));
    EXPECT_THAT(reason_of("empty.gguf"), HasSubstr("empty"));
}

TEST_F(DiscoveryTest, LinksInCirclesEnd) {
    write("models/a/deep.gguf");
    fs::create_directory_symlink(fs::absolute("models"), "models/a/loop");
    fs::create_directory_symlink(fs::absolute("models/a"), "models/b");
    EXPECT_THAT(ids(), ElementsAre("deep"));
}

TEST_F(DiscoveryTest, DepthIsBounded) {
    write("models/1/2/3/4/5/6/7/8/found.gguf");
    write("models/1/2/3/4/5/6/7/8/9/10/too-deep.gguf");
    EXPECT_THAT(ids(), ElementsAre("found"));
}

TEST_F(DiscoveryTest, AFolderThatMayNotBeReadIsPassedOver) {
    write("models/open/good.gguf");
    write("models/closed/bad.gguf");
    fs::permissions("models/closed", fs::perms::none);
    EXPECT_THAT(ids(), Contains("good"));
    fs::permissions("models/closed", fs::perms::owner_all);
}

TEST_F(DiscoveryTest, SixtyModelsTakeAFewMilliseconds) {
    for (int i = 0; i < 60; ++i)
        write("models/m" + std::to_string(i) + "/model-" + std::to_string(i) + ".gguf");
    const auto start = base::Clock::now();
    EXPECT_EQ(ids().size(), 60u);
    EXPECT_LT(base::seconds_since(start), 0.1);
}

TEST_F(DiscoveryTest, NoPlaceIsSearchedTwice) {
    set("XDG_CACHE_HOME", home() / ".cache");
    std::set<std::pair<PlaceKind, fs::path>> seen;
    for (const SearchPlace& place : search_places({}))
        EXPECT_TRUE(seen.insert({place.kind, place.path}).second) << place.path;
}

}  // namespace
}  // namespace shimmy
