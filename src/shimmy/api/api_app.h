// ApiApp: the application behind the transport: guard, route table, handlers on I/O threads or workers.
#pragma once

#include <atomic>

#include "shimmy/api/api_keys.h"
#include "shimmy/api/guard.h"
#include "shimmy/api/handlers.h"
#include "shimmy/api/http_app.h"

namespace shimmy {

class ApiApp final : public HttpApp {
  public:
    ApiApp(ApiContext context, GuardRules rules, ApiKeys keys, size_t body_bytes_max)
        : context_(std::move(context)),
          rules_(std::move(rules)),
          keys_(std::make_shared<const ApiKeys>(std::move(keys))),
          body_bytes_max_(body_bytes_max) {}

    base::Result<Admission> admit(const HttpRequest& request) override;
    void handle(HttpRequest request, Deliver deliver) override;
    Response refuse(const base::Error& error, const HttpRequest* request) override;

    // From the next request on. Any thread.
    void change_keys(ApiKeys keys);

  private:
    std::unique_ptr<Reply> run(const Endpoint& endpoint, ApiRequest request);

    ApiContext context_;
    const GuardRules rules_;
    std::atomic<std::shared_ptr<const ApiKeys>> keys_;
    const size_t body_bytes_max_;
};

}  // namespace shimmy
