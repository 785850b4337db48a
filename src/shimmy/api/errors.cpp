#include "shimmy/api/errors.h"

#include <algorithm>
#include <iterator>

#include "shimmy/api/json_write.h"

namespace shimmy {

using base::ErrorCode;

namespace {

constexpr std::string_view kRequest = "invalid_request_error";
constexpr std::string_view kServer = "server_error";
constexpr std::string_view kPermission = "permission_error";
constexpr std::string_view kUnavailable = "service_unavailable";

struct DetailRow {
    std::string_view detail;  // base::Error::detail; also the code on the wire
    int status;
    std::string_view type;
    int retry_after_s = 0;
};
constexpr DetailRow kByDetail[] = {
    {"context_length_exceeded", 400, kRequest},
    {"invalid_json", 400, kRequest},
    {"invalid_json_schema", 400, kRequest},
    {"invalid_grammar", 400, kRequest},
    {"invalid_value", 400, kRequest},
    {"invalid_type", 400, kRequest},
    {"missing_required_parameter", 400, kRequest},
    {"unsupported_value", 400, kRequest},
    {"unknown_parameter", 400, kRequest},
    {"bad_request", 400, kRequest},
    {"invalid_api_key", 401, kRequest},
    {"host_not_allowed", 403, kPermission},
    {"origin_not_allowed", 403, kPermission},
    {"model_not_found", 404, kRequest},
    {"unknown_url", 404, kRequest},
    {"method_not_allowed", 405, kRequest},
    {"request_timeout", 408, kRequest},
    {"request_too_large", 413, kRequest},
    {"unsupported_media_type", 415, kRequest},
    {"rate_limit_exceeded", 429, "rate_limit_error"},
    {"upgrade_required", 426, kRequest},
    {"headers_too_large", 431, kRequest},
    {"model_load_failed", 500, kServer},
    {"shutting_down", 503, kUnavailable, 5},
    {"device_lost", 503, kUnavailable, 5},
    {"too_many_connections", 503, kUnavailable, 1},
};

struct CodeRow {
    ErrorCode error;
    int status;
    std::string_view type, code;
    int retry_after_s = 0;
};
constexpr CodeRow kByCode[] = {
    {ErrorCode::kInvalidArgument, 400, kRequest, "invalid_value"},
    {ErrorCode::kBadFile, 500, kServer, "model_load_failed"},
    {ErrorCode::kUnsupported, 501, "not_supported_error", "unsupported"},
    {ErrorCode::kNotFound, 404, kRequest, "not_found"},
    {ErrorCode::kContextLength, 400, kRequest, "context_length_exceeded"},
    {ErrorCode::kQueueFull, 429, "rate_limit_error", "queue_full", 1},
    {ErrorCode::kOutOfMemory, 503, kUnavailable, "out_of_memory", 5},
    {ErrorCode::kUnavailable, 503, kUnavailable, "unavailable", 1},
    {ErrorCode::kDeadline, 504, "timeout", "deadline_exceeded"},
    {ErrorCode::kCancelled, 499, kRequest, "cancelled"},  // its client has left; seen in logs only
    {ErrorCode::kNumeric, 500, kServer, "numeric_error"},
    {ErrorCode::kIo, 500, kServer, "io_error"},
    {ErrorCode::kInternal, 500, kServer, "internal_error"},
};

}  // namespace

WireError wire_error(const base::Error& error) {
    const auto* detail = std::ranges::find(kByDetail, error.detail, &DetailRow::detail);
    if (detail != std::end(kByDetail))
        return {detail->status, detail->type, detail->detail, detail->retry_after_s};
    const auto* code = std::ranges::find(kByCode, error.code, &CodeRow::error);
    if (code != std::end(kByCode)) return {code->status, code->type, code->code, code->retry_after_s};
    return {500, kServer, "internal_error", 0};
}

std::vector<WireError> all_wire_errors() {
    std::vector<WireError> all;
    for (const DetailRow& row : kByDetail)
        all.push_back({row.status, row.type, row.detail, row.retry_after_s});
    for (const CodeRow& row : kByCode) all.push_back({row.status, row.type, row.code, row.retry_after_s});
    return all;
}

std::string openai_error_body(const base::Error& error) {
    const WireError wire = wire_error(error);
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("error").begin_object();
    json.key("message").value(error.message).key("type").value(wire.type).key("param");
    if (error.param.empty()) {
        json.null();
    } else {
        json.value(error.param);
    }
    json.key("code").value(wire.code).end_object().end_object();
    return out;
}

}  // namespace shimmy
