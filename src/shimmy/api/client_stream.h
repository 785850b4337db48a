// ClientStream: the bytes of one client, over TCP or a UNIX-domain socket, plain or inside TLS: what the
// connection above it sees is the same. One read and one write may be under way at once. On the thread of its
// loop; handlers are asio's, and must keep the stream alive.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <memory>
#include <utility>

namespace shimmy {

class ClientStream {
  public:
    using Socket = boost::asio::generic::stream_protocol::socket;
    using TlsContext = boost::asio::ssl::context;

    // `tls` null: plain. Not needed once this is made.
    ClientStream(Socket socket, TlsContext* tls);

    bool encrypted() const { return tls_ != nullptr; }

    // handler(error_code). Before anything else where encrypted().
    template <class Handler>
    void handshake(Handler handler) {
        tls_->async_handshake(boost::asio::ssl::stream_base::server, std::move(handler));
    }
    // handler(error_code, size_t bytes); see ended().
    template <class Handler>
    void read_some(boost::asio::mutable_buffer to, Handler handler) {
        if (tls_) return tls_->async_read_some(to, std::move(handler));
        socket_.async_read_some(to, std::move(handler));
    }
    // handler(error_code, size_t bytes)
    template <class Handler>
    void write_some(boost::asio::const_buffer from, Handler handler) {
        if (tls_) return tls_->async_write_some(from, std::move(handler));
        socket_.async_write_some(from, std::move(handler));
    }
    // Tells the client that nothing follows. handler() comes when that is on its way; reading goes on.
    template <class Handler>
    void end_sending(Handler handler) {
        if (tls_) {
            return tls_->async_shutdown([this, handler = std::move(handler)](auto) mutable {
                shut_down_sending();
                handler();
            });
        }
        shut_down_sending();
        handler();
    }
    void close();

    // Whether a read's error says that the client sends no more, in whatever way it said so.
    static bool ended(const boost::system::error_code& error);
    // Whether a failed handshake was plain HTTP, sent to a port that speaks TLS.
    static bool was_plain_http(const boost::system::error_code& handshake_error);
    void go_on_without_tls() { tls_.reset(); }  // in the handler of a failed handshake

  private:
    void shut_down_sending();

    Socket socket_;
    std::unique_ptr<boost::asio::ssl::stream<Socket&>> tls_;
};

// A client that has come in, and by which door.
struct Accepted {
    ClientStream::Socket socket;
    std::shared_ptr<ClientStream::TlsContext> tls = nullptr;  // null: plain
    bool local = false;                                       // by a UNIX-domain socket
};

}  // namespace shimmy
