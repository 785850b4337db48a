// Conversations brought into the form that a template takes. Pure functions.
#pragma once

#include <boost/json.hpp>

#include <string_view>

namespace airframe {

// Its "role" where that is a string, else empty; borrowed from the message. Two of them, because a
// json::value made from an object would be a copy that the view outlives.
inline std::string_view role_of(const boost::json::object& message) {
    const boost::json::value* role = message.if_contains("role");
    return role && role->is_string() ? std::string_view(role->get_string()) : std::string_view();
}
inline std::string_view role_of(const boost::json::value& message) {
    const boost::json::object* object = message.if_object();
    return object ? role_of(*object) : std::string_view();
}

// Content given as parts becomes one string; parts that are not text stay behind.
void join_content_parts(boost::json::object& message);
// Content given as a string becomes a list of one part.
void split_content(boost::json::object& message);
// Arguments of tool calls as an object, where they are text that holds one; or the other way.
void arguments_to_objects(boost::json::object& message);
void arguments_to_text(boost::json::object& message);
// Tool calls as the text {"name": …, "arguments": …}, a line each, behind the content.
void calls_to_text(boost::json::object& message);
// What a tool gave as a message of the user's.
void result_to_user(boost::json::object& message);
// A content of null as the empty text.
void null_to_empty(boost::json::object& message);

// The system texts moved to the beginning of the first user's turn; alone, they become one.
boost::json::array merge_system(const boost::json::array& messages);
// Neighbours of one role that carry only text become one message.
boost::json::array merge_neighbours(const boost::json::array& messages);

}  // namespace airframe
