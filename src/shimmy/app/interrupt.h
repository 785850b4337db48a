// Ctrl+C for commands that run for a while: the first asks to stop, the second ends the program as it would
// have.
#pragma once

namespace shimmy {

// From now on, SIGINT and SIGTERM only raise the flag, once. Call from the main thread.
void catch_interrupts();
bool interrupted();

}  // namespace shimmy
