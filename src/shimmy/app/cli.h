// The program's front: parses the command line, runs one command, tells errors, gives the exit code. Main
// thread.
#pragma once

#include <CLI/App.hpp>

#include <memory>

#include "shimmy/app/command.h"

namespace shimmy {

int run_cli(int argc, char** argv);

// The whole command line as a CLI11 tree: what `--help` and docs/CLI.md are made from.
void build_cli(CLI::App& app, GlobalOptions& global, Run& run);

}  // namespace shimmy
