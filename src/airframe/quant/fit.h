// Finding the scale (and offset) with which whole numbers stand best for a group of weights: the heart of
// every encoder that searches. Best means the least weighted squared error over a fixed set of candidates;
// each candidate's numbers get the scale that suits them best. Pure functions, any thread. NaN and infinity
// give some fit.
#pragma once

#include <span>

namespace airframe {

// Whole numbers from low to high.
struct Levels {
    float low;
    float high;
};

// The nearest whole number within the levels, halves upwards; NaN gives the lowest.
inline float nearest_level(float value, Levels levels) {
    const float bounded = value > levels.low ? (value < levels.high ? value : levels.high) : levels.low;
    return static_cast<float>(static_cast<int>(bounded - levels.low + 0.5f)) + levels.low;
}

// The element of the largest magnitude, with its sign; the first of equals.
float peak_of(std::span<const float> x);

// x ~ scale * q with q in `levels`, which reach one further below 0 than above. The scale may be negative.
float fit_scale(std::span<const float> x, std::span<const float> weights, Levels levels);

// x ~ scale * q - min with q from 0 to q_max; scale and min are not negative.
struct ScaleAndMin {
    float scale;
    float min;
};
ScaleAndMin fit_scale_and_min(std::span<const float> x, std::span<const float> weights, float q_max);

// x ~ scale * kIq4Values[q].
float fit_iq4_scale(std::span<const float> x, std::span<const float> weights);
// The place in kIq4Values that is nearest to the value.
int nearest_iq4(float value);

}  // namespace airframe
