#include "airframe/quant/fit.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "airframe/quant/iq_tables.h"

namespace airframe {
namespace {

constexpr float kSmallest = 1e-15f;  // no half times a small integer comes near

// Sums over one candidate's numbers: from them follow its best scale and how much error that takes away.
struct Projection {
    float xq = 0;
    float qq = 0;

    void add(float weight, float x, float q) {
        xq += weight * x * q;
        qq += weight * q * q;
    }
    float gain() const { return qq > 0 ? xq / qq * xq : 0; }
    float scale() const { return qq > 0 ? xq / qq : 0; }
};

// Sums for x ~ scale * q - min; those without q are the same for all candidates.
struct LineSums {
    float w = 0, wx = 0;
    float wq = 0, wqq = 0, wxq = 0;

    // The least squares line; one that would lie above 0 goes through 0 instead, as min cannot be negative,
    // and so does one through numbers that are all the same (but for rounding).
    ScaleAndMin fit() const {
        const float determinant = w * wqq - wq * wq;
        const float offset = (wqq * wx - wq * wxq) / determinant;
        if (determinant > 1e-5f * w * wqq && offset <= 0) return {(w * wxq - wq * wx) / determinant, -offset};
        return {wqq > 0 ? wxq / wqq : 0, 0};
    }

    // By how much the line lowers the squared error from that of 0 everywhere.
    float gain(ScaleAndMin line) const {
        const float s = line.scale, m = line.min;
        return s * (2 * wxq - s * wqq) - m * (2 * wx + m * w) + 2 * s * m * wq;
    }
};

// Twice each value, from -256 to 255, to the place in kIq4Values that is nearest. The borders between two
// places are multiples of a half, so that rounding down loses nothing; on a border the higher place is taken.
constexpr auto kNearestIq4 = [] {
    std::array<uint8_t, 512> places{};
    for (int twice = -256; twice < 256; ++twice) {
        uint8_t place = 0;
        while (place < 15 && twice >= kIq4Values[place] + kIq4Values[place + 1]) ++place;
        places[static_cast<size_t>(twice + 256)] = place;
    }
    return places;
}();

}  // namespace

float peak_of(std::span<const float> x) {
    float peak = 0;
    for (const float value : x)
        if (std::fabs(value) > std::fabs(peak)) peak = value;
    return peak;
}

float fit_scale(std::span<const float> x, std::span<const float> weights, Levels levels) {
    const float peak = peak_of(x);
    if (!(std::fabs(peak) > kSmallest)) return 0;
    Projection best;
    for (int step = -9; step <= 9; ++step) {  // the peak lands near the lowest level
        const float inverse = (levels.low + 0.1f * static_cast<float>(step)) / peak;
        Projection sums;
        for (size_t i = 0; i < x.size(); ++i)
            sums.add(weights[i], x[i], nearest_level(inverse * x[i], levels));
        if (sums.gain() > best.gain()) best = sums;
    }
    return best.scale();
}

ScaleAndMin fit_scale_and_min(std::span<const float> x, std::span<const float> weights, float q_max) {
    const auto [lowest, highest] = std::ranges::minmax(x);
    const float low = std::min(lowest, 0.0f);
    if (!(highest - low > kSmallest)) return {0, std::max(-low, 0.0f)};
    LineSums same;
    for (size_t i = 0; i < x.size(); ++i) {
        same.w += weights[i];
        same.wx += weights[i] * x[i];
    }
    ScaleAndMin best{0, 0};
    float best_gain = 0;
    for (int step = -10; step <= 10; ++step) {
        const float inverse = (q_max + 0.1f * static_cast<float>(step)) / (highest - low);
        LineSums sums = same;
        for (size_t i = 0; i < x.size(); ++i) {
            const float q = nearest_level(inverse * (x[i] - low), {0, q_max});
            const float wq = weights[i] * q;
            sums.wq += wq;
            sums.wqq += wq * q;
            sums.wxq += wq * x[i];
        }
        const ScaleAndMin line = sums.fit();
        if (line.scale < 0 || !(sums.gain(line) > best_gain)) continue;
        best = line;
        best_gain = sums.gain(line);
    }
    return best;
}

int nearest_iq4(float value) {
    const float bounded = value > -128 ? (value < 127 ? value : 127) : -128;
    return kNearestIq4[static_cast<size_t>(2 * bounded + 256)];
}

float fit_iq4_scale(std::span<const float> x, std::span<const float> weights) {
    const float peak = peak_of(x);
    if (!(std::fabs(peak) > kSmallest)) return 0;
    Projection best;
    for (int step = -7; step <= 7; ++step) {  // the peak lands near the lowest value
        const float inverse = static_cast<float>(kIq4Values[0] + step) / peak;
        Projection sums;
        for (size_t i = 0; i < x.size(); ++i)
            sums.add(weights[i], x[i], static_cast<float>(kIq4Values[nearest_iq4(inverse * x[i])]));
        if (sums.gain() > best.gain()) best = sums;
    }
    return best.scale();
}

}  // namespace airframe
