// The reference vectors of the shared test data: token ids that the makers' own tokenizers give, and
// decoding.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "airframe/text/tokenizer_test_support.h"
#include "base/test_data.h"
#include "base/test_dir.h"

namespace airframe {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// WordPiece and unigram vocabularies lose white space, case or accents.
bool round_trips(const Tokenizer& tokenizer) {
    return tokenizer.model_name() != "bert" && tokenizer.model_name() != "t5";
}

void expect_ids(const Tokenizer& tokenizer, const std::string& text, bool parse_special,
                const std::vector<TokenId>& wanted) {
    const auto ids = tokenizer.encode(text, {.parse_special = parse_special});
    EXPECT_EQ(ids_text(ids), ids_text(wanted)) << "text: " << json::serialize(json::string(text));
}

// NAME.inp and NAME.out. Returns the number of texts.
size_t check_pairs(const Tokenizer& tokenizer, const std::string& texts, const std::string& ids) {
    constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
    std::istringstream lines(ids);
    size_t count = 0;
    for (size_t begin = 0; begin <= texts.size(); ++count) {
        const size_t end = std::min(texts.find(kSeparator, begin), texts.size());
        const std::string text = texts.substr(begin, end - begin);
        std::string line;
        std::getline(lines, line);  // the last text may be empty, without a line
        std::istringstream numbers(line);
        const std::vector<TokenId> wanted{std::istream_iterator<TokenId>(numbers), {}};
        expect_ids(tokenizer, text, false, wanted);
        if (round_trips(tokenizer)) {
            EXPECT_EQ(tokenizer.decode(wanted), text);
        }
        begin = end + kSeparator.size();
    }
    return count;
}

TEST(TokenizerVectors, PairsOfTextAndIds) {
    REQUIRE_TEST_DATA(data);
    size_t vocabularies = 0;
    each_real_tokenizer(data, [&](const std::string& name, const Tokenizer& tokenizer) {
        const fs::path base = data / "tokenizers" / ("ggml-vocab-" + name + ".gguf");
        if (!fs::exists(base.string() + ".inp")) return;
        ++vocabularies;
        EXPECT_GE(
            check_pairs(tokenizer, read_file(base.string() + ".inp"), read_file(base.string() + ".out")), 46);
    });
    EXPECT_GE(vocabularies, 12);
}

TEST(TokenizerVectors, LinesOfJson) {
    REQUIRE_TEST_DATA(data);
    size_t vocabularies = 0;
    each_real_tokenizer(data, [&](const std::string& name, const Tokenizer& tokenizer) {
        std::ifstream file(data / "tokenizers" / ("vectors-" + name + ".jsonl"));
        if (!file) return;
        ++vocabularies;
        for (std::string line; std::getline(file, line);) {
            const json::object vector = json::parse(line).as_object();
            const std::string text(vector.at("text").as_string());
            const auto ids = json::value_to<std::vector<TokenId>>(vector.at("ids"));
            expect_ids(tokenizer, text, vector.at("parse_special").as_bool(), ids);
            const json::value* decoded = vector.if_contains("decoded");
            const std::string wanted = decoded != nullptr ? std::string(decoded->as_string()) : text;
            if (round_trips(tokenizer)) {
                EXPECT_EQ(tokenizer.decode(ids, true), wanted);
            }
        }
    });
    EXPECT_GE(vocabularies, 9);
}

// Files with damaged vocabularies, made by the script in the shared test data: refused, or harmless.
TEST(TokenizerVectors, DamagedFiles) {
    REQUIRE_TEST_DATA(data);
    const base::TestDir folder;
    const std::string command =
        fmt::format("python3 {}/bad_gguf/make_bad_gguf.py {}", data.string(), folder.path().string());
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    size_t cases = 0;
    const json::value index = json::parse(read_file(folder / "index.json"));
    for (const json::value& entry : index.as_array()) {
        if (entry.at("level").as_string() != "tokenizer") continue;
        const std::string name(entry.at("file").as_string());
        SCOPED_TRACE(name);
        ++cases;
        const auto file = GgufFile::open_header(folder / name);
        if (!file) continue;
        const auto tokenizer = Tokenizer::create(file->metadata());
        // More tokens than embeddings is the model's business: the vocabulary is sound.
        const bool must_refuse = entry.at("expect").as_string() == "reject";
        if (must_refuse && name != "tok_more_than_embeddings.gguf") {
            EXPECT_FALSE(tokenizer);
        }
        if (!tokenizer) {
            EXPECT_FALSE(tokenizer.error().param.empty()) << tokenizer.error().message;
            continue;
        }
        for (const std::string text : {"", "hello <s> \xff world\n", "▁▁"}) {
            const auto ids = (*tokenizer)->encode(text, {.add_special = true, .parse_special = true});
            (void)(*tokenizer)->decode(ids);
        }
    }
    EXPECT_GE(cases, 25);
}

// SHA-256 (FIPS 180-4) in hexadecimal, of the ids as little-endian 32-bit integers: how the long vectors are
// stored.
class Sha256 {
  public:
    static std::string of(std::span<const TokenId> ids) {
        std::string bytes(reinterpret_cast<const char*>(ids.data()), ids.size_bytes());
        const uint64_t bits = bytes.size() * 8;
        bytes += '\x80';
        while (bytes.size() % 64 != 56) bytes += '\0';
        for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(bits >> shift);
        Sha256 hash;
        for (size_t at = 0; at < bytes.size(); at += 64) hash.block(bytes.data() + at);
        std::string out;
        for (const uint32_t word : hash.state_) out += fmt::format("{:08x}", word);
        return out;
    }

  private:
    void block(const char* bytes) {
        std::array<uint32_t, 64> w;
        for (size_t i = 0; i < 16; ++i) {
            std::memcpy(&w[i], bytes + 4 * i, 4);
            w[i] = __builtin_bswap32(w[i]);
        }
        for (size_t i = 16; i < 64; ++i) {
            const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
            const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        auto [a, b, c, d, e, f, g, h] = state_;
        for (size_t i = 0; i < 64; ++i) {
            const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
            const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constant(i) + w[i];
            const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
            const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        const std::array<uint32_t, 8> sum{a, b, c, d, e, f, g, h};
        for (size_t i = 0; i < 8; ++i) state_[i] += sum[i];
    }

    // The first 32 bits of the fractional part of the cube root of the i-th prime.
    static uint32_t round_constant(size_t index) {
        static const std::array<uint32_t, 64> constants = [] {
            std::array<uint32_t, 64> out{};
            size_t found = 0;
            for (uint32_t n = 2; found < out.size(); ++n) {
                bool prime = true;
                for (uint32_t d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
                if (!prime) continue;
                const long double root = std::cbrt(static_cast<long double>(n));
                out[found++] = static_cast<uint32_t>((root - std::floor(root)) * 4294967296.0L);
            }
            return out;
        }();
        return constants[index];
    }

    std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

TEST(TokenizerVectors, LongText) {
    REQUIRE_TEST_DATA(data);
    const fs::path folder = data / "tokenizers" / "long";
    const std::string text = read_file(folder / "pride_and_prejudice.txt");
    const json::value stored = json::parse(read_file(folder / "pride_and_prejudice.json"));
    ASSERT_FALSE(text.empty());
    size_t vocabularies = 0;
    each_real_tokenizer(data, [&](const std::string& name, const Tokenizer& tokenizer) {
        const auto ids = tokenizer.encode(text, {});
        if (round_trips(tokenizer)) {
            EXPECT_EQ(tokenizer.decode(ids), text);
        }
        const json::value* wanted = stored.at("tokenizers").as_object().if_contains(name);
        if (wanted == nullptr) return;
        ++vocabularies;
        EXPECT_EQ(ids.size(), wanted->at("tokens").to_number<size_t>());
        EXPECT_EQ(Sha256::of(ids), std::string(wanted->at("sha256").as_string()));
    });
    EXPECT_GE(vocabularies, 7);
}

}  // namespace
}  // namespace airframe
