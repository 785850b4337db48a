// What a model file says of itself, and how it is opened: here the store meets the file format.

#include <mutex>

#include "airframe/gguf/summary.h"
#include "base/log.h"
#include "shimmy/store/catalog.h"

namespace shimmy {

struct LazyFacts {
    std::once_flag once;
    ModelFacts facts;
};

namespace {

// Texts go to terminals and tables: without control characters, and of a sane length.
ModelFacts facts_of(const airframe::GgufFile& file) {
    constexpr size_t kCharsMax = 100;
    const airframe::GgufSummary summary = airframe::summarize(file);
    return {.architecture = base::printable(summary.architecture, kCharsMax),
            .name = base::printable(summary.name, kCharsMax),
            .parameters = base::printable(summary.size_label, kCharsMax),
            .quantisation = summary.quantization,
            .parameter_count = summary.parameters,
            .context_tokens = summary.context_tokens,
            .has_chat_template = summary.has_chat_template};
}

}  // namespace

std::shared_ptr<LazyFacts> make_lazy_facts() { return std::make_shared<LazyFacts>(); }

const ModelFacts& ModelEntry::facts() const {
    std::call_once(lazy_facts->once, [this] {
        const auto file = open_model(*this);
        lazy_facts->facts = file ? facts_of(*file) : ModelFacts{.fault = file.error().message};
    });
    return lazy_facts->facts;
}

base::Result<airframe::GgufFile> open_model(const ModelEntry& entry) {
    if (!entry.embedded.empty()) return airframe::GgufFile::open_memory(entry.embedded, entry.id);
    return airframe::GgufFile::open(entry.path);
}

}  // namespace shimmy
