#include "shimmy/api/http_message.h"

#include <algorithm>
#include <iterator>

namespace shimmy {

namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

class ReadyReply final : public Reply {
  public:
    explicit ReadyReply(Response response) : response_(std::move(response)) {}
    void on_ready(std::function<void()>) override {}
    void pump(ReplyOutput& output) override {
        output.head = std::move(response_.head);
        output.has_head = true;
        output.body = std::move(response_.body);
        output.state = ReplyOutput::State::kDone;
    }

  private:
    Response response_;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> list_items(const std::string* header) {
    std::vector<std::string_view> items;
    std::string_view rest = header == nullptr ? std::string_view() : std::string_view(*header);
    while (!rest.empty()) {
        const size_t comma = std::min(rest.find(','), rest.size());
        const std::string_view item = rest.substr(0, comma);
        rest.remove_prefix(std::min(rest.size(), comma + 1));
        const size_t first = item.find_first_not_of(" \t");
        if (first != std::string_view::npos)
            items.push_back(item.substr(first, item.find_last_not_of(" \t") + 1 - first));
    }
    return items;
}

const std::string* HttpRequest::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (equals_ignoring_case(key, name)) return &value;
    }
    return nullptr;
}

std::string_view reason_phrase(int status) {
    const auto* found = std::ranges::find(kReasons, status, &std::pair<int, std::string_view>::first);
    return found == std::end(kReasons) ? "Unknown" : found->second;
}

std::unique_ptr<Reply> ready_reply(Response response) {
    return std::make_unique<ReadyReply>(std::move(response));
}

}  // namespace shimmy
