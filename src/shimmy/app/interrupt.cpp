#include "shimmy/app/interrupt.h"

#include <atomic>
#include <csignal>

namespace shimmy {
namespace {

std::atomic<bool> raised{false};
static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");

void raise_flag(int) { raised.store(true); }

}  // namespace

void catch_interrupts() {
    struct sigaction action{};
    action.sa_handler = raise_flag;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one finds the default again
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return raised.load(); }

}  // namespace shimmy
