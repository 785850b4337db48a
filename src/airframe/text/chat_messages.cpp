// Conversations brought into the form that a template takes. See chat_messages.h.
#include "airframe/text/chat_messages.h"

#include <string>

namespace airframe {
namespace json = boost::json;
namespace {

std::string text_of(const json::value& content) {
    if (content.is_string()) return std::string(content.get_string());
    const json::array* parts = content.if_array();
    std::string text;
    for (size_t i = 0; parts && i < parts->size(); ++i) {
        const json::object* part = (*parts)[i].if_object();
        const json::value* piece = part ? part->if_contains("text") : nullptr;
        if (!piece || !piece->is_string()) continue;
        if (!text.empty()) text += '\n';
        text += piece->get_string();
    }
    return text;
}

std::string content_text(const json::value& message) {
    const json::value* content = message.as_object().if_contains("content");
    return content ? text_of(*content) : std::string();
}

// Calls f(function) for each tool call of the message, as far as it is one.
template <class F>
void for_each_call(json::object& message, F&& f) {
    json::value* calls = message.if_contains("tool_calls");
    if (!calls || !calls->is_array()) return;
    for (json::value& call : calls->get_array()) {
        json::object* object = call.if_object();
        json::value* function = object ? object->if_contains("function") : nullptr;
        json::object* inner = function ? function->if_object() : object;
        if (inner) f(*inner);
    }
}

// Calls f(arguments) for each tool call that has some.
template <class F>
void for_each_arguments(json::object& message, F&& f) {
    for_each_call(message, [&](json::object& function) {
        if (json::value* arguments = function.if_contains("arguments")) f(*arguments);
    });
}

bool carries_only_text(const json::value& message) {
    if (!message.is_object()) return false;
    for (const auto& [key, value] : message.get_object()) {
        if (key != "role" && key != "content" && key != "name" && !value.is_null()) return false;
    }
    const std::string_view role = role_of(message);
    return role == "user" || role == "assistant" || role == "system";
}

std::string joined(const std::string& first, const std::string& second) {
    return first.empty() || second.empty() ? first + second : first + "\n\n" + second;
}

}  // namespace

void join_content_parts(json::object& message) {
    json::value* content = message.if_contains("content");
    if (content && content->is_array()) *content = text_of(*content);
}

void split_content(json::object& message) {
    json::value* content = message.if_contains("content");
    if (!content || !content->is_string()) return;
    json::object part{{"type", "text"}, {"text", content->get_string()}};
    *content = json::array{std::move(part)};
}

void arguments_to_objects(json::object& message) {
    for_each_arguments(message, [](json::value& arguments) {
        if (!arguments.is_string()) return;
        boost::system::error_code error;
        json::value parsed = json::parse(arguments.get_string(), error);
        if (!error && parsed.is_object()) arguments = std::move(parsed);
    });
}

void arguments_to_text(json::object& message) {
    for_each_arguments(message, [](json::value& arguments) {
        if (!arguments.is_string()) arguments = json::serialize(arguments);
    });
}

void calls_to_text(json::object& message) {
    arguments_to_objects(message);
    std::string text = message.contains("content") ? text_of(message["content"]) : std::string();
    size_t calls = 0;
    for_each_call(message, [&](const json::object& function) {
        json::object call;
        for (const char* key : {"name", "arguments"}) {
            if (const json::value* value = function.if_contains(key)) call[key] = *value;
        }
        if (!text.empty()) text += '\n';
        text += json::serialize(call);
        ++calls;
    });
    if (calls == 0) return;
    message["content"] = text;
    message.erase("tool_calls");
}

void result_to_user(json::object& message) {
    const std::string_view role = role_of(message);
    if (role != "tool" && role != "function") return;
    message["role"] = "user";
    message.erase("tool_call_id");
}

void null_to_empty(json::object& message) {
    json::value* content = message.if_contains("content");
    if (content && content->is_null()) *content = "";
}

json::array merge_system(const json::array& messages) {
    std::string system;
    json::array out;
    for (const json::value& message : messages) {
        if (role_of(message) == "system")
            system = joined(system, content_text(message));
        else
            out.push_back(message);
    }
    if (system.empty()) return out;
    for (json::value& message : out) {
        if (role_of(message) != "user") continue;
        json::object& object = message.get_object();
        object["content"] = joined(system, content_text(message));
        return out;
    }
    out.insert(out.begin(), json::object{{"role", "user"}, {"content", system}});
    return out;
}

json::array merge_neighbours(const json::array& messages) {
    json::array out;
    for (const json::value& message : messages) {
        const bool joins = !out.empty() && carries_only_text(message) && carries_only_text(out.back()) &&
                           role_of(message) == role_of(out.back());
        if (!joins) {
            out.push_back(message);
            continue;
        }
        const std::string text = joined(content_text(out.back()), content_text(message));
        out.back().get_object()["content"] = text;
    }
    return out;
}

}  // namespace airframe
