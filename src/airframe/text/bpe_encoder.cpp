#include "airframe/text/bpe_encoder.h"

#include <string>

#include "base/utf8.h"

namespace airframe {

struct BpeEncoder::Job {
    std::vector<TokenId>& out;
    BpeMerger merger;
    std::vector<TokenId> symbols;
};

BpeEncoder::BpeEncoder(const Vocab& vocab, TokenizerKind kind, MergeTable merges,
                       const PretokenizerSpec& spec)
    : vocab_(vocab),
      byte_level_(kind == TokenizerKind::kByteBpe),
      whole_piece_first_(spec.whole_piece_first),
      merges_(std::move(merges)),
      pretokenizer_(spec),
      cuts_(vocab),
      whole_(vocab.size()) {}

void BpeEncoder::encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const {
    Job job{out, BpeMerger(merges_), {}};
    if (byte_level_) return encode_runs(text, job);
    std::string spaced = at_start && vocab_.add_space_prefix() ? " " : "";
    append_with_spaces(text, spaced);
    encode_runs(spaced, job);
}

void BpeEncoder::encode_runs(std::string_view text, Job& job) const {
    each_utf8_run(
        text,
        [&](std::string_view run) {
            pretokenizer_.split(run, [&](std::string_view piece) { encode_piece(piece, job); });
        },
        [&](std::string_view run) { encode_word(run, job); });
}

void BpeEncoder::encode_piece(std::string_view piece, Job& job) const {
    if (byte_level_) return encode_word(piece, job);
    // Runs of line ends have tokens that the merges do not lead to in every vocabulary.
    if (piece[0] == '\n')
        if (const TokenId id = vocab_.find_text(piece); id >= 0) return job.out.push_back(id);
    cuts_.split(piece, [&](std::string_view word) { encode_word(word, job); });
}

void BpeEncoder::encode_word(std::string_view word, Job& job) const {
    const TokenId whole = vocab_.find_text(word);
    if (whole >= 0 && (whole_piece_first_ || whole_.is_known(whole))) return job.out.push_back(whole);
    job.symbols.clear();
    append_symbols(word, job.symbols);
    job.merger.merge(job.symbols);
    if (whole >= 0 && job.symbols.size() == 1 && job.symbols[0] == whole) whole_.learn(whole);
    for (const TokenId symbol : job.symbols) {
        if (symbol >= 0)
            job.out.push_back(symbol);
        else
            vocab_.append_byte(static_cast<unsigned char>(-1 - symbol), job.out);
    }
}

// One symbol for each byte or character that is a token; -1 - byte for each byte of what is none.
void BpeEncoder::append_symbols(std::string_view word, std::vector<TokenId>& symbols) const {
    const auto append_bytes = [&](std::string_view bytes) {
        for (const char byte : bytes) symbols.push_back(-1 - static_cast<unsigned char>(byte));
    };
    for (size_t at = 0; at < word.size();) {
        const size_t begin = at;
        if (byte_level_)
            ++at;
        else
            base::next_code_point(word, at);
        const std::string_view part = word.substr(begin, at - begin);
        const TokenId id =
            byte_level_ ? vocab_.byte_token(static_cast<unsigned char>(part[0])) : vocab_.find_text(part);
        if (id >= 0)
            symbols.push_back(id);
        else
            append_bytes(part);
    }
}

}  // namespace airframe
