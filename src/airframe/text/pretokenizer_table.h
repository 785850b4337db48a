// The published pre-tokenizers as data: which patterns cut a text into the pieces that merging never crosses.
// Names are those of the metadata key tokenizer.ggml.pre; patterns are those of the models' own
// tokenizer.json or tokenizer source, in PCRE2 syntax (`\s` is widened to Unicode's White_Space when a
// pattern is compiled).
#pragma once

#include <span>
#include <string_view>

namespace airframe {

enum class SplitKind {
    kPattern,      // matches of the pattern are isolated, and so is what lies between them
    kDigitGroups,  // runs that match the pattern are cut into threes, counted from the right
};

struct SplitStep {
    std::string_view pattern;
    SplitKind kind = SplitKind::kPattern;
};

// Steps are applied in order, each within the pieces that the one before left.
struct PretokenizerSpec {
    std::string_view name;
    std::span<const SplitStep> steps;
    bool whole_piece_first = false;  // a piece that is a token is that token, whatever the merges say
    bool add_bos = false;            // where the metadata is silent
    bool piece_spelling = false;     // the vocabulary spells characters and U+2581, not byte stand-ins
};

std::span<const PretokenizerSpec> pretokenizer_specs();

// The row for a name. An unknown name gets the row of the nearest relative (same leading letters: "qwen7" ->
// "qwen2"), else "default", with a warning; an empty name is "default".
const PretokenizerSpec& pretokenizer_spec(std::string_view name);

}  // namespace airframe
