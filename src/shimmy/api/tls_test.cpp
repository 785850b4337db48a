// Certificates of the test's own making, and the whole server behind TLS.
#include "shimmy/api/tls.h"

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <fstream>

#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr long kDay = 86'400;

struct Validity {
    long from_s = -kDay, to_s = 365 * kDay;  // from now on
};

// Writes a fresh P-256 key and a certificate for it, signed by itself.
TlsFiles make_certificate(const fs::path& folder, const std::string& name, const Validity& validity = {}) {
    TlsFiles files{folder / (name + ".crt"), folder / (name + ".key")};
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), validity.from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), validity.to_s);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    std::FILE* out = std::fopen(files.certificate.c_str(), "w");
    PEM_write_X509(out, certificate);
    std::fclose(out);
    out = std::fopen(files.key.c_str(), "w");
    PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return files;
}

class Tls : public ServerTest {
  protected:
    void SetUp() override {
        folder_ =
            fs::path(testing::TempDir()) /
            fmt::format("{}-{}", testing::UnitTest::GetInstance()->current_test_info()->name(), getpid());
        fs::create_directories(folder_);
    }
    void TearDown() override {
        server.reset();
        fs::remove_all(folder_);
    }
    fs::path folder_;
};

// A client of the server's port that speaks TLS; trusts everybody.
class TlsClient {
  public:
    explicit TlsClient(uint16_t port, int max_version = TLS1_3_VERSION)
        : socket_(port), context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_, max_version);
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, socket_.fd());
        connected = SSL_connect(ssl_) == 1;
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;
    ~TlsClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    // What the server says to all of it, up to its end.
    std::string ask(std::string_view request) {
        size_t sent = 0;
        for (size_t step = 0; sent < request.size(); sent += step) {
            if (SSL_write_ex(ssl_, request.data() + sent, std::min<size_t>(request.size() - sent, 16'384),
                             &step) != 1)
                break;
        }
        std::string received;
        char buffer[16'384];
        for (size_t got = 0; SSL_read_ex(ssl_, buffer, sizeof buffer, &got) == 1;)
            received.append(buffer, got);
        ended_orderly = SSL_get_error(ssl_, 0) == SSL_ERROR_ZERO_RETURN;
        return received;
    }
    // A digest of the server's certificate.
    std::string certificate() const {
        X509* certificate = SSL_get1_peer_certificate(ssl_);
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        X509_digest(certificate, EVP_sha256(), digest, &size);
        X509_free(certificate);
        return {reinterpret_cast<char*>(digest), size};
    }
    bool connected = false, ended_orderly = false;

  private:
    TestClient socket_;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
};

TEST_F(Tls, TheSameApiInside) {
    start({.tls = make_certificate(folder_, "a")});
    EXPECT_THAT(server->url(), StartsWith("https://127.0.0.1:"));
    EXPECT_EQ(server->tls_warning(), "");
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client(server->port(), version);
        ASSERT_TRUE(client.connected);
        const std::string answer = client.ask(
            get("/health") + post("/v1/completions", R"({"model":"alpha","prompt":"A","stream":true})",
                                  "Connection: close\r\n"));
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
        EXPECT_THAT(answer, HasSubstr("data: [DONE]"));
        EXPECT_TRUE(client.ended_orderly);
    }
}

TEST_F(Tls, ARefusedClientReadsWhyWhileItStillSends) {
    ServerOptions options{.tls = make_certificate(folder_, "a")};
    options.limits.body_bytes = 1000;
    start(options);
    TlsClient client(server->port());
    EXPECT_THAT(client.ask(post("/v1/completions", std::string(200'000, ' '))), StartsWith("HTTP/1.1 413"));
}

TEST_F(Tls, OldVersionsAndOtherProtocolsAreTurnedAway) {
    ServerOptions options{.tls = make_certificate(folder_, "a")};
    options.limits.handshake = std::chrono::milliseconds(300);
    start(options);
    EXPECT_FALSE(TlsClient(server->port(), TLS1_1_VERSION).connected);
    EXPECT_THAT(ask(get("/health")), testing::AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("https://")));
    TestClient silent(server->port()), noise(server->port());
    noise.send("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b");
    EXPECT_TRUE(noise.read_to_end());
    EXPECT_TRUE(silent.read_to_end());  // the handshake has a time
    EXPECT_TRUE(TlsClient(server->port()).connected);
}

TEST_F(Tls, ANewCertificateIsReadAtReload) {
    const TlsFiles files = make_certificate(folder_, "a");
    start({.tls = files});
    TlsClient early(server->port());
    ASSERT_TRUE(early.connected);
    make_certificate(folder_, "a");  // other ones in the same files
    EXPECT_EQ(TlsClient(server->port()).certificate(), early.certificate()) << "nobody has said so yet";
    server->reload();
    TlsClient late(server->port());
    EXPECT_NE(late.certificate(), early.certificate());
    std::ofstream(files.key) << "no PEM\n";
    server->reload();
    EXPECT_EQ(TlsClient(server->port()).certificate(), late.certificate())
        << "what cannot be read changes nothing";
    EXPECT_THAT(early.ask(get("/health", "Connection: close\r\n")), StartsWith("HTTP/1.1 200"))
        << "who is in stays in";
}

TEST_F(Tls, ManyLargeRequestsAtOnce) {
    start({.tls = make_certificate(folder_, "a")});
    script->ctx_tokens = 1 << 20;
    std::vector<std::jthread> clients;
    std::atomic<int> answered = 0;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back([&] {
            TlsClient client(server->port());
            const std::string text(100'000, 'a');
            const std::string answer =
                client.ask(post("/v1/completions",
                                R"({"model":"alpha","echo":true,"max_tokens":1,"prompt":")" + text + R"("})",
                                "Connection: close\r\n"));
            if (answer.find(text + "H") != std::string::npos) ++answered;
        });
    }
    clients.clear();
    EXPECT_EQ(answered, 8);
}

TEST_F(Tls, WarnsOfWhatIsNotValid) {
    const auto warning = [&](const std::string& name, const Validity& validity) {
        const auto setup = load_tls(make_certificate(folder_, name, validity));
        return setup ? setup->warning : setup.error().message;
    };
    EXPECT_THAT(warning("old", {-9 * kDay, -2 * kDay}), HasSubstr("expired on"));
    EXPECT_THAT(warning("just", {-9 * kDay, -60}), HasSubstr("expired on"));
    EXPECT_THAT(warning("soon", {-9 * kDay, 3 * kDay}), HasSubstr("expires on"));
    EXPECT_THAT(warning("early", {2 * kDay, 9 * kDay}), HasSubstr("not valid before"));
    EXPECT_EQ(warning("good", {}), "");
}

TEST_F(Tls, SaysWhatIsWrongWithTheFiles) {
    const TlsFiles good = make_certificate(folder_, "a"), other = make_certificate(folder_, "b");
    const fs::path text = folder_ / "text.pem", empty = folder_ / "empty.pem",
                   locked = folder_ / "locked.key";
    std::ofstream(text) << "no PEM\n";
    std::ofstream{empty};
    {
        std::FILE* in = std::fopen(good.key.c_str(), "r");
        EVP_PKEY* key = PEM_read_PrivateKey(in, nullptr, nullptr, nullptr);
        std::fclose(in);
        std::FILE* out = std::fopen(locked.c_str(), "w");
        PEM_write_PrivateKey(out, key, EVP_aes_256_cbc(), nullptr, 0, nullptr, const_cast<char*>("secret"));
        std::fclose(out);
        EVP_PKEY_free(key);
    }
    struct Case {
        TlsFiles files;
        std::string said;
    };
    const Case cases[] = {{{folder_ / "none", good.key}, "--tls-cert"},
                          {{empty, good.key}, "cannot be read, or is empty"},
                          {{good.certificate, folder_ / "none"}, "--tls-key"},
                          {{text, good.key}, "no certificate can be read"},
                          {{good.certificate, text}, "no private key"},
                          {{good.certificate, locked}, "without a passphrase"},
                          {{good.certificate, other.key}, "not the key of the certificate"}};
    for (const Case& each : cases) {
        const auto setup = load_tls(each.files);
        ASSERT_FALSE(setup) << each.said;
        EXPECT_THAT(setup.error().message, HasSubstr(each.said));
    }
}

}  // namespace
}  // namespace shimmy
