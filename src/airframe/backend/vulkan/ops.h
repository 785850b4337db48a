// The backend's class; its operations are spread over ops_*.cpp. One thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "airframe/backend/backend.h"
#include "airframe/backend/vulkan/memory_pool.h"
#include "airframe/backend/vulkan/pipelines.h"
#include "airframe/backend/vulkan/stream.h"

namespace airframe::vulkan {

// Room that operations need between their dispatches; grows to the largest asked for.
enum class Room : uint8_t {
    kGate,
    kHidden,
    kProduct,
    kScores,
    kExperts,
    kShares,
    kShared,
    kSharedScore,
    kNormed,
    kSpans,
    kHalfWeights,
    kHalfRows,
    kHalfFactors,
    kPackedByNorm,
    kPackedByAttention,
    kPackedByProduct,
    kPackedAlone,
    kParts
};
inline constexpr size_t kRooms = 18;
inline constexpr uint64_t kHalfWeightBytesMax = 256 << 20;

// A device address that shaders take, and where in it the data begins.
struct Place {
    uint64_t address = 0;
    uint32_t first_byte = 0;
};

class VulkanBackend final : public Backend {
  public:
    static base::Result<std::unique_ptr<Backend>> create(const BackendOptions& options);
    ~VulkanBackend() override;

    std::string_view name() const override { return "vulkan"; }
    std::string_view description() const override { return description_; }
    bool supports(QuantType type) const override;
    bool owns_memory() const override { return true; }
    bool multiplies_halves() const { return device_->multiplies_halves(); }
    uint64_t available_memory_bytes() const override { return device_->available_bytes(); }
    uint64_t working_bytes(const WorkShape& work) const override;

    base::Result<std::unique_ptr<Buffer>> upload(std::span<const std::byte> host) override;
    base::Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override;
    void write(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) override;
    void read(const Buffer& from, size_t offset_bytes, std::span<std::byte> to) override;
    void wait() override { stream_->finish(); }
    base::Result<void> outcome() override { return device_->take_fault(); }

    void embed(const EmbedArgs& args) override;
    void norm(const Rows& x, const Norm& norm, const Rows& out) override;
    void linear(const Rows& x, std::span<const Linear> weights, std::span<const Rows> outs) override;
    void linear_add(const Rows& x, const Linear& weight, const Norm& post_norm, float scale,
                    const Rows& residual) override;
    void rope_store(const RopeStoreArgs& args) override;
    void attend(const AttendArgs& args) override;
    void ffn_in(const FfnInArgs& args) override;
    void moe(const MoeArgs& args) override;
    void logits(const LogitsArgs& args) override;

  private:
    // y = W x + b (add: y += scale * that); with `experts` row r takes its own matrix of the stack.
    struct Product {
        uint64_t x = 0, y = 0;  // addresses of [rows / x_share, cols] and [rows, outs]
        int64_t rows = 0;
        bool add = false;
        float scale = 1;
        uint64_t experts = 0;  // address of [rows]; 0: one matrix
        int32_t n_experts = 1;
        int32_t x_share = 1;
        After after = After::kAll;
        // Few rows alone: y = act(W x + b), or act(gate x) * (W x + b) with a gate of the same type.
        std::optional<Activation> act = {};
        Linear gate = {};
    };
    struct NormRows {
        uint64_t x = 0, y = 0;
        int64_t rows = 0, cols = 0;
        uint64_t index = 0;   // address of [rows]; 0: each row itself
        uint64_t packed = 0;  // where y goes once more, packed; 0: nowhere
    };

    static constexpr int64_t kVectorRowsMax = 8;  // more rows go to matmul.comp
    bool takes_vectors(const Product& args) const;
    void product(const Linear& linear, const Product& args);
    uint32_t columns_of(const Product& args) const;
    // Packed activations (pack.glsl), which products of block formats with few rows read.
    bool takes_packed(const Linear& linear, const Product& args) const;
    void packed_product(const Linear& linear, const Product& args);
    // Of rows that lie packed already, or 0.
    uint64_t packed(uint64_t x, int64_t rows, int64_t cols) const;
    uint64_t pack(uint64_t x, int64_t rows, int64_t cols);
    // Where the operation that makes these rows is to put them once more, packed; 0: nowhere.
    uint64_t place_for_packed(Room which, uint64_t x, int64_t rows, int64_t cols);
    // Rows at this address are written: what was packed of them is old.
    void changes(uint64_t x);
    bool takes_halves(const Linear& linear, const Product& args) const;
    // Of products by cooperative matrices: some outputs of one, and where they go.
    struct HalvesPiece {
        const Linear* linear;
        uint32_t first, outs;
        uint64_t y;      // address of the results of the first row, first output
        uint64_t place;  // of the weights, from the room's beginning; 0 where a group begins
    };
    struct HalvesPlaces {
        uint64_t weights, rows, factors;  // addresses
        uint32_t depth;                   // columns, rounded up
    };
    // Rows as short floats, and what each is to be multiplied with after: addresses.
    struct HalvedRows {
        uint64_t rows, factors;
    };
    HalvedRows halve_rows(const Product& args, uint32_t cols, uint32_t depth);
    void halves_product(std::span<const Linear> weights, std::span<const uint64_t> ys, const Product& args);
    static std::vector<HalvesPiece> halves_pieces(std::span<const Linear> weights,
                                                  std::span<const uint64_t> ys, uint64_t line);
    void halve_weights(const HalvesPiece& piece, const HalvesPlaces& at, After after);
    void multiply_halves(const HalvesPiece& piece, const HalvesPlaces& at, const Product& args, After after);
    // Products of 9 to 64 rows (ops_few.cpp): how they are cut, and where their factors and parts lie.
    struct FewPlan {
        bool halves;
        uint32_t rows, padded_rows, slabs, slabs_each, splits;
        uint64_t x = 0, factors = 0, parts = 0;  // addresses
    };
    struct FewPart {
        const Linear* linear;
        uint64_t parts;  // address of [splits, padded_rows, outs rounded up]
    };
    bool takes_few(const Product& args) const;
    FewPlan few_plan(std::span<const Linear> weights, const Product& args) const;
    void few_parts(const FewPart& part, const FewPlan& plan, After after);
    void few_sum(const FewPart& of, const FewPart* gate, const FewPlan& plan, uint64_t y,
                 const Product& args);
    void few_product(std::span<const Linear> weights, std::span<const uint64_t> ys, const Product& args);
    // Rows of a batch that attend in one dispatch.
    struct AttendRun {
        uint32_t first_row, rows;
        uint32_t last;       // the highest position
        bool tiles = false;  // rows of one page table, positions not falling
    };
    std::vector<AttendRun> attend_runs(const Batch& batch) const;
    void attend_tiles(const AttendArgs& args, const AttendRun& run, After after);
    struct FewArgs {
        After after;
        uint64_t packed;  // where the results go once more, packed; 0: nowhere
    };
    void attend_few(const AttendArgs& args, const AttendRun& run, const FewArgs& how);
    void norm_rows(const Norm& norm, const NormRows& args);
    void activate(Activation act, uint64_t gate, uint64_t h, int64_t n);
    void norm_heads(const Norm& norm, const Rows& rows, int64_t head_dim);
    void hidden_of(const Linear& gate, const Linear& up, Activation act, const Product& args);
    // The room's address; 0 where the device has none left, which it remembers.
    uint64_t room(Room which, int64_t floats);
    uint64_t stage_ints(std::span<const int32_t> values);
    uint64_t batch_table(const Batch& batch);

    std::unique_ptr<Device> device_;
    std::unique_ptr<Pipelines> pipelines_;
    std::unique_ptr<Stream> stream_;
    std::unique_ptr<MemoryPool> memory_;
    std::array<std::unique_ptr<DeviceBuffer>, kRooms> rooms_;
    std::string description_;
    bool deterministic_ = false;
    bool packs_ = false;  // a product has taken packed rows: this model has weights that want them
    struct PackedRows {
        uint64_t of = 0, address = 0;
        int64_t rows = 0, cols = 0;
    };
    std::array<PackedRows, 4> packed_{};  // by the room they lie in
    // The batch's rows as last told to the device, and where they lie.
    std::vector<int32_t> table_, table_draft_;
    uint64_t table_address_ = 0, table_epoch_ = 0;
};

inline uint64_t address_of(const Buffer& buffer) {
    return static_cast<const DeviceBuffer&>(buffer).address();
}
inline uint64_t address_of(const Rows& rows) { return address_of(*rows.buffer); }
// Of a vector of f32; 0 when absent.
uint64_t address_of(const Weight& vector);
Place place_of(const Weight& weight);

}  // namespace airframe::vulkan
