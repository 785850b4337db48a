// Backend: the dozen operations that a transformer is made of, over memory that the backend owns or borrows.
//
// Calls enqueue in order on one stream; only read() and wait() block. One thread (the engine's) calls a
// backend. Shapes in brackets are row-major, the last one contiguous. Activations are f32; weights are in any
// format that supports() names. Shapes are the model's promise (CHECKed, not reported): the loader has
// verified the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "airframe/backend/batch.h"
#include "airframe/backend/kv_type.h"
#include "airframe/quant/quant.h"
#include "base/result.h"
#include "base/system.h"

namespace airframe {

// A piece of the backend's memory.
class Buffer {
  public:
    virtual ~Buffer() = default;
    size_t bytes = 0;
    std::byte* host = nullptr;  // where host code may touch it; null when it lives on a device
};

// A weight matrix [rows, cols] (or a vector: rows = 1), or a range of its rows. Absent when buffer is null.
struct Weight {
    const Buffer* buffer = nullptr;
    size_t offset_bytes = 0;
    QuantType type = QuantType::kF32;
    int64_t rows = 0;
    int64_t cols = 0;
    explicit operator bool() const { return buffer != nullptr; }
};

// f32 activations [rows, cols].
struct Rows {
    Buffer* buffer = nullptr;
    int64_t rows = 0;
    int64_t cols = 0;
};

enum class NormKind : uint8_t { kRms, kLayer };
enum class Activation : uint8_t { kSilu, kGeluTanh, kGelu, kReluSquared };
enum class RopePairs : uint8_t { kNone, kAdjacent, kHalves };  // (2i, 2i+1), or (i, i + dims/2)

struct Norm {
    NormKind kind = NormKind::kRms;
    float eps = 0;
    Weight gain;  // f32 [cols]; absent: no scaling
    Weight bias;  // f32 [cols]; only with kLayer
    explicit operator bool() const { return static_cast<bool>(gain); }
};

// y = W x + b
struct Linear {
    Weight weight;  // [out, in]
    Weight bias;    // f32 [out], may be absent
    explicit operator bool() const { return static_cast<bool>(weight); }
};

// One layer's keys and values: [page][kv_head][page_tokens] vectors of kv_vector_bytes(type, head_dim).
struct KvLayer {
    Buffer* keys = nullptr;
    Buffer* values = nullptr;
    KvType type = KvType::kF16;
    int32_t n_kv_heads = 0;
    int32_t head_dim_k = 0;
    int32_t head_dim_v = 0;
    int32_t page_tokens = 0;
};

struct Rope {
    RopePairs pairs = RopePairs::kNone;
    int32_t dims = 0;  // rotated elements at the front of each head; the rest passes through
    // f32 [rows of the batch, dims/2, 2]: cosine and sine, attention factor applied
    const Buffer* angles = nullptr;
};

struct RopeStoreArgs {
    Rows q;  // [rows, n_heads * head_dim_k], rotated in place
    Rows k;  // [rows, n_kv_heads * head_dim_k], rotated, then stored
    Rows v;  // [rows, n_kv_heads * head_dim_v], stored
    Rope rope;
    // before the rotation: per head when gain has head_dim elements, else over the whole row; absent: none
    Norm q_norm, k_norm;
    KvLayer kv;
    const Batch* batch = nullptr;
};

struct AttendArgs {
    Rows q;  // [rows, n_heads * head_dim_k]
    KvLayer kv;
    int32_t n_heads = 0;
    float scale = 0;
    float softcap = 0;  // 0: none; else softcap * tanh(score / softcap)
    // 0: all earlier positions; else only the last `window` ones, the row itself included
    int32_t window = 0;
    const Batch* batch = nullptr;
    Rows out;  // [rows, n_heads * head_dim_v]
};

struct FfnInArgs {
    Rows x;       // [rows, dim]
    Linear gate;  // absent: h = act(up x), else h = act(gate x) * (up x)
    Linear up;
    Activation act = Activation::kSilu;
    Rows h;  // [rows, ffn_dim]
};

// How router scores become expert weights.
enum class MoeGate : uint8_t { kSoftmax, kSoftmaxAfterTopK, kSigmoid };

struct MoeArgs {
    Rows x;         // [rows, dim], normed
    Linear router;  // [n_experts, dim]
    // expert matrices stacked by rows: gate and up [n_experts * expert_dim, dim], down [n_experts * dim,
    // expert_dim]
    Linear gate, up, down;
    Linear shared_gate, shared_up, shared_down;  // an expert that always runs; absent: none
    Weight shared_router;  // f32-like [1, dim]: its sigmoid scales the shared expert; absent: 1
    int32_t n_experts = 0;
    int32_t n_active = 0;
    MoeGate gating = MoeGate::kSoftmax;
    bool renormalize = false;  // the chosen weights sum to 1
    float scale = 1;
    Activation act = Activation::kSilu;
    Rows residual;  // [rows, dim], the result is added to it
};

struct EmbedArgs {
    std::span<const int32_t> tokens;     // [rows]
    std::span<const int32_t> positions;  // [rows]
    Weight table;                        // [vocab, dim]
    Weight positions_table;              // [ctx, dim], learned positions; absent: none
    float scale = 1;
    Rows x;  // [rows, dim]
};

struct LogitsArgs {
    Rows x;                         // [rows, dim]
    std::span<const int32_t> rows;  // which of them
    Norm norm;
    Linear head;  // [vocab, dim]
    float scale = 1;
    float softcap = 0;
    Rows out;  // [rows.size(), vocab]
};

// The sizes of a model's passes, for planning memory.
struct WorkShape {
    uint64_t rows = 0;      // of a pass, the most
    uint64_t dim = 0;       // the residual stream's width
    uint64_t widest = 0;    // columns of any matrix
    uint64_t hidden = 0;    // the widest row of a dense feed-forward, or of all chosen experts of a row
    uint64_t n_active = 0;  // experts of a row; 0: dense
    uint64_t n_heads = 0, head_dim = 0;
    uint64_t kv_tokens = 0;  // of one sequence
};

// The detail of the error of a backend whose device is gone, or does not answer.
inline constexpr std::string_view kDeviceLost = "device_lost";

class Backend {
  public:
    virtual ~Backend() = default;
    virtual std::string_view name() const = 0;
    virtual std::string_view description() const = 0;  // for people: instruction set, threads, device
    virtual bool supports(QuantType type) const = 0;
    // True when weights are copied into memory of its own; false when they stay where the file lies.
    virtual bool owns_memory() const { return false; }
    // What allocate() can still give, as far as anyone tells; upload() too when it owns its memory.
    virtual uint64_t available_memory_bytes() const { return base::available_memory_bytes(); }

    // What operations of such passes will take of that memory beyond what is allocated, at most.
    virtual uint64_t working_bytes(const WorkShape&) const { return 0; }

    // Weight memory: `host` stays valid and unchanged for the life of the buffer, so a backend may borrow it.
    virtual base::Result<std::unique_ptr<Buffer>> upload(std::span<const std::byte> host) = 0;
    // Uninitialised memory.
    virtual base::Result<std::unique_ptr<Buffer>> allocate(size_t bytes) = 0;
    virtual void write(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) = 0;
    virtual void read(const Buffer& from, size_t offset_bytes, std::span<std::byte> to) = 0;
    virtual void wait() = 0;
    // What has gone wrong on the device since the last call of this; what was read since is worth nothing.
    // kOutOfMemory: the next pass may go well. Detail kDeviceLost: this backend computes no more, and says so
    // each time.
    virtual base::Result<void> outcome() { return {}; }

    virtual void embed(const EmbedArgs& args) = 0;
    // out = norm(x)
    virtual void norm(const Rows& x, const Norm& norm, const Rows& out) = 0;
    // outs[i] = weights[i] x: the input is quantised or packed once for all of them
    virtual void linear(const Rows& x, std::span<const Linear> weights, std::span<const Rows> outs) = 0;
    // residual += scale * post_norm?(W x + b)
    virtual void linear_add(const Rows& x, const Linear& weight, const Norm& post_norm, float scale,
                            const Rows& residual) = 0;
    virtual void rope_store(const RopeStoreArgs& args) = 0;
    virtual void attend(const AttendArgs& args) = 0;
    virtual void ffn_in(const FfnInArgs& args) = 0;
    virtual void moe(const MoeArgs& args) = 0;
    virtual void logits(const LogitsArgs& args) = 0;
};

struct BackendOptions {
    int threads = 0;          // 0: as many as this process may use
    std::string_view isa;     // "": the best the processor has; else the name of one
    std::string_view device;  // of a GPU: its number or a part of its name; "": the best
    // One kernel path whatever the number of rows: a row's results do not depend on the rows beside it.
    bool deterministic = false;
};

}  // namespace airframe
