#include "shimmy/api/embedding_reply.h"

#include <optional>
#include <utility>

#include "shimmy/api/openai_common.h"

namespace shimmy {

namespace {

class EmbeddingReply final : public Reply {
  public:
    EmbeddingReply(std::unique_ptr<Embedding> embedding, EncodePiece encode)
        : embedding_(std::move(embedding)), encode_(std::move(encode)) {}

    void on_ready(std::function<void()> wake) override { embedding_->on_ready(std::move(wake)); }

    void pump(ReplyOutput& output) override {
        if (answer_) return write(false, output);
        auto taken = embedding_->try_take();
        if (!taken) return;
        if (!*taken) {
            Response refusal = openai_refusal(taken->error());
            output.head = std::move(refusal.head);
            output.has_head = true;
            output.body = std::move(refusal.body);
            output.state = ReplyOutput::State::kDone;
            return;
        }
        answer_ = **std::move(taken);
        write(true, output);
    }

  private:
    void write(bool first, ReplyOutput& output) {
        const bool more = encode_(*answer_, output.body);
        if (first) {
            output.has_head = true;
            output.head.streamed = more;
        }
        output.state = more ? ReplyOutput::State::kMore : ReplyOutput::State::kDone;
    }

    std::unique_ptr<Embedding> embedding_;
    EncodePiece encode_;
    std::optional<EmbedAnswer> answer_;
};

}  // namespace

std::unique_ptr<Reply> embedding_reply(std::unique_ptr<Embedding> embedding, EncodePiece encode) {
    return std::make_unique<EmbeddingReply>(std::move(embedding), std::move(encode));
}

}  // namespace shimmy
