// What a call that throws leaves behind: an error of the one request it was made for.
#pragma once

#include <exception>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace airframe {

inline base::Error out_of_memory() {
    return {.code = base::ErrorCode::kOutOfMemory,
            .message = "There is not enough memory for this request.",
            .param = {},
            .detail = "out_of_memory"};
}

// An error thrown to where error_of() turns it back: the functions between know nothing of failing devices.
struct Fault : std::exception {
    explicit Fault(base::Error cause) : error(std::move(cause)) {}
    const char* what() const noexcept override { return error.message.c_str(); }
    base::Error error;
};

inline base::Error unloading() {
    return {.code = base::ErrorCode::kUnavailable,
            .message = "The model is being unloaded; try again.",
            .param = {},
            .detail = "shutting_down"};
}

// The error that a throwing call has left, or nothing.
template <class Call>
std::optional<base::Error> error_of(Call call) {
    try {
        call();
        return std::nullopt;
    } catch (const Fault& fault) {
        return fault.error;
    } catch (const std::bad_alloc&) {
        return out_of_memory();
    } catch (const std::exception& exception) {
        return base::Error{
            .code = base::ErrorCode::kInternal,
            .message = fmt::format("A fault inside the engine ended this request: {}", exception.what()),
            .param = {},
            .detail = "internal_error"};
    }
}

// The Result of a call; of one that throws, the error that it has left.
template <class Call>
std::invoke_result_t<Call> result_of(Call call) {
    std::optional<std::invoke_result_t<Call>> result;
    if (auto fault = error_of([&] { result = call(); })) return std::unexpected(*std::move(fault));
    return *std::move(result);
}

}  // namespace airframe
