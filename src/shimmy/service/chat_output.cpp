#include "shimmy/service/chat_output.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "shimmy/service/channel_output.h"

namespace shimmy {

using std::string_view;
using Kind = ChatPart::Kind;

void ChatPartSink::add(Kind kind, string_view text) {
    if (text.empty() || out_ == nullptr) return;
    if (!out_->empty() && out_->back().kind == kind && kind != Kind::kCall) {
        out_->back().text += text;
    } else {
        out_->push_back({kind, std::string(text), calls_ == 0 ? 0 : calls_ - 1});
    }
}

void ChatPartSink::begin_call(string_view name) {
    muted_ = !parallel_ && calls_ > 0;
    if (muted_) return;
    ++calls_;
    add(Kind::kCall, name);
}

void ChatPartSink::add_arguments(string_view json) {
    if (!muted_) add(Kind::kArguments, json);
}

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

class MarkedOutput final : public ChatOutput {
  public:
    explicit MarkedOutput(ChatOutputOptions options)
        : options_(std::move(options)), sink_(options_.parallel), reasoning_(options_.in_reasoning) {
        if (!options_.split_reasoning) {
            options_.think = {};
            reasoning_ = false;
        }
        const bool calls = !options_.tools.empty();
        if (calls) {
            for (const CallTrigger& trigger : options_.format->triggers) {
                if (!trigger.begin.empty()) marks_.push_back({trigger.begin, &trigger});
            }
            for (const string_view dropped : options_.format->dropped) marks_.push_back({dropped, nullptr});
        }
        trims_ = calls;
        drop_space_ = reasoning_;
    }

    void push(string_view text, std::vector<ChatPart>& out) override {
        buffer_ += text;
        run(false, out);
    }
    void finish(std::vector<ChatPart>& out) override {
        run(true, out);
        if (!reasoning_ && sink_.calls() == 0) {
            sink_.collect_into(&out);
            sink_.add(Kind::kText, held_space_);
            sink_.collect_into(nullptr);
        }
        held_space_.clear();
    }
    bool in_reasoning() const override { return reasoning_; }
    bool in_call() const override { return call_.has_value(); }

  private:
    struct Mark {
        string_view text;
        const CallTrigger* trigger;  // null: the mark is dropped
    };

    void run(bool is_end, std::vector<ChatPart>& out) {
        sink_.collect_into(&out);
        while (step(is_end)) {
        }
        sink_.collect_into(nullptr);
    }

    bool step(bool is_end) {
        if (call_) return in_call_step(is_end);
        if (at_start_ && !reasoning_) return at_start_step(is_end);
        return text_step(is_end);
    }

    // Only here may the thoughts begin, and a call that no mark announces.
    bool at_start_step(bool is_end) {
        const size_t at = skip_space(buffer_, 0);
        const string_view rest = string_view(buffer_).substr(at);
        if (rest.empty() && !is_end) return false;
        if (!options_.think.begin.empty() && rest.starts_with(options_.think.begin)) {
            buffer_.erase(0, at + options_.think.begin.size());
            reasoning_ = drop_space_ = true;
            at_start_ = false;
            return true;
        }
        const auto may_be = [&](string_view mark) { return may_become(rest, mark); };
        if (!is_end && (may_be(options_.think.begin) || std::ranges::any_of(marks_, may_be, &Mark::text)))
            return false;
        at_start_ = false;
        if (std::ranges::any_of(marks_, [&](const Mark& mark) { return rest.starts_with(mark.text); }))
            return true;
        if (options_.tools.empty() || rest.empty()) return true;
        for (const CallTrigger& trigger : options_.format->triggers) {
            if (trigger.begin.empty()) begin_call(trigger);
        }
        return true;
    }

    void begin_call(const CallTrigger& trigger) {
        trigger_ = &trigger;
        call_.emplace(trigger, options_.tools, sink_);
    }

    bool in_call_step(bool is_end) {
        switch (call_->feed(buffer_, is_end)) {
            case CallParser::Result::kMore:
                return false;
            case CallParser::Result::kDone:
                drop_space_ = !call_->was_content();
                if (drop_space_) held_space_.clear();
                break;
            case CallParser::Result::kNoCall:
                add_text(trigger_->begin);
                break;
        }
        call_.reset();
        return true;
    }

    bool text_step(bool is_end) {
        if (buffer_.empty()) return false;
        if (reasoning_) {
            const size_t at = buffer_.find(options_.think.end);
            if (at == std::string::npos) return give_safe({&options_.think.end, 1}, is_end);
            add_text(string_view(buffer_).substr(0, at));
            buffer_.erase(0, at + options_.think.end.size());
            reasoning_ = false;
            held_space_.clear();
            drop_space_ = at_start_ = true;
            options_.think.begin = {};
            return true;
        }
        const Mark* first = nullptr;
        size_t first_at = std::string::npos;
        for (const Mark& mark : marks_) {
            const size_t at = buffer_.find(mark.text);
            if (at < first_at) {
                first_at = at;
                first = &mark;
            }
        }
        if (first == nullptr) {
            std::vector<string_view> texts;
            for (const Mark& mark : marks_) texts.push_back(mark.text);
            return give_safe(texts, is_end);
        }
        add_text(string_view(buffer_).substr(0, first_at));
        buffer_.erase(0, first_at + first->text.size());
        if (first->trigger != nullptr) begin_call(*first->trigger);
        return true;
    }

    // Gives what cannot be the beginning of a mark; at the end, all.
    bool give_safe(std::span<const string_view> marks, bool is_end) {
        const string_view text(buffer_);
        size_t safe = text.size();
        for (const string_view mark : marks) {
            const size_t from = text.size() - std::min(text.size(), mark.size());
            for (size_t at = from; at < safe && !is_end; ++at) {
                if (may_become(text.substr(at), mark)) safe = at;
            }
        }
        add_text(text.substr(0, safe));
        buffer_.erase(0, safe);
        return false;
    }

    // Space at the end waits: before a call or the end of the thoughts it means nothing.
    void add_text(string_view text) {
        if (drop_space_) {
            while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
            if (text.empty()) return;
            drop_space_ = false;
        }
        size_t solid = text.size();
        while ((trims_ || reasoning_) && solid > 0 && is_space(text[solid - 1])) --solid;
        if (solid > 0) {
            const Kind kind = reasoning_ ? Kind::kReasoning : Kind::kText;
            sink_.add(kind, held_space_);
            sink_.add(kind, text.substr(0, solid));
            held_space_.clear();
        }
        held_space_ += text.substr(solid);
    }

    ChatOutputOptions options_;
    ChatPartSink sink_;
    std::vector<Mark> marks_;
    std::string buffer_;
    std::string held_space_;
    bool at_start_ = true;
    bool reasoning_;
    bool trims_ = false;
    bool drop_space_ = false;  // at the beginning of what comes next
    const CallTrigger* trigger_ = nullptr;
    std::optional<CallParser> call_;
};

}  // namespace

std::unique_ptr<ChatOutput> make_chat_output(ChatOutputOptions options) {
    if (options.format->channels) return make_channel_output(std::move(options));
    return std::make_unique<MarkedOutput>(std::move(options));
}

}  // namespace shimmy
