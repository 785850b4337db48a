// shimmy openapi: docs/openapi.yaml, made from the server's own tables. Hidden from the help; a test
// compares.

#include <cstdio>

#include "shimmy/api/openapi.h"
#include "shimmy/app/command.h"
#include "shimmy/app/version.h"

namespace shimmy {
namespace {

struct OpenapiOptions {
    bool as_json = false;
};

base::Result<int> run_openapi(const OpenapiOptions& options, const GlobalOptions&) {
    if (options.as_json) {
        fmt::print("{}\n", boost::json::serialize(openapi_document(kVersion)));
        return kExitOk;
    }
    fmt::print("{}", openapi_yaml(kVersion));
    return kExitOk;
}

}  // namespace

void add_openapi(CommandLine line) {
    const auto options = std::make_shared<OpenapiOptions>();
    CLI::App* command = line.add(options, "openapi", "Print docs/openapi.yaml", run_openapi);
    command->group("");  // hidden
    command->add_flag("--json", options->as_json, "As JSON");
}

}  // namespace shimmy
