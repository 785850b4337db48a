// GET /ws/generate: a request of /api/generate as the first message of a WebSocket, its answer as one message
// a piece: {"token"} … {"done":true,"usage"}, or with ?format=raw the text itself and {"done":true}. Then the
// server closes. A client that closes, or goes, ends its generation.
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "airframe/engine/fault.h"
#include "shimmy/api/completion_handler.h"
#include "shimmy/api/errors.h"
#include "shimmy/api/handlers.h"
#include "shimmy/api/json_write.h"
#include "shimmy/api/native_generate.h"
#include "shimmy/api/websocket.h"

namespace shimmy {

using base::ErrorCode;

namespace {

using Started = base::Result<std::unique_ptr<Generation>>;

enum class Format : uint8_t { kJson, kRaw };

Started start_generation(ApiContext& context, const ApiRequest& request) {
    TRY(OpenAiCall call, read_body(context, request, true, parse_generate));
    call.request.cache_salt = request.client;
    return context.service.generate(std::move(call.request));
}

// Where a worker leaves the generation that it has started, for the connection's thread.
struct Inbox {
    std::mutex mutex;
    std::optional<Started> started;  // guarded by mutex
    std::atomic<bool> abandoned = false;
    std::function<void()> wake;  // set before the worker begins
};

class WsGenerateReply final : public Reply {
  public:
    WsGenerateReply(ApiContext& context, ApiRequest request, ResponseHead head, Format format)
        : context_(context),
          request_(std::move(request)),
          head_(std::move(head)),
          format_(format),
          reader_(context.message_bytes_max) {}
    ~WsGenerateReply() override { inbox_->abandoned = true; }

    void on_ready(std::function<void()> wake) override { inbox_->wake = std::move(wake); }
    bool awaits_client() const override { return !asked_; }
    std::string_view keep_alive() const override { return asked_ ? kPing : std::string_view(); }

    size_t receive(std::string_view bytes) override {
        reader_.feed(bytes);
        while (auto event = reader_.next()) on_event(*std::move(event));
        return reader_.held_bytes();
    }

    void pump(ReplyOutput& output) override {
        if (!std::exchange(head_sent_, true)) {
            output.head = std::move(head_);
            output.has_head = true;
        }
        if (pong_) append_ws_frame(frames_, WsOpcode::kPong, *std::exchange(pong_, std::nullopt));
        if (!done_) take_events();
        output.body += std::exchange(frames_, {});
        if (done_) {
            output.state = ReplyOutput::State::kDone;
        } else if (more_) {
            output.state = ReplyOutput::State::kMore;
        }
    }

  private:
    static constexpr std::string_view kPing{"\x89\x00", 2};

    void on_event(WsReader::Event event) {
        using Kind = WsReader::Event::Kind;
        if (done_) return;
        switch (event.kind) {
            case Kind::kPing:  // of several the last one is answered
                pong_ = std::move(event.payload);
                break;
            case Kind::kClose:
                close(WsClose::kNormal, {});
                break;
            case Kind::kFault:
                close(event.close, event.payload);
                break;
            case Kind::kMessage:
                if (asked_) return close(WsClose::kPolicy, "one request a connection");
                ask(std::move(event.payload));
                break;
        }
    }

    void ask(std::string message) {
        asked_ = true;
        request_.http.body = std::move(message);
        const bool posted = context_.service.workers().try_post(
            [&context = context_, request = std::move(request_), inbox = inbox_] {
                if (inbox->abandoned) return;
                Started started = airframe::result_of([&] { return start_generation(context, request); });
                {
                    std::lock_guard lock(inbox->mutex);
                    inbox->started = std::move(started);
                }
                inbox->wake();
            });
        if (!posted) {
            fail({ErrorCode::kQueueFull,
                  "This server has too many requests at once; try again in a moment.",
                  {},
                  {}},
                 WsClose::kServerFault);
        }
    }

    void take_events() {
        if (!generation_ && !take_generation()) return;
        more_ = false;
        while (!done_) {
            if (frames_.size() >= kPumpBytes) {
                more_ = true;
                return;
            }
            const auto event = generation_->try_next();
            if (!event) return;
            on_generation(*event);
        }
    }

    bool take_generation() {
        std::optional<Started> started;
        {
            std::lock_guard lock(inbox_->mutex);
            started = std::exchange(inbox_->started, std::nullopt);
        }
        if (!started) return false;
        if (!*started) {
            fail(started->error(), WsClose::kPolicy);
            return false;
        }
        generation_ = std::move(**started);
        generation_->on_ready(inbox_->wake);
        return true;
    }

    void on_generation(const GenerationEvent& event) {
        if (const auto* delta = std::get_if<TextDelta>(&event)) {
            if (!delta->reasoning && !delta->text.empty()) tell(delta->text);
        } else if (const auto* end = std::get_if<ChoiceEnd>(&event)) {
            by_length_ = end->reason == airframe::FinishReason::kLength;
        } else if (const auto* all = std::get_if<GenerationEnd>(&event)) {
            tell_end(all->totals);
        } else if (const auto* fault = std::get_if<GenerationFault>(&event)) {
            fail(fault->error,
                 wire_error(fault->error).status < 500 ? WsClose::kPolicy : WsClose::kServerFault);
        }
    }

    void tell(const std::string& text) {
        if (format_ == Format::kRaw) return append_ws_frame(frames_, WsOpcode::kText, text);
        std::string message;
        JsonWriter(message).begin_object().key("token").value(text).end_object();
        append_ws_frame(frames_, WsOpcode::kText, message);
    }

    void tell_end(const Totals& totals) {
        std::string message;
        JsonWriter out(message);
        out.begin_object().key("done").value(true);
        if (format_ == Format::kJson) {
            out.key("finish_reason").value(by_length_ ? "length" : "stop").key("usage");
            write_plain_usage(out, totals.usage);
        }
        if (totals.truncation) {
            out.key("truncation");
            write_truncation(out, *totals.truncation);
        }
        out.end_object();
        append_ws_frame(frames_, WsOpcode::kText, message);
        close(WsClose::kNormal, {});
    }

    void fail(const base::Error& error, WsClose code) {
        append_ws_frame(frames_, WsOpcode::kText, openai_error_body(error));
        close(code, wire_error(error).code);
    }

    void close(WsClose code, std::string_view why) {
        append_ws_close(frames_, code, why);
        done_ = true;
        generation_.reset();
    }

    ApiContext& context_;
    ApiRequest request_;
    ResponseHead head_;
    const Format format_;
    WsReader reader_;
    const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
    std::unique_ptr<Generation> generation_;
    std::optional<std::string> pong_;
    std::string frames_;  // to be sent
    bool head_sent_ = false, asked_ = false, more_ = false, by_length_ = false;
    bool done_ = false;  // the close frame is among `frames_` or sent
};

base::Result<Format> format_of(std::string_view target) {
    const size_t query = target.find('?');
    std::string_view rest = query == std::string_view::npos ? std::string_view() : target.substr(query + 1);
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        if (!pair.starts_with("format=")) continue;
        const std::string_view value = pair.substr(7);
        if (value == "raw") return Format::kRaw;
        if (value == "json") return Format::kJson;
        return std::unexpected(base::Error{ErrorCode::kInvalidArgument, "'format' must be json or raw.",
                                           "format", "invalid_value"});
    }
    return Format::kJson;
}

}  // namespace

std::unique_ptr<Reply> handle_ws_generate(ApiContext& context, ApiRequest request) {
    const auto format = format_of(request.http.target);
    if (!format) return ready_reply(openai_refusal(format.error()));
    auto head = websocket_handshake(request.http);
    if (!head) {
        Response response = openai_refusal(head.error());
        if (response.head.status == 426) {
            response.head.headers.emplace_back("Upgrade", "websocket");
            response.head.headers.emplace_back("Sec-WebSocket-Version", kWebsocketVersion);
        }
        return ready_reply(std::move(response));
    }
    return std::make_unique<WsGenerateReply>(context, std::move(request), *std::move(head), *format);
}

}  // namespace shimmy
