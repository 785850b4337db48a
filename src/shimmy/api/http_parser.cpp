#include "shimmy/api/http_parser.h"

#include <boost/beast/http/basic_parser.hpp>

#include <limits>
#include <optional>

#include "base/log.h"

namespace shimmy {

namespace http = boost::beast::http;
using base::Error;
using base::ErrorCode;

namespace {

constexpr size_t kFirstLineCheckedBytes = 16;

Error bad_request(std::string message) {
    return {ErrorCode::kInvalidArgument, "Malformed HTTP request: " + std::move(message), {}, "bad_request"};
}
Error headers_too_large(size_t limit) {
    return {ErrorCode::kInvalidArgument,
            fmt::format("The request's headers exceed the limit of {} bytes.", limit),
            {},
            "headers_too_large"};
}
Error body_too_large(size_t limit) {
    return {ErrorCode::kInvalidArgument,
            fmt::format("The request's body exceeds the limit of {} bytes.", limit),
            {},
            "request_too_large"};
}

// Continuation lines (obsolete) and spaces before a colon are read differently by different servers.
bool has_folded_line(std::string_view head) {
    return head.find("\n ") != std::string_view::npos || head.find("\n\t") != std::string_view::npos;
}

std::string_view what(boost::beast::error_code code) {
    if (code == http::error::bad_method) return "the method is not a word.";
    if (code == http::error::bad_target) return "the target holds characters that a URL cannot hold.";
    if (code == http::error::bad_version) return "the version is not HTTP/1.0 or HTTP/1.1.";
    if (code == http::error::bad_content_length) return "Content-Length is not one plain number.";
    if (code == http::error::multiple_content_length) return "Content-Length comes more than once.";
    if (code == http::error::bad_transfer_encoding) return "this Transfer-Encoding is not supported.";
    if (code == http::error::bad_chunk || code == http::error::bad_chunk_extension)
        return "a chunk is broken.";
    if (code == http::error::bad_field || code == http::error::bad_value) return "a header field is broken.";
    if (code == http::error::bad_line_ending) return "a line does not end in CR LF.";
    return "it cannot be read.";
}

}  // namespace

class HttpParser::Beast final : public http::basic_parser<true> {
  public:
    explicit Beast(size_t header_bytes_max) : header_bytes_max_(header_bytes_max) {
        header_limit(static_cast<uint32_t>(header_bytes_max));
        body_limit(boost::none);  // ours, below
    }

    HttpRequest request_;
    const size_t header_bytes_max_;
    size_t body_bytes_max_ = std::numeric_limits<size_t>::max();
    std::optional<uint64_t> declared_bytes_;
    bool over_limit_ = false, chunked_ = false, bad_encoding_ = false, bad_length_ = false;
    int hosts_ = 0, lengths_ = 0;

    base::Result<void> judge_header(std::string_view head) const {
        if (has_folded_line(head)) {
            return std::unexpected(bad_request("a header field is folded over several lines."));
        }
        if (bad_encoding_) return std::unexpected(bad_request("this Transfer-Encoding is not supported."));
        if (bad_length_) return std::unexpected(bad_request("Content-Length is not one plain number."));
        if (lengths_ + (chunked_ ? 1 : 0) > 1) {
            return std::unexpected(bad_request("the length of its body is told more than once."));
        }
        if (hosts_ > 1 || (hosts_ == 0 && !request_.http_1_0)) {
            return std::unexpected(bad_request("it needs exactly one Host header."));
        }
        return {};
    }

  protected:
    using Code = boost::beast::error_code;

    void on_request_impl(http::verb, boost::beast::string_view method, boost::beast::string_view target,
                         int version, Code& error) override {
        request_.method.assign(method.data(), method.size());
        request_.target.assign(target.data(), target.size());
        request_.http_1_0 = version == 10;
        if (version != 10 && version != 11) error = http::error::bad_version;
    }
    void on_response_impl(int, boost::beast::string_view, int, Code&) override {}
    void on_field_impl(http::field name, boost::beast::string_view name_text, boost::beast::string_view value,
                       Code&) override {
        if (is_header_done()) return;  // trailers of a chunked body
        if (name == http::field::host) hosts_ += 1;
        if (name == http::field::content_length) {
            lengths_ += 1;
            // A list of equal numbers is allowed to be read as one, and not everybody does.
            if (value.find_first_not_of("0123456789") != boost::beast::string_view::npos) bad_length_ = true;
        }
        if (name == http::field::transfer_encoding) {
            chunked_ = true;
            if (request_.http_1_0 || !boost::beast::iequals(value, "chunked")) bad_encoding_ = true;
        }
        if (name == http::field::expect && boost::beast::iequals(value, "100-continue")) {
            request_.expects_continue = !request_.http_1_0;
        }
        request_.headers.emplace_back(std::string(name_text), std::string(value));
    }
    void on_header_impl(Code&) override {
        request_.keep_alive = keep_alive();
        if (const auto length = content_length()) declared_bytes_ = *length;
    }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, Code&) override {}
    std::size_t on_body_impl(boost::beast::string_view body, Code& error) override {
        return append(body, error);
    }
    void on_chunk_header_impl(std::uint64_t size, boost::beast::string_view, Code& error) override {
        if (size <= body_bytes_max_ - request_.body.size()) return;
        over_limit_ = true;  // told before it comes
        error = http::error::body_limit;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, Code& error) override {
        return append(body, error);
    }
    void on_finish_impl(Code&) override {}

  private:
    size_t append(boost::beast::string_view body, Code& error) {
        if (body.size() > body_bytes_max_ - request_.body.size()) {
            over_limit_ = true;
            error = http::error::body_limit;
            return 0;
        }
        request_.body.append(body.data(), body.size());
        return body.size();
    }
};

HttpParser::HttpParser(size_t header_bytes_max) : beast_(std::make_unique<Beast>(header_bytes_max)) {}
HttpParser::~HttpParser() = default;

bool HttpParser::header_done() const { return beast_->is_header_done(); }
HttpRequest& HttpParser::request() { return beast_->request_; }

base::Result<HttpParser::Progress> HttpParser::feed(std::string_view input) {
    if (beast_->is_done()) return Progress{State::kComplete, 0};
    const bool in_header = !beast_->is_header_done();
    if (in_header) {
        // Something that is no HTTP at all (a TLS hello, say) is told so at once, not after a timeout.
        for (const char c : input.substr(0, kFirstLineCheckedBytes)) {
            if (c == '\r' || c == '\n') break;
            if (c < ' ' || c > '~') return std::unexpected(bad_request("it does not begin with a method."));
        }
    }
    beast_->eager(!in_header);
    boost::beast::error_code error;
    Progress progress;
    progress.used_bytes = beast_->put({input.data(), input.size()}, error);
    if (beast_->over_limit_) return std::unexpected(body_too_large(beast_->body_bytes_max_));
    if (error == http::error::header_limit)
        return std::unexpected(headers_too_large(beast_->header_bytes_max_));
    if (error && error != http::error::need_more)
        return std::unexpected(bad_request(std::string(what(error))));
    if (in_header && beast_->is_header_done()) {
        TRY_VOID(beast_->judge_header(input.substr(0, progress.used_bytes)));
        progress.state = State::kHeaderDone;
    } else if (beast_->is_done()) {
        progress.state = State::kComplete;
    }
    return progress;
}

base::Result<void> HttpParser::limit_body(size_t body_bytes_max) {
    beast_->body_bytes_max_ = body_bytes_max;
    if (beast_->declared_bytes_.value_or(0) > body_bytes_max)
        return std::unexpected(body_too_large(body_bytes_max));
    return {};
}

}  // namespace shimmy
