// Result<T>: a value or an Error. Bad input and scarcity are ordinary values; bugs are CHECKs (check.h).
//
//   Result<GgufFile> open(path);
//   TRY(auto file, GgufFile::open(path));       // returns the error to the caller, or binds the value
//   return fail(ErrorCode::kNotFound, "no such file: {}", path);
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <utility>

namespace base {

// What kind of failure: decides exit code and HTTP status (shimmy/api holds that table), never the wording.
enum class ErrorCode {
    kInvalidArgument,  // a value of the caller is out of its range or of the wrong kind
    kBadFile,          // a file's content is damaged or contradicts itself
    kUnsupported,      // sound, but something we do not do
    kNotFound,         // file, model, route
    kContextLength,    // prompt (plus output) does not fit the context
    kQueueFull,        // try again later
    kOutOfMemory,      // does not fit the memory budget
    kUnavailable,      // loading, draining
    kDeadline,         // ran out of its time
    kCancelled,        // the caller went away
    kNumeric,          // NaN or infinity where a number must be
    kIo,               // the operating system said no
    kInternal,         // a fault of ours, contained
};

// A failure told to a person: what, where, the offending value and what to do.
struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string message;
    std::string param;   // the request field, metadata key or option at fault; may be empty
    std::string detail;  // a stable machine-readable code such as "context_length_exceeded"; may be empty
};

template <class T>
using Result = std::expected<T, Error>;

// Makes the error branch of a Result with a formatted message.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format,
                                          Args&&... args) {
    return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...), {}, {}});
}

}  // namespace base

#define BASE_CONCAT_INNER(a, b) a##b
#define BASE_CONCAT(a, b) BASE_CONCAT_INNER(a, b)
// TRY(declaration, expression): binds the value of a Result or returns its error from this function.
#define TRY(declaration, ...) TRY_IMPL(BASE_CONCAT(try_result_, __LINE__), declaration, __VA_ARGS__)
#define TRY_IMPL(temporary, declaration, ...)                             \
    auto temporary = (__VA_ARGS__);                                       \
    if (!temporary) return std::unexpected(std::move(temporary).error()); \
    declaration = *std::move(temporary)
// TRY_VOID(expression): returns the error of a Result<void>, else goes on.
#define TRY_VOID(...)                                                                                      \
    do {                                                                                                   \
        if (auto try_void = (__VA_ARGS__); !try_void) return std::unexpected(std::move(try_void).error()); \
    } while (0)
