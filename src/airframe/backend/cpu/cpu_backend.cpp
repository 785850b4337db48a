#include "airframe/backend/cpu/cpu_backend.h"

#include "airframe/backend/cpu/ops.h"
#include "base/system.h"

namespace airframe {
namespace cpu {

CpuBackend::CpuBackend(const Isa& isa, int threads, bool deterministic)
    : machine_(isa, threads, deterministic),
      description_(fmt::format("{}, {} thread{}", isa.title, threads, threads == 1 ? "" : "s")) {}

void CpuBackend::embed(const EmbedArgs& args) {
    CHECK(static_cast<int64_t>(args.tokens.size()) == args.x.rows && args.table.cols == args.x.cols);
    machine_.begin_op();
    const int64_t dim = args.x.cols;
    const auto lookup = [&](const Weight& table, int64_t row, float* to) {
        CHECK(row >= 0 && row < table.rows, "row {} of {}", row, table.rows);
        const Unpack fast = machine_.kernels.unpack[static_cast<int>(table.type)];
        (fast ? fast : traits(table.type).dequantize_row)(row_of(table, row), to, dim);
    };
    machine_.run(args.x.rows * dim, [&](int part, int parts) {
        float* learned = args.positions_table ? machine_.scratch(part).take<float>(dim) : nullptr;
        const Range rows = share(args.x.rows, 1, part, parts);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            float* x = row_of(args.x, r);
            lookup(args.table, args.tokens[static_cast<size_t>(r)], x);
            if (args.scale != 1)
                for (int64_t i = 0; i < dim; ++i) x[i] *= args.scale;
            if (!learned) continue;
            lookup(args.positions_table, args.positions[static_cast<size_t>(r)], learned);
            machine_.kernels.add_scaled(learned, 1, x, dim);
        }
    });
}

void norm_row(const Kernels& kernels, const Norm& norm, const float* x, int64_t cols, float* out) {
    kernels.norm(
        {x, cols, norm.eps, norm.kind == NormKind::kLayer, floats_of(norm.gain), floats_of(norm.bias), out});
}

void CpuBackend::norm(const Rows& x, const Norm& norm, const Rows& out) {
    CHECK(x.rows == out.rows && x.cols == out.cols);
    machine_.run(x.rows * x.cols, [&](int part, int parts) {
        const Range rows = share(x.rows, 1, part, parts);
        for (int64_t r = rows.begin; r < rows.end; ++r)
            norm_row(machine_.kernels, norm, row_of(x, r), x.cols, row_of(out, r));
    });
}

}  // namespace cpu

base::Result<std::unique_ptr<Backend>> make_cpu_backend(const BackendOptions& options) {
    if (options.threads < 0)
        return base::fail(base::ErrorCode::kInvalidArgument,
                          "threads = {}: give 1 or more, or 0 for all processors", options.threads);
    const std::string from_environment = base::env("SHIMMY_CPU_ISA").value_or("");
    TRY(const cpu::Isa* isa,
        cpu::choose_isa(options.isa.empty() ? std::string_view(from_environment) : options.isa));
    const int threads = options.threads == 0 ? base::usable_cpus() : options.threads;
    return std::unique_ptr<Backend>(new cpu::CpuBackend(*isa, threads, options.deterministic));
}

std::vector<std::string_view> cpu_isas_present() {
    std::vector<std::string_view> names;
    for (const cpu::Isa& isa : cpu::all_isas())
        if (isa.present()) names.push_back(isa.name);
    return names;
}

}  // namespace airframe
