// What string methods and filters share. Every result keeps the provenance of the bytes it is made of. One
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "airframe/text/jinja_machine.h"
#include "airframe/text/jinja_unicode.h"
#include "base/utf8.h"

namespace airframe::jinja {

// ---- reading parameters; `name` is for the error
int64_t integer_of(const Value& value, std::string_view name);
int64_t integer_or(const Value& value, int64_t fallback, std::string_view name);
// A string parameter; other kinds are an error. Reading costs steps by length.
Str string_of(Machine& machine, const Value& value, std::string_view name);
// Any value as text, as Jinja's filters take it.
Str text_of(Machine& machine, const Value& value);

// ---- searching, linear in the text whatever the pattern; npos when there is none
size_t find_bytes(std::string_view text, std::string_view pattern, size_t from = 0);
size_t rfind_bytes(std::string_view text, std::string_view pattern);

// ---- making strings
Str strip(Machine& machine, const Str& text, const Value& chars, bool left, bool right);
Str replace(Machine& machine, const Str& text, const Str& from, const Str& to, int64_t count_max);
Str to_upper(Machine& machine, const Str& text);
Str to_lower(Machine& machine, const Str& text);
Str capitalize(Machine& machine, const Str& text);
Str pad(Machine& machine, const Str& text, int64_t width, char align, const Str& fill);
std::vector<Str> split_lines(Machine& machine, const Str& text, bool keep_ends = false);
std::vector<Str> split_space(Machine& machine, const Str& text, int64_t count_max);
std::vector<Str> split_from_right(Machine& machine, const Str& text, const Str& separator, int64_t count_max);

// Lower case of the characters of one text, each at its place: the form of a sigma depends on its neighbours.
class LowerCase {
  public:
    explicit LowerCase(const Str& text);
    void append(std::u32string& out, char32_t c, size_t index) const;

  private:
    std::u32string whole_;  // only where there is a sigma
};

// Each character through f(character, index, out), which appends what it becomes.
template <class F>
Str map_characters(Machine& machine, const Str& text, F&& f) {
    TextBuilder out(machine.budget());
    machine.budget().step(static_cast<int64_t>(text.size() >> 3));
    std::u32string mapped;
    size_t index = 0;
    for_each_span(text, [&](std::string_view piece, bool untrusted) {
        std::string bytes;
        for (size_t at = 0; at < piece.size();) {
            mapped.clear();
            f(base::next_code_point(piece, at), index++, mapped);
            for (const char32_t c : mapped) base::append_utf8(bytes, c);
        }
        out.append(bytes, untrusted);
    });
    return out.finish();
}

}  // namespace airframe::jinja
