#include "shimmy/api/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fstream>

namespace shimmy {

using base::ErrorCode;
using base::fail;

namespace {

constexpr int kWarnDays = 14;

std::string openssl_reason() {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason == nullptr ? "it is not in PEM form" : reason;
}

// Without this OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

base::Result<void> check_readable(std::string_view option, const std::filesystem::path& file) {
    if (std::ifstream in(file); in && in.peek() != std::ifstream::traits_type::eof()) return {};
    return fail(ErrorCode::kIo, "{} {}: the file cannot be read, or is empty", option, file.string());
}

base::Result<void> load_pair(SSL_CTX* context, const TlsFiles& files) {
    TRY_VOID(check_readable("--tls-cert", files.certificate));
    TRY_VOID(check_readable("--tls-key", files.key));
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
        return fail(ErrorCode::kBadFile, "--tls-cert {}: no certificate can be read from it: {}",
                    files.certificate.string(), openssl_reason());
    }
    if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1) return {};
    const auto code = ERR_peek_last_error();
    const bool mismatch = ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
                          ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH;
    if (mismatch) {
        ERR_clear_error();
        return fail(ErrorCode::kBadFile, "--tls-key {}: it is not the key of the certificate in {}",
                    files.key.string(), files.certificate.string());
    }
    return fail(ErrorCode::kBadFile,
                "--tls-key {}: no private key without a passphrase can be read from it: {}",
                files.key.string(), openssl_reason());
}

std::string time_text(const ASN1_TIME* time) {
    std::tm parts{};
    ASN1_TIME_to_tm(time, &parts);
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string validity_warning(const X509* certificate, const std::filesystem::path& file) {
    const ASN1_TIME* begin = X509_get0_notBefore(certificate);
    const ASN1_TIME* end = X509_get0_notAfter(certificate);
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, nullptr, begin) == 1 && (days > 0 || seconds > 0))
        return fmt::format("the certificate in {} is not valid before {}", file.string(), time_text(begin));
    if (ASN1_TIME_diff(&days, &seconds, nullptr, end) != 1) return {};
    if (days < 0 || seconds < 0)
        return fmt::format("the certificate in {} expired on {}: clients will refuse it", file.string(),
                           time_text(end));
    if (days < kWarnDays)
        return fmt::format("the certificate in {} expires on {}", file.string(), time_text(end));
    return {};
}

}  // namespace

base::Result<TlsSetup> load_tls(const TlsFiles& files) {
    TlsSetup setup{std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_server), {}};
    SSL_CTX* context = setup.context->native_handle();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);          // idle connections stay small
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets keep the state at the client
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    TRY_VOID(load_pair(context, files));
    setup.warning = validity_warning(SSL_CTX_get0_certificate(context), files.certificate);
    return setup;
}

}  // namespace shimmy
