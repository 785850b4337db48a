// UNIX-domain sockets: who may connect, what becomes of the file, and the same API as on a port.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "shimmy/api/test_server.h"
#include "shimmy/api/unix_socket.h"

namespace shimmy {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

class UnixSocket : public ServerTest {
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
    std::string path() const { return folder_ / "s"; }

    // A socket file as a killed server leaves it: bound, and nobody listens.
    void leave_stale_socket() const {
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        close(fd);
    }

    fs::path folder_;
};

TEST_F(UnixSocket, AnswersUnderAnyHostName) {
    start({.bind = "none", .unix_socket = path()});
    EXPECT_EQ(server->port(), 0);
    EXPECT_EQ(server->url(), "http://localhost");
    for (const char* host : {"localhost", "shimmy", "evil.example", ""}) {
        TestClient client(path());
        client.send(fmt::format("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", host));
        EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200")) << host;
    }
    TestClient client(path());
    client.send(post("/v1/completions", R"({"model":"alpha","prompt":"A","stream":true})"));
    EXPECT_TRUE(client.read_until("data: [DONE]"));
}

TEST_F(UnixSocket, APortMayBeThereToo) {
    start({.unix_socket = path()});
    EXPECT_NE(server->port(), 0);
    EXPECT_THAT(ask(get("/health")), StartsWith("HTTP/1.1 200"));
    TestClient client(path());
    client.send(get("/health"));
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(UnixSocket, IsItsOwnersAloneAndGoesAtTheEnd) {
    start({.bind = "none", .unix_socket = path()});
    struct stat found{};
    ASSERT_EQ(lstat(path().c_str(), &found), 0);
    EXPECT_TRUE(S_ISSOCK(found.st_mode));
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    server.reset();
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(UnixSocket, OneThatAKilledServerLeftIsReplaced) {
    leave_stale_socket();
    start({.bind = "none", .unix_socket = path()});
    TestClient client(path());
    client.send(get("/health"));
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
}

TEST_F(UnixSocket, WhatIsInUseOrNoSocketStays) {
    const auto first = listen_on_unix(path());
    ASSERT_TRUE(first);
    const auto second = listen_on_unix(path());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("another process listens on it"));
    EXPECT_TRUE(fs::exists(path()));
    close(first->fd);

    const std::string file = folder_ / "notes.txt", link = folder_ / "link";
    std::ofstream(file) << "precious";
    fs::create_symlink(path(), link);
    for (const std::string& taken : {file, link}) {
        const auto refused = listen_on_unix(taken);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message, HasSubstr("no socket lies there"));
        EXPECT_TRUE(fs::is_symlink(taken) || fs::file_size(taken) == 8);
    }
}

TEST_F(UnixSocket, TheFileOfAnotherServerIsNotRemoved) {
    auto first = listen_on_unix(path());
    ASSERT_TRUE(first);
    fs::remove(path());
    auto second = listen_on_unix(path());
    ASSERT_TRUE(second);
    first->file = {};
    EXPECT_TRUE(fs::exists(path()));
    second->file = {};
    EXPECT_FALSE(fs::exists(path()));
    close(first->fd);
    close(second->fd);
}

TEST_F(UnixSocket, SaysWhatIsWrongWithThePath) {
    const auto too_long = listen_on_unix(folder_ / std::string(200, 'x'));
    ASSERT_FALSE(too_long);
    EXPECT_THAT(too_long.error().message, HasSubstr("1 to 107 bytes"));
    const auto no_folder = listen_on_unix(folder_ / "none" / "s");
    ASSERT_FALSE(no_folder);
    EXPECT_THAT(no_folder.error().message, HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace shimmy
