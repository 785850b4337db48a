// Model: weights on a backend, and the forward pass over them.
//
//   TRY(auto backend, make_backend("cpu", {}));
//   TRY(auto model, Model::load(std::move(file), std::move(backend), {.ctx_tokens = 4096}));
//   KvPool pool = ...; model->forward(batch, pool, logits);
// Used by one thread at a time (the engine's).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/backend/batch.h"
#include "airframe/gguf/gguf.h"
#include "airframe/model/kv_pool.h"
#include "airframe/model/placement.h"
#include "airframe/model/rope_table.h"
#include "airframe/model/spec.h"
#include "base/result.h"

namespace airframe {

// Backends by name: "cpu", "vulkan", "reference". Errors: kInvalidArgument naming the known ones;
// kUnsupported (instruction set or GPU absent).
base::Result<std::unique_ptr<Backend>> make_backend(std::string_view name, const BackendOptions& options);
std::vector<std::string_view> backend_names();

// The backend to take where nobody says which, and why. Never a GPU that is none.
struct BackendChoice {
    std::string_view name;
    std::string reason;
};
BackendChoice choose_backend();

struct ModelOptions {
    uint32_t batch_rows_max = 512;            // rows of one forward pass; see batch_rows()
    uint32_t logit_rows_max = 96;             // rows of one forward pass whose logits can be asked for
    std::function<void(double)> on_progress;  // 0 to 1, while weights load; may be empty
};

// Rows of one forward pass: what the options say; of encoders, which read a whole text in one, more.
uint32_t batch_rows(const ModelSpec& spec, const ModelOptions& options);

class Model {
  public:
    // Takes the file: its mapping is the weights' memory wherever the backend can use it so.
    // Errors: kBadFile naming the tensor, its shape and the expected one; kUnsupported; kOutOfMemory with
    // numbers.
    static base::Result<std::unique_ptr<Model>> load(GgufFile file, std::unique_ptr<Backend> backend,
                                                     const ModelOptions& options);
    // The same over several backends, of which `placement` names each at least once.
    static base::Result<std::unique_ptr<Model>> load(GgufFile file,
                                                     std::vector<std::unique_ptr<Backend>> backends,
                                                     Placement placement, const ModelOptions& options);
    ~Model();

    const ModelSpec& spec() const;
    const GgufFile& file() const;
    Backend& backend();  // the first one
    const Placement& placement() const;
    // What computes, for people.
    std::string description() const;
    const ModelOptions& options() const;

    // Memory for keys and values, each layer's where it is computed. Errors: kOutOfMemory with the bytes.
    base::Result<KvPool> make_kv_pool(const KvOptions& options) const;

    // What is left on each backend that keeps keys and values.
    struct KvRoom {
        uint64_t available_bytes;
        uint64_t mapped_bytes;  // of weights that the system may give up and read again
        double share;           // of a token's keys and values
    };
    std::vector<KvRoom> kv_rooms() const;

    // Prepares rotary positions for sequences of this length; load() has set the trained context. Call before
    // forward().
    void set_context(const RopeContext& context);

    // Runs the rows of `batch` through all layers, storing keys and values in `pool`; logits of
    // batch.logit_rows go to logits_out [logit_rows, vocab]. REQUIRES: rows and logit rows within the
    // options; pages allocated. Blocks. Errors: those of Backend::outcome(); logits_out is worth nothing
    // then.
    base::Result<void> forward(const Batch& batch, KvPool& pool, std::span<float> logits_out);

    // The same without a head: the last layer's output after the final norm, [rows, dim]. Encoders have only
    // this; for them the batch's slices are whole texts. Errors: as forward().
    base::Result<void> hidden(const Batch& batch, KvPool& pool, std::span<float> out);

    // Frees weights and activations: of a lost device, while another one takes its place. Nothing can be
    // computed after it.
    void release_memory();

    // The rank head's score (rank_head.h) of a pair's first row [dim]. REQUIRES: spec().rank_head.
    double rank(std::span<const double> row) const;

  private:
    struct State;
    explicit Model(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace airframe
