// Strings of the template language. A Str is immutable, shared by reference count, and knows which of its
// bytes came from outside (`untrusted`). Everything that makes a string from others goes through TextBuilder
// or Str::slice, so that this knowledge is carried along. Str values of one rendering stay on its thread; the
// constants of a parsed template are shared between threads and are never counted ("immortal").
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "airframe/text/jinja_budget.h"
#include "airframe/text/tokenizer.h"

namespace airframe::jinja {

struct StrRep;

class Str {
  public:
    Str() = default;  // empty
    Str(const Str& other) noexcept : rep_(other.rep_) { retain(); }
    Str(Str&& other) noexcept : rep_(std::exchange(other.rep_, nullptr)) {}
    Str& operator=(Str other) noexcept {
        std::swap(rep_, other.rep_);
        return *this;
    }
    ~Str() { release(); }

    static Str make(Budget& budget, std::string_view text, bool untrusted = false);

    std::string_view view() const noexcept;
    size_t size() const noexcept { return view().size(); }
    bool empty() const noexcept { return size() == 0; }
    int64_t length() const;  // in code points
    bool is_ascii() const { return length() == static_cast<int64_t>(size()); }
    // Byte offset of the code point `index`. REQUIRES: 0 <= index <= length().
    size_t offset_of(Budget& budget, int64_t index) const;

    const std::vector<ByteRange>& untrusted() const noexcept;  // ascending, disjoint, never touching
    bool any_untrusted() const noexcept { return !untrusted().empty(); }

    // Bytes [begin, end), with their provenance.
    Str slice(Budget& budget, size_t begin, size_t end) const;
    // The same text, all of it from outside.
    Str as_untrusted(Budget& budget) const;

    StrRep* rep() const noexcept { return rep_; }
    StrRep* detach() noexcept { return std::exchange(rep_, nullptr); }
    static Str adopt(StrRep* rep) noexcept {
        Str out;
        out.rep_ = rep;
        return out;
    }

  private:
    void retain() const noexcept;
    void release() noexcept;
    StrRep* rep_ = nullptr;
};

// The shared body of a string.
struct StrRep {
    uint32_t references = 1;
    bool immortal = false;
    Budget* budget = nullptr;
    size_t charged_bytes = 0;
    std::string bytes;
    std::vector<ByteRange> untrusted;
    mutable int64_t length = -1;  // code points; -1: not counted yet
    // Where the last look-up by code point ended: walking through a string by index stays linear.
    mutable int64_t cursor_index = 0;
    mutable size_t cursor_offset = 0;
};

inline std::string_view Str::view() const noexcept {
    return rep_ ? std::string_view(rep_->bytes) : std::string_view();
}
inline void Str::retain() const noexcept {
    if (rep_ && !rep_->immortal) ++rep_->references;
}

// Calls f(piece, untrusted) for the bytes [begin, end) cut where provenance changes.
template <class F>
void for_each_span(const Str& text, size_t begin, size_t end, F&& f) {
    const auto& ranges = text.untrusted();
    auto range = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                  [](size_t at, const ByteRange& r) { return at < r.end; });
    const std::string_view bytes = text.view();
    size_t at = begin;
    for (; range != ranges.end() && range->begin < end; ++range) {
        if (range->begin > at) f(bytes.substr(at, range->begin - at), false);
        at = std::max(at, range->begin);
        const size_t stop = std::min(range->end, end);
        f(bytes.substr(at, stop - at), true);
        at = stop;
    }
    if (at < end) f(bytes.substr(at, end - at), false);
}

template <class F>
void for_each_span(const Str& text, F&& f) {
    for_each_span(text, 0, text.size(), std::forward<F>(f));
}

// A string under construction.
class TextBuilder {
  public:
    explicit TextBuilder(Budget& budget, size_t bytes_max = SIZE_MAX)
        : budget_(budget), bytes_max_(bytes_max) {}
    ~TextBuilder() { budget_.give_back(charged_bytes_); }
    TextBuilder(const TextBuilder&) = delete;
    TextBuilder& operator=(const TextBuilder&) = delete;

    void append(std::string_view text, bool untrusted = false);
    void append(const Str& text);
    void append(const Str& text, size_t begin, size_t end);
    void append_code_point(char32_t code_point, bool untrusted);
    // `count` times the same text.
    void repeat(const Str& text, int64_t count);
    void fill(char c, int64_t count);

    size_t size() const noexcept { return text_.size(); }
    std::string_view view() const noexcept { return text_; }
    Str finish();
    // Hands out the text and its untrusted ranges.
    std::pair<std::string, std::vector<ByteRange>> take();

  private:
    void grow(size_t bytes, size_t ranges = 0);
    void mark(size_t begin, size_t end);

    Budget& budget_;
    size_t bytes_max_;
    size_t charged_bytes_ = 0;
    std::string text_;
    std::vector<ByteRange> untrusted_;
};

// The constant strings of a parsed template; they live as long as it does.
class Constants {
  public:
    Str add(std::string text);

  private:
    std::vector<std::unique_ptr<StrRep>> reps_;
};

}  // namespace airframe::jinja
