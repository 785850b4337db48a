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
    uint64_t q, y, parts, table, keys, values, packed;
    uint32_t n_heads, n_kv_heads, page_tokens, window;
    float scale, softcap;
    uint32_t first_row;
};

struct AttendMergeShaderArgs {
    uint64_t parts, y, table, packed;
    uint32_t n_heads, spans, window, first_row;
};

struct AttendTilesArgs {
    uint64_t q, y, table, keys, values;
    uint32_t first_row, n_rows, n_heads, n_kv_heads, window;
    float scale, softcap;
};

constexpr int32_t kPackedGroup = 16;  // of pack.glsl
constexpr uint32_t kSpan = 256;       // positions, as in attend_merge.glsl
// With fewer workgroups than this the spans of a row get one each.
constexpr uint32_t kFewGroups = 1024;

// With fewer rows than this a tile is mostly empty.
constexpr uint32_t kTileRowsMin = 16;
constexpr uint32_t kTileVectors = 32, kHalvesTileVectors = 64;  // of attend_tiles.comp, attend_halves.comp
constexpr uint32_t kTileHeadsMax = 8;
constexpr int32_t kHalvesCell = 16, kHalvesDimMax = 256;

// Spans of a row at this position, rounded up so that the same commands serve many steps.
uint32_t spans_of(uint32_t last, uint32_t window) {
    const uint32_t all = std::bit_ceil(last / kSpan + 1);
    return window > 0 ? std::min(all, (window - 1) / kSpan + 2) : all;
}

// How many heads of one key head a tile takes: a power of two, so that it divides the tile.
uint32_t tile_heads(uint32_t heads_per_key) {
    return std::min(kTileHeadsMax, heads_per_key & (~heads_per_key + 1));
}

bool halves_fit(const KvLayer& kv) {
    const auto fits = [](int32_t dim) { return dim % kHalvesCell == 0 && dim <= kHalvesDimMax; };
    return kv.type != KvType::kF32 && fits(kv.head_dim_k) && fits(kv.head_dim_v);
}

}  // namespace

// Rows of one page table whose positions do not fall come together; what is too few of them, with its
// neighbours.
std::vector<VulkanBackend::AttendRun> VulkanBackend::attend_runs(const Batch& batch) const {
    std::vector<AttendRun> tables;
    const int32_t* pages = nullptr;
    for (const BatchSlice& slice : batch.slices) {
        const auto rows = static_cast<uint32_t>(slice.n_rows), first = static_cast<uint32_t>(slice.kv_tokens);
        const bool joins = !tables.empty() && pages == slice.pages.data() && tables.back().last <= first;
        if (joins) {
            tables.back().rows += rows;
            tables.back().last = first + rows - 1;
        } else {
            tables.push_back({static_cast<uint32_t>(slice.first_row), rows, first + rows - 1});
        }
        pages = slice.pages.data();
    }
    std::vector<AttendRun> runs;
    for (AttendRun& run : tables) {
        run.tiles = !deterministic_ && run.rows >= kTileRowsMin;
        if (runs.empty() || run.tiles || runs.back().tiles) {
            runs.push_back(run);
            continue;
        }
        runs.back().rows += run.rows;
        runs.back().last = std::max(runs.back().last, run.last);
    }
    return runs;
}

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
    CHECK(args.kv.n_kv_heads > 0 && args.n_heads % args.kv.n_kv_heads == 0, "{} heads on {} key heads",
          args.n_heads, args.kv.n_kv_heads);
    changes(address_of(args.out));
    const bool in_groups = args.kv.head_dim_v % kPackedGroup == 0;
    const uint64_t packed = in_groups ? place_for_packed(Room::kPackedByAttention, address_of(args.out),
                                                         args.out.rows, args.out.cols)
                                      : uint64_t{0};
    After after = After::kAll;
    for (const AttendRun& run : attend_runs(*args.batch)) {
        run.tiles ? attend_tiles(args, run, after) : attend_few(args, run, {after, packed});
        after = After::kNothing;
    }
}

void VulkanBackend::attend_tiles(const AttendArgs& args, const AttendRun& run, After after) {
    const KvLayer& kv = args.kv;
    const auto heads = static_cast<uint32_t>(args.n_heads), kv_heads = static_cast<uint32_t>(kv.n_kv_heads);
    const auto dim_k = static_cast<uint32_t>(kv.head_dim_k), dim_v = static_cast<uint32_t>(kv.head_dim_v);
    const bool halves = device_->multiplies_halves() && halves_fit(kv);
    const uint32_t shared = tile_heads(heads / kv_heads);
    const uint32_t tokens = (halves ? kHalvesTileVectors : kTileVectors) / shared;
    const AttendTilesArgs shader{.q = address_of(args.q),
                                 .y = address_of(args.out),
                                 .table = batch_table(*args.batch),
                                 .keys = address_of(*kv.keys),
                                 .values = address_of(*kv.values),
                                 .first_row = run.first_row,
                                 .n_rows = run.rows,
                                 .n_heads = heads,
                                 .n_kv_heads = kv_heads,
                                 .window = static_cast<uint32_t>(args.window),
                                 .scale = args.scale,
                                 .softcap = args.softcap};
    const VkPipeline pipeline = pipelines_->get(
        halves ? Shader::kAttendHalves : Shader::kAttendTiles,
        {static_cast<uint32_t>(kv.type), dim_k, dim_v, shared, static_cast<uint32_t>(kv.page_tokens)});
    stream_->dispatch(pipeline, shader, {heads / shared, (run.rows + tokens - 1) / tokens}, after);
    stream_->add_work(uint64_t{run.rows} * heads * (run.last + 1) * (dim_k + dim_v));
}

void VulkanBackend::attend_few(const AttendArgs& args, const AttendRun& run, const FewArgs& how) {
    const KvLayer& kv = args.kv;
    const auto heads = static_cast<uint32_t>(args.n_heads), window = static_cast<uint32_t>(args.window);
    const uint32_t spans = spans_of(run.last, window);
    const bool split = spans > 1 && run.rows * heads < kFewGroups;
    const uint64_t parts = split ? room(Room::kSpans, args.q.rows * heads * spans * (2 + kv.head_dim_v)) : 0;
    const uint64_t table = batch_table(*args.batch);
    const AttendShaderArgs shader{address_of(args.q),
                                  address_of(args.out),
                                  parts,
                                  table,
                                  address_of(*kv.keys),
                                  address_of(*kv.values),
                                  how.packed,
                                  heads,
                                  static_cast<uint32_t>(kv.n_kv_heads),
                                  static_cast<uint32_t>(kv.page_tokens),
                                  window,
                                  args.scale,
                                  args.softcap,
                                  run.first_row};
    const auto dim_v = static_cast<uint32_t>(kv.head_dim_v);
    const VkPipeline pipeline = pipelines_->get(
        Shader::kAttend,
        {static_cast<uint32_t>(kv.type), static_cast<uint32_t>(kv.head_dim_k), dim_v, split ? 1u : 0u});
    stream_->dispatch(pipeline, shader, {heads, run.rows, split ? spans : 1}, how.after);
    if (!split) return;
    const AttendMergeShaderArgs merge{parts,  address_of(args.out), table, how.packed, heads, spans,
                                      window, run.first_row};
    stream_->dispatch(pipelines_->get(Shader::kAttendMerge, {dim_v}), merge, {heads, run.rows});
}

}  // namespace airframe::vulkan
