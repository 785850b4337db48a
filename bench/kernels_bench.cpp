// Kernels of the cpu backend against the limits of the machine: matrix times vector in GB/s beside a plain
// read of the same memory in the same run, matrix times many rows in GFLOP/s, and whole layers in tokens/s at
// the shape of TinyLlama-1.1B with random weights. Compare ratios of one run: memory bandwidth is often
// shared with other machines.
//
//   kernels_bench --benchmark_filter='read|matvec/avx512vnni' --benchmark_repetitions=5
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>

#include "airframe/backend/cpu/cpu_backend.h"
#include "airframe/backend/cpu/machine.h"
#include "airframe/backend/random_blocks.h"
#include "base/system.h"

namespace airframe {
namespace {

constexpr int64_t kCols = 2048;
constexpr size_t kStreamBytes = size_t{640} << 20;  // far beyond any cache
constexpr QuantType kTypes[] = {QuantType::kF16,  QuantType::kBF16,   QuantType::kQ4_0, QuantType::kQ8_0,
                                QuantType::kQ2_K, QuantType::kQ3_K,   QuantType::kQ4_K, QuantType::kQ5_K,
                                QuantType::kQ6_K, QuantType::kIQ4_XS, QuantType::kMXFP4};

// kStreamBytes of weights of one type: a few random rows, again and again. One type is kept at a time.
std::span<const std::byte> stream_of(QuantType type) {
    static QuantType held = QuantType::kI64;
    static std::vector<std::byte> bytes;
    if (held == type) return bytes;
    base::Rng rng(1);
    const std::vector<std::byte> rows = random_blocks(rng, type, 48, kCols);
    bytes.resize(kStreamBytes / rows.size() * rows.size());
    for (size_t at = 0; at < bytes.size(); at += rows.size())
        std::memcpy(&bytes[at], rows.data(), rows.size());
    held = type;
    return bytes;
}

// Two loads a turn, prefetched 1 KB ahead: the fastest plain read known to us.
void read_all(std::span<const std::byte> bytes) {
    typedef uint64_t Line __attribute__((vector_size(64), aligned(1)));
    Line a{}, b{};
    for (size_t i = 0; i + 2 * sizeof(Line) <= bytes.size(); i += 2 * sizeof(Line)) {
        __builtin_prefetch(&bytes[i] + 1024);
        __builtin_prefetch(&bytes[i] + 1024 + sizeof(Line));
        Line x, y;
        std::memcpy(&x, &bytes[i], sizeof x);
        std::memcpy(&y, &bytes[i + sizeof x], sizeof y);
        a ^= x, b ^= y;
    }
    a ^= b;
    benchmark::DoNotOptimize(a);
}

std::span<const std::byte> part_of(std::span<const std::byte> all, int part, int parts) {
    const size_t begin = all.size() / 128 * static_cast<size_t>(part) / static_cast<size_t>(parts) * 128;
    const size_t end = all.size() / 128 * static_cast<size_t>(part + 1) / static_cast<size_t>(parts) * 128;
    return all.subspan(begin, end - begin);
}

void bench_read(benchmark::State& state, QuantType type) {
    base::ThreadPool pool(static_cast<int>(state.range(0)));
    const auto bytes = stream_of(type);
    for (auto _ : state) pool.run([&](int part, int parts) { read_all(part_of(bytes, part, parts)); });
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}

std::vector<float> activations(int64_t n) {
    base::Rng rng(2);
    std::vector<float> x(static_cast<size_t>(n));
    for (float& v : x) v = static_cast<float>(rng.next_double() * 2 - 1);
    return x;
}

// The stream as one matrix, times n rows. range: threads, rows.
void bench_panels(benchmark::State& state, const cpu::Isa& isa, QuantType type) {
    cpu::Machine machine(isa, static_cast<int>(state.range(0)));
    const int64_t n_rows = state.range(1);
    auto bytes = stream_of(type);
    if (n_rows > 16) bytes = bytes.first(bytes.size() / 40);
    struct Borrowed : Buffer {
    } buffer;
    buffer.host = const_cast<std::byte*>(bytes.data());
    const int64_t rows = static_cast<int64_t>(bytes.size()) / row_bytes(type, kCols);
    const Linear linear{{&buffer, 0, type, rows, kCols}, {}};
    const std::vector<float> x = activations(n_rows * kCols);
    for (auto _ : state) {
        machine.begin_op();
        const cpu::Input input = machine.prepare(
            {x.data(), nullptr, n_rows, kCols, cpu::forms_for(machine.kernels, {&linear, 1})});
        machine.pool.run([&](int part, int parts) {
            cpu::Arena& scratch = machine.scratch(part);
            cpu::for_panels({&linear, 1}, machine.panel_rows(input), part, parts,
                            [&](size_t, cpu::Range panel) {
                                scratch.reset();
                                machine.panel(linear, input, panel, scratch,
                                              scratch.take<float>(n_rows * machine.panel_rows(input)));
                            });
        });
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
    state.counters["GFLOP/s"] = benchmark::Counter(
        2e-9 * static_cast<double>(state.iterations() * rows * kCols * n_rows), benchmark::Counter::kIsRate);
}

// The layers of TinyLlama-1.1B, without embedding and head, through the backend's ops. Weights are views of
// the stream.
class Layers {
  public:
    static constexpr int64_t kDim = 2048, kFfn = 5632, kLayers = 22, kHeads = 32, kKvHeads = 4, kHead = 64,
                             kPage = 32;

    Layers(Backend& backend, QuantType type, int64_t rows, int64_t context)
        : backend_(backend), type_(type), rows_(rows) {
        stream_ = backend.upload(stream_of(type)).value();
        const auto x = activations(rows * kDim), ones = std::vector<float>(kDim, 1);
        gain_buffer_ = fill(ones);
        gain_ = {NormKind::kRms, 1e-5f, {gain_buffer_, 0, QuantType::kF32, 1, kDim}, {}};
        x_ = {fill(x), rows, kDim}, xn_ = make(kDim), q_ = make(kDim), k_ = make(kKvHeads * kHead),
        a_ = make(kDim);
        v_ = make(kKvHeads * kHead), h_ = make(kFfn);
        angles_ = fill(std::vector<float>(static_cast<size_t>(rows * kHead), 0.7f));
        for (int32_t i = 0; i < (context + rows + kPage - 1) / kPage; ++i) pages_.push_back(i);
        for (Buffer** cache : {&keys_, &values_})
            *cache = fill(std::vector<float>(pages_.size() * kPage * kKvHeads * kHead / 2));
        slice_ = {0, static_cast<int32_t>(rows), static_cast<int32_t>(context), pages_};
    }

    void pass() {
        at_ = 0;
        const Batch batch{{}, {}, {&slice_, 1}, {}};
        const KvLayer kv{keys_, values_, KvType::kF16, kKvHeads, kHead, kHead, kPage};
        for (int64_t layer = 0; layer < kLayers; ++layer) {
            const Linear qkv[] = {next(kDim, kDim), next(kKvHeads * kHead, kDim),
                                  next(kKvHeads * kHead, kDim)};
            const Rows outs[] = {q_, k_, v_};
            backend_.norm(x_, gain_, xn_);
            backend_.linear(xn_, qkv, outs);
            backend_.rope_store({q_, k_, v_, {RopePairs::kAdjacent, kHead, angles_}, {}, {}, kv, &batch});
            backend_.attend({q_, kv, kHeads, 0.125f, 0, 0, &batch, a_});
            backend_.linear_add(a_, next(kDim, kDim), {}, 0.01f, x_);
            backend_.norm(x_, gain_, xn_);
            backend_.ffn_in({xn_, next(kFfn, kDim), next(kFfn, kDim), Activation::kSilu, h_});
            backend_.linear_add(h_, next(kDim, kFfn), {}, 0.01f, x_);
        }
    }
    int64_t weight_bytes() const { return static_cast<int64_t>(at_); }

  private:
    Buffer* fill(const std::vector<float>& values) {
        buffers_.push_back(backend_.allocate(values.size() * sizeof(float)).value());
        backend_.write(*buffers_.back(), 0, std::as_bytes(std::span(values)));
        return buffers_.back().get();
    }
    Rows make(int64_t cols) {
        return {fill(std::vector<float>(static_cast<size_t>(rows_ * cols))), rows_, cols};
    }
    Linear next(int64_t rows, int64_t cols) {
        const Linear linear{{stream_.get(), at_ % (stream_->bytes / 2), type_, rows, cols}, {}};
        at_ += static_cast<size_t>(rows * row_bytes(type_, cols));
        return linear;
    }

    Backend& backend_;
    QuantType type_;
    int64_t rows_;
    size_t at_ = 0;
    std::unique_ptr<Buffer> stream_;
    std::vector<std::unique_ptr<Buffer>> buffers_;
    Buffer *gain_buffer_, *angles_, *keys_, *values_;
    Norm gain_;
    Rows x_, xn_, q_, k_, v_, a_, h_;
    std::vector<int32_t> pages_;
    BatchSlice slice_;
};

// range: threads, rows of one pass, tokens already stored.
void bench_layers(benchmark::State& state, const cpu::Isa& isa, QuantType type) {
    const auto backend =
        make_cpu_backend({.threads = static_cast<int>(state.range(0)), .isa = isa.name}).value();
    Layers layers(*backend, type, state.range(1), state.range(2));
    for (auto _ : state) layers.pass();
    state.SetBytesProcessed(state.iterations() * layers.weight_bytes());
    state.counters["tok/s"] = benchmark::Counter(static_cast<double>(state.iterations() * state.range(1)),
                                                 benchmark::Counter::kIsRate);
}

void register_all() {
    const int threads = base::usable_cpus();
    for (const QuantType type : kTypes) {
        const std::string_view name = traits(type).name;
        const auto add = [&](const std::string& title, auto function,
                             std::initializer_list<std::vector<int64_t>> ranges) {
            auto* bench = benchmark::RegisterBenchmark(title.c_str(), function)
                              ->UseRealTime()
                              ->Unit(benchmark::kMillisecond);
            for (const auto& range : ranges) bench->Args(range);
        };
        add(fmt::format("read/{}", name), [type](benchmark::State& s) { bench_read(s, type); },
            {{1}, {threads}});
        for (const cpu::Isa& isa : cpu::all_isas()) {
            if (!isa.present()) continue;
            add(fmt::format("matvec/{}/{}", isa.name, name),
                [&isa, type](benchmark::State& s) { bench_panels(s, isa, type); },
                {{1, 1}, {threads, 1}, {threads, 2}, {threads, 4}, {threads, 8}, {threads, 16}});
            add(fmt::format("gemm/{}/{}", isa.name, name),
                [&isa, type](benchmark::State& s) { bench_panels(s, isa, type); },
                {{1, 512}, {threads, 32}, {threads, 512}});
            add(fmt::format("layers/{}/{}", isa.name, name),
                [&isa, type](benchmark::State& s) { bench_layers(s, isa, type); },
                {{threads, 1, 0},
                 {threads, 1, 2000},
                 {threads, 16, 0},
                 {threads, 512, 0},
                 {threads, 512, 2000}});
        }
    }
}

}  // namespace
}  // namespace airframe

int main(int argc, char** argv) {
    airframe::register_all();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
