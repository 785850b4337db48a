#include "shimmy/service/marked_calls.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "airframe/text/text_scan.h"
#include "airframe/text/token_trie.h"
#include "shimmy/service/call_grammar.h"
#include "shimmy/service/json_calls.h"

namespace shimmy {

using airframe::GrammarBuilder;
using airframe::NodeKey;
using airframe::TextScan;
using std::string_view;
using Place = GrammarBuilder::Place;
using State = TextScan::State;

namespace {

constexpr string_view kSpace = " \t\r\n";
// get_time.call(city="Paris"), behind a tag.
constexpr CallWriting kTagWriting = {.before_arguments = ".call(",
                                     .after = ")",
                                     .arguments = ArgumentSyntax::kPython,
                                     .value_begin = "=",
                                     .parameter_separator = ", "};

bool is_control(string_view spelled) { return spelled.starts_with(airframe::TokenTrie::kControlByte); }

// Objects of JSON may follow each other where no mark ends them.
bool has_more_objects(const CallTrigger& trigger) {
    return trigger.end.empty() &&
           (trigger.syntax == CallSyntax::kJson || trigger.syntax == CallSyntax::kPythonTag);
}

class MarkedCalls {
  public:
    MarkedCalls(GrammarBuilder& builder, const ChatPlan& plan, const Spell& spell)
        : builder_(builder),
          plan_(plan),
          format_(*plan.output.format),
          spell_(spell),
          scan_(builder, {.may_end = true}),
          rules_(builder, plan, spell),
          block_(builder, plan, rules_, spell),
          json_(builder, scan_, rules_, plan.calls.parallel) {
        for (size_t i = 0; i < rules_.size(); ++i)
            if (!rules_.can_write(i, format_.writing)) unwritten_.push_back(i);
    }

    base::Result<Place> add() {
        const State more = scan_.state();
        scan_.loop(more, " \t\r\n;}`");
        end_ = builder_.place();
        builder_.accept(end_);
        text_ = plan_.calls.parallel ? scan_.place({}) : end_;
        more_ = plan_.calls.parallel ? scan_.place({more}) : end_;
        if (std::ranges::any_of(format_.triggers, has_more_objects)) {
            TRY_VOID(json_.find(scan_.text(more, "{"), {"", more_}));
        }
        allow_marks();
        for (const CallTrigger& trigger : format_.triggers) TRY_VOID(add_trigger(trigger));
        TRY_VOID(add_opening());
        const Place start = begin();
        scan_.finish();
        return start;
    }

  private:
    // Control tokens that begin no call by themselves.
    void allow_marks() {
        std::vector<string_view> marks(format_.dropped.begin(), format_.dropped.end());
        marks.insert(marks.end(), format_.tokens.begin(), format_.tokens.end());
        marks.insert(marks.end(), {plan_.output.think.begin, plan_.output.think.end});
        for (const CallTrigger& trigger : format_.triggers)
            if (!trigger.header_end.empty()) marks.insert(marks.end(), {trigger.begin, trigger.header_end});
        for (const string_view mark : marks) {
            const std::string spelled = spell_(mark);
            if (is_control(spelled)) scan_.text(TextScan::kAnywhere, spelled, TextScan::kAnywhere);
        }
    }

    Place behind(const CallTrigger& trigger) const { return has_more_objects(trigger) ? more_ : text_; }

    base::Result<void> add_trigger(const CallTrigger& trigger) {
        const bool at_start = trigger.begin.empty();
        const State at = at_start ? scan_.state() : scan_.text(TextScan::kAnywhere, spell_(trigger.begin));
        if (at_start) starts_.push_back(at);
        if (!trigger.header_end.empty()) return find_names(at, trigger);
        if (at_start && trigger.syntax == CallSyntax::kPython) return find_python(at);
        if (at_start) return json_.find_at_start(at, {"", behind(trigger)});
        const Place opened = builder_.place();
        scan_.found(at, opened);
        return open(opened, trigger);
    }

    // A name, then the mark behind it. What else stands before the mark makes the words no name, unless they
    // begin with one.
    base::Result<void> find_names(State at, const CallTrigger& trigger) {
        const std::string end = spell_(trigger.header_end);
        scan_.loop(at, kSpace);
        const State junk = scan_.state();
        scan_.edge(junk, 0, TextScan::kLastByte, junk);
        scan_.refuse(scan_.text(junk, end));
        for (size_t i = 0; i < rules_.size(); ++i) {
            const State named = scan_.text(at, rules_.name(i));
            scan_.loop(named, kSpace);
            for (const char c : string_view("\n>")) scan_.text(named, string_view(&c, 1), junk);
            const Place arguments = builder_.place();
            scan_.found(scan_.text(named, end), arguments);
            TRY(const NodeKey rule, rules_.arguments(i));
            builder_.use(rules_.add_spaces(arguments), rule, behind(trigger));
        }
        return {};
    }

    base::Result<void> find_python(State at) {
        scan_.loop(at, kSpace);
        const State list = scan_.text(at, "[");
        scan_.loop(list, kSpace);
        TRY(const Place next, block_.behind_call(text_));
        for (size_t i = 0; i < rules_.size(); ++i) {
            const State named = scan_.text(list, rules_.name(i)), opened = scan_.text(named, "(");
            scan_.text(named, ".call(", opened);
            if (!rules_.can_write(i, format_.writing)) {
                scan_.refuse(opened);
                continue;
            }
            const Place arguments = builder_.place();
            scan_.found(opened, arguments);
            TRY(const NodeKey rest, rules_.call_rest(i, format_.writing));
            builder_.use(arguments, rest, next);
        }
        return json_.find(scan_.text(at, "{"), {"", text_});
    }

    // Behind a mark only calls may stand.
    base::Result<void> open(Place opened, const CallTrigger& trigger) {
        const CallWriting& writing = format_.writing;
        const Place to = behind(trigger);
        const std::string first = std::string(writing.prefix) + std::string(writing.before_name);
        const size_t at = first.find(trigger.begin);
        if (at != std::string::npos) {
            TRY_VOID(block_.add(opened, to, at + trigger.begin.size()));
        } else if (trigger.syntax == CallSyntax::kPython) {
            const Place ended = builder_.place();
            TRY_VOID(block_.add(opened, ended));
            builder_.join(ended, to);
            builder_.join(builder_.text(ended, spell_(trigger.end)), to);
        }
        if (trigger.syntax == CallSyntax::kPythonTag) TRY_VOID(add_tagged(opened, to));
        return add_objects(opened, trigger);
    }

    base::Result<void> add_objects(Place opened, const CallTrigger& trigger) {
        const bool is_json = trigger.syntax == CallSyntax::kJson ||
                             trigger.syntax == CallSyntax::kPythonTag ||
                             format_.writing.before_name.starts_with('{');
        std::vector<size_t> tools = unwritten_;
        for (size_t i = 0; is_json && i < rules_.size(); ++i)
            if (rules_.can_write(i, format_.writing)) tools.push_back(i);
        return json_.add(opened, tools, {spell_(trigger.end), behind(trigger)});
    }

    base::Result<void> add_tagged(Place opened, Place to) {
        for (size_t i = 0; i < rules_.size(); ++i) {
            if (!rules_.can_write(i, kTagWriting)) continue;
            TRY(const NodeKey call, rules_.call(i, kTagWriting));
            builder_.use(opened, call, to);
        }
        add_code(opened);
        return {};
    }

    // Any program, where a tool takes any; but what reads as a call of another tool is one.
    void add_code(Place opened) {
        const auto index_of = [&](string_view name) {
            size_t i = 0;
            while (i < rules_.size() && rules_.name(i) != name) ++i;
            return i;
        };
        const auto* tool = std::ranges::find_if(
            kCodeTools, [&](string_view name) { return index_of(name) < rules_.size(); });
        if (tool == std::end(kCodeTools) || rules_.is_held(index_of(*tool))) return;
        TextScan code(builder_, {.may_end = true});
        const State start = code.state();
        code.loop(start, kSpace);
        for (const string_view json : {"{", "["}) code.refuse(code.text(start, json));
        for (size_t i = 0; i < rules_.size(); ++i)
            for (const string_view call : {"(", ".call("})
                if (rules_.is_held(i)) code.refuse(code.text(start, rules_.name(i) + std::string(call)));
        builder_.join(opened, code.place({start}));
        code.finish();
    }

    // The mark around all calls, where each has one of its own too.
    base::Result<void> add_opening() {
        const string_view mark = opening_mark(format_);
        const auto is_it = [&](const CallTrigger& trigger) { return trigger.begin == mark; };
        if (mark.empty() || std::ranges::any_of(format_.triggers, is_it)) return {};
        const Place opened = builder_.place();
        scan_.found(scan_.text(TextScan::kAnywhere, spell_(mark)), opened);
        TRY_VOID(block_.add(opened, text_, mark.size()));
        const std::string first =
            std::string(format_.writing.prefix) + std::string(format_.writing.before_name);
        const CallTrigger& trigger = format_.triggers.front();
        const size_t end = first.find(trigger.begin) + trigger.begin.size();
        const Place each = builder_.text(opened, spell_(first.substr(mark.size(), end - mark.size())));
        return json_.add(each, unwritten_, {spell_(trigger.end), text_});
    }

    // Thoughts come first, where the prompt or the answer opens them; nothing in them is a call. Who wants
    // them as text has them read as text.
    Place begin() {
        const Place answer = scan_.place(starts_);
        const ThinkMarks& think = plan_.output.think;
        if (!plan_.output.split_reasoning || think.end.empty()) return answer;
        TextScan thoughts(builder_, {.may_end = true});
        thoughts.found(thoughts.text(TextScan::kAnywhere, spell_(think.end)), answer);
        const std::string opening = spell_(think.begin);
        if (is_control(opening)) thoughts.text(TextScan::kAnywhere, opening, TextScan::kAnywhere);
        const Place inside = thoughts.place({});
        thoughts.finish();
        if (plan_.output.in_reasoning) return inside;
        const State first = scan_.state();
        scan_.loop(first, kSpace);
        scan_.found(scan_.text(first, opening), inside);
        std::vector<State> starts = starts_;
        starts.push_back(first);
        return scan_.place(starts);
    }

    GrammarBuilder& builder_;
    const ChatPlan& plan_;
    const ChatFormat& format_;
    const Spell& spell_;
    TextScan scan_;
    CallRules rules_;
    CallBlock block_;
    JsonCalls json_;
    std::vector<size_t> unwritten_;  // tools that the format has no words for: they are called in JSON
    std::vector<State> starts_;      // of calls that no mark announces
    // Where the answer goes on behind a call: its end, text, or another object of JSON.
    Place end_ = 0, text_ = 0, more_ = 0;
};

}  // namespace

base::Result<Place> add_marked_calls(GrammarBuilder& builder, const ChatPlan& plan, const Spell& spell) {
    return MarkedCalls(builder, plan, spell).add();
}

string_view opening_mark(const ChatFormat& format) {
    const std::vector<string_view> marks = marks_of(format, {}, true);
    const auto begins = [&](string_view mark) { return format.writing.prefix.starts_with(mark); };
    const auto mark = std::ranges::find_if(marks, begins);
    return mark == marks.end() ? string_view() : *mark;
}

}  // namespace shimmy
