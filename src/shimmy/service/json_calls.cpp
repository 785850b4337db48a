#include "shimmy/service/json_calls.h"

#include <numeric>
#include <string_view>

#include "shimmy/service/call_header.h"

namespace shimmy {

using airframe::NodeKey;
using airframe::TextScan;
using std::string_view;
using Place = JsonCalls::Place;
using State = JsonCalls::State;

namespace {

constexpr string_view kSpace = " \t\r\n", kFence = "```";

// All bytes but these.
void other_bytes(TextScan& scan, State from, string_view bytes, State to) {
    for (uint32_t byte = 0; byte <= TextScan::kLastByte; ++byte) {
        const auto value = static_cast<uint8_t>(byte);
        if (bytes.find(static_cast<char>(byte)) == string_view::npos) scan.edge(from, value, value, to);
    }
}

std::vector<size_t> all_of(const CallRules& rules) {
    std::vector<size_t> tools(rules.size());
    std::iota(tools.begin(), tools.end(), 0);
    return tools;
}

}  // namespace

base::Result<void> JsonCalls::use_objects(Place from, const std::vector<size_t>& tools, Place to) {
    for (const size_t i : tools) {
        TRY(const NodeKey object, rules_.object(i));
        builder_.use(from, object, to);
    }
    return {};
}

base::Result<Place> JsonCalls::behind_object(const std::vector<size_t>& tools, bool in_list, const End& end) {
    const Place behind = builder_.place();
    Place closed = behind;
    if (in_list) {
        const Place at = rules_.add_spaces(behind);
        closed = builder_.text(at, "]");
        if (parallel_) {
            TRY_VOID(use_objects(rules_.add_spaces(builder_.text(at, ",")), tools, behind));
        }
    }
    if (!end.closing.empty()) closed = builder_.text(rules_.add_spaces(closed), end.closing);
    builder_.join(closed, end.to);
    return behind;
}

base::Result<void> JsonCalls::add(Place from, const std::vector<size_t>& tools, const End& end) {
    if (tools.empty()) return {};
    const Place at = rules_.add_spaces(from), list = rules_.add_spaces(builder_.text(at, "["));
    TRY(const Place alone, behind_object(tools, false, end));
    TRY_VOID(use_objects(at, tools, alone));
    TRY(const Place listed, behind_object(tools, true, end));
    return use_objects(list, tools, listed);
}

// Behind any of the keys, the colon, and white space.
template <size_t N>
State JsonCalls::behind_key(State object, const string_view (&keys)[N]) {
    const State key = scan_.state(), colon = scan_.state();
    for (const string_view each : keys) scan_.text(object, quoted_json(each), key);
    scan_.loop(key, kSpace);
    scan_.text(key, ":", colon);
    scan_.loop(colon, kSpace);
    return colon;
}

// From a value that is a string or a word, as the reader of calls skips them, to the next member.
void JsonCalls::skip_scalar(State value, State object) {
    const State string = scan_.state(), escaped = scan_.state(), behind = scan_.state();
    scan_.text(value, "\"", string);
    other_bytes(scan_, string, "\"\\", string);
    scan_.text(string, "\\", escaped);
    scan_.edge(escaped, 0, TextScan::kLastByte, string);
    scan_.text(string, "\"", behind);
    const State word = scan_.state();
    other_bytes(scan_, value, " \t\r\n,{}[]\"", word);
    other_bytes(scan_, word, " \t\r\n,}]", word);
    scan_.loop(behind, kSpace);
    for (const char c : kSpace) scan_.text(word, string_view(&c, 1), behind);
    for (const State at : {behind, word}) scan_.text(at, ",", object);
}

base::Result<void> JsonCalls::find_in(State object, bool in_list, const End& end) {
    scan_.loop(object, kSpace);
    scan_.loop(object, ",");
    scan_.refuse(behind_key(object, kCallArgumentKeys));
    scan_.refuse(scan_.text(behind_key(object, kCallListKeys), "["));
    const State names = behind_key(object, kCallNameKeys), wrapped = behind_key(object, kCallWrapperKeys);
    scan_.refuse(scan_.text(wrapped, "{"));
    const State name = scan_.text(names, "\""), other = scan_.state();
    scan_.text(wrapped, "\"", name);
    // An escape could spell a tool's name.
    other_bytes(scan_, name, "\"\\", other);
    other_bytes(scan_, other, "\"\\", other);
    for (const State at : {name, other}) scan_.refuse(scan_.text(at, "\\"));
    skip_scalar(behind_key(object, kOtherCallKeys), object);
    TRY(const Place behind, behind_object(all_of(rules_), in_list, end));
    for (size_t i = 0; i < rules_.size(); ++i) {
        const Place named = builder_.place();
        TRY(const NodeKey rest, rules_.object_rest(i));
        builder_.use(named, rest, behind);
        scan_.found(scan_.text(name, quoted_json(rules_.name(i)).substr(1)), named);
    }
    return {};
}

base::Result<void> JsonCalls::find_lists_too(State at, const End& end) {
    const State list = scan_.text(at, "[");
    scan_.loop(list, kSpace);
    TRY_VOID(find_in(scan_.text(at, "{"), false, end));
    return find_in(scan_.text(list, "{"), true, end);
}

base::Result<void> JsonCalls::find_at_start(State start, const End& end) {
    scan_.loop(start, kSpace);
    TRY_VOID(find_lists_too(start, end));
    const State fence = scan_.text(start, kFence);
    scan_.loop(fence, kSpace);
    scan_.text(fence, "json", fence);
    return find_lists_too(fence, {std::string(kFence), end.to});
}

}  // namespace shimmy
