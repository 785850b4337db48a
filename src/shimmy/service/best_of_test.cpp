#include "shimmy/service/best_of.h"

#include <gtest/gtest.h>

#include <deque>

namespace shimmy {
namespace {

// Events that are there already.
class Script final : public Generation {
  public:
    explicit Script(std::vector<GenerationEvent> events)
        : events_(std::make_move_iterator(events.begin()), std::make_move_iterator(events.end())) {}
    std::optional<GenerationEvent> try_next() override {
        if (events_.empty()) return std::nullopt;
        GenerationEvent event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    void on_ready(std::function<void()>) override {}

  private:
    std::deque<GenerationEvent> events_;
};

ChoiceEnd end_of(uint32_t choice, float mean_logprob) {
    ChoiceEnd end{.choice = choice, .reason = airframe::FinishReason::kStop, .stop_sequence = {}};
    end.mean_logprob = mean_logprob;
    return end;
}

// "0:text 1:text": the texts by choice, in the order of their ends.
std::string told(Generation& generation) {
    std::string text, out;
    while (auto event = generation.try_next()) {
        if (const auto* delta = std::get_if<TextDelta>(&*event)) text += delta->text;
        if (const auto* end = std::get_if<ChoiceEnd>(&*event))
            out += fmt::format("{}:{} ", end->choice, std::exchange(text, {}));
        if (const auto* all = std::get_if<GenerationEnd>(&*event))
            out += fmt::format("{} tokens", all->totals.usage.completion_tokens);
        if (const auto* fault = std::get_if<GenerationFault>(&*event)) out += fault->error.message;
    }
    return out;
}

TEST(BestOf, TheBestComeFirstPromptByPrompt) {
    Totals totals;
    totals.usage.completion_tokens = 60;
    const auto generation =
        best_of(std::make_unique<Script>(std::vector<GenerationEvent>{
                    Started{}, TextDelta{0, "a", {}}, TextDelta{4, "e", {}}, TextDelta{1, "b", {}},
                    TextDelta{0, "A", {}}, end_of(0, -3), TextDelta{2, "c", {}}, end_of(2, -1), end_of(1, -2),
                    TextDelta{3, "d", {}}, end_of(3, -1), TextDelta{5, "f", {}}, end_of(4, -1),
                    end_of(5, -0.5F), GenerationEnd{totals}}),
                3, 2);
    EXPECT_EQ(told(*generation), "0:c 1:b 2:f 3:d 60 tokens");
}

TEST(BestOf, AFaultEndsItAll) {
    const auto generation =
        best_of(std::make_unique<Script>(std::vector<GenerationEvent>{
                    Started{}, TextDelta{0, "a", {}},
                    GenerationFault{{base::ErrorCode::kNumeric, "the model made NaN", {}, {}}}}),
                2, 1);
    EXPECT_EQ(told(*generation), "the model made NaN");
}

}  // namespace
}  // namespace shimmy
