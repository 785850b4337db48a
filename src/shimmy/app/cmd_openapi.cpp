// shimmy openapi: docs/openapi.yaml, made from the server's own tables. Hidden from the help; a test
// compares.

#include <cstdio>

#include "shimmy/api/openapi.h"
#include "shimmy/app/command.h"
#include "shimmy/app/version.h"

namespace shimmy {
namespace {

struct OpenapiOptions {};

base::Result<int> run_openapi(const OpenapiOptions&, const GlobalOptions&) {
    fmt::print("{}", openapi_yaml(kVersion));
    return kExitOk;
}

}  // namespace

void add_openapi(CommandLine line) {
    line.add(std::make_shared<OpenapiOptions>(), "openapi", "Print docs/openapi.yaml", run_openapi)
        ->group("");
}

}  // namespace shimmy
