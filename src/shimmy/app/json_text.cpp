#include "shimmy/app/json_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

namespace shimmy {
namespace json = boost::json;
namespace {

bool is_flat(const json::array& array) {
    for (const json::value& element : array)
        if (element.is_structured()) return false;
    return true;
}

// Recursion is as deep as the documents that we build ourselves.
void write(const json::value& value, size_t indent, std::string& out) {
    const std::string inner(indent + 2, ' ');
    const auto begin_line = [&](bool first) { out += (first ? "\n" : ",\n") + inner; };
    if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
        out += '{';
        bool first = true;
        for (const auto& [key, member] : *object) {
            begin_line(std::exchange(first, false));
            out += json::serialize(json::string_view(key)) + ": ";
            write(member, indent + 2, out);
        }
        out += "\n" + std::string(indent, ' ') + '}';
    } else if (const json::array* array = value.if_array(); array != nullptr && !is_flat(*array)) {
        out += '[';
        bool first = true;
        for (const json::value& element : *array) {
            begin_line(std::exchange(first, false));
            write(element, indent + 2, out);
        }
        out += "\n" + std::string(indent, ' ') + ']';
    } else if (const double* number = value.if_double()) {
        out += fmt::format("{}", *number);  // as people write it; values here are finite
    } else {
        out += json::serialize(value);
    }
}

}  // namespace

std::string pretty_json(const json::value& value) {
    std::string out;
    write(value, 0, out);
    return out + "\n";
}

void print_json(const json::value& value) { fmt::print("{}", pretty_json(value)); }

}  // namespace shimmy
