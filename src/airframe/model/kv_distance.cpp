#include "airframe/model/kv_distance.h"

#include <algorithm>
#include <numeric>

#include "airframe/model/logit_distance.h"

namespace airframe {
namespace {

constexpr int32_t kPageTokens = 32;

// One cache and the tokens run through it so far.
class Run {
  public:
    static base::Result<Run> create(Model& model, size_t n_tokens, KvType type) {
        const auto n_pages = static_cast<int32_t>((n_tokens + kPageTokens - 1) / kPageTokens);
        TRY(KvPool pool, model.make_kv_pool({.type = type, .page_tokens = kPageTokens, .n_pages = n_pages}));
        return Run(model, std::move(pool), n_tokens);
    }

    // Logits [tokens, vocab] of the next tokens.
    base::Result<std::span<const float>> next(std::span<const int32_t> tokens) {
        const std::span numbers(numbers_);
        const BatchSlice slice{.first_row = 0,
                               .n_rows = static_cast<int32_t>(tokens.size()),
                               .kv_tokens = static_cast<int32_t>(done_),
                               .pages = numbers};
        logits_.resize(tokens.size() * model_->spec().vocab);
        TRY_VOID(model_->forward({.tokens = tokens,
                                  .positions = numbers.subspan(done_, tokens.size()),
                                  .slices = {&slice, 1},
                                  .logit_rows = numbers.first(tokens.size())},
                                 pool_, logits_));
        done_ += tokens.size();
        return logits_;
    }

  private:
    Run(Model& model, KvPool pool, size_t n_tokens)
        : model_(&model), pool_(std::move(pool)), numbers_(n_tokens) {
        std::iota(numbers_.begin(), numbers_.end(), 0);
    }

    Model* model_;
    KvPool pool_;
    std::vector<int32_t> numbers_;  // 0, 1, …: positions, rows and pages alike
    std::vector<float> logits_;
    size_t done_ = 0;
};

}  // namespace

base::Result<std::vector<KvDistance>> kv_distances(Model& model, std::span<const int32_t> tokens,
                                                   std::span<const KvType> types,
                                                   const std::function<void(double)>& on_progress) {
    TRY(Run exact, Run::create(model, tokens.size(), KvType::kF32));
    std::vector<Run> runs;
    std::vector<KvDistance> distances;
    for (const KvType type : types) {
        TRY(Run run, Run::create(model, tokens.size(), type));
        runs.push_back(std::move(run));
        distances.push_back({.type = type, .bytes_per_token = kv_bytes_per_token(model.spec(), type)});
    }
    const size_t most = std::min(model.options().batch_rows_max, model.options().logit_rows_max);
    for (size_t at = 0; at < tokens.size(); at += most) {
        const auto chunk = tokens.subspan(at, std::min(most, tokens.size() - at));
        TRY(const auto want, exact.next(chunk));
        const double share = static_cast<double>(chunk.size()) / static_cast<double>(tokens.size());
        for (size_t i = 0; i < runs.size(); ++i) {
            TRY(const auto got, runs[i].next(chunk));
            const LogitDistance distance = logit_distance(want, got, model.spec().vocab);
            distances[i].kl_mean += share * distance.kl_mean;
            distances[i].kl_median += share * distance.kl_median;
            distances[i].top1_equal += share * distance.top1_equal;
        }
        if (on_progress)
            on_progress(static_cast<double>(at + chunk.size()) / static_cast<double>(tokens.size()));
    }
    return distances;
}

}  // namespace airframe
