// Rotary positions, the paged cache, attention.
#include <algorithm>
#include <bit>
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
    uint64_t q, y, parts, table, keys, values;
    uint32_t n_heads, n_kv_heads, page_tokens, window;
    float scale, softcap;
};

struct AttendMergeShaderArgs {
    uint64_t parts, y, table;
    uint32_t n_heads, spans, window;
};

constexpr uint32_t kSpan = 256;  // positions, as in attend_merge.glsl
// With fewer workgroups than this the spans of a row get one each.
constexpr uint32_t kFewGroups = 1024;

// Spans of the row with most of them, rounded up so that the same commands serve many steps.
uint32_t spans_of(const AttendArgs& args) {
    int32_t last = 0;
    for (const BatchSlice& slice : args.batch->slices)
        last = std::max(last, slice.kv_tokens + slice.n_rows - 1);
    const auto window = static_cast<uint32_t>(args.window);
    const uint32_t all = std::bit_ceil(static_cast<uint32_t>(last) / kSpan + 1);
    return window > 0 ? std::min(all, (window - 1) / kSpan + 2) : all;
}

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
    const auto rows = static_cast<uint32_t>(args.q.rows), heads = static_cast<uint32_t>(args.n_heads);
    const auto window = static_cast<uint32_t>(args.window);
    const uint32_t spans = spans_of(args);
    const bool split = spans > 1 && rows * heads < kFewGroups;
    const uint64_t parts =
        split ? room(Room::kSpans, int64_t{rows} * heads * spans * (2 + kv.head_dim_v)) : 0;
    const uint64_t table = batch_table(*args.batch);
    const AttendShaderArgs shader{address_of(args.q),
                                  address_of(args.out),
                                  parts,
                                  table,
                                  address_of(*kv.keys),
                                  address_of(*kv.values),
                                  heads,
                                  static_cast<uint32_t>(kv.n_kv_heads),
                                  static_cast<uint32_t>(kv.page_tokens),
                                  window,
                                  args.scale,
                                  args.softcap};
    const auto dim_v = static_cast<uint32_t>(kv.head_dim_v);
    const VkPipeline pipeline = pipelines_->get(
        Shader::kAttend,
        {static_cast<uint32_t>(kv.type), static_cast<uint32_t>(kv.head_dim_k), dim_v, split ? 1u : 0u});
    stream_->dispatch(pipeline, shader, {heads, rows, split ? spans : 1});
    if (!split) return;
    const AttendMergeShaderArgs merge{parts, address_of(args.out), table, heads, spans, window};
    stream_->dispatch(pipelines_->get(Shader::kAttendMerge, {dim_v}), merge, {heads, rows});
}

}  // namespace airframe::vulkan
