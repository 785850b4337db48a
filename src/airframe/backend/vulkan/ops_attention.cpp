// Rotary positions, the paged cache, attention.
#include <map>

#include "airframe/backend/vulkan/ops.h"
#include "base/check.h"

namespace airframe::vulkan {
namespace {

struct RopeStoreShaderArgs {
    uint64_t q, k, v, angles, table, keys, values;
    uint32_t rope_dims, n_heads, n_kv_heads, page_tokens;
};

struct AttendShaderArgs {
    uint64_t q, y, table, keys, values;
    uint32_t n_heads, n_kv_heads, page_tokens, window;
    float scale, softcap;
};

}  // namespace

// Address of [rows, 2] positions and places of page tables in the same ints, then the page tables, each once.
uint64_t VulkanBackend::batch_table(const Batch& batch) {
    table_draft_.clear();
    size_t rows = 0;
    for (const BatchSlice& slice : batch.slices) rows += static_cast<size_t>(slice.n_rows);
    table_draft_.resize(2 * rows);
    std::map<const int32_t*, std::pair<size_t, size_t>> places;  // of page tables: where, how long
    for (const BatchSlice& slice : batch.slices) {
        auto& [place, pages] = places[slice.pages.data()];
        if (pages < slice.pages.size()) {
            place = table_draft_.size(), pages = slice.pages.size();
            table_draft_.insert(table_draft_.end(), slice.pages.begin(), slice.pages.end());
        }
        for (int32_t i = 0; i < slice.n_rows; ++i) {
            const auto row = static_cast<size_t>(slice.first_row + i);
            table_draft_[2 * row] = slice.kv_tokens + i;
            table_draft_[2 * row + 1] = static_cast<int32_t>(place);
        }
    }
    if (table_draft_ != table_ || table_epoch_ != stream_->epoch() || table_address_ == 0) {
        table_address_ = stage_ints(table_draft_);
        table_epoch_ = stream_->epoch();
        table_.swap(table_draft_);
    }
    return table_address_;
}

void VulkanBackend::rope_store(const RopeStoreArgs& args) {
    const KvLayer& kv = args.kv;
    norm_heads(args.q_norm, args.q, kv.head_dim_k);
    norm_heads(args.k_norm, args.k, kv.head_dim_k);
    const bool rotates = args.rope.pairs != RopePairs::kNone;
    const auto n_heads = static_cast<uint32_t>(args.q.cols / kv.head_dim_k);
    const auto n_kv_heads = static_cast<uint32_t>(kv.n_kv_heads);
    const RopeStoreShaderArgs shader{address_of(args.q),
                                     address_of(args.k),
                                     address_of(args.v),
                                     rotates ? address_of(*args.rope.angles) : 0,
                                     batch_table(*args.batch),
                                     address_of(*kv.keys),
                                     address_of(*kv.values),
                                     static_cast<uint32_t>(args.rope.dims),
                                     n_heads,
                                     n_kv_heads,
                                     static_cast<uint32_t>(kv.page_tokens)};
    const VkPipeline pipeline = pipelines_->get(
        Shader::kRopeStore, {static_cast<uint32_t>(kv.type), static_cast<uint32_t>(kv.head_dim_k),
                             static_cast<uint32_t>(kv.head_dim_v), static_cast<uint32_t>(args.rope.pairs)});
    stream_->dispatch(pipeline, shader, {n_heads + 2 * n_kv_heads, static_cast<uint32_t>(args.q.rows)});
}

void VulkanBackend::attend(const AttendArgs& args) {
    const KvLayer& kv = args.kv;
    CHECK(kv.n_kv_heads > 0 && args.n_heads % kv.n_kv_heads == 0, "{} heads on {} key heads", args.n_heads,
          kv.n_kv_heads);
    const AttendShaderArgs shader{address_of(args.q),
                                  address_of(args.out),
                                  batch_table(*args.batch),
                                  address_of(*kv.keys),
                                  address_of(*kv.values),
                                  static_cast<uint32_t>(args.n_heads),
                                  static_cast<uint32_t>(kv.n_kv_heads),
                                  static_cast<uint32_t>(kv.page_tokens),
                                  static_cast<uint32_t>(args.window),
                                  args.scale,
                                  args.softcap};
    const VkPipeline pipeline = pipelines_->get(
        Shader::kAttend, {static_cast<uint32_t>(kv.type), static_cast<uint32_t>(kv.head_dim_k),
                          static_cast<uint32_t>(kv.head_dim_v)});
    stream_->dispatch(pipeline, shader,
                      {static_cast<uint32_t>(args.n_heads), static_cast<uint32_t>(args.q.rows)});
}

}  // namespace airframe::vulkan
