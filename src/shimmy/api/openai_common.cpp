#include "shimmy/api/openai_common.h"

#include <charconv>
#include <iterator>
#include <limits>

#include "shimmy/api/errors.h"
#include "shimmy/api/openai_constraint.h"
#include "shimmy/api/sampling_parameters.h"

namespace shimmy {

namespace json = boost::json;
using base::ErrorCode;

namespace {

constexpr int64_t kChoicesMax = 128;
constexpr size_t kStopStringsMax = 4;
constexpr double kLogitBiasMax = 100;
constexpr int64_t kAnyInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kAnyInt64 = std::numeric_limits<int64_t>::max();

base::Result<void> parse_logit_bias(const Fields& fields, SamplingOverrides& sampling) {
    TRY(const json::object* bias, fields.object("logit_bias"));
    if (bias == nullptr) return {};
    for (const auto& [key, value] : *bias) {
        const std::string path = fmt::format("logit_bias.{}", std::string_view(key.data(), key.size()));
        airframe::TokenId id = 0;
        const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
        if (read.ec != std::errc() || read.ptr != key.data() + key.size() || id < 0) {
            return std::unexpected(bad_value(path, "is not a token id."));
        }
        if (!value.is_number()) return std::unexpected(bad_type(path, "a number", value));
        const double amount = value.to_number<double>();
        if (!(amount >= -kLogitBiasMax && amount <= kLogitBiasMax)) {
            return std::unexpected(
                bad_value(path, fmt::format("must be between -100 and 100, not {}.", amount)));
        }
        sampling.logit_bias[id] = static_cast<float>(amount);
    }
    return {};
}

base::Result<void> parse_sampling(const Fields& fields, SamplingOverrides& sampling) {
    for (const NumberParameter& parameter : number_parameters()) {
        TRY(const auto number, fields.number(parameter.name, parameter.low, parameter.high));
        if (number) sampling.*parameter.target = static_cast<float>(*number);
    }
    for (const IntegerParameter& parameter : integer_parameters()) {
        TRY(const auto number, fields.integer(parameter.name, parameter.low, parameter.high));
        if (number) sampling.*parameter.target = static_cast<int32_t>(*number);
    }
    TRY(const auto mirostat, fields.integer("mirostat", 0, 2));
    if (mirostat == 1) return std::unexpected(bad_value("mirostat", "must be 0 (off) or 2."));
    if (mirostat) sampling.mirostat = static_cast<int32_t>(*mirostat);
    TRY(const auto top_k, fields.integer("top_k", -1, kAnyInt32));
    if (top_k) sampling.top_k = static_cast<int32_t>(std::max<int64_t>(*top_k, 0));  // -1 and 0: off
    TRY(const auto seed, fields.integer("seed", -kAnyInt64 - 1, kAnyInt64));
    if (seed) sampling.seed = static_cast<uint64_t>(*seed);
    return parse_logit_bias(fields, sampling);
}

base::Result<std::vector<std::string>> parse_stop(const Fields& fields) {
    std::vector<std::string> stop;
    const json::value* value = fields.find("stop");
    if (value == nullptr) return stop;
    if (!value->is_string() && !value->is_array()) {
        return std::unexpected(bad_type("stop", "a string or an array of strings", *value));
    }
    if (value->is_string()) {
        stop.emplace_back(value->get_string());
    } else {
        const json::array& list = value->get_array();
        if (list.size() > kStopStringsMax) {
            return std::unexpected(bad_value("stop", fmt::format("has {} strings; at most {} are allowed.",
                                                                 list.size(), kStopStringsMax)));
        }
        for (size_t i = 0; i < list.size(); ++i) {
            if (!list[i].is_string())
                return std::unexpected(bad_type(fmt::format("stop[{}]", i), "a string", list[i]));
            stop.emplace_back(list[i].get_string());
        }
    }
    for (const std::string& each : stop) {
        if (each.empty())
            return std::unexpected(bad_value("stop", "holds an empty string, which would end every text."));
    }
    return stop;
}

base::Result<void> parse_stream(const Fields& fields, OpenAiCall& call) {
    TRY(const auto stream, fields.boolean("stream"));
    call.stream = stream.value_or(false);
    TRY(const json::object* options, fields.object("stream_options"));
    if (options == nullptr) return {};
    if (!call.stream)
        return std::unexpected(bad_value("stream_options", "is only allowed when 'stream' is true."));
    TRY(const auto usage, Fields(*options, "stream_options").boolean("include_usage"));
    call.include_usage = usage.value_or(false);
    return {};
}

}  // namespace

base::Result<std::string> parse_model(const Fields& fields) {
    TRY(const auto model, fields.string("model"));
    if (!model || model->empty())
        return std::unexpected(missing("model", "name one of the models that GET /v1/models lists."));
    return std::string(*model);
}

base::Result<OpenAiCall> parse_openai_common(const Fields& fields) {
    OpenAiCall call;
    TRY(call.request.model, parse_model(fields));
    TRY(const auto n, fields.integer("n", 1, kChoicesMax));
    call.request.n = static_cast<uint32_t>(n.value_or(1));
    TRY(call.request.stop, parse_stop(fields));
    TRY_VOID(parse_sampling(fields, call.request.sampling));
    TRY_VOID(parse_stream(fields, call));
    TRY(call.request.constraint, parse_constraint(fields));
    return call;
}

base::Result<bool> parse_truncation(const Fields& fields) {
    TRY(const auto truncation, fields.string("truncation"));
    if (!truncation || *truncation == "disabled") return false;
    if (*truncation == "auto") return true;
    return std::unexpected(
        bad_value("truncation", fmt::format("must be auto or disabled, not '{}'.", *truncation)));
}

base::Error unsupported_value(std::string path, std::string message) {
    return {ErrorCode::kUnsupported, fmt::format("'{}' {}", path, message), path, "unsupported_value"};
}

base::Result<void> refuse_unsupported(const Fields& fields, std::span<const UnsupportedField> unsupported) {
    for (const UnsupportedField& each : unsupported) {
        if (fields.find(each.name) == nullptr) continue;
        return std::unexpected(unsupported_value(fields.path_of(each.name),
                                                 fmt::format("is not supported yet. {}", each.advice)));
    }
    return {};
}

Response openai_refusal(const base::Error& error) {
    const WireError wire = wire_error(error);
    Response response{.head = {.status = wire.status}, .body = openai_error_body(error)};
    if (wire.retry_after_s > 0)
        response.head.headers.emplace_back("Retry-After", std::to_string(wire.retry_after_s));
    // What would fail again in the same way is not worth a client's second try.
    if (wire.status >= 500 && wire.retry_after_s == 0)
        response.head.headers.emplace_back("x-should-retry", "false");
    return response;
}

}  // namespace shimmy
