// Every op of a backend against the reference, for every quant type: a new type or instruction set joins by
// its row in their tables, a new backend by its conformance_backends.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "airframe/backend/conformance_backends.h"
#include "airframe/backend/random_blocks.h"
#include "airframe/backend/reference/reference_backend.h"
#include "base/check.h"
#include "base/rng.h"
#include "base/system.h"

namespace airframe {
namespace {

using Floats = std::vector<float>;

// Bounds on the relative error (rms of the difference over rms of the reference).
// Plain f32 arithmetic: sums of up to a few thousand products, each rounded to 2^-24, in another order.
constexpr double kFloatBound = 3e-6;
// Two such products multiplied, one of them squared first: three times the error, and some for results that a
// few rows dominate.
constexpr double kFfnFactor = 5;
// Attention: 32 scores at a time in f32; an error of a score is a relative error of its share.
constexpr double kAttentionBound = 1e-5;

double normal(base::Rng& rng) {
    const double u = 1 - rng.next_double(), v = rng.next_double();
    return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
}

// Like real activations: normal, with one element in a hundred much larger.
Floats random_floats(base::Rng& rng, int64_t n, bool outliers = true) {
    Floats out(static_cast<size_t>(n));
    for (float& x : out)
        x = static_cast<float>(normal(rng) * (outliers && rng.next_below(100) == 0 ? 12 : 1));
    return out;
}

double relative_error(const Floats& got, const Floats& want) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < want.size(); ++i) {
        difference += std::pow(static_cast<double>(got[i]) - want[i], 2);
        size += std::pow(static_cast<double>(want[i]), 2);
    }
    return std::sqrt(difference / std::max(size, 1e-30));
}

// A copy of some bytes that ends where readable memory ends: a kernel that reads beyond a weight faults.
class GuardedBytes {
  public:
    explicit GuardedBytes(std::span<const std::byte> bytes) {
        const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        const size_t readable = (bytes.size() + page - 1) / page * page;
        length_ = readable + page;
        memory_ = static_cast<std::byte*>(
            mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        CHECK(memory_ != MAP_FAILED && mprotect(memory_ + readable, page, PROT_NONE) == 0);
        bytes_ = {memory_ + readable - bytes.size(), bytes.size()};
        std::ranges::copy(bytes, memory_ + readable - bytes.size());
    }
    GuardedBytes(GuardedBytes&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), length_(other.length_), bytes_(other.bytes_) {}
    ~GuardedBytes() {
        if (memory_ != nullptr) munmap(memory_, length_);
    }
    std::span<const std::byte> bytes() const { return bytes_; }

  private:
    std::byte* memory_;
    size_t length_;
    std::span<const std::byte> bytes_;
};

// One backend with its memory. Weights and activations live as long as the bench.
class Bench {
  public:
    explicit Bench(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {}
    Backend& operator*() { return *backend_; }
    Backend* operator->() { return backend_.get(); }

    Weight weight(QuantType type, int64_t rows, int64_t cols, std::span<const std::byte> bytes) {
        weights_.emplace_back(bytes);
        buffers_.push_back(backend_->upload(weights_.back().bytes()).value());
        return {buffers_.back().get(), 0, type, rows, cols};
    }
    Weight vector(const Floats& values) {
        return weight(QuantType::kF32, 1, static_cast<int64_t>(values.size()),
                      std::as_bytes(std::span(values)));
    }
    Rows rows(int64_t n, int64_t cols, const Floats& values) { return {buffer(values), n, cols}; }
    Rows rows(int64_t n, int64_t cols) { return rows(n, cols, Floats(static_cast<size_t>(n * cols))); }
    Buffer* buffer(const Floats& values) {
        buffers_.push_back(backend_->allocate(values.size() * sizeof(float)).value());
        backend_->write(*buffers_.back(), 0, std::as_bytes(std::span(values)));
        return buffers_.back().get();
    }
    Floats read(const Rows& rows) { return read(*rows.buffer, rows.rows * rows.cols); }
    Floats read(const Buffer& buffer, int64_t n) {
        Floats out(static_cast<size_t>(n));
        backend_->read(buffer, 0, std::as_writable_bytes(std::span(out)));
        return out;
    }

  private:
    std::vector<GuardedBytes> weights_;
    std::shared_ptr<Backend> backend_;
    std::vector<std::unique_ptr<Buffer>> buffers_;
};

class Conformance : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        const auto absent = why_absent();
        if (!absent) return;
        ASSERT_FALSE(base::env("SHIMMY_REQUIRE_VULKAN")) << *absent;
        GTEST_SKIP() << *absent;
    }
    void TearDown() override { EXPECT_EQ(faults_seen(), 0) << "the validation layer complained"; }
    std::shared_ptr<Backend> backend(const BackendOptions& options) {
        return conformance_backend(GetParam(), options);
    }
    std::vector<QuantType> weight_types() {
        std::vector<QuantType> types;
        for (const QuantTraits& t : all_quants())
            if (t.dequantize_row != nullptr && backend({.threads = 1})->supports(t.type))
                types.push_back(t.type);
        return types;
    }

    // The same work on both; the results must agree within the bound, and be finite.
    void compare(double bound, const std::function<Floats(Bench&)>& work) {
        Bench reference(make_reference_backend({}).value());
        Bench fast(backend({.threads = 2}));
        const Floats want = work(reference), got = work(fast);
        ASSERT_EQ(got.size(), want.size());
        for (const float y : got) ASSERT_TRUE(std::isfinite(y));
        EXPECT_LE(relative_error(got, want), bound);
    }
    void check_linear(std::initializer_list<int64_t> row_counts);
    // Of products with block formats.
    static double product_bound() { return conformance_product_bound(GetParam()); }

    base::Rng rng_{20240229};
};

INSTANTIATE_TEST_SUITE_P(Backends, Conformance, testing::ValuesIn(conformance_names()),
                         [](const auto& backend) { return backend.param; });

constexpr int64_t kRowCounts[] = {1, 2, 3, 5, 17, 33, 64, 70};

void Conformance::check_linear(std::initializer_list<int64_t> row_counts) {
    for (const QuantType type : weight_types()) {
        const int64_t block = traits(type).block_elems;
        // whole chunks, and the odd lengths that the format allows
        const int64_t odd = block == 1 ? 173 : block == 32 ? 352 : 768;
        for (const int64_t cols : {int64_t{512}, odd}) {
            const int64_t outs[] = {67, 16, 5};
            std::vector<std::vector<std::byte>> blocks;
            for (const int64_t n : outs) blocks.push_back(random_blocks(rng_, type, n, cols));
            const Floats bias = random_floats(rng_, outs[0]);
            for (const int64_t n_rows : row_counts) {
                SCOPED_TRACE(testing::Message()
                             << traits(type).name << " [" << n_rows << ", " << cols << "]");
                const Floats x = random_floats(rng_, n_rows * cols);
                compare(product_bound(), [&](Bench& bench) {
                    std::vector<Linear> linears;
                    std::vector<Rows> to;
                    for (size_t i = 0; i < 3; ++i) {
                        linears.push_back({bench.weight(type, outs[i], cols, blocks[i]), {}});
                        to.push_back(bench.rows(n_rows, outs[i]));
                    }
                    linears[0].bias = bench.vector(bias);
                    bench->linear(bench.rows(n_rows, cols, x), linears, to);
                    Floats all;
                    for (const Rows& rows : to) {
                        const Floats part = bench.read(rows);
                        all.insert(all.end(), part.begin(), part.end());
                    }
                    return all;
                });
            }
        }
    }
}

TEST_P(Conformance, LinearOfEveryType) { check_linear({1, 2, 3, 5, 17, 64}); }
TEST_P(Conformance, LinearOfEveryTypeBesideWholeTiles) { check_linear({33, 70}); }

TEST_P(Conformance, LinearOfPlainFloatsIsAsExactAsFloatsAre) {
    for (const QuantType type : {QuantType::kF32, QuantType::kF16, QuantType::kBF16})
        for (const int64_t n_rows : kRowCounts) {
            SCOPED_TRACE(testing::Message() << traits(type).name << " " << n_rows);
            const double bound =
                type == QuantType::kF32 ? kFloatBound : conformance_short_float_bound(GetParam());
            const int64_t cols = 1111, outs = 50;
            const auto blocks = random_blocks(rng_, type, outs, cols);
            const Floats x = random_floats(rng_, n_rows * cols);
            compare(bound, [&](Bench& bench) {
                const Linear linear{bench.weight(type, outs, cols, blocks), {}};
                const Rows to = bench.rows(n_rows, outs);
                bench->linear(bench.rows(n_rows, cols, x), {&linear, 1}, {&to, 1});
                return bench.read(to);
            });
        }
}

TEST_P(Conformance, EmbedOfEveryType) {
    for (const QuantType type : weight_types()) {
        SCOPED_TRACE(traits(type).name);
        const int64_t dim = traits(type).block_elems == 1 ? 37 : traits(type).block_elems == 32 ? 96 : 512;
        const auto table = random_blocks(rng_, type, 11, dim);
        const Floats learned = random_floats(rng_, 40 * dim);
        const std::vector<int32_t> tokens = {0, 10, 3, 3, 7}, positions = {0, 1, 2, 39, 5};
        for (const bool with_positions : {false, true})
            compare(kFloatBound, [&](Bench& bench) {
                EmbedArgs args{tokens, positions, bench.weight(type, 11, dim, table)};
                if (with_positions)
                    args.positions_table =
                        bench.weight(QuantType::kF32, 40, dim, std::as_bytes(std::span(learned)));
                args.scale = with_positions ? 1 : 22.6f;
                args.x = bench.rows(5, dim);
                bench->embed(args);
                return bench.read(args.x);
            });
    }
}

TEST_P(Conformance, Norms) {
    for (const NormKind kind : {NormKind::kRms, NormKind::kLayer})
        for (const int64_t cols : {1, 7, 64, 100, 2048})
            for (const bool with_gain : {true, false}) {
                SCOPED_TRACE(testing::Message() << static_cast<int>(kind) << " " << cols);
                const Floats x = random_floats(rng_, 3 * cols), gain = random_floats(rng_, cols);
                compare(kFloatBound, [&](Bench& bench) {
                    Norm norm{kind, 1e-5f, {}, {}};
                    if (with_gain) norm.gain = bench.vector(gain);
                    if (with_gain && kind == NormKind::kLayer) norm.bias = bench.vector(gain);
                    const Rows out = bench.rows(3, cols);
                    bench->norm(bench.rows(3, cols, x), norm, out);
                    return bench.read(out);
                });
            }
}

TEST_P(Conformance, LinearAdd) {
    const int64_t cols = 512, outs = 77;
    const auto blocks = random_blocks(rng_, QuantType::kQ4_K, outs, cols);
    for (const int64_t n_rows : kRowCounts)
        for (const bool post_norm : {false, true}) {
            SCOPED_TRACE(testing::Message() << n_rows << " rows, norm " << post_norm);
            const Floats x = random_floats(rng_, n_rows * cols), before = random_floats(rng_, n_rows * outs);
            const Floats gain = random_floats(rng_, outs);
            compare(product_bound(), [&](Bench& bench) {
                const Linear linear{bench.weight(QuantType::kQ4_K, outs, cols, blocks), bench.vector(gain)};
                Norm norm{NormKind::kRms, 1e-6f, {}, {}};
                if (post_norm) norm.gain = bench.vector(gain);
                const Rows residual = bench.rows(n_rows, outs, before);
                bench->linear_add(bench.rows(n_rows, cols, x), linear, norm, 0.25f, residual);
                return bench.read(residual);
            });
        }
}

constexpr Activation kActivations[] = {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu,
                                       Activation::kReluSquared};

// One weight of 1 carries the input to the activation unchanged: the whole range of the function, to f32
// precision.
TEST_P(Conformance, ActivationsOverTheirWholeRange) {
    const Floats one = {1};
    for (const Activation act : kActivations)
        for (const float scale : {1e-4f, 0.1f, 1.0f, 10.0f, 100.0f}) {
            SCOPED_TRACE(testing::Message() << static_cast<int>(act) << " at " << scale);
            const int64_t n = 500;
            Floats x(n);
            for (int64_t i = 0; i < n; ++i)
                x[static_cast<size_t>(i)] = scale * static_cast<float>(i - n / 2) / (n / 2);
            compare(kFloatBound, [&](Bench& bench) {
                FfnInArgs args{bench.rows(n, 1, x),
                               {},
                               {bench.weight(QuantType::kF32, 1, 1, std::as_bytes(std::span(one))), {}},
                               act,
                               bench.rows(n, 1)};
                bench->ffn_in(args);
                return bench.read(args.h);
            });
        }
}

TEST_P(Conformance, FfnIn) {
    const int64_t cols = 256, outs = 83;
    for (const QuantType type : {QuantType::kF16, QuantType::kQ6_K, QuantType::kQ8_0}) {
        const auto gate = random_blocks(rng_, type, outs, cols), up = random_blocks(rng_, type, outs, cols);
        for (const Activation act : kActivations)
            for (const int64_t n_rows : kRowCounts)
                for (const bool gated : {false, true}) {
                    SCOPED_TRACE(testing::Message() << traits(type).name << " " << static_cast<int>(act)
                                                    << " " << n_rows << " " << gated);
                    Floats x = random_floats(rng_, n_rows * cols);
                    for (float& v : x) v *= 0.05f;
                    compare(kFfnFactor * product_bound(), [&](Bench& bench) {
                        FfnInArgs args{bench.rows(n_rows, cols, x)};
                        if (gated) args.gate.weight = bench.weight(type, outs, cols, gate);
                        args.up.weight = bench.weight(type, outs, cols, up);
                        args.act = act;
                        args.h = bench.rows(n_rows, outs);
                        bench->ffn_in(args);
                        return bench.read(args.h);
                    });
                }
    }
}

// Heads, pages and batches of attention.
struct AttentionCase {
    std::string name;
    int32_t n_heads, n_kv_heads, dim_k, dim_v, page_tokens;
    KvType type;
    std::vector<std::pair<int32_t, int32_t>> slices;  // tokens before, rows
    float softcap = 0;
    int32_t window = 0;
    RopePairs pairs = RopePairs::kHalves;
    int32_t rope_dims = 0;  // 0: the whole head
    int norm = 0;           // 0: none, 1: per head, 2: whole row
};

std::vector<AttentionCase> attention_cases() {
    return {
        {"one token", 4, 4, 64, 64, 32, KvType::kF32, {{0, 1}}},
        {"grouped, f16", 8, 2, 64, 64, 32, KvType::kF16, {{100, 1}, {0, 33}, {31, 2}}},
        {"odd pages", 6, 2, 40, 24, 7, KvType::kF32, {{13, 5}, {0, 20}}, 0, 0, RopePairs::kAdjacent, 16},
        {"odd pages, f16", 6, 2, 40, 24, 7, KvType::kF16, {{13, 5}, {0, 20}}, 0, 0, RopePairs::kAdjacent, 16},
        {"odd head", 3, 1, 10, 6, 5, KvType::kF16, {{17, 3}}, 0, 0, RopePairs::kHalves, 6},
        {"window", 4, 1, 32, 32, 16, KvType::kF32, {{0, 80}, {200, 1}, {57, 9}}, 0, 19},
        {"window of one", 2, 1, 32, 32, 16, KvType::kF16, {{64, 3}}, 0, 1},
        {"window beyond", 2, 2, 32, 32, 16, KvType::kF16, {{10, 3}}, 0, 4096},
        {"softcap", 4, 2, 48, 48, 32, KvType::kF32, {{40, 3}, {0, 17}}, 5},
        {"softcap and window", 4, 2, 256, 256, 32, KvType::kF16, {{70, 70}}, 50, 33},
        {"whole group", 32, 1, 128, 128, 32, KvType::kF16, {{90, 2}}, 0, 0, RopePairs::kNone},
        {"q8", 8, 2, 64, 64, 32, KvType::kQ8, {{100, 1}, {0, 33}, {31, 2}}},
        {"int4", 8, 2, 64, 64, 32, KvType::kInt4, {{100, 1}, {0, 33}, {31, 2}}},
        {"odd head, q8", 3, 1, 10, 6, 5, KvType::kQ8, {{17, 3}}, 0, 0, RopePairs::kHalves, 6},
        {"odd head, int4", 3, 1, 10, 7, 5, KvType::kInt4, {{17, 3}}, 0, 0, RopePairs::kHalves, 6},
        {"window and softcap, int4", 4, 2, 256, 256, 32, KvType::kInt4, {{70, 70}}, 50, 33},
        {"long, f16", 4, 2, 64, 64, 32, KvType::kF16, {{700, 1}, {300, 5}}},
        {"long with a window", 2, 1, 32, 24, 16, KvType::kF32, {{900, 2}, {0, 300}}, 0, 400},
        {"prompt", 8, 2, 128, 128, 32, KvType::kF16, {{0, 150}, {77, 40}, {9, 1}}},
        {"prompt, f32", 6, 2, 128, 64, 32, KvType::kF32, {{0, 70}, {133, 40}}},
        {"prompt, q8", 8, 1, 80, 96, 16, KvType::kQ8, {{5, 1}, {100, 37}, {6, 2}, {0, 16}}},
        {"prompt, int4", 5, 5, 96, 80, 32, KvType::kInt4, {{40, 131}}},
        {"prompt with a window", 4, 2, 64, 64, 32, KvType::kF16, {{150, 90}, {0, 64}}, 0, 50},
        {"prompt with a short window", 8, 2, 128, 128, 32, KvType::kF16, {{150, 90}}, 20, 3},
        {"norm per head", 4, 2, 64, 64, 32, KvType::kF32, {{3, 9}}, 0, 0, RopePairs::kHalves, 0, 1},
        {"norm of row", 4, 2, 64, 64, 32, KvType::kF32, {{3, 9}}, 0, 0, RopePairs::kAdjacent, 32, 2},
    };
}

// A batch whose sequences' earlier tokens were stored by the backend itself, one by one or in one go.
class AttentionRun {
  public:
    AttentionRun(const AttentionCase& c, Bench& bench, base::Rng rng) : case_(c), bench_(bench) {
        for (const auto& [before, rows] : c.slices) pages_of_slice(before + rows);
        const int64_t slots = int64_t{n_pages_} * c.n_kv_heads * c.page_tokens;
        kv_ = {bench.buffer(Floats(static_cast<size_t>(slots * c.dim_k))),
               bench.buffer(Floats(static_cast<size_t>(slots * c.dim_v))),
               c.type,
               c.n_kv_heads,
               c.dim_k,
               c.dim_v,
               c.page_tokens};
        const auto cache_bytes = [&](int64_t dim) { return slots * kv_vector_bytes(c.type, dim); };
        CHECK(cache_bytes(c.dim_k) <= static_cast<int64_t>(kv_.keys->bytes));
        for (const auto& [before, rows] : c.slices) {
            Sequence s;
            const int64_t n = before + rows;
            s.q = random_floats(rng, n * c.n_heads * c.dim_k, false);
            s.k = random_floats(rng, n * c.n_kv_heads * c.dim_k, false);
            s.v = random_floats(rng, n * c.n_kv_heads * c.dim_v, false);
            sequences_.push_back(std::move(s));
        }
        gain_q_ = random_floats(rng, c.norm == 1 ? c.dim_k : c.n_heads * c.dim_k, false);
        gain_k_ = random_floats(rng, c.norm == 1 ? c.dim_k : c.n_kv_heads * c.dim_k, false);
    }

    // Tokens before each slice first (their outputs do not matter), then the slices as one batch.
    Floats in_one_go() {
        for (size_t i = 0; i < case_.slices.size(); ++i)
            if (case_.slices[i].first > 0) step({{i, 0, case_.slices[i].first}});
        std::vector<Piece> pieces;
        for (size_t i = 0; i < case_.slices.size(); ++i)
            pieces.push_back({i, case_.slices[i].first, case_.slices[i].second});
        return step(pieces);
    }
    Floats token_by_token() {
        Floats all;
        for (size_t i = 0; i < case_.slices.size(); ++i)
            for (int32_t p = 0; p < case_.slices[i].first + case_.slices[i].second; ++p) {
                const Floats out = step({{i, p, 1}});
                if (p >= case_.slices[i].first) all.insert(all.end(), out.begin(), out.end());
            }
        return all;
    }

  private:
    struct Sequence {
        Floats q, k, v;
    };
    struct Piece {
        size_t sequence;
        int32_t first, rows;
    };

    // Pages of all sequences interleave, in falling order.
    void pages_of_slice(int32_t tokens) {
        std::vector<int32_t> pages(
            (static_cast<size_t>(tokens) + static_cast<size_t>(case_.page_tokens) - 1) /
            static_cast<size_t>(case_.page_tokens));
        n_pages_ += static_cast<int32_t>(pages.size());
        for (size_t i = 0; i < pages.size(); ++i) pages[i] = n_pages_ - 1 - static_cast<int32_t>(i);
        pages_.push_back(pages);
    }

    Rows gather(const std::vector<Piece>& pieces, Floats Sequence::* member, int64_t cols) {
        Floats all;
        int64_t n = 0;
        for (const Piece& piece : pieces) {
            const Floats& from = sequences_[piece.sequence].*member;
            all.insert(all.end(), from.begin() + piece.first * cols,
                       from.begin() + (piece.first + piece.rows) * cols);
            n += piece.rows;
        }
        return bench_.rows(n, cols, all);
    }

    Floats step(const std::vector<Piece>& pieces) {
        std::vector<BatchSlice> slices;
        Floats angles;
        const int32_t dims = case_.rope_dims ? case_.rope_dims : case_.dim_k;
        int32_t row = 0;
        for (const Piece& piece : pieces) {
            slices.push_back({row, piece.rows, piece.first, pages_[piece.sequence]});
            for (int32_t i = 0; i < piece.rows; ++i, ++row)
                for (int32_t d = 0; d < dims / 2; ++d) {
                    const double angle = (piece.first + i) * std::pow(10000.0, -2.0 * d / dims);
                    angles.push_back(static_cast<float>(std::cos(angle)));
                    angles.push_back(static_cast<float>(std::sin(angle)));
                }
        }
        const Batch batch{{}, {}, slices, {}};
        const AttentionCase& c = case_;
        RopeStoreArgs store{gather(pieces, &Sequence::q, c.n_heads * c.dim_k),
                            gather(pieces, &Sequence::k, c.n_kv_heads * c.dim_k),
                            gather(pieces, &Sequence::v, c.n_kv_heads * c.dim_v),
                            {c.pairs, dims, bench_.buffer(angles)}};
        if (c.norm) {
            store.q_norm = {NormKind::kRms, 1e-6f, bench_.vector(gain_q_), {}};
            store.k_norm = {NormKind::kRms, 1e-6f, bench_.vector(gain_k_), {}};
        }
        store.kv = kv_;
        store.batch = &batch;
        bench_->rope_store(store);
        const Rows out = bench_.rows(row, int64_t{c.n_heads} * c.dim_v);
        bench_->attend({store.q, kv_, c.n_heads, 1 / std::sqrt(static_cast<float>(c.dim_k)), c.softcap,
                        c.window, &batch, out});
        return bench_.read(out);
    }

    const AttentionCase& case_;
    Bench& bench_;
    int32_t n_pages_ = 0;
    std::vector<std::vector<int32_t>> pages_;
    std::vector<Sequence> sequences_;
    Floats gain_q_, gain_k_;
    KvLayer kv_;
};

TEST_P(Conformance, Attention) {
    for (const AttentionCase& c : attention_cases()) {
        SCOPED_TRACE(c.name);
        const double bound = c.type == KvType::kF32    ? kAttentionBound
                             : c.type == KvType::kInt4 ? 1e-3
                                                       : conformance_short_cache_bound(GetParam());
        compare(bound, [&](Bench& bench) { return AttentionRun(c, bench, base::Rng(7)).in_one_go(); });
    }
}

TEST_P(Conformance, AttentionTokenByTokenEqualsOneGo) {
    for (const AttentionCase& c : attention_cases()) {
        SCOPED_TRACE(c.name);
        Bench one(backend({.threads = 2, .deterministic = true}));
        Bench other(backend({.threads = 1, .deterministic = true}));
        EXPECT_EQ(AttentionRun(c, one, base::Rng(7)).in_one_go(),
                  AttentionRun(c, other, base::Rng(7)).token_by_token());
    }
}

TEST(Reference, AttentionTokenByTokenEqualsOneGo) {
    for (const AttentionCase& c : attention_cases()) {
        SCOPED_TRACE(c.name);
        Bench reference(make_reference_backend({}).value());
        EXPECT_EQ(AttentionRun(c, reference, base::Rng(7)).in_one_go(),
                  AttentionRun(c, reference, base::Rng(7)).token_by_token());
    }
}

struct MoeCase {
    QuantType type;
    int32_t n_experts, n_active;
    MoeGate gating;
    bool renormalize, shared, shared_router, gated;
};

TEST_P(Conformance, Moe) {
    const int64_t dim = 256, expert_dim = 512, shared_dim = 256;
    const MoeCase cases[] = {
        {QuantType::kQ4_K, 8, 2, MoeGate::kSoftmax, true, false, false, true},
        {QuantType::kF16, 4, 4, MoeGate::kSoftmaxAfterTopK, false, false, false, true},
        {QuantType::kQ8_0, 5, 3, MoeGate::kSigmoid, true, true, false, true},
        {QuantType::kQ6_K, 6, 1, MoeGate::kSoftmax, false, true, true, false},
    };
    for (const MoeCase& c : cases) {
        const auto gate = random_blocks(rng_, c.type, c.n_experts * expert_dim, dim);
        const auto up = random_blocks(rng_, c.type, c.n_experts * expert_dim, dim);
        const auto down = random_blocks(rng_, c.type, c.n_experts * dim, expert_dim);
        const auto shared_up = random_blocks(rng_, c.type, shared_dim, dim);
        const auto shared_down = random_blocks(rng_, c.type, dim, shared_dim);
        const Floats router = random_floats(rng_, c.n_experts * dim, false),
                     one_router = random_floats(rng_, dim, false);
        for (const int64_t n_rows : {1, 2, 3, 5, 17, 64}) {
            SCOPED_TRACE(testing::Message() << traits(c.type).name << " " << n_rows << " rows");
            Floats x = random_floats(rng_, n_rows * dim, false);
            for (float& v : x) v *= 0.1f;
            compare(2 * product_bound(), [&](Bench& bench) {
                MoeArgs args{bench.rows(n_rows, dim, x)};
                args.router.weight =
                    bench.weight(QuantType::kF32, c.n_experts, dim, std::as_bytes(std::span(router)));
                if (c.gated) args.gate.weight = bench.weight(c.type, c.n_experts * expert_dim, dim, gate);
                args.up.weight = bench.weight(c.type, c.n_experts * expert_dim, dim, up);
                args.down.weight = bench.weight(c.type, c.n_experts * dim, expert_dim, down);
                if (c.shared) {
                    if (c.gated) args.shared_gate.weight = bench.weight(c.type, shared_dim, dim, shared_up);
                    args.shared_up.weight = bench.weight(c.type, shared_dim, dim, shared_up);
                    args.shared_down.weight = bench.weight(c.type, dim, shared_dim, shared_down);
                }
                if (c.shared_router) args.shared_router = bench.vector(one_router);
                args.n_experts = c.n_experts, args.n_active = c.n_active;
                args.gating = c.gating, args.renormalize = c.renormalize, args.scale = 1.5f;
                args.residual = bench.rows(n_rows, dim);
                bench->moe(args);
                return bench.read(args.residual);
            });
        }
    }
}

TEST_P(Conformance, Logits) {
    const int64_t dim = 512, vocab = 131;
    const auto head = random_blocks(rng_, QuantType::kQ6_K, vocab, dim);
    const Floats x = random_floats(rng_, 40 * dim), gain = random_floats(rng_, dim);
    for (const size_t n : {1, 3, 20})
        for (const float softcap : {0.0f, 3.0f}) {
            std::vector<int32_t> rows(n);
            for (size_t i = 0; i < n; ++i) rows[i] = static_cast<int32_t>(i * 2 + 1 % 40);
            compare(product_bound(), [&](Bench& bench) {
                LogitsArgs args{
                    bench.rows(40, dim, x), rows, {NormKind::kRms, 1e-5f, bench.vector(gain), {}}};
                args.head.weight = bench.weight(QuantType::kQ6_K, vocab, dim, head);
                args.scale = 0.125f, args.softcap = softcap;
                args.out = bench.rows(static_cast<int64_t>(n), vocab);
                bench->logits(args);
                return bench.read(args.out);
            });
        }
}

// A row's result depends on the row alone: not on the threads, nor on its company within one kernel.
TEST_P(Conformance, RowsAreIndependentOfThreadsAndCompany) {
    const int64_t cols = 512, outs = 200;
    for (const QuantType type : {QuantType::kQ4_K, QuantType::kQ6_K, QuantType::kF16, QuantType::kQ8_0}) {
        const auto blocks = random_blocks(rng_, type, outs, cols);
        const Floats x = random_floats(rng_, 64 * cols);
        const auto first_row = [&](int64_t n_rows, int threads) {
            Bench bench(backend({.threads = threads}));
            const Linear linear{bench.weight(type, outs, cols, blocks), {}};
            const Rows to = bench.rows(n_rows, outs);
            bench->linear(bench.rows(n_rows, cols, Floats(x.begin(), x.begin() + n_rows * cols)),
                          {&linear, 1}, {&to, 1});
            Floats y = bench.read(to);
            y.resize(static_cast<size_t>(outs));
            return y;
        };
        const Floats few = first_row(1, 1), many = first_row(64, 1);
        for (const int threads : {1, 2, 3}) {
            for (const int64_t n_rows : {1, 2, 3, 4}) EXPECT_EQ(first_row(n_rows, threads), few);
            for (const int64_t n_rows : {33, 48, 64}) EXPECT_EQ(first_row(n_rows, threads), many);
        }
    }
}

TEST_P(Conformance, NanReachesTheResult) {
    const int64_t cols = 512, outs = 16;
    const auto blocks = random_blocks(rng_, QuantType::kQ4_K, outs, cols);
    for (const float bad : {NAN, INFINITY})
        for (const int64_t n_rows : {1, 40}) {
            Floats x = random_floats(rng_, n_rows * cols);
            x[70] = bad;
            Bench bench(backend({.threads = 1}));
            const Linear linear{bench.weight(QuantType::kQ4_K, outs, cols, blocks), {}};
            const Rows to = bench.rows(n_rows, outs);
            bench->linear(bench.rows(n_rows, cols, x), {&linear, 1}, {&to, 1});
            for (int64_t i = 0; i < outs; ++i)
                EXPECT_FALSE(std::isfinite(bench.read(to)[static_cast<size_t>(i)]));
        }
}

}  // namespace
}  // namespace airframe
