#include "airframe/model/weight_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace airframe {

base::Result<void> check_finite(const TensorInfo& tensor, int64_t rows_max) {
    const QuantTraits& type = traits(tensor.type);
    if (type.dequantize_row == nullptr) return {};
    const int64_t cols = tensor.dims[0], rows = tensor.elements() / cols;
    const int64_t step = std::max<int64_t>(1, rows / std::max<int64_t>(1, rows_max));
    std::vector<float> values(static_cast<size_t>(cols));
    for (int64_t row = 0; row < rows; row += step) {
        type.dequantize_row(tensor.data + row * row_bytes(tensor.type, cols), values.data(), cols);
        const auto bad = std::ranges::find_if(values, [](float x) { return !std::isfinite(x); });
        if (bad != values.end())
            return base::fail(
                base::ErrorCode::kBadFile,
                "the tensor {} holds {} in row {}, expected finite numbers: the file is damaged", tensor.name,
                *bad, row);
    }
    return {};
}

}  // namespace airframe
