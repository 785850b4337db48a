#include "airframe/model/stages.h"

namespace airframe {

const Stage& Stages::at(uint8_t number) {
    const Stage& to = stages_[number];
    if (where_ && *where_ != number) {
        const Stage& from = stages_[*where_];
        const Rows& x = from.scratch.x;
        const auto n = static_cast<size_t>(x.rows * x.cols);
        if (hand_.size() < n) hand_.resize(n);
        const auto floats = std::span(hand_).first(n);
        from.backend->read(*x.buffer, 0, std::as_writable_bytes(floats));
        to.backend->write(*to.scratch.x.buffer, 0, std::as_bytes(floats));
    }
    where_ = number;
    return to;
}

}  // namespace airframe
