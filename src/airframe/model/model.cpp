#include "airframe/model/model.h"

#include <algorithm>

#include "airframe/model/forward.h"
#include "airframe/model/memory_estimate.h"
#include "airframe/model/rope_table.h"
#include "airframe/model/weights.h"
#include "base/check.h"

namespace airframe {

using base::Result;

struct Model::State {
    GgufFile file;
    std::unique_ptr<Backend> backend;
    ModelOptions options;
    ModelSpec spec;
    Weights weights;
    RopeTable rope, rope_local;
    Buffer* angles = nullptr;  // [rows, rope dims/2, 2]; null without rotary positions
    Buffer* angles_local = nullptr;
    std::vector<float> angles_staging;
    std::vector<std::unique_ptr<Buffer>> buffers;
    Scratch scratch;  // rows here are the most that fit; forward() takes as many as the batch has

    Result<void> check_memory() const;
    Result<void> allocate_scratch();
    // The scratch with as many rows as the batch has; their angles are written.
    Scratch scratch_for(const Batch& batch);
    void write_angles(RopeTable& table, Buffer* to, std::span<const int32_t> positions);
};

// Errors: kOutOfMemory with what is needed and what there is, and where.
Result<void> Model::State::check_memory() const {
    const uint64_t weights_bytes =
        backend->owns_memory() ? uploaded_bytes(file, *backend) : file.tensor_bytes();
    auto checked = airframe::check_memory(
        estimate_memory(spec, weights_bytes, options.batch_rows_max, options.logit_rows_max),
        backend->available_memory_bytes());
    if (!checked && backend->owns_memory())
        checked.error().message +=
            fmt::format(" [on {}]; --gpu-backend cpu computes without it", backend->description());
    return checked;
}

Result<void> Model::State::allocate_scratch() {
    const auto rows_of = [&](int64_t rows, int64_t cols) -> Result<Rows> {
        TRY(auto buffer, backend->allocate(static_cast<size_t>(rows * cols) * sizeof(float)));
        return Rows{buffers.emplace_back(std::move(buffer)).get(), rows, cols};
    };
    const int64_t rows = options.batch_rows_max;
    const auto& attn = spec.attn;
    TRY(scratch.x, rows_of(rows, spec.dim));
    TRY(scratch.attn_in, rows_of(rows, spec.dim));
    TRY(scratch.ffn_in, rows_of(rows, spec.dim));
    TRY(scratch.q, rows_of(rows, int64_t{attn.n_heads} * attn.head_dim_k));
    TRY(scratch.k, rows_of(rows, int64_t{attn.n_kv_heads} * attn.head_dim_k));
    TRY(scratch.v, rows_of(rows, int64_t{attn.n_kv_heads} * attn.head_dim_v));
    TRY(scratch.attn_out, rows_of(rows, int64_t{attn.n_heads} * attn.head_dim_v));
    TRY(scratch.hidden, rows_of(rows, weights.ffn_dim_max));
    TRY(scratch.logits, rows_of(options.logit_rows_max, spec.vocab));
    if (spec.rope.pairs == RopePairs::kNone) return {};
    TRY(const Rows wide, rows_of(rows, spec.rope.dims));
    TRY(const Rows local, rows_of(rows, spec.rope.dims));
    angles = wide.buffer;
    angles_local = local.buffer;
    const auto dims = static_cast<int32_t>(spec.rope.dims);
    scratch.rope = {.pairs = spec.rope.pairs, .dims = dims, .angles = angles};
    scratch.rope_local = {.pairs = spec.rope.pairs, .dims = dims, .angles = angles_local};
    angles_staging.resize(static_cast<size_t>(rows) * spec.rope.dims);
    return {};
}

void Model::State::write_angles(RopeTable& table, Buffer* to, std::span<const int32_t> positions) {
    if (to == nullptr) return;
    table.fill(positions, angles_staging.data());
    const auto used = std::span(angles_staging).first(positions.size() * spec.rope.dims);
    backend->write(*to, 0, std::as_bytes(used));
}

Scratch Model::State::scratch_for(const Batch& batch) {
    Scratch used = scratch;
    for (Rows* each :
         {&used.x, &used.attn_in, &used.ffn_in, &used.q, &used.k, &used.v, &used.attn_out, &used.hidden})
        each->rows = static_cast<int64_t>(batch.tokens.size());
    used.logits.rows = static_cast<int64_t>(batch.logit_rows.size());
    write_angles(rope, angles, batch.positions);
    write_angles(rope_local, angles_local, batch.positions);
    return used;
}

namespace {

// An encoder reads a whole text in one pass, so its rows follow its trained context. The limit bounds what a
// file can ask for by a number in its metadata.
uint32_t encoder_rows(const ModelSpec& spec, const ModelOptions& options) {
    constexpr uint32_t kEncoderRowsMax = 8192;
    return std::max(options.batch_rows_max, std::min(spec.ctx_train_tokens, kEncoderRowsMax));
}

}  // namespace

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::load(GgufFile file, std::unique_ptr<Backend> backend,
                                           const ModelOptions& options) {
    auto state = std::make_unique<State>();
    state->file = std::move(file);
    state->backend = std::move(backend);
    state->options = options;
    TRY(state->spec, derive_spec(state->file));
    if (state->spec.encoder) state->options.batch_rows_max = encoder_rows(state->spec, options);
    TRY_VOID(state->check_memory());
    TRY(state->weights, load_weights(state->file, state->spec, *state->backend, options.on_progress));
    TRY_VOID(state->allocate_scratch());
    state->backend->wait();
    TRY_VOID(state->backend->outcome());
    std::unique_ptr<Model> model(new Model(std::move(state)));
    model->set_context({.ctx_tokens = model->spec().ctx_train_tokens});
    return model;
}

const ModelSpec& Model::spec() const { return state_->spec; }
const GgufFile& Model::file() const { return state_->file; }
Backend& Model::backend() { return *state_->backend; }
const ModelOptions& Model::options() const { return state_->options; }

void Model::set_context(const RopeContext& context) {
    if (state_->spec.rope.pairs == RopePairs::kNone) return;
    const RopeFactors& factors = state_->weights.rope_factors;
    state_->rope = RopeTable(state_->spec, factors, context, false);
    state_->rope_local = RopeTable(state_->spec, factors, context, true);
}

Result<void> Model::forward(const Batch& batch, KvPool& pool, std::span<float> logits_out) {
    State& state = *state_;
    const auto rows = static_cast<int64_t>(batch.tokens.size());
    const auto logit_rows = static_cast<int64_t>(batch.logit_rows.size());
    CHECK(rows > 0 && rows <= state.options.batch_rows_max, "{} rows, at most {}", rows,
          state.options.batch_rows_max);
    CHECK(logit_rows <= state.options.logit_rows_max, "{} logit rows", logit_rows);
    CHECK(logits_out.size() == batch.logit_rows.size() * state.spec.vocab, "{} floats", logits_out.size());

    CHECK(!state.spec.encoder, "an encoder has no logits");
    const Scratch scratch = state.scratch_for(batch);
    airframe::forward(state.spec, state.weights, *state.backend, batch, pool, scratch);
    if (logit_rows > 0) state.backend->read(*scratch.logits.buffer, 0, std::as_writable_bytes(logits_out));
    return state.backend->outcome();
}

void Model::release_memory() {
    state_->weights.buffers.clear();
    state_->buffers.clear();
}

double Model::rank(std::span<const double> row) const {
    CHECK(state_->spec.rank_head && row.size() == state_->spec.dim, "{} numbers", row.size());
    return rank_score(state_->weights.rank, row);
}

Result<void> Model::hidden(const Batch& batch, KvPool& pool, std::span<float> out) {
    State& state = *state_;
    CHECK(!batch.tokens.empty() && batch.tokens.size() <= state.options.batch_rows_max, "{} rows, at most {}",
          batch.tokens.size(), state.options.batch_rows_max);
    CHECK(out.size() == batch.tokens.size() * state.spec.dim, "{} floats", out.size());
    CHECK(batch.logit_rows.empty(), "{} logit rows", batch.logit_rows.size());
    const Scratch scratch = state.scratch_for(batch);
    if (state.spec.encoder) {
        forward_encoder(state.spec, state.weights, *state.backend, batch, pool, scratch);
        state.backend->read(*scratch.x.buffer, 0, std::as_writable_bytes(out));
        return state.backend->outcome();
    }
    airframe::forward(state.spec, state.weights, *state.backend, batch, pool, scratch);
    state.backend->norm(scratch.x, state.weights.output_norm, scratch.attn_in);
    state.backend->read(*scratch.attn_in.buffer, 0, std::as_writable_bytes(out));
    return state.backend->outcome();
}

}  // namespace airframe
