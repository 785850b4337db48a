// What a template may use up: steps, memory, depth. And the way its room says that something went wrong.
//
// The interpreter's rooms throw Failure among themselves, since nearly every operation on a value can fail;
// jinja.cpp catches it at the border, and nothing thrown leaves airframe::jinja. One Budget belongs to one
// rendering (or one parse), on one thread.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace airframe::jinja {

struct Failure {
    enum class Kind : uint8_t {
        kTemplate,  // the template did something that Jinja objects to
        kRaised,    // the template called raise_exception
        kBudget,    // a limit was reached
    };
    Kind kind;
    std::string message;
};

template <class... Args>
[[noreturn]] void raise(fmt::format_string<Args...> format, Args&&... args) {
    throw Failure{Failure::Kind::kTemplate, fmt::format(format, std::forward<Args>(args)...)};
}

class Budget {
  public:
    // Nested calls of macros, nested expressions and nested values together; a level takes up to about 2 KB
    // of stack.
    static constexpr int kDepthMax = 1000;

    Budget(int64_t steps_max, size_t bytes_max)
        : steps_max_(steps_max), steps_left_(steps_max), bytes_max_(bytes_max), bytes_left_(bytes_max) {}
    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;

    void step(int64_t count = 1) {
        steps_left_ -= count;
        if (steps_left_ < 0) [[unlikely]]
            out_of_steps();
    }

    // Memory about to be allocated. Writing it costs time too: a step for every 256 bytes.
    void take(size_t bytes) {
        if (bytes > bytes_left_) [[unlikely]]
            out_of_memory();
        bytes_left_ -= bytes;
        step(static_cast<int64_t>(bytes >> 8));
    }
    void give_back(size_t bytes) noexcept { bytes_left_ += bytes; }

  private:
    friend class Depth;
    [[noreturn]] void out_of_steps() const {
        throw Failure{
            Failure::Kind::kBudget,
            fmt::format("the template takes more than its {} steps: it loops too long", steps_max_)};
    }
    [[noreturn]] void out_of_memory() const {
        throw Failure{
            Failure::Kind::kBudget,
            fmt::format("the template's values take more than their {} bytes of memory", bytes_max_)};
    }

    int64_t steps_max_, steps_left_;
    size_t bytes_max_, bytes_left_;
    int depth_ = 0;
};

// One level of nesting, for the life of this object.
class Depth {
  public:
    explicit Depth(Budget& budget) : budget_(budget) {
        if (budget_.depth_ >= Budget::kDepthMax) [[unlikely]]
            throw Failure{
                Failure::Kind::kBudget,
                fmt::format("nested more than {} levels deep: endless recursion?", Budget::kDepthMax)};
        ++budget_.depth_;
    }
    ~Depth() { --budget_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

  private:
    Budget& budget_;
};

}  // namespace airframe::jinja
