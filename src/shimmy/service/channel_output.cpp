#include "shimmy/service/channel_output.h"

#include <algorithm>
#include <utility>

#include "shimmy/service/channel_marks.h"

namespace shimmy {

using namespace channel;
using std::string_view;
using Kind = ChatPart::Kind;

namespace {

constexpr string_view kBodyMarks[] = {"<|end|>", "<|call|>", "<|return|>", kStart, kChannel};
constexpr string_view kHeaderBegins[] = {kChannel, kStart, kMessage, kConstrain, kTo};
constexpr size_t kHeaderBytesMax = 512;

// The word behind `key`, up to a space or a mark.
string_view word_after(string_view header, string_view key) {
    const size_t at = header.find(key);
    if (at == string_view::npos) return {};
    const string_view rest = header.substr(at + key.size());
    return rest.substr(0, rest.find_first_of(" <\n"));
}

class ChannelOutput final : public ChatOutput {
  public:
    explicit ChannelOutput(ChatOutputOptions options)
        : options_(std::move(options)), sink_(options_.parallel) {}

    void push(string_view text, std::vector<ChatPart>& out) override {
        buffer_ += text;
        run(false, out);
    }
    void finish(std::vector<ChatPart>& out) override { run(true, out); }
    bool in_reasoning() const override { return !in_header_ && to_ == To::kReasoning; }
    bool in_call() const override { return !in_header_ && to_ == To::kCall; }

  private:
    enum class To : uint8_t { kText, kReasoning, kCall };

    void run(bool is_end, std::vector<ChatPart>& out) {
        sink_.collect_into(&out);
        while (in_header_ ? header(is_end) : body(is_end)) {
        }
        sink_.collect_into(nullptr);
    }

    // Whether a header stands here is told by its first word, so that it does not depend on the pieces in
    // which the text comes.
    bool header(bool is_end) {
        const string_view rest =
            string_view(buffer_).substr(std::min(buffer_.find_first_not_of(" \n"), buffer_.size()));
        if (rest.empty()) return false;
        const auto may_begin = [&](string_view mark) { return may_become(rest, mark); };
        if (!is_end && std::ranges::any_of(kHeaderBegins, may_begin)) return false;
        if (std::ranges::any_of(kHeaderBegins, [&](string_view mark) { return rest.starts_with(mark); })) {
            const size_t end = buffer_.find(kMessage);
            if (end == std::string::npos && !is_end && buffer_.size() <= kHeaderBytesMax) return false;
            if (end <= kHeaderBytesMax) {
                open(string_view(buffer_).substr(0, end));
                buffer_.erase(0, end + kMessage.size());
                in_header_ = false;
                return true;
            }
        }
        if (is_end && rest.starts_with("<|")) {  // broken off
            buffer_.clear();
            return false;
        }
        in_header_ = false;  // a model that forgets its format writes text
        to_ = To::kText;
        return true;
    }

    void open(string_view header) {
        string_view recipient = word_after(header, kTo);
        const string_view channel = word_after(header, kChannel);
        if (recipient.starts_with(kFunctions)) recipient.remove_prefix(kFunctions.size());
        if (!recipient.empty() && options_.tools.contains(recipient)) {
            to_ = To::kCall;
            arguments_ = {};
            arguments_begun_ = false;
            sink_.begin_call(recipient);
        } else {
            const bool is_thought = channel == "analysis" || !recipient.empty();
            to_ = is_thought && options_.split_reasoning ? To::kReasoning : To::kText;
        }
    }

    bool body(bool is_end) {
        size_t first = std::string::npos;
        for (const string_view mark : kBodyMarks) first = std::min(first, buffer_.find(mark));
        if (first != std::string::npos) {
            add(string_view(buffer_).substr(0, first));
            buffer_.erase(0, first);
            for (const string_view mark : kEnds) {
                if (buffer_.starts_with(mark)) buffer_.erase(0, mark.size());
            }
            in_header_ = true;
            return true;
        }
        const string_view text(buffer_);
        size_t safe = text.size();
        for (size_t at = text.rfind('<'); at < text.size() && !is_end; at = text.size()) {
            if (std::ranges::any_of(kBodyMarks,
                                    [&](string_view mark) { return may_become(text.substr(at), mark); }))
                safe = at;
        }
        add(text.substr(0, safe));
        buffer_.erase(0, safe);
        return false;
    }

    void add(string_view text) {
        if (to_ != To::kCall) return sink_.add(to_ == To::kReasoning ? Kind::kReasoning : Kind::kText, text);
        if (!arguments_begun_) text.remove_prefix(skip_space(text, 0));
        if (text.empty() || arguments_.done()) return;
        arguments_begun_ = true;
        std::string json;
        arguments_.take(text, json);
        sink_.add_arguments(json);
    }

    ChatOutputOptions options_;
    ChatPartSink sink_;
    std::string buffer_;
    bool in_header_ = true;
    To to_ = To::kText;
    ValueStream arguments_;
    bool arguments_begun_ = false;
};

}  // namespace

std::unique_ptr<ChatOutput> make_channel_output(ChatOutputOptions options) {
    return std::make_unique<ChannelOutput>(std::move(options));
}

}  // namespace shimmy
