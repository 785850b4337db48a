// JsonWriter: JSON text straight into a string, without a tree in between. Commas are its business, nesting
// the caller's.
//
//   JsonWriter json(out);
//   json.begin_object().key("id").value(id).key("usage").null().end_object();
// REQUIRES: keys need no escaping; strings are UTF-8 (broken bytes become U+FFFD); numbers are finite.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace shimmy {

void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
  public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& any_key(std::string_view name);  // from outside: escaped

    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
    // The shortest form that reads back the same, as a number of its type.
    JsonWriter& value(double number) { return number_value(number); }
    JsonWriter& value(float number) { return number_value(number); }
    template <std::integral T>
    JsonWriter& value(T number) {
        return raw(std::to_string(number));
    }
    JsonWriter& null() { return raw("null"); }
    JsonWriter& raw(std::string_view json);  // one finished JSON value

  private:
    template <std::floating_point T>
    JsonWriter& number_value(T number);
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string& out_;
    bool comma_ = false;
};

}  // namespace shimmy
