// Pretokenizer: cuts a text into the pieces that merging never crosses, by the patterns of
// pretokenizer_table.h, compiled once to machine code (PCRE2 JIT). Immutable; any thread. Time is linear in
// the text for every known pattern.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "airframe/text/pretokenizer_table.h"

namespace airframe {

class Pretokenizer {
  public:
    explicit Pretokenizer(const PretokenizerSpec& spec);
    Pretokenizer(Pretokenizer&&) noexcept;
    Pretokenizer& operator=(Pretokenizer&&) noexcept;
    ~Pretokenizer();

    // Calls `sink(piece)` for every piece in order; together the pieces are the text. REQUIRES: `text` is
    // valid UTF-8.
    template <class Sink>
    void split(std::string_view text, Sink&& sink) const {
        split_erased(text,
                     {[](void* context, std::string_view piece) { (*static_cast<Sink*>(context))(piece); },
                      const_cast<void*>(static_cast<const void*>(&sink))});
    }

  private:
    struct Step;
    struct Search;
    struct PieceSink {
        void (*call)(void*, std::string_view);
        void* context;
        void operator()(std::string_view piece) const { call(context, piece); }
    };
    void split_erased(std::string_view text, PieceSink sink) const;
    void apply(size_t step, std::string_view text, Search& search, PieceSink sink) const;

    std::vector<Step> steps_;
};

}  // namespace airframe
