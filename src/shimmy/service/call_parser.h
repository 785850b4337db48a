// CallParser: one or more tool calls, read while the model is still writing them. It looks at the text behind
// the mark that began it and takes nothing until the first call's name is sure, so that what turns out to be
// no call can still be shown as text.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "shimmy/service/chat_format.h"
#include "shimmy/service/json_scan.h"

namespace shimmy {

// The tools that may be called: name to its parameters' schema (null: none given).
using ToolSchemas = std::map<std::string, boost::json::value, std::less<>>;

// Where the calls go, in the order in which they are written.
class CallSink {
  public:
    virtual ~CallSink() = default;
    virtual void begin_call(std::string_view name) = 0;
    virtual void add_arguments(std::string_view json) = 0;
};

class CallParser {
  public:
    enum class Result : uint8_t { kMore, kDone, kNoCall };

    // All are borrowed.
    CallParser(const CallTrigger& trigger, const ToolSchemas& tools, CallSink& sink)
        : trigger_(trigger), tools_(tools), sink_(sink) {}

    // Takes from the front of `buffer` what it has understood. kNoCall: nothing was taken, there is no call
    // here. `is_end`: the model writes no more. The result is the same however the text is cut into pieces.
    Result feed(std::string& buffer, bool is_end);
    // With kDone: the words named kContentName; the text goes on behind them.
    bool was_content() const { return was_content_; }

  private:
    enum class State : uint8_t {
        kBegin,
        kObject,
        kHeader,
        kArguments,
        kTail,
        kNext,
        kKey,
        kValue,
        kPython,
        kTag
    };
    enum class Step : uint8_t { kAgain, kMore, kDone, kNoCall };

    Step step(std::string& buffer, bool is_end);
    Step begin(std::string& buffer, bool is_end);
    Step object(std::string& buffer, bool is_end);
    Step header(std::string& buffer, bool is_end);
    Step arguments(std::string& buffer, bool is_end);
    Step scalar_arguments(std::string& buffer, bool is_end);
    Step begin_json(const std::string& buffer, bool is_end);
    Step end_mark(std::string& buffer, bool is_end);
    Step code(std::string& buffer);
    bool take_call(std::string& buffer, size_t end, const std::string& name);
    Step tail(std::string& buffer, bool is_end);
    Step next(std::string& buffer, bool is_end);
    Step parameter_name(std::string& buffer, bool is_end);
    Step key(std::string& buffer, bool is_end);
    Step value(std::string& buffer, bool is_end);
    Step python(std::string& buffer, bool is_end);
    Step python_tag(std::string& buffer, bool is_end);

    Step no_call() const { return begun_ ? Step::kDone : Step::kNoCall; }
    void begin_call(std::string_view name);
    bool is_text_parameter(std::string_view name) const;

    const CallTrigger& trigger_;
    const ToolSchemas& tools_;
    CallSink& sink_;
    State state_ = State::kBegin;
    bool begun_ = false;  // a call has gone to the sink
    bool was_content_ = false;
    bool in_list_ = false;
    size_t offset_ = 0;  // into the buffer: looked at, not yet taken
    int depth_ = 0;      // objects around the arguments that are still open
    ValueStream stream_;
    bool streaming_ = false;
    const boost::json::value* schema_ = nullptr;  // of the parameters of the present call
    std::string key_;
    bool first_parameter_ = true, text_value_ = false, value_begun_ = false;
};

}  // namespace shimmy
