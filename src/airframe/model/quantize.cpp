#include "airframe/model/quantize.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "airframe/gguf/gguf_writer.h"
#include "base/system.h"
#include "base/thread_pool.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::Result;

constexpr int64_t kChunkElems = 8 << 20;  // of the rows in flight

// A split model becomes one file, and the file type changes.
bool keeps(std::string_view key) {
    return !key.starts_with("split.") && key != "general.file_type" &&
           key != "general.quantization_version" && key != "general.alignment";
}

class Quantizer {
  public:
    Quantizer(const GgufFile& in, const QuantMix& mix, const QuantizeOptions& options)
        : in_(in),
          mix_(mix),
          options_(options),
          pool_(options.threads > 0 ? options.threads : base::usable_cpus()) {}

    Result<QuantizeReport> run(const std::filesystem::path& out) {
        for (const MetaEntry& entry : in_.metadata().entries())
            if (keeps(entry.key)) writer_.add(entry.key, entry.value);
        writer_.add("general.file_type", static_cast<uint32_t>(mix_.file_type));
        writer_.add("general.quantization_version", uint32_t{2});
        std::vector<QuantType> types;
        for (const TensorInfo& tensor : in_.tensors()) {
            types.push_back(target_type(tensor));
            writer_.add_tensor(tensor.name, types.back(),
                               std::span(tensor.dims).first(std::max(1u, tensor.n_dims)));
        }
        TRY_VOID(writer_.open(out));
        for (size_t i = 0; i < types.size(); ++i) {
            const TensorInfo& tensor = in_.tensors()[i];
            report_.bytes_before += tensor.bytes;
            if (types[i] == tensor.type) {
                ++report_.tensors_kept;
                TRY_VOID(writer_.write({tensor.data, tensor.bytes}));
                report_.bytes_after += tensor.bytes;
            } else {
                ++report_.tensors_changed;
                TRY_VOID(convert(tensor, types[i]));
            }
            if (options_.on_progress)
                options_.on_progress(static_cast<double>(report_.bytes_before) /
                                     static_cast<double>(in_.tensor_bytes()));
        }
        TRY_VOID(writer_.close());
        return report_;
    }

  private:
    QuantType target_type(const TensorInfo& tensor) const {
        if (traits(tensor.type).dequantize_row == nullptr) return tensor.type;
        const auto layers = in_.metadata().get_int(architecture() + ".block_count");
        const uint32_t n_layers =
            layers && *layers ? static_cast<uint32_t>(std::clamp<int64_t>(**layers, 0, 1 << 20)) : 0;
        return mixed_type(mix_, {.name = tensor.name,
                                 .cols = tensor.dims[0],
                                 .n_dims = tensor.n_dims,
                                 .n_layers = n_layers,
                                 .tied_head = in_.find_tensor("output.weight") == nullptr});
    }
    std::string architecture() const {
        const auto name = in_.metadata().get_string("general.architecture");
        return name && *name ? std::string(**name) : std::string();
    }

    Result<void> convert(const TensorInfo& tensor, QuantType to) {
        const int64_t cols = tensor.dims[0], rows = tensor.elements() / cols;
        const int64_t chunk = std::max<int64_t>(1, kChunkElems / cols);
        for (int64_t first = 0; first < rows; first += chunk) {
            const int64_t count = std::min(chunk, rows - first);
            encoded_.resize(static_cast<size_t>(count * row_bytes(to, cols)));
            std::atomic<int64_t> bad_row = -1;
            pool_.run([&](int part, int parts) {
                std::vector<float> row(static_cast<size_t>(cols));
                for (int64_t r = count * part / parts; r < count * (part + 1) / parts; ++r) {
                    traits(tensor.type)
                        .dequantize_row(tensor.data + (first + r) * row_bytes(tensor.type, cols), row.data(),
                                        cols);
                    if (!std::ranges::all_of(row, [](float x) { return std::isfinite(x); }))
                        bad_row = first + r;
                    traits(to).quantize_row(row.data(), encoded_.data() + r * row_bytes(to, cols), cols);
                }
            });
            if (bad_row >= 0)
                return base::fail(ErrorCode::kNumeric, "the tensor {} holds NaN or infinity in row {}",
                                  tensor.name, bad_row.load());
            TRY_VOID(writer_.write(encoded_));
            report_.bytes_after += encoded_.size();
        }
        return {};
    }

    const GgufFile& in_;
    const QuantMix& mix_;
    const QuantizeOptions& options_;
    base::ThreadPool pool_;
    GgufWriter writer_;
    QuantizeReport report_;
    std::vector<std::byte> encoded_;
};

}  // namespace

Result<QuantizeReport> quantize_file(const GgufFile& in, const QuantMix& mix,
                                     const std::filesystem::path& out, const QuantizeOptions& options) {
    if (!can_encode(mix))
        return base::fail(ErrorCode::kInvalidArgument,
                          "{} can be read but not written: choosing its points needs data about the model; "
                          "choose a format that `shimmy quantize --help` lists",
                          mix.name);
    std::error_code ignored;
    if (std::filesystem::equivalent(in.path(), out, ignored))
        return base::fail(ErrorCode::kInvalidArgument,
                          "{} is the input file; choose another name for the output", out.string());
    return Quantizer(in, mix, options).run(out);
}

}  // namespace airframe
