#include "shimmy/api/model_reply.h"

#include <mutex>
#include <optional>
#include <utility>

#include "airframe/engine/fault.h"
#include "shimmy/api/openai_common.h"
#include "shimmy/service/waker.h"

namespace shimmy {

namespace {

// Between the worker, which writes the response, and the connection, which waits for it.
struct Shared {
    Waker waker;
    std::mutex mutex;
    std::optional<Response> response;
};

class ModelReply final : public Reply {
  public:
    ModelReply(std::shared_ptr<Shared> shared, std::shared_ptr<ModelWait> wait)
        : shared_(std::move(shared)), wait_(std::move(wait)) {}
    ~ModelReply() override {
        wait_->cancel();
        shared_->waker.set({});
    }
    ModelReply(const ModelReply&) = delete;
    ModelReply& operator=(const ModelReply&) = delete;

    void on_ready(std::function<void()> wake) override { shared_->waker.set(std::move(wake)); }

    void pump(ReplyOutput& output) override {
        std::lock_guard lock(shared_->mutex);
        if (!shared_->response) return;
        output.head = std::move(shared_->response->head);
        output.has_head = true;
        output.body = std::move(shared_->response->body);
        output.state = ReplyOutput::State::kDone;
    }

  private:
    std::shared_ptr<Shared> shared_;
    std::shared_ptr<ModelWait> wait_;
};

}  // namespace

std::unique_ptr<Reply> model_reply(Service& service, const std::string& model, ModelWork work) {
    auto shared = std::make_shared<Shared>();
    auto wait = service.acquire(model, [shared, work = std::move(work)](base::Result<ModelLease> lease) {
        base::Result<std::string> body = airframe::result_of([&]() -> base::Result<std::string> {
            TRY(const ModelLease model, std::move(lease));
            return work(*model);
        });
        Response response =
            body ? Response{.head = {}, .body = *std::move(body)} : openai_refusal(body.error());
        {
            std::lock_guard lock(shared->mutex);
            shared->response = std::move(response);
        }
        shared->waker.wake();
    });
    return std::make_unique<ModelReply>(std::move(shared), std::move(wait));
}

}  // namespace shimmy
