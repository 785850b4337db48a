#include "shimmy/app/surface_options.h"

#include <chrono>
#include <cmath>

#include "shimmy/api/guard.h"

namespace shimmy {
namespace {

struct SizeLimit {
    const char *name, *help;
    size_t HttpLimits::* field;
};
constexpr SizeLimit kSizeLimits[] = {
    {"--max-header-bytes", "Longest headers of a request", &HttpLimits::header_bytes},
    {"--max-body-bytes", "Longest body of a request", &HttpLimits::body_bytes},
    {"--max-message-bytes", "Longest message of a WebSocket", &HttpLimits::message_bytes},
    {"--max-all-bodies-bytes", "Of all bodies that are being read", &HttpLimits::all_bodies_bytes},
    {"--max-connections", "Clients at once", &HttpLimits::connections},
    {"--min-body-rate", "Slowest body after its time limit, bytes per second", &HttpLimits::body_bytes_per_s},
};
struct TimeLimit {
    const char *name, *help;
    std::chrono::milliseconds HttpLimits::* field;
};
constexpr TimeLimit kTimeLimits[] = {
    {"--handshake-timeout", "Seconds for the TLS handshake", &HttpLimits::handshake},
    {"--header-timeout", "Seconds for a request's headers", &HttpLimits::header},
    {"--body-timeout", "Seconds for its body, before the rate counts", &HttpLimits::body},
    {"--idle-timeout", "Seconds between requests of a connection", &HttpLimits::idle},
    {"--write-timeout", "Seconds in which a client reads nothing", &HttpLimits::write},
    {"--drain-timeout", "Seconds for running requests at the end", &HttpLimits::drain},
};

void add_limit_options(CLI::App& command, HttpLimits& limits) {
    constexpr double kSecondsMax = 86'400;
    constexpr const char* kGroup = "Limits";
    for (const SizeLimit& limit : kSizeLimits) {
        command.add_option(limit.name, limits.*limit.field, limit.help)
            ->check(CLI::PositiveNumber)
            ->capture_default_str()
            ->group(kGroup);
    }
    for (const TimeLimit& limit : kTimeLimits) {
        auto& field = limits.*limit.field;
        command
            .add_option_function<double>(
                limit.name,
                [&field](double seconds) { field = std::chrono::milliseconds(std::lround(seconds * 1e3)); },
                limit.help)
            ->check(CLI::Range(0.1, kSecondsMax))
            ->default_str(fmt::format("{}", field.count() / 1000))
            ->group(kGroup);
    }
}

}  // namespace

void add_surface_options(CLI::App& command, SurfaceOptions& options) {
    command.add_option(
        "--unix-socket", options.unix_socket,
        "Listen on this UNIX-domain socket, for this user alone; on a port too only with --bind");
    CLI::Option* certificate = command.add_option(
        "--tls-cert", options.tls.certificate,
        "Speak TLS on the port: the certificate's chain, a PEM file; read again at SIGHUP");
    command.add_option("--tls-key", options.tls.key, "The certificate's private key, a PEM file")
        ->needs(certificate);
    certificate->needs("--tls-key");
    command
        .add_option("--allowed-hosts", options.allowed_hosts,
                    "Further host names that clients may call this server by; '*': any")
        ->delimiter(',');
    command
        .add_option(
            "--allowed-origins", options.allowed_origins,
            "Web pages that may use this server, beside those of localhost, as in https://app.example")
        ->delimiter(',')
        ->check(CLI::Validator(
            [](const std::string& text) {
                return is_origin(text) ? std::string()
                                       : text + " is not an origin, such as https://app.example";
            },
            ""));
    command.add_option("--api-key", options.api_keys,
                       "A key that clients must send; others on this machine can see it: prefer a file");
    command.add_option("--api-key-file", options.api_key_file,
                       "A file with a key a line: KEY, NAME:KEY or NAME:sha256:HEX, and limits, as in rpm=60 "
                       "concurrent=4; read again at SIGHUP");
    command.add_flag("--strict", options.strict,
                     "Refuse parameters that this server does not know by name, instead of ignoring them");
    add_limit_options(command, options.limits);
}

base::Result<ApiKeys> keys_of(const SurfaceOptions& options) {
    ApiKeys keys;
    for (const std::string& key : options.api_keys) {
        TRY_VOID(keys.add(key));
    }
    if (!options.api_key_file.empty()) {
        TRY_VOID(keys.add_file(options.api_key_file));
    }
    return keys;
}

}  // namespace shimmy
