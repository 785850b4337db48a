#include "shimmy/service/embedding.h"

#include <cmath>
#include <mutex>
#include <numeric>
#include <stop_token>
#include <utility>

#include "airframe/engine/fault.h"
#include "airframe/text/token_pair.h"
#include "shimmy/service/waker.h"

namespace shimmy {

using airframe::EmbedText;
using base::ErrorCode;

namespace {

// Where the answer is put: all that an engine's callback holds of us (see waker.h).
struct Slot {
    Waker waker;
    std::mutex mutex;
    std::optional<base::Result<EmbedAnswer>> answer;

    void put(base::Result<EmbedAnswer> result) {
        {
            std::lock_guard lock(mutex);
            answer = std::move(result);
        }
        waker.wake();
    }
    std::optional<base::Result<EmbedAnswer>> take() {
        std::lock_guard lock(mutex);
        return std::exchange(answer, std::nullopt);
    }
};

// What the worker that has the model does, and what keeps the model until the answer is there.
struct Job {
    EmbedCall call;
    std::shared_ptr<Slot> slot = std::make_shared<Slot>();
    std::stop_source stop;
    ModelLease model;

    void prepare(base::Result<ModelLease> lease);
    base::Result<void> submit();
    base::Error named(base::Error error) const;
};

EmbedText encode(const airframe::Tokenizer& tokenizer, const EmbedCall& call, const TextOrIds& text) {
    if (const auto* ids = std::get_if<std::vector<airframe::TokenId>>(&text)) return {.tokens = *ids};
    const auto& words = std::get<std::string>(text);
    if (!call.query) return {.tokens = tokenizer.encode(words, {.add_special = true})};
    airframe::TokenPair pair = airframe::encode_pair(tokenizer, *call.query, words);
    return {.tokens = std::move(pair.tokens), .second_from = pair.second_from};
}

// The first numbers of a vector (Kusupati et al. 2022: models may be trained so that these say the most).
void shorten(std::vector<float>& vector, size_t dimensions) {
    vector.resize(dimensions);
    const double length = std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
    if (length == 0) return;
    for (float& x : vector) x = static_cast<float>(x / length);
}

void Job::prepare(base::Result<ModelLease> lease) {
    if (!lease) return slot->put(std::unexpected(std::move(lease).error()));
    model = *std::move(lease);
    if (auto submitted = airframe::result_of([&] { return submit(); }); !submitted)
        slot->put(std::unexpected(named(std::move(submitted).error())));
}

base::Result<void> Job::submit() {
    const uint32_t dim = model->engine->spec().dim;
    if (call.dimensions && *call.dimensions > dim)
        return std::unexpected(base::Error{
            .code = ErrorCode::kInvalidArgument,
            .message =
                fmt::format("'dimensions' is {}; the vectors of this model have {}.", *call.dimensions, dim),
            .param = "dimensions",
            .detail = {}});
    airframe::EmbedRequest request;
    uint64_t tokens = 0;
    for (const TextOrIds& text : call.texts) {
        request.texts.push_back(encode(model->engine->tokenizer(), call, text));
        tokens += request.texts.back().tokens.size();
    }
    request.rank = call.query.has_value();
    request.stop = stop.get_token();
    request.done = [slot = slot, tokens, dimensions = call.dimensions](auto vectors) {
        if (!vectors) return slot->put(std::unexpected(std::move(vectors).error()));
        if (dimensions)
            for (std::vector<float>& vector : *vectors) shorten(vector, *dimensions);
        slot->put(EmbedAnswer{.vectors = *std::move(vectors), .tokens = tokens});
    };
    return model->engine->embed(std::move(request));
}

// The engine calls the texts "input".
base::Error Job::named(base::Error error) const {
    constexpr std::string_view kEngines = "input";
    if (error.param.starts_with(kEngines))
        error.param = std::string(call.field) + error.param.substr(kEngines.size());
    return error;
}

class Handle final : public Embedding {
  public:
    Handle(std::shared_ptr<Job> job, std::shared_ptr<ModelWait> wait)
        : job_(std::move(job)), wait_(std::move(wait)) {}
    ~Handle() override {
        wait_->cancel();
        job_->stop.request_stop();
        job_->slot->waker.set({});
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    std::optional<base::Result<EmbedAnswer>> try_take() override { return job_->slot->take(); }
    void on_ready(std::function<void()> wake) override { job_->slot->waker.set(std::move(wake)); }

  private:
    std::shared_ptr<Job> job_;
    std::shared_ptr<ModelWait> wait_;
};

}  // namespace

std::unique_ptr<Embedding> start_embedding(EmbedCall call, const AcquireModel& acquire) {
    auto job = std::make_shared<Job>();
    job->call = std::move(call);
    auto wait = acquire([job](base::Result<ModelLease> lease) { job->prepare(std::move(lease)); });
    return std::make_unique<Handle>(std::move(job), std::move(wait));
}

}  // namespace shimmy
