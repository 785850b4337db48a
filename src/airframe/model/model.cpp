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
    std::vector<std::unique_ptr<Backend>> backends;
    Placement placement;
    ModelOptions options;
    ModelSpec spec;
    Weights weights;
    RopeTable rope, rope_local;
    std::vector<float> angles_staging;
    std::vector<std::unique_ptr<Buffer>> buffers;
    // One for each backend: rows here are the most that fit; a pass takes as many as its batch has.
    std::vector<Stage> stages, pass_stages;
    struct Angles {
        Buffer *wide = nullptr, *local = nullptr;  // [rows, rope dims/2, 2]; null: no rotary positions
    };
    std::vector<Angles> angles;
    std::vector<float> hand;  // of Stages
    std::vector<Backend*> layer_backends;

    PlacedModel placed() const { return {spec, weights, placement}; }
    uint64_t weights_bytes(uint8_t backend) const;
    Result<void> check_memory(uint8_t backend) const;
    Result<Rows> allocate_rows(Backend& backend, int64_t rows, int64_t cols);
    Result<void> allocate_stage(uint8_t number);
    Result<void> allocate_angles(uint8_t number);
    // The stages with as many rows as the batch has; their angles are written.
    Stages stages_for(const Batch& batch);
    void write_angles(RopeTable& table, Buffer* Angles::* to, std::span<const int32_t> positions);
    // The first fault of any backend; all are asked.
    Result<void> outcome();
};

uint64_t Model::State::weights_bytes(uint8_t number) const {
    const Backend& backend = *backends[number];
    uint64_t bytes = 0;
    for (const TensorInfo& tensor : file.tensors()) {
        const ModelPart part = part_of(tensor.name);
        const bool tied_copy = part.kind == ModelPart::kEmbedding && placement.head == number &&
                               placement.head != placement.embedding && !file.find_tensor("output.weight");
        if (backend_of(placement, part) != number && !tied_copy) continue;
        bytes += backend.owns_memory() ? bytes_on(backend, tensor) : tensor.bytes;
    }
    return bytes;
}

// Errors: kOutOfMemory with what is needed and what there is, and where.
Result<void> Model::State::check_memory(uint8_t number) const {
    const Backend& backend = *backends[number];
    auto checked = airframe::check_memory(
        estimate_memory(spec, weights_bytes(number), options.batch_rows_max, options.logit_rows_max),
        backend.available_memory_bytes());
    if (!checked && backend.owns_memory())
        checked.error().message +=
            fmt::format(" [on {}]; --gpu-backend cpu computes without it", backend.description());
    return checked;
}

Result<Rows> Model::State::allocate_rows(Backend& backend, int64_t rows, int64_t cols) {
    TRY(auto buffer, backend.allocate(static_cast<size_t>(rows * cols) * sizeof(float)));
    return Rows{buffers.emplace_back(std::move(buffer)).get(), rows, cols};
}

Result<void> Model::State::allocate_stage(uint8_t number) {
    Backend& backend = *backends[number];
    Scratch& scratch = stages[number].scratch;
    stages[number].backend = &backend;
    const auto rows_of = [&](int64_t rows, int64_t cols) { return allocate_rows(backend, rows, cols); };
    const int64_t rows = options.batch_rows_max;
    const auto& attn = spec.attn;
    TRY(scratch.x, rows_of(rows, spec.dim));
    TRY(scratch.attn_in, rows_of(rows, spec.dim));
    TRY(scratch.ffn_in, rows_of(rows, spec.dim));
    TRY(scratch.hidden, rows_of(rows, weights.ffn_dim_max));
    if (placement.head == number) {
        TRY(scratch.logits, rows_of(options.logit_rows_max, spec.vocab));
    }
    if (!placement.attends(number)) return {};
    TRY(scratch.q, rows_of(rows, int64_t{attn.n_heads} * attn.head_dim_k));
    TRY(scratch.k, rows_of(rows, int64_t{attn.n_kv_heads} * attn.head_dim_k));
    TRY(scratch.v, rows_of(rows, int64_t{attn.n_kv_heads} * attn.head_dim_v));
    TRY(scratch.attn_out, rows_of(rows, int64_t{attn.n_heads} * attn.head_dim_v));
    return allocate_angles(number);
}

Result<void> Model::State::allocate_angles(uint8_t number) {
    if (spec.rope.pairs == RopePairs::kNone) return {};
    const int64_t rows = options.batch_rows_max;
    TRY(const Rows wide, allocate_rows(*backends[number], rows, spec.rope.dims));
    TRY(const Rows local, allocate_rows(*backends[number], rows, spec.rope.dims));
    angles[number] = {wide.buffer, local.buffer};
    const auto dims = static_cast<int32_t>(spec.rope.dims);
    Scratch& scratch = stages[number].scratch;
    scratch.rope = {.pairs = spec.rope.pairs, .dims = dims, .angles = wide.buffer};
    scratch.rope_local = {.pairs = spec.rope.pairs, .dims = dims, .angles = local.buffer};
    angles_staging.resize(static_cast<size_t>(rows) * spec.rope.dims);
    return {};
}

void Model::State::write_angles(RopeTable& table, Buffer* Angles::* to, std::span<const int32_t> positions) {
    if (spec.rope.pairs == RopePairs::kNone) return;
    table.fill(positions, angles_staging.data());
    const auto used = std::span(angles_staging).first(positions.size() * spec.rope.dims);
    for (size_t i = 0; i < angles.size(); ++i)
        if (angles[i].*to != nullptr) backends[i]->write(*(angles[i].*to), 0, std::as_bytes(used));
}

Stages Model::State::stages_for(const Batch& batch) {
    for (size_t i = 0; i < stages.size(); ++i) {
        Scratch& used = pass_stages[i].scratch;
        for (Rows* each :
             {&used.x, &used.attn_in, &used.ffn_in, &used.q, &used.k, &used.v, &used.attn_out, &used.hidden})
            each->rows = static_cast<int64_t>(batch.tokens.size());
        used.logits.rows = static_cast<int64_t>(batch.logit_rows.size());
    }
    write_angles(rope, &Angles::wide, batch.positions);
    write_angles(rope_local, &Angles::local, batch.positions);
    return {pass_stages, hand};
}

Result<void> Model::State::outcome() {
    Result<void> first;
    for (const auto& backend : backends)
        if (auto outcome = backend->outcome(); !outcome && first) first = std::move(outcome);
    return first;
}

// An encoder reads a whole text in one pass, so its rows follow its trained context. The limit bounds what a
// file can ask for by a number in its metadata.
uint32_t batch_rows(const ModelSpec& spec, const ModelOptions& options) {
    constexpr uint32_t kEncoderRowsMax = 8192;
    if (!spec.encoder) return options.batch_rows_max;
    return std::max(options.batch_rows_max, std::min(spec.ctx_train_tokens, kEncoderRowsMax));
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::load(GgufFile file, std::unique_ptr<Backend> backend,
                                           const ModelOptions& options) {
    TRY(const ModelSpec spec, derive_spec(file));
    std::vector<std::unique_ptr<Backend>> one;
    one.push_back(std::move(backend));
    return load(std::move(file), std::move(one), on_one_backend(spec.n_layers), options);
}

Result<std::unique_ptr<Model>> Model::load(GgufFile file, std::vector<std::unique_ptr<Backend>> backends,
                                           Placement placement, const ModelOptions& options) {
    auto state = std::make_unique<State>();
    state->file = std::move(file);
    state->backends = std::move(backends);
    state->placement = std::move(placement);
    state->options = options;
    TRY(state->spec, derive_spec(state->file));
    CHECK(state->placement.layers.size() == state->spec.n_layers, "{} layers placed, of {}",
          state->placement.layers.size(), state->spec.n_layers);
    state->options.batch_rows_max = batch_rows(state->spec, options);
    const auto n_backends = static_cast<uint8_t>(state->backends.size());
    for (uint8_t i = 0; i < n_backends; ++i) TRY_VOID(state->check_memory(i));
    TRY(state->weights,
        load_weights(state->file, state->spec, {state->backends, state->placement}, options.on_progress));
    state->stages.resize(n_backends);
    state->angles.resize(n_backends);
    for (uint8_t i = 0; i < n_backends; ++i) TRY_VOID(state->allocate_stage(i));
    state->pass_stages = state->stages;
    for (const auto& backend : state->backends) backend->wait();
    TRY_VOID(state->outcome());
    for (const Placement::Layer& layer : state->placement.layers)
        state->layer_backends.push_back(state->backends[layer.attn].get());
    std::unique_ptr<Model> model(new Model(std::move(state)));
    model->set_context({.ctx_tokens = model->spec().ctx_train_tokens});
    return model;
}

const ModelSpec& Model::spec() const { return state_->spec; }
const GgufFile& Model::file() const { return state_->file; }
Backend& Model::backend() { return *state_->backends.front(); }
const Placement& Model::placement() const { return state_->placement; }
const ModelOptions& Model::options() const { return state_->options; }

std::string Model::description() const {
    const auto& backends = state_->backends;
    if (backends.size() == 1) return std::string(backends.front()->description());
    std::string text;
    for (uint8_t i = 0; i < backends.size(); ++i)
        text += fmt::format("{}{} layers: {}", i > 0 ? "; " : "", state_->placement.attention_layers(i),
                            backends[i]->description());
    return text;
}

Result<KvPool> Model::make_kv_pool(const KvOptions& options) const {
    return KvPool::create(state_->spec, state_->layer_backends, options);
}

std::vector<Model::KvRoom> Model::kv_rooms() const {
    std::vector<KvRoom> rooms;
    for (uint8_t i = 0; i < state_->backends.size(); ++i) {
        const Backend& backend = *state_->backends[i];
        const uint32_t layers = state_->placement.attention_layers(i);
        if (layers == 0) continue;
        rooms.push_back({.available_bytes = backend.available_memory_bytes(),
                         .mapped_bytes = backend.owns_memory() ? 0 : state_->weights.bytes[i],
                         .share = static_cast<double>(layers) / state_->spec.n_layers});
    }
    return rooms;
}

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
    Stages stages = state.stages_for(batch);
    airframe::forward(state.placed(), stages, batch, pool);
    if (logit_rows > 0) {
        const Stage& head = stages.at(state.placement.head);
        head.backend->read(*head.scratch.logits.buffer, 0, std::as_writable_bytes(logits_out));
    }
    return state.outcome();
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
    Stages stages = state.stages_for(batch);
    if (state.spec.encoder)
        forward_encoder(state.placed(), stages, batch, pool);
    else
        airframe::forward(state.placed(), stages, batch, pool);
    const Stage& last = stages.at(state.placement.head);
    Rows rows = last.scratch.x;
    if (!state.spec.encoder) {
        rows = last.scratch.attn_in;
        last.backend->norm(last.scratch.x, state.weights.output_norm, rows);
    }
    last.backend->read(*rows.buffer, 0, std::as_writable_bytes(out));
    return state.outcome();
}

}  // namespace airframe
