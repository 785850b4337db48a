// Cost of token masks: valid instances of the shared JSON schemas are followed token by token, each schema
// first cold, then once more warm. Reads the shared test data: SHIMMY_TEST_DATA=… grammar_bench. One thread.
// Counters, in microseconds per token: mean, 99th percentile, most; of compiling a schema: the median.
#include <benchmark/benchmark.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "airframe/gguf/gguf.h"
#include "airframe/text/token_masks.h"
#include "airframe/text/tokenizer.h"
#include "base/clock.h"
#include "base/log.h"

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace airframe;

struct Task {
    GrammarPtr grammar;
    std::vector<std::string> texts;
};

struct Times {
    std::vector<double> us;
    void put(benchmark::State& state, const std::string& name) {
        if (us.empty()) return;
        std::ranges::sort(us);
        double sum = 0;
        for (const double each : us) sum += each;
        state.counters[name + "_mean"] = sum / static_cast<double>(us.size());
        state.counters[name + "_p99"] = us[us.size() * 99 / 100];
        state.counters[name + "_max"] = us.back();
    }
};

std::vector<Task> load_tasks(const fs::path& data, Times& compile) {
    std::vector<Task> tasks;
    std::ifstream lines(data / "json_schema" / "maskbench.jsonl");
    for (std::string line; std::getline(lines, line);) {
        const json::value row = json::parse(line);
        const auto begin = base::Clock::now();
        auto grammar = compile_json_schema(json::serialize(row.at("schema")));
        if (!grammar) continue;
        compile.us.push_back(base::seconds_since(begin) * 1e6);
        Task task{*grammar, {}};
        for (const auto& test : row.at("tests").as_array())
            if (test.at("valid").as_bool()) task.texts.push_back(json::serialize(test.at("data")));
        tasks.push_back(std::move(task));
    }
    return tasks;
}

void follow(TokenMasks& masks, const std::vector<TokenId>& ids, Times& times) {
    GrammarState state = masks.start();
    for (const TokenId id : ids) {
        const auto begin = base::Clock::now();
        const auto mask = masks.mask(state);
        state = masks.advance(state, id);
        times.us.push_back(base::seconds_since(begin) * 1e6);
        if (!mask || state == GrammarMachine::kDead) return;  // keys in another order than the schema's
    }
}

void bench_masks(benchmark::State& state, const fs::path& data, const fs::path& path) {
    const auto file = GgufFile::open_header(path);
    if (!file) return state.SkipWithError("does not load");
    const auto tokenizer = Tokenizer::create(file->metadata());
    if (!tokenizer) return state.SkipWithError("does not load");
    Times compile, cold, warm, start;
    const std::vector<Task> tasks = load_tasks(data, compile);
    for (auto _ : state) {
        const auto begin = base::Clock::now();
        const auto trie = TokenTrie::create(**tokenizer);
        state.counters["trie_ms"] = base::seconds_since(begin) * 1e3;
        for (const Task& task : tasks) {
            TokenMasks masks(task.grammar, trie);
            follow(masks, {0}, start);
            for (Times* times : {&cold, &warm})
                for (const std::string& text : task.texts)
                    follow(masks, (*tokenizer)->encode(text, {}), *times);
        }
    }
    state.counters["vocab"] = (*tokenizer)->vocab_size();
    compile.put(state, "compile");
    state.counters["compile_median"] = compile.us[compile.us.size() / 2];
    start.put(state, "first");
    cold.put(state, "cold");
    warm.put(state, "warm");
}

}  // namespace

int main(int argc, char** argv) {
    base::set_log_level("error");
    const char* data = std::getenv("SHIMMY_TEST_DATA");
    if (data == nullptr) return 1;
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(fs::path(data) / "tokenizers"))
        if (entry.path().extension() == ".gguf") paths.push_back(entry.path());
    std::ranges::sort(paths);
    for (const fs::path& path : paths)
        benchmark::RegisterBenchmark(("masks/" + path.stem().string()).c_str(),
                                     [=](benchmark::State& state) { bench_masks(state, data, path); })
            ->Iterations(1)
            ->Unit(benchmark::kMillisecond);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
