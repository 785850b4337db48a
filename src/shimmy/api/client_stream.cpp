#include "shimmy/api/client_stream.h"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace shimmy {

namespace asio = boost::asio;

ClientStream::ClientStream(Socket socket, TlsContext* tls) : socket_(std::move(socket)) {
    boost::system::error_code ignored;  // a UNIX-domain socket knows none of the two
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    if (tls != nullptr) tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, *tls);
}

void ClientStream::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void ClientStream::shut_down_sending() {
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
}

bool ClientStream::ended(const boost::system::error_code& error) {
    return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

bool ClientStream::was_plain_http(const boost::system::error_code& handshake_error) {
    return handshake_error.category() == asio::error::get_ssl_category() &&
           ERR_GET_REASON(static_cast<unsigned long>(handshake_error.value())) == SSL_R_HTTP_REQUEST;
}

}  // namespace shimmy
