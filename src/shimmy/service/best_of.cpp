#include "shimmy/service/best_of.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <numeric>
#include <utility>

namespace shimmy {

namespace {

class BestOf final : public Generation {
  public:
    BestOf(std::unique_ptr<Generation> all, uint32_t best_of, uint32_t n)
        : all_(std::move(all)), best_of_(best_of), n_(n) {}

    void on_ready(std::function<void()> wake) override { all_->on_ready(std::move(wake)); }

    std::optional<GenerationEvent> try_next() override {
        while (pending_.empty()) {
            auto event = all_->try_next();
            if (!event) return std::nullopt;
            accept(*std::move(event));
        }
        GenerationEvent event = std::move(pending_.front());
        pending_.pop_front();
        return event;
    }

  private:
    struct Candidate {
        std::vector<GenerationEvent> events;
        float mean_logprob = -std::numeric_limits<float>::infinity();
    };

    Candidate& candidate(uint32_t choice) {
        if (candidates_.size() <= choice) candidates_.resize(choice + 1);
        return candidates_[choice];
    }

    void accept(GenerationEvent event) {
        if (std::holds_alternative<GenerationEnd>(event)) {
            choose();
            pending_.push_back(std::move(event));
        } else if (auto* delta = std::get_if<TextDelta>(&event)) {
            candidate(delta->choice).events.emplace_back(std::move(*delta));
        } else if (auto* call = std::get_if<ToolCallDelta>(&event)) {
            candidate(call->choice).events.emplace_back(std::move(*call));
        } else if (auto* end = std::get_if<ChoiceEnd>(&event)) {
            Candidate& ended = candidate(end->choice);
            ended.mean_logprob = end->mean_logprob;
            ended.events.emplace_back(std::move(*end));
        } else {
            pending_.push_back(std::move(event));  // the start, or a fault
        }
    }

    // Equal ones stay in order.
    void choose() {
        for (size_t first = 0; first < candidates_.size(); first += best_of_) {
            std::vector<size_t> order(std::min<size_t>(best_of_, candidates_.size() - first));
            std::iota(order.begin(), order.end(), first);
            std::ranges::stable_sort(order, std::greater<>{},
                                     [this](size_t each) { return candidates_[each].mean_logprob; });
            order.resize(std::min<size_t>(order.size(), n_));
            const size_t prompt = first / best_of_;
            for (size_t rank = 0; rank < order.size(); ++rank)
                send(candidates_[order[rank]], static_cast<uint32_t>(prompt * n_ + rank));
        }
        candidates_.clear();
    }

    void send(Candidate& from, uint32_t choice) {
        for (GenerationEvent& event : from.events) {
            std::visit(
                [choice](auto& each) {
                    if constexpr (requires { each.choice; }) each.choice = choice;
                },
                event);
            pending_.push_back(std::move(event));
        }
    }

    const std::unique_ptr<Generation> all_;
    const uint32_t best_of_, n_;
    std::vector<Candidate> candidates_;  // by choice of `all_`
    std::deque<GenerationEvent> pending_;
};

}  // namespace

std::unique_ptr<Generation> best_of(std::unique_ptr<Generation> all, uint32_t best_of, uint32_t n) {
    return std::make_unique<BestOf>(std::move(all), best_of, n);
}

}  // namespace shimmy
