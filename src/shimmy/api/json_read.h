// Reading JSON from outside: strict parsing, and fields with their ranges and their path in every error.
//
//   TRY(auto root, parse_json_object(body));
//   Fields fields(root, "");
//   TRY(auto n, fields.integer("n", 1, 128));        // nothing when absent or null
// Boost.JSON's exceptions and texts end in these files.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shimmy {

// Refuses what RFC 8259 refuses, and further: byte order marks, invalid UTF-8, lone surrogates, numbers
// beyond a double, an object with the same key twice, nesting deeper than 256. Errors: kInvalidArgument,
// detail "invalid_json", with line and column.
base::Result<boost::json::object> parse_json_object(std::string_view text);

// The error for a field with a value of the wrong kind or range; `path` as "messages[2].content".
base::Error bad_type(std::string path, std::string_view expected, const boost::json::value& found);
base::Error bad_value(std::string path, std::string message);
base::Error missing(std::string path, std::string_view what);

// One object's fields. null counts as absent. Borrows the object.
class Fields {
  public:
    Fields(const boost::json::object& object, std::string path) : object_(object), path_(std::move(path)) {}

    // Null when absent.
    const boost::json::value* find(std::string_view key) const;
    std::string path_of(std::string_view key) const;

    base::Result<std::optional<bool>> boolean(std::string_view key) const;
    base::Result<std::optional<int64_t>> integer(std::string_view key, int64_t low, int64_t high) const;
    base::Result<std::optional<double>> number(std::string_view key, double low, double high) const;
    base::Result<std::optional<std::string_view>> string(std::string_view key) const;
    base::Result<const boost::json::array*> array(std::string_view key) const;    // null when absent
    base::Result<const boost::json::object*> object(std::string_view key) const;  // null when absent

  private:
    const boost::json::object& object_;
    std::string path_;
};

}  // namespace shimmy
