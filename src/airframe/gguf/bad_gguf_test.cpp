// Damaged and hostile files: each is refused or harmless, quickly and in little memory. The files are made by
// the script in the shared test data, which also says what is right for each.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <new>
#include <sstream>

#include "airframe/gguf/gguf.h"
#include "base/test_data.h"
#include "base/test_dir.h"

namespace {
std::atomic<size_t> allocated_bytes = 0;
}

// Every allocation of this program is counted, so that a claim in a file that was believed shows.
[[gnu::noinline]] void* operator new(size_t size) {
    allocated_bytes += size;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace airframe {
namespace {

constexpr size_t kBytesMax = 64 << 20;
constexpr std::chrono::seconds kTimeMax{1};

// Reads everything an opened file offers, so that a sanitizer sees each byte that the reader vouched for.
uint64_t touch(const GgufFile& file) {
    uint64_t sum = 0;
    for (const MetaEntry& entry : file.metadata().entries()) {
        (void)file.metadata().get_int(entry.key);
        (void)file.metadata().get_float(entry.key);
        (void)file.metadata().get_bool(entry.key);
        (void)file.metadata().get_string(entry.key);
        (void)file.metadata().get_strings(entry.key);
        (void)file.metadata().get_floats(entry.key);
        (void)file.metadata().get_ints(entry.key);
    }
    for (const TensorInfo& tensor : file.tensors())
        for (uint64_t i = 0; i < tensor.bytes; ++i) sum += static_cast<uint8_t>(tensor.data[i]);
    return sum;
}

void check_case(const std::filesystem::path& path, std::string_view expect, std::string_view level) {
    const auto begin = std::chrono::steady_clock::now();
    const size_t allocated_before = allocated_bytes;
    const auto file = GgufFile::open(path);
    if (file) (void)touch(*file);
    EXPECT_LT(allocated_bytes - allocated_before, kBytesMax);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, kTimeMax);
    EXPECT_TRUE(file || !file.error().message.empty());
    if (level != "container") return;
    if (expect == "ok") {
        EXPECT_TRUE(file) << file.error().message;
    } else if (expect == "reject") {
        EXPECT_FALSE(file) << "was opened";
    }
}

TEST(BadGguf, EveryFileBehavesAsItsIndexSays) {
    REQUIRE_TEST_DATA(data);
    const base::TestDir dir;
    const std::string command =
        "python3 " + (data / "bad_gguf/make_bad_gguf.py").string() + " " + dir.path().string();
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    std::ifstream stream(dir / "index.json");
    std::stringstream text;
    text << stream.rdbuf();
    const auto index = boost::json::parse(text.str()).as_array();
    EXPECT_GE(index.size(), 160u);
    for (const auto& entry : index) {
        const auto name = boost::json::value_to<std::string>(entry.at("file"));
        SCOPED_TRACE(name + ": " + boost::json::value_to<std::string>(entry.at("what")));
        check_case(dir / name, entry.at("expect").as_string(), entry.at("level").as_string());
    }
}

}  // namespace
}  // namespace airframe
