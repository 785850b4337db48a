#include "airframe/text/special_tokens.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/log.h"

namespace airframe {
namespace {

using base::ErrorCode;
using base::Result;
using Role = std::optional<TokenId> SpecialTokens::*;

// Metadata keys. Some files in the wild carry a padding id beyond the vocabulary and work without it, so only
// the tokens that begin and end a text are insisted on.
struct RoleKey {
    std::string_view key;
    Role role;
    bool insist = false;
};
constexpr RoleKey kRoleKeys[] = {
    {"tokenizer.ggml.bos_token_id", &SpecialTokens::bos, true},
    {"tokenizer.ggml.eos_token_id", &SpecialTokens::eos, true},
    {"tokenizer.ggml.eot_token_id", &SpecialTokens::eot},
    {"tokenizer.ggml.eom_token_id", &SpecialTokens::eom},
    {"tokenizer.ggml.unknown_token_id", &SpecialTokens::unk},
    {"tokenizer.ggml.seperator_token_id", &SpecialTokens::sep},  // spelled so in the format
    {"tokenizer.ggml.padding_token_id", &SpecialTokens::pad},
    {"tokenizer.ggml.cls_token_id", &SpecialTokens::cls},
    {"tokenizer.ggml.mask_token_id", &SpecialTokens::mask},
    {"tokenizer.ggml.fim_pre_token_id", &SpecialTokens::fim_prefix},
    {"tokenizer.ggml.fim_suf_token_id", &SpecialTokens::fim_suffix},
    {"tokenizer.ggml.fim_mid_token_id", &SpecialTokens::fim_middle},
    {"tokenizer.ggml.prefix_token_id", &SpecialTokens::fim_prefix},  // older names of the same
    {"tokenizer.ggml.suffix_token_id", &SpecialTokens::fim_suffix},
    {"tokenizer.ggml.middle_token_id", &SpecialTokens::fim_middle},
};

// Texts that mean the same in every vocabulary that has them.
enum class Known : uint8_t {
    kEnd,           // ends an answer
    kEndIfControl,  // ends an answer where the file calls it a control token (elsewhere it is an HTML tag)
    kEndOfTurn,     // ends an answer; the `eot` token where metadata names none
    kEndOfMessage,
    kFimPrefix,
    kFimSuffix,
    kFimMiddle,
    kFimEnd,  // a code model goes on to the next file: ends an answer, but users may write it
};
struct KnownText {
    std::string_view text;
    Known meaning;
};
constexpr auto kKnownTexts = std::to_array<KnownText>({
    {"<|eot_id|>", Known::kEndOfTurn},     // Llama 3
    {"<|im_end|>", Known::kEndOfTurn},     // ChatML
    {"<|end|>", Known::kEndOfTurn},        // Phi 3
    {"<end_of_turn>", Known::kEndOfTurn},  // Gemma
    {"<turn|>", Known::kEndOfTurn},        // Gemma 4
    {"<EOT>", Known::kEndOfTurn},
    {"_<EOT>", Known::kEndOfTurn},
    {"[EOT]", Known::kEndOfTurn},               // Kimi K2
    {"<end_of_utterance>", Known::kEndOfTurn},  // SmolVLM
    {"<|return|>", Known::kEnd},                // harmony
    {"<|call|>", Known::kEnd},                  // harmony
    {"<|calls|>", Known::kEnd},                 // Solar Open
    {"<|flush|>", Known::kEnd},                 // Solar Open
    {"<|tool_response>", Known::kEnd},          // Gemma 4: the answer of a tool comes next
    {"[EOS]", Known::kEnd},                     // Kimi K2
    {"[e~[", Known::kEnd},                      // MiniMax
    {"<|endoftext|>", Known::kEnd},
    {"<|end_of_text|>", Known::kEnd},
    {"<｜end▁of▁sentence｜>", Known::kEnd},  // DeepSeek
    {"</s>", Known::kEndIfControl},
    {"<eos>", Known::kEndIfControl},
    {"<|eom_id|>", Known::kEndOfMessage},   // Llama 3.1: a tool call ends
    {"<|fim_prefix|>", Known::kFimPrefix},  // Qwen
    {"<fim_prefix>", Known::kFimPrefix},    // StarCoder
    {"<fim-prefix>", Known::kFimPrefix},
    {"<｜fim▁begin｜>", Known::kFimPrefix},  // DeepSeek
    {"<PRE>", Known::kFimPrefix},
    {"▁<PRE>", Known::kFimPrefix},           // Code Llama
    {"[PREFIX]", Known::kFimPrefix},         // Codestral
    {"<|code_prefix|>", Known::kFimPrefix},  // GLM
    {"<|fim_suffix|>", Known::kFimSuffix},
    {"<fim_suffix>", Known::kFimSuffix},
    {"<fim-suffix>", Known::kFimSuffix},
    {"<｜fim▁hole｜>", Known::kFimSuffix},
    {"<SUF>", Known::kFimSuffix},
    {"▁<SUF>", Known::kFimSuffix},
    {"[SUFFIX]", Known::kFimSuffix},
    {"<|code_suffix|>", Known::kFimSuffix},
    {"<|fim_middle|>", Known::kFimMiddle},
    {"<fim_middle>", Known::kFimMiddle},
    {"<fim-middle>", Known::kFimMiddle},
    {"<｜fim▁end｜>", Known::kFimMiddle},
    {"<MID>", Known::kFimMiddle},
    {"▁<MID>", Known::kFimMiddle},
    {"[MIDDLE]", Known::kFimMiddle},
    {"<|code_middle|>", Known::kFimMiddle},
    {"<|fim_pad|>", Known::kFimEnd},
    {"<fim_pad>", Known::kFimEnd},
    {"<|repo_name|>", Known::kFimEnd},
    {"<|file_sep|>", Known::kFimEnd},
});

// The tokens of the vocabulary whose text is in kKnownTexts, in the order of that table.
std::array<std::optional<TokenId>, kKnownTexts.size()> find_known(std::span<const std::string_view> pieces) {
    std::unordered_map<std::string_view, size_t> index_of;
    for (size_t i = 0; i < kKnownTexts.size(); ++i) index_of.emplace(kKnownTexts[i].text, i);

    std::array<std::optional<TokenId>, kKnownTexts.size()> found;
    for (size_t id = 0; id < pieces.size(); ++id) {
        const std::string_view piece = pieces[id];
        if (piece.size() < 4 || piece.size() > 32) continue;
        const char last = piece.back();
        if (last != '>' && last != ']' && last != '[') continue;  // every known text ends so
        const auto known = index_of.find(piece);
        if (known != index_of.end() && !found[known->second]) found[known->second] = static_cast<TokenId>(id);
    }
    return found;
}

void set_if_missing(std::optional<TokenId>& role, TokenId id) {
    if (!role) role = id;
}

// Applies one known text that the vocabulary has.
void apply_known(Known meaning, TokenId id, std::span<TokenKind> kinds, SpecialTokens& special) {
    const auto end = [&] { special.end_of_generation.push_back(id); };
    switch (meaning) {
        case Known::kEnd:
            return end();
        case Known::kEndIfControl:
            return kinds[id] == TokenKind::kControl ? end() : void();
        case Known::kEndOfTurn:
            set_if_missing(special.eot, id);
            return end();
        case Known::kEndOfMessage:
            set_if_missing(special.eom, id);
            return end();
        case Known::kFimPrefix:
            return set_if_missing(special.fim_prefix, id);
        case Known::kFimSuffix:
            return set_if_missing(special.fim_suffix, id);
        case Known::kFimMiddle:
            return set_if_missing(special.fim_middle, id);
        case Known::kFimEnd:
            return;  // after users' tokens are told from control tokens
    }
}

Result<void> read_role_keys(const Metadata& metadata, int64_t vocab_size, SpecialTokens& special) {
    for (const RoleKey& row : kRoleKeys) {
        TRY(const auto id, metadata.get_int(row.key));
        if (!id || *id == -1 || *id == 0xffffffff) continue;  // both spellings of "none"
        if (*id >= 0 && *id < vocab_size) {
            set_if_missing(special.*row.role, static_cast<TokenId>(*id));
        } else if (row.insist) {
            auto error =
                base::fail(ErrorCode::kBadFile, "{} is {}, but the vocabulary has {} tokens (ids 0 to {})",
                           row.key, *id, vocab_size, vocab_size - 1);
            error.error().param = row.key;
            return error;
        } else {
            base::log_warn("{} is {}, outside the vocabulary of {} tokens: ignored", row.key, *id,
                           vocab_size);
        }
    }
    return {};
}

void sort_unique(std::vector<TokenId>& ids) {
    std::ranges::sort(ids);
    const auto rest = std::ranges::unique(ids);
    ids.erase(rest.begin(), rest.end());
}

}  // namespace

Result<SpecialTokens> load_special_tokens(const Metadata& metadata, std::span<const std::string_view> pieces,
                                          std::span<TokenKind> kinds) {
    SpecialTokens special;
    TRY_VOID(read_role_keys(metadata, static_cast<int64_t>(pieces.size()), special));

    const auto found = find_known(pieces);
    const auto has = [&](std::string_view text) {
        const auto row = std::ranges::find(kKnownTexts, text, &KnownText::text);
        return found[static_cast<size_t>(row - kKnownTexts.begin())].has_value();
    };
    // In harmony and its kin "<|end|>" ends a message, and the answer may go on with another one.
    const bool end_goes_on = has("<|return|>") || has("<|flush|>");
    for (size_t i = 0; i < kKnownTexts.size(); ++i)
        if (found[i] && !(end_goes_on && kKnownTexts[i].text == "<|end|>"))
            apply_known(kKnownTexts[i].meaning, *found[i], kinds, special);
    for (const auto& role : {special.eos, special.eot, special.eom})
        if (role) special.end_of_generation.push_back(*role);

    auto closed = special.end_of_generation;
    if (special.bos) closed.push_back(*special.bos);
    for (const TokenId id : closed) {
        if (kinds[id] == TokenKind::kControl || kinds[id] == TokenKind::kUnknown) continue;
        base::log_debug("token {} '{}' begins or ends texts but is not marked as control: treated as such",
                        id, base::printable(pieces[id]));
        kinds[id] = TokenKind::kControl;
    }
    for (size_t i = 0; i < kKnownTexts.size(); ++i)
        if (found[i] && kKnownTexts[i].meaning == Known::kFimEnd)
            special.end_of_generation.push_back(*found[i]);
    sort_unique(special.end_of_generation);
    return special;
}

}  // namespace airframe
