#include "airframe/text/special_spaces.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace airframe {
namespace {

using base::Result;

enum class Which { kOnly, kAllBut };
struct Row {
    std::string_view key, contains;  // lower case
    std::vector<TokenId> SpecialSpaces::* side;
    Which which;
    std::vector<std::string_view> tokens;
};

const std::vector<Row>& rows() {
    static const std::vector<Row> rows = {
        {"general.name", "phi-3", &SpecialSpaces::right, Which::kAllBut, {"<unk>", "<s>", "<|endoftext|>"}},
        {"general.name", "phi3", &SpecialSpaces::right, Which::kAllBut, {"<unk>", "<s>", "<|endoftext|>"}},
        {"general.name", "modern-bert", &SpecialSpaces::left, Which::kOnly, {"[MASK]"}},
        {"general.architecture", "nomic-bert-moe", &SpecialSpaces::left, Which::kOnly, {"<mask>"}},
        {"general.architecture", "jina-bert-v3", &SpecialSpaces::left, Which::kOnly, {"<mask>"}},
        {"tokenizer.ggml.pre", "jina-v2-", &SpecialSpaces::left, Which::kOnly, {"<mask>"}},
    };
    return rows;
}

bool is_special(TokenKind kind) {
    return kind == TokenKind::kControl || kind == TokenKind::kUnknown || kind == TokenKind::kUserDefined;
}

void apply(const Row& row, const Vocab& vocab, SpecialSpaces& out) {
    for (TokenId id = 0; id < vocab.size(); ++id) {
        if (!is_special(vocab.kind(id))) continue;
        const bool listed = std::ranges::find(row.tokens, vocab.piece(id)) != row.tokens.end();
        if (listed == (row.which == Which::kOnly)) (out.*row.side).push_back(id);
    }
}

}  // namespace

Result<SpecialSpaces> SpecialSpaces::load(const Metadata& metadata, const Vocab& vocab) {
    SpecialSpaces out;
    for (const Row& row : rows()) {
        TRY(const auto value, metadata.get_string(row.key));
        std::string name(value.value_or(""));
        std::ranges::transform(name, name.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (name.find(row.contains) != std::string::npos) apply(row, vocab, out);
    }
    for (auto* side : {&out.left, &out.right}) {
        std::ranges::sort(*side);
        side->erase(std::ranges::unique(*side).begin(), side->end());
    }
    return out;
}

}  // namespace airframe
