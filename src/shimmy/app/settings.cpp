#include "shimmy/app/settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "airframe/model/kv_pool.h"
#include "base/log.h"
#include "base/system.h"

namespace shimmy {
namespace {

constexpr uint32_t kCtxTokensMin = 512, kCtxTokensMax = 131'072, kPrefillChunkMax = 1 << 20;
constexpr float kRopeScaleMax = 1024;
constexpr std::string_view kDefaultHost = "127.0.0.1", kDefaultPort = "11435";
constexpr std::array<std::string_view, 5> kBackends{"auto", "airframe", "cpu", "vulkan", "reference"};

template <class T>
std::optional<T> parse_number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string in_brackets(std::string host) {  // an IPv6 address before a port
    const bool bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
    return bare_v6 ? "[" + host + "]" : host;
}

bool in_range(uint32_t tokens) { return tokens >= kCtxTokensMin && tokens <= kCtxTokensMax; }

void apply_context(GlobalOptions& global, std::vector<std::string>& warnings) {
    if (global.ctx_tokens != 0) {
        if (in_range(global.ctx_tokens)) return;
        warnings.push_back(
            fmt::format("--ctx {} is not a number from {} to {}; the model's own context is used",
                        global.ctx_tokens, kCtxTokensMin, kCtxTokensMax));
        global.ctx_tokens = 0;
        return;
    }
    const auto text = base::env("SHIMMY_MAX_CTX");
    if (!text) return;
    const auto tokens = parse_number<uint32_t>(*text);
    if (tokens && in_range(*tokens))
        global.ctx_tokens = *tokens;
    else
        warnings.push_back(
            fmt::format("SHIMMY_MAX_CTX={} is not a number from {} to {}; the model's own context is used",
                        base::printable(*text, 40), kCtxTokensMin, kCtxTokensMax));
}

void apply_rope_scale(GlobalOptions& global, std::vector<std::string>& warnings) {
    const auto text = base::env("SHIMMY_ROPE_SCALE");
    if (!text) return;
    float scale = parse_number<float>(*text).value_or(0);
    if (scale > 0 && scale < 1) scale = 1 / scale;  // some engines name the inverse
    if (scale >= 1 && scale <= kRopeScaleMax)
        global.rope_scale = scale;
    else
        warnings.push_back(
            fmt::format("SHIMMY_ROPE_SCALE={} is not a factor from 1 to {} (or its inverse); "
                        "positions are scaled as the model's file says",
                        base::printable(*text, 40), kRopeScaleMax));
}

void apply_backend(GlobalOptions& global, std::vector<std::string>& warnings) {
    const auto name = base::env("SHIMMY_ENGINE_BACKEND");
    if (!name || global.backend != "auto" || global.gpu_backend != "auto") return;
    if (std::ranges::find(kBackends, *name) != kBackends.end())
        global.backend = *name;
    else if (*name == "llama")
        warnings.emplace_back(
            "SHIMMY_ENGINE_BACKEND=llama: there is no llama.cpp in Shimmy; its own engine is used");
    else
        warnings.push_back(fmt::format("SHIMMY_ENGINE_BACKEND={} is not one of {}; auto is used",
                                       base::printable(*name, 40), fmt::join(kBackends, ", ")));
}

void apply_kv_quant(GlobalOptions& global, std::vector<std::string>& warnings) {
    const auto name = base::env("SHIMMY_KV_QUANT");
    if (!name || !global.kv_quant.empty()) return;
    if (airframe::kv_type_of(*name))
        global.kv_quant = *name;
    else
        warnings.push_back(fmt::format("SHIMMY_KV_QUANT={} is not one of f32, f16, q8, int4; f16 is used",
                                       base::printable(*name, 40)));
}

void apply_prefill_chunk(GlobalOptions& global, std::vector<std::string>& warnings) {
    const auto text = base::env("SHIMMY_PREFILL_CHUNK");
    if (!text || global.prefill_chunk != 0) return;
    if (const auto tokens = parse_number<uint32_t>(*text); tokens && *tokens <= kPrefillChunkMax)
        global.prefill_chunk = *tokens;
    else
        warnings.push_back(
            fmt::format("SHIMMY_PREFILL_CHUNK={} is not a number from 0 to {}; it is chosen by "
                        "measurement",
                        base::printable(*text, 40), kPrefillChunkMax));
}

}  // namespace

base::Result<std::string> bind_address(const ListenOptions& options) {
    if (!options.bind.empty() && options.bind != "auto") return options.bind;
    const bool named = !options.host.empty() || options.port;
    if (auto address = base::env("SHIMMY_BIND_ADDRESS"); address && !named) return *std::move(address);
    const auto host = options.host.empty() ? base::env("SHIMMY_HOST") : std::optional(options.host);
    const auto port = options.port ? std::optional(std::to_string(*options.port)) : base::env("SHIMMY_PORT");
    if (!host && !port) return std::string{};
    if (port && !parse_number<uint16_t>(*port))
        return base::fail(base::ErrorCode::kInvalidArgument, "SHIMMY_PORT={} is not a port (0 to 65535)",
                          base::printable(*port, 40));
    return in_brackets(host.value_or(std::string(kDefaultHost))) + ":" +
           port.value_or(std::string(kDefaultPort));
}

std::vector<std::string> apply_environment(GlobalOptions& global) {
    std::vector<std::string> warnings;
    apply_context(global, warnings);
    apply_rope_scale(global, warnings);
    apply_backend(global, warnings);
    apply_kv_quant(global, warnings);
    apply_prefill_chunk(global, warnings);
    return warnings;
}

}  // namespace shimmy
