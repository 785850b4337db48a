#include "airframe/model/verify.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "airframe/model/kv_distance.h"
#include "airframe/model/logit_distance.h"
#include "airframe/model/model.h"
#include "airframe/model/run_tokens.h"
#include "base/rng.h"
#include "base/system.h"
#include "base/thread_pool.h"

namespace airframe {
namespace {

using base::Result;

// Mean divergence from the reference that rounding of activations explains, with room: half of what engines
// with 8-bit activations show on files of four bits a weight (about 8e-4 nats).
constexpr double kKlMax = 4e-4;
// The reference pass costs about two operations per weight and token at roughly this many a second.
constexpr double kReferenceOpsPerSecond = 1e9;
constexpr double kReferenceSeconds = 10;

class Verifier {
  public:
    Verifier(const OpenFile& open, const VerifyOptions& options) : open_(open), options_(options) {}

    Result<std::vector<VerifyGate>> run() {
        const auto file = open_();
        add("container", file.has_value(),
            file ? fmt::format("GGUF v{}, {} tensors, {} metadata entries, every offset inside the file",
                               file->version(), file->tensors().size(), file->metadata().entries().size())
                 : file.error().message);
        if (!file) return std::move(gates_);
        finite_weights(*file);
        const auto model = load(options_.backend);
        add("loads", model.has_value(),
            model ? fmt::format("{}, {} layers", (*model)->spec().family, (*model)->spec().n_layers)
                  : model.error().message);
        if (!model) return std::move(gates_);
        fast_dequantise(**model, *file);
        TRY_VOID(compare_logits(**model));
        TRY_VOID(compare_kv_types(**model));
        return std::move(gates_);
    }

  private:
    void add(std::string name, bool passed, std::string measured) {
        gates_.push_back({std::move(name), passed, std::move(measured)});
    }
    void progress(std::string_view gate, double done) const {
        if (options_.on_progress) options_.on_progress(gate, done);
    }

    Result<std::unique_ptr<Model>> load(std::string_view backend_name) const {
        TRY(auto file, open_());
        TRY(auto backend, make_backend(backend_name, options_.backend_options));
        return Model::load(std::move(file), std::move(backend), {.batch_rows_max = 64, .logit_rows_max = 64});
    }

    void finite_weights(const GgufFile& file);
    void fast_dequantise(Model& model, const GgufFile& file);
    Result<void> compare_logits(Model& model);
    Result<void> compare_kv_types(Model& model);
    std::vector<int32_t> some_tokens(const Model& model) const;
    std::vector<int32_t> random_tokens(const Model& model, uint32_t n) const;

    const OpenFile& open_;
    const VerifyOptions& options_;
    std::vector<VerifyGate> gates_;
};

// Rows of a tensor whose type holds weights; nothing for integer tensors.
int64_t weight_rows(const TensorInfo& tensor) {
    return traits(tensor.type).dequantize_row == nullptr ? 0 : tensor.elements() / tensor.dims[0];
}

void dequantise(const TensorInfo& tensor, int64_t row, std::vector<float>& out) {
    out.resize(static_cast<size_t>(tensor.dims[0]));
    traits(tensor.type)
        .dequantize_row(tensor.data + row * row_bytes(tensor.type, tensor.dims[0]), out.data(),
                        tensor.dims[0]);
}

struct BadRows {
    int64_t count = 0, first = std::numeric_limits<int64_t>::max();
};
// The rows of a tensor that hold NaN or infinity.
BadRows bad_rows(const TensorInfo& tensor, base::ThreadPool& pool) {
    const int64_t rows = weight_rows(tensor);
    BadRows all;
    std::mutex mutex;
    pool.run([&](int part, int parts) {
        BadRows bad;
        std::vector<float> row;
        for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
            dequantise(tensor, r, row);
            if (std::ranges::all_of(row, [](float x) { return std::isfinite(x); })) continue;
            ++bad.count;
            bad.first = std::min(bad.first, r);
        }
        const std::scoped_lock lock(mutex);
        all.count += bad.count;
        all.first = std::min(all.first, bad.first);
    });
    return all;
}

void Verifier::finite_weights(const GgufFile& file) {
    base::ThreadPool pool(options_.backend_options.threads > 0 ? options_.backend_options.threads
                                                               : base::usable_cpus());
    std::string first_fault;
    int64_t faults = 0;
    uint64_t seen_bytes = 0;
    for (const TensorInfo& tensor : file.tensors()) {
        const BadRows bad = bad_rows(tensor, pool);
        if (faults == 0 && bad.count > 0) first_fault = fmt::format("{} row {}", tensor.name, bad.first);
        faults += bad.count;
        seen_bytes += tensor.bytes;
        progress("weights are finite",
                 static_cast<double>(seen_bytes) / static_cast<double>(file.tensor_bytes()));
    }
    add("weights are finite", faults == 0,
        faults == 0 ? fmt::format("{} bytes of blocks decoded, no NaN and no infinity", seen_bytes)
                    : fmt::format("{} rows hold NaN or infinity, the first is {}", faults, first_fault));
}

// The backend's own decoding of sampled rows of every type in the file against the scalar one.
void Verifier::fast_dequantise(Model& model, const GgufFile& file) {
    constexpr int64_t kRowsPerTensor = 16;
    std::map<QuantType, std::pair<int64_t, int64_t>> rows_and_faults;
    Backend& backend = model.backend();
    std::vector<float> want, got;
    for (const TensorInfo& tensor : file.tensors()) {
        if (tensor.n_dims < 2 || !backend.supports(tensor.type)) continue;
        const int64_t rows = weight_rows(tensor), step = std::max<int64_t>(1, rows / kRowsPerTensor);
        auto table = backend.upload({tensor.data, tensor.bytes});
        auto room = backend.allocate(static_cast<size_t>(tensor.dims[0]) * sizeof(float));
        if (!table || !room) continue;
        got.resize(static_cast<size_t>(tensor.dims[0]));
        for (int64_t r = 0; r < rows; r += step) {
            const auto id = static_cast<int32_t>(r);
            constexpr int32_t kPosition = 0;
            backend.embed({.tokens = {&id, 1},
                           .positions = {&kPosition, 1},
                           .table = {table->get(), 0, tensor.type, rows, tensor.dims[0]},
                           .positions_table = {},
                           .scale = 1,
                           .x = {room->get(), 1, tensor.dims[0]}});
            backend.read(**room, 0, std::as_writable_bytes(std::span(got)));
            dequantise(tensor, r, want);
            auto& [seen, faults] = rows_and_faults[tensor.type];
            ++seen;
            faults += got != want;
        }
    }
    for (const auto& [type, counts] : rows_and_faults)
        add(fmt::format("{} decodes as the scalar code", traits(type).name), counts.second == 0,
            fmt::format("{} sampled rows, {} differ (bound: none)", counts.first, counts.second));
}

std::vector<int32_t> Verifier::some_tokens(const Model& model) const {
    const double weights =
        static_cast<double>(model.file().tensor_bytes());  // about one byte a weight, within a factor of two
    const double affordable = kReferenceSeconds * kReferenceOpsPerSecond / (2 * weights);
    const auto n =
        options_.tokens > 0 ? options_.tokens : static_cast<uint32_t>(std::clamp(affordable, 4.0, 64.0));
    return random_tokens(model, n);
}

std::vector<int32_t> Verifier::random_tokens(const Model& model, uint32_t n) const {
    base::Rng rng(1);
    std::vector<int32_t> tokens(std::min(n, model.spec().ctx_train_tokens));
    for (int32_t& token : tokens) token = static_cast<int32_t>(rng.next_below(model.spec().vocab));
    return tokens;
}

// What each type of the KV cache costs. f16 must cost nothing that counts; the others are measured, so that
// people can choose.
Result<void> Verifier::compare_kv_types(Model& model) {
    if (options_.kv_tokens == 0) return {};
    constexpr KvType kTypes[] = {KvType::kF16, KvType::kQ8, KvType::kInt4};
    const std::vector<int32_t> tokens = random_tokens(model, options_.kv_tokens);
    TRY(const auto distances,
        kv_distances(model, tokens, kTypes, [&](double done) { progress("KV types", done); }));
    const double exact_bytes = static_cast<double>(kv_bytes_per_token(model.spec(), KvType::kF32));
    for (const KvDistance& distance : distances) {
        const bool bounded = distance.type == KvType::kF16;
        // As above: near ties of a router flip single positions.
        const bool experts = model.spec().moe.n_experts > 0;
        const double kl = experts ? distance.kl_median : distance.kl_mean;
        add(fmt::format("KV cache of {}", kv_type_name(distance.type)),
            bounded ? kl <= kKlMax : std::isfinite(distance.kl_mean),
            fmt::format("{} KL {:.1e} against f32{}, same best token at {:.1f}% of {} positions; 1/{:.2f} "
                        "of f32's bytes",
                        experts ? "median" : "mean", kl,
                        bounded ? fmt::format(" (bound {:.0e})", kKlMax) : "", 100 * distance.top1_equal,
                        tokens.size(), exact_bytes / static_cast<double>(distance.bytes_per_token)));
    }
    return {};
}

Result<void> Verifier::compare_logits(Model& model) {
    const std::vector<int32_t> tokens = some_tokens(model);
    const size_t vocab = model.spec().vocab;
    progress("logits", 0);
    TRY(const auto got, run_tokens(model, tokens));
    TRY(const auto again, run_tokens(model, tokens));
    TRY(const auto one_by_one, run_tokens(model, tokens, {.chunk_rows = 1}));
    progress("logits", 0.3);
    const bool finite = std::ranges::all_of(got, [](float x) { return std::isfinite(x); });
    add("logits are finite", finite, fmt::format("{} tokens, {} logits each", tokens.size(), vocab));
    if (!finite) return {};
    add("a second run is bit-identical", got == again, fmt::format("{} logits", got.size()));
    const LogitDistance split = logit_distance(got, one_by_one, vocab);
    // A near tie of a router sends a token to another expert: then the median tells about rounding, the mean
    // about ties.
    const bool experts = model.spec().moe.n_experts > 0;
    const char* const average = experts ? "median" : "mean";
    const double split_kl = experts ? split.kl_median : split.kl_mean;
    add("token by token equals all at once", split_kl <= kKlMax,
        fmt::format("{} KL {:.1e} (bound {:.0e})", average, split_kl, kKlMax));

    TRY(auto reference, load("reference"));
    TRY(const auto want, run_tokens(*reference, tokens, {.kv_type = KvType::kF32}));
    progress("logits", 1);
    const LogitDistance distance = logit_distance(want, got, vocab);
    const double kl = experts ? distance.kl_median : distance.kl_mean;
    add(fmt::format("{} agrees with the reference", options_.backend), kl <= kKlMax,
        fmt::format("{} KL {:.1e} (bound {:.0e}), rms {:.1e}, same best token at {:.0f}% of {} positions",
                    average, kl, kKlMax, distance.rms, 100 * distance.top1_equal, tokens.size()));
    return {};
}

}  // namespace

Result<std::vector<VerifyGate>> verify_model(const OpenFile& open, const VerifyOptions& options) {
    return Verifier(open, options).run();
}

}  // namespace airframe
