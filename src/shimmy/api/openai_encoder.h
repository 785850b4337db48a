// OpenAiEncoder: what chat and text completions share on the way out: the envelope, chunks, usage, timings,
// [DONE].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shimmy/api/completion_reply.h"
#include "shimmy/api/json_write.h"

namespace shimmy {

// What stays the same in all chunks of one answer.
struct OpenAiIdentity {
    std::string id;       // "chatcmpl-…"
    int64_t created = 0;  // Unix seconds
    std::string model;    // as the client named it
};

// The values of "object": of a whole answer and of a chunk.
struct OpenAiObjects {
    std::string_view whole, chunk;
};

// {"messages","tokens"}: what was cut from the prompts.
void write_truncation(JsonWriter& json, const Truncation& truncation);

class OpenAiEncoder : public Encoder {
  public:
    void stream(const GenerationEvent& event, std::string& out) override;
    void stream_fault(const base::Error& error, std::string& out) override;
    std::string whole(const Completion& completion) override;
    Response refusal(const base::Error& error) override;

  protected:
    OpenAiEncoder(OpenAiIdentity identity, OpenAiObjects objects, bool include_usage);

    // The dialects' own parts: members of a choice, without index and finish_reason.
    virtual void stream_start(std::string& out) const = 0;
    virtual void write_delta(JsonWriter& json, const TextDelta& delta) = 0;
    virtual void write_call(JsonWriter&, const ToolCallDelta&) {}  // only conversations have calls
    virtual void write_end_delta(JsonWriter& json) const = 0;
    virtual std::string_view finish_reason(airframe::FinishReason reason, size_t calls) const;
    virtual void write_choice(JsonWriter& json, const Completion::Choice& choice) = 0;

    // A chunk with one choice; its members are written in between.
    JsonWriter begin_chunk(std::string& out, uint32_t choice) const;
    void end_chunk(JsonWriter& json, std::string& out, const ChoiceEnd* end = nullptr) const;

  private:
    std::string head(std::string_view object) const;

    const OpenAiIdentity identity_;
    const OpenAiObjects objects_;
    const bool include_usage_;
    std::optional<Truncation> truncation_;  // of the stream
    const std::string chunk_head_;          // the same bytes in every chunk, framing included
};

}  // namespace shimmy
