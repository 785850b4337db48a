// For the fuzz targets of grammars: whatever compiles can be written to its end.
#pragma once

#include <cstdint>
#include <string>

#include "airframe/text/grammar_machine.h"
#include "base/check.h"

namespace airframe {

// Writes a text, led by the bytes of `lead`; each place on the way must go on or be an end.
inline void write_by(const GrammarPtr& grammar, std::string_view lead, GrammarOptions options = {}) {
    constexpr size_t kBytesMax = 96;
    GrammarMachine machine(grammar, options);
    GrammarState state = machine.start();
    for (size_t i = 0; i < kBytesMax; ++i) {
        const auto from = static_cast<uint8_t>(lead.empty() ? i : lead[i % lead.size()]);
        GrammarState next = GrammarMachine::kDead;
        for (int step = 0; step < 256 && next == GrammarMachine::kDead; ++step)
            next = machine.step(state, static_cast<uint8_t>(from + step));
        if (machine.exhausted()) return;
        CHECK(next != GrammarMachine::kDead || machine.complete(state), "a dead end after {} bytes", i);
        if (next == GrammarMachine::kDead) return;
        state = next;
    }
}

}  // namespace airframe
