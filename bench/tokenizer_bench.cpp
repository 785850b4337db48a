// Speed of the tokenizers: loading a vocabulary, encoding and decoding a long text, and hostile texts of 1
// MB. Reads the shared test data: SHIMMY_TEST_DATA=… tokenizer_bench [--benchmark_filter=encode_long]. One
// thread.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "airframe/gguf/gguf.h"
#include "airframe/text/tokenizer.h"
#include "base/log.h"
#include "base/system.h"

namespace {

namespace fs = std::filesystem;
using airframe::GgufFile;
using airframe::Tokenizer;

std::unique_ptr<Tokenizer> load(const fs::path& path) {
    const auto file = GgufFile::open_header(path);
    if (!file) return nullptr;
    auto tokenizer = Tokenizer::create(file->metadata());
    return tokenizer ? *std::move(tokenizer) : nullptr;
}

void bench_load(benchmark::State& state, const fs::path& path) {
    for (auto _ : state) {
        if (load(path) == nullptr) state.SkipWithError("does not load");
    }
}

void bench_encode(benchmark::State& state, const fs::path& path, const std::string& text) {
    const auto tokenizer = load(path);
    if (tokenizer == nullptr) return state.SkipWithError("does not load");
    size_t tokens = 0;
    for (auto _ : state) tokens = tokenizer->encode(text, {}).size();
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
    state.counters["tokens"] = static_cast<double>(tokens);
}

void bench_decode(benchmark::State& state, const fs::path& path, const std::string& text) {
    const auto tokenizer = load(path);
    if (tokenizer == nullptr) return state.SkipWithError("does not load");
    const auto ids = tokenizer->encode(text, {});
    for (auto _ : state) benchmark::DoNotOptimize(tokenizer->decode(ids));
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}

std::string megabyte_of(std::string_view unit) {
    std::string out;
    while (out.size() < (1u << 20)) out += unit;
    return out;
}

void register_vocabulary(const fs::path& path, const std::string& long_text) {
    const std::string name = path.stem().string().substr(std::string_view("ggml-vocab-").size());
    const auto add = [&](const std::string& what, auto function, auto... args) {
        benchmark::RegisterBenchmark((what + "/" + name).c_str(), function, path, args...)
            ->Unit(benchmark::kMillisecond);
    };
    add("load", bench_load);
    add("encode_long", bench_encode, long_text);
    add("decode_long", bench_decode, long_text);
    add("encode_1mb_letter", bench_encode, megabyte_of("a"));
    add("encode_1mb_space", bench_encode, megabyte_of(" "));
    add("encode_1mb_emoji", bench_encode, megabyte_of("🦙"));
    add("encode_1mb_line_end", bench_encode, megabyte_of("\n"));
}

}  // namespace

int main(int argc, char** argv) {
    base::set_log_level("error");
    const auto data = base::env("SHIMMY_TEST_DATA");
    if (!data) {
        std::fputs("SHIMMY_TEST_DATA is not set: this benchmark reads the shared test data\n", stderr);
        return 1;
    }
    const fs::path folder = fs::path(*data) / "tokenizers";
    std::ifstream file(folder / "long" / "pride_and_prejudice.txt", std::ios::binary);
    const std::string long_text{std::istreambuf_iterator<char>(file), {}};
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".gguf") paths.push_back(entry.path());
    std::ranges::sort(paths);
    for (const auto& path : paths) register_vocabulary(path, long_text);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
