// The server's side of TLS: certificate and key from PEM files, TLS 1.2 and newer.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace shimmy {

struct TlsFiles {
    std::filesystem::path certificate;  // the chain, the server's own first
    std::filesystem::path key;
};

struct TlsSetup {
    std::shared_ptr<boost::asio::ssl::context> context;
    std::string warning;  // for people: the certificate is not valid now, or not for long; else empty
};

// Errors: kIo (a file cannot be read), kBadFile (no PEM, a key with a passphrase, a key of another
// certificate).
base::Result<TlsSetup> load_tls(const TlsFiles& files);

}  // namespace shimmy
