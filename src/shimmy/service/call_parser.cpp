#include "shimmy/service/call_parser.h"

#include <algorithm>
#include <iterator>

#include "shimmy/service/call_header.h"
#include "shimmy/service/python_call.h"

namespace shimmy {

namespace json = boost::json;
using std::string_view;

namespace {

constexpr size_t kHeaderBytesMax = 256;  // of the words that hold a name
constexpr string_view kFence = "```";
constexpr string_view kFenceWord = "json";

}  // namespace

CallParser::Result CallParser::feed(std::string& buffer, bool is_end) {
    for (;;) {
        switch (step(buffer, is_end)) {
            case Step::kAgain:
                break;
            case Step::kMore:
                if (!is_end) return Result::kMore;
                if (!begun_) return Result::kNoCall;
                buffer.clear();  // a call that was broken off
                return Result::kDone;
            case Step::kDone:
                return Result::kDone;
            case Step::kNoCall:
                return Result::kNoCall;
        }
    }
}

CallParser::Step CallParser::step(std::string& buffer, bool is_end) {
    switch (state_) {
        case State::kBegin:
            return begin(buffer, is_end);
        case State::kObject:
            return object(buffer, is_end);
        case State::kHeader:
            return trigger_.syntax == CallSyntax::kParameters ? parameter_name(buffer, is_end)
                                                              : header(buffer, is_end);
        case State::kArguments:
            return arguments(buffer, is_end);
        case State::kTail:
            return tail(buffer, is_end);
        case State::kNext:
            return next(buffer, is_end);
        case State::kKey:
            return key(buffer, is_end);
        case State::kValue:
            return value(buffer, is_end);
        case State::kPython:
            return python(buffer, is_end);
        case State::kTag:
            return python_tag(buffer, is_end);
    }
    return no_call();
}

void CallParser::begin_call(string_view name) {
    begun_ = true;
    const auto tool = tools_.find(name);
    schema_ = tool == tools_.end() ? nullptr : &tool->second;
    sink_.begin_call(name);
}

CallParser::Step CallParser::begin(std::string& buffer, bool is_end) {
    const size_t at = skip_space(buffer, 0);
    if (at == buffer.size()) return Step::kMore;
    const bool is_json = buffer[at] == '{' || buffer[at] == '[';
    switch (trigger_.syntax) {
        case CallSyntax::kJson:
            return begin_json(buffer, is_end);
        case CallSyntax::kNamed:
            if (is_json && trigger_.header_end.empty()) return begin_json(buffer, is_end);
            offset_ = at;
            state_ = State::kHeader;
            return Step::kAgain;
        case CallSyntax::kParameters:
            if (buffer[at] == '{') return begin_json(buffer, is_end);
            offset_ = at;
            state_ = State::kHeader;
            return Step::kAgain;
        case CallSyntax::kPython:
            if (buffer[at] == '{') return begin_json(buffer, is_end);
            if (buffer[at] != '[') return no_call();
            in_list_ = true;
            offset_ = at + 1;
            state_ = State::kPython;
            return Step::kAgain;
        case CallSyntax::kPythonTag:
            if (is_json) return begin_json(buffer, is_end);
            offset_ = at;
            state_ = State::kTag;
            return Step::kAgain;
    }
    return no_call();
}

CallParser::Step CallParser::begin_json(const std::string& buffer, bool is_end) {
    size_t at = skip_space(buffer, 0);
    const auto rest = [&] { return string_view(buffer).substr(at); };
    if (may_become(rest(), "```json")) return is_end ? no_call() : Step::kMore;
    if (rest().starts_with(kFence)) at += kFence.size();
    if (rest().starts_with(kFenceWord)) at += kFenceWord.size();
    at = skip_space(buffer, at);
    if (at == buffer.size()) return Step::kMore;
    if (buffer[at] == '[') {
        in_list_ = true;
        at = skip_space(buffer, at + 1);
        if (at == buffer.size()) return Step::kMore;
    }
    if (buffer[at] != '{') return no_call();
    offset_ = at;
    state_ = State::kObject;
    return Step::kAgain;
}

// Takes everything up to `end`, where a call with this name begins; false when no tool has the name.
bool CallParser::take_call(std::string& buffer, size_t end, const std::string& name) {
    if (!tools_.contains(name)) return false;
    buffer.erase(0, end);
    offset_ = 0;
    begin_call(name);
    return true;
}

CallParser::Step CallParser::object(std::string& buffer, bool) {
    CallHeader header = read_call_header(string_view(buffer).substr(offset_));
    const size_t end = offset_ + header.at;
    switch (header.kind) {
        case CallHeader::Kind::kMore:
            return Step::kMore;
        case CallHeader::Kind::kNoCall:
            return no_call();
        case CallHeader::Kind::kOpen:
            if (!take_call(buffer, end, header.name)) return no_call();
            depth_ = header.depth;
            state_ = State::kArguments;
            return Step::kAgain;
        case CallHeader::Kind::kWhole:
            if (!take_call(buffer, end, header.name)) return no_call();
            sink_.add_arguments(header.arguments);
            state_ = State::kNext;
            return Step::kAgain;
        case CallHeader::Kind::kList: {
            const size_t at = skip_space(buffer, end);
            if (at == buffer.size()) return Step::kMore;
            if (buffer[at] != '{') return no_call();
            in_list_ = true;
            offset_ = at;
            return Step::kAgain;
        }
    }
    return no_call();
}

CallParser::Step CallParser::header(std::string& buffer, bool) {
    const bool ends_itself = !trigger_.header_end.empty();
    const size_t end = buffer.find(ends_itself ? trigger_.header_end : string_view("{"), offset_);
    if (end == std::string::npos) {
        return buffer.size() - offset_ > kHeaderBytesMax ? no_call() : Step::kMore;
    }
    const size_t behind = ends_itself ? end + trigger_.header_end.size() : end;
    const string_view words = string_view(buffer).substr(offset_, end - offset_);
    const std::string name(trigger_.name(words));
    if (name == kContentName && ends_itself) {
        buffer.erase(0, behind);
        was_content_ = true;
        return Step::kDone;
    }
    if (words.size() > kHeaderBytesMax || !take_call(buffer, behind, name)) return no_call();
    depth_ = 0;
    state_ = State::kArguments;
    return Step::kAgain;
}

CallParser::Step CallParser::arguments(std::string& buffer, bool is_end) {
    if (!streaming_) {
        buffer.erase(0, skip_space(buffer, 0));
        if (buffer.empty()) return Step::kMore;
        if (buffer[0] != '{' && buffer[0] != '[') return scalar_arguments(buffer, is_end);
        stream_ = {};
        streaming_ = true;
    }
    std::string out;
    buffer.erase(0, stream_.take(buffer, out));
    if (!out.empty()) sink_.add_arguments(out);
    if (!stream_.done()) return Step::kMore;
    streaming_ = false;
    state_ = State::kTail;
    return Step::kAgain;
}

// A string that holds the JSON, null, or nothing at all.
CallParser::Step CallParser::scalar_arguments(std::string& buffer, bool is_end) {
    const ScanResult found = scan_value(buffer, 0, is_end);
    if (found.state == Scan::kMore) return Step::kMore;
    const bool is_value = found.state == Scan::kOk && depth_ > 0;
    sink_.add_arguments(is_value ? plain_arguments(string_view(buffer).substr(0, found.end)) : "{}");
    if (is_value) buffer.erase(0, found.end);
    state_ = State::kTail;
    return Step::kAgain;
}

// The rest of the objects around the arguments.
CallParser::Step CallParser::tail(std::string& buffer, bool is_end) {
    while (depth_ > 0) {
        buffer.erase(0, skip_space(buffer, 0));
        if (buffer.empty()) return Step::kMore;
        if (buffer[0] == '}') {
            buffer.erase(0, 1);
            --depth_;
            continue;
        }
        if (buffer[0] != ',') break;
        const size_t key_begin = skip_space(buffer, 1);
        const ScanResult key = scan_value(buffer, key_begin, is_end);
        if (key.state != Scan::kOk) return key.state == Scan::kMore ? Step::kMore : no_call();
        const size_t colon = skip_space(buffer, key.end);
        if (colon >= buffer.size()) return Step::kMore;
        if (buffer[colon] != ':') break;
        const ScanResult member = scan_value(buffer, skip_space(buffer, colon + 1), is_end);
        if (member.state != Scan::kOk) return member.state == Scan::kMore ? Step::kMore : no_call();
        buffer.erase(0, member.end);
    }
    depth_ = 0;
    state_ = State::kNext;
    return Step::kAgain;
}

// Another call of the same list, or the end.
CallParser::Step CallParser::next(std::string& buffer, bool is_end) {
    buffer.erase(0, skip_space(buffer, 0));
    if (buffer.empty()) return Step::kMore;
    if (!in_list_) return end_mark(buffer, is_end);
    if (buffer[0] == ']') {
        buffer.erase(0, 1);
        in_list_ = false;
        return Step::kAgain;
    }
    if (buffer[0] != ',') return Step::kDone;
    const size_t at = skip_space(buffer, 1);
    if (at == buffer.size()) return Step::kMore;
    offset_ = at;
    state_ = trigger_.syntax == CallSyntax::kPython ? State::kPython : State::kObject;
    if (state_ == State::kObject && buffer[at] != '{') return Step::kDone;
    return Step::kAgain;
}

CallParser::Step CallParser::end_mark(std::string& buffer, bool is_end) {
    const string_view rest(buffer);
    const string_view mark = trigger_.end;
    if (!mark.empty() && rest.starts_with(mark)) {
        buffer.erase(0, mark.size());
        return Step::kDone;
    }
    if (!is_end && (may_become(rest, mark) || may_become(rest, kFence))) return Step::kMore;
    if (rest.starts_with(kFence)) {
        buffer.erase(0, kFence.size());
        return Step::kAgain;
    }
    // What remains open of {"tool_calls": [...]}, and what some models write between their calls.
    if (rest[0] == '}' || rest[0] == ';') {
        buffer.erase(0, 1);
        return Step::kAgain;
    }
    const bool more_objects =
        trigger_.syntax == CallSyntax::kJson || trigger_.syntax == CallSyntax::kPythonTag;
    if (rest[0] != '{' || !more_objects) return Step::kDone;
    offset_ = 0;
    state_ = State::kObject;
    return Step::kAgain;
}

CallParser::Step CallParser::python(std::string& buffer, bool) {
    const PythonCall call = read_python_call(string_view(buffer).substr(offset_));
    if (call.state == Scan::kMore) return Step::kMore;
    if (call.state == Scan::kBad || !take_call(buffer, offset_ + call.end, call.name)) return no_call();
    sink_.add_arguments(call.arguments);
    state_ = State::kNext;
    return Step::kAgain;
}

CallParser::Step CallParser::python_tag(std::string& buffer, bool is_end) {
    const PythonCall call = read_python_call(string_view(buffer).substr(offset_));
    if (call.state == Scan::kOk && take_call(buffer, offset_ + call.end, call.name)) {
        sink_.add_arguments(call.arguments);
        state_ = State::kNext;
        return Step::kAgain;
    }
    const bool is_code =
        std::ranges::any_of(kCodeTools, [this](string_view name) { return tools_.contains(name); });
    if (call.state == Scan::kBad && !is_code) return no_call();
    return is_end ? code(buffer) : Step::kMore;
}

// All of the text is a program for the tool that runs programs.
CallParser::Step CallParser::code(std::string& buffer) {
    const auto* tool =
        std::ranges::find_if(kCodeTools, [this](string_view name) { return tools_.contains(name); });
    if (tool == std::end(kCodeTools)) return no_call();
    begin_call(*tool);
    sink_.add_arguments("{\"code\": " + quoted_json(string_view(buffer).substr(offset_)) + "}");
    buffer.clear();
    return Step::kDone;
}

}  // namespace shimmy
