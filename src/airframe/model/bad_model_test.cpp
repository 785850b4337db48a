// Damaged model files at the level of the model: sound containers whose metadata or tensors cannot be a
// model.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "airframe/model/model.h"
#include "base/test_data.h"
#include "base/test_dir.h"

namespace airframe {
namespace {

base::Result<std::unique_ptr<Model>> load(const std::filesystem::path& path) {
    TRY(auto file, GgufFile::open(path));
    TRY(auto backend, make_backend("reference", {}));
    return Model::load(std::move(file), std::move(backend), {.batch_rows_max = 8, .logit_rows_max = 8});
}

TEST(BadModel, EveryFileBehavesAsItsIndexSays) {
    REQUIRE_TEST_DATA(data);
    const base::TestDir dir;
    const std::string command =
        "python3 " + (data / "bad_gguf/make_bad_gguf.py").string() + " " + dir.path().string();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    std::stringstream text;
    text << std::ifstream(dir / "index.json").rdbuf();
    const boost::json::value index = boost::json::parse(text.str());
    for (const auto& entry : index.as_array()) {
        const auto name = boost::json::value_to<std::string>(entry.at("file"));
        SCOPED_TRACE(name + ": " + boost::json::value_to<std::string>(entry.at("what")));
        const auto begin = std::chrono::steady_clock::now();
        const auto model = load(dir / name);
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
        EXPECT_TRUE(model || !model.error().message.empty());
        const bool judged_here = entry.at("level").as_string() != "tokenizer";
        if (judged_here && entry.at("expect").as_string() == "reject") {
            EXPECT_FALSE(model) << "was loaded";
        }
        if (entry.at("expect").as_string() == "ok") {
            EXPECT_TRUE(model) << model.error().message;
        }
    }
}

}  // namespace
}  // namespace airframe
