// What `shimmy` alone says: which models are here and what to do next.
#pragma once

#include <CLI/App.hpp>

#include "shimmy/app/command.h"

namespace shimmy {

// On a terminal a short orientation; elsewhere the help. Gives the exit code.
int welcome(const CLI::App& app, const GlobalOptions& global);

}  // namespace shimmy
