#include "airframe/text/pretokenizer_table.h"

#include <algorithm>
#include <cctype>

#include "base/log.h"

namespace airframe {
namespace {

// clang-format off: one alternative a line reads best.

#define GPT2_PATTERN R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"
#define CONTRACTIONS R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define LETTERS R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define SYMBOLS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define SYMBOLS_SLASH R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)"
#define LINES_AND_SPACES R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define LLAMA3_PATTERN CONTRACTIONS "|" LETTERS R"(|\p{N}{1,3}|)" SYMBOLS "|" LINES_AND_SPACES
#define QWEN2_PATTERN CONTRACTIONS "|" LETTERS R"(|\p{N}|)" SYMBOLS "|" LINES_AND_SPACES
// Words whose case changes inside are cut: o200k and Tekken.
#define CASED_LOWER R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
#define CASED_UPPER R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
#define O200K_PATTERN \
    CASED_LOWER CONTRACTIONS "?|" CASED_UPPER CONTRACTIONS R"(?|\p{N}{1,3}|)" SYMBOLS_SLASH "|" LINES_AND_SPACES
// ASCII punctuation glued to the Latin word after it: DeepSeek V3 and relatives.
#define DEEPSEEK3_WORDS R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
#define CJK_AND_KANA R"([\x{4E00}-\x{9FA5}\x{3040}-\x{30FF}]+)"
#define BLOOM_PATTERN R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)"

constexpr SplitStep kGpt2[] = {{GPT2_PATTERN}};
constexpr SplitStep kLlama3[] = {{LLAMA3_PATTERN}};
constexpr SplitStep kQwen2[] = {{QWEN2_PATTERN}};
constexpr SplitStep kQwen35[] = {{
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" LINES_AND_SPACES}};
constexpr SplitStep kO200k[] = {{O200K_PATTERN}};
constexpr SplitStep kTekken[] = {{
    CASED_LOWER "|" CASED_UPPER R"(|\p{N}|)" SYMBOLS_SLASH "|" LINES_AND_SPACES}};
constexpr SplitStep kTinyAya[] = {
    {R"((?<!\p{Nd})\p{Nd}++(?!\w))", SplitKind::kDigitGroups},  // published as \d{1,3}(?=(?:\d{3})*\b)
    {O200K_PATTERN}};
constexpr SplitStep kStarcoder[] = {{R"(\p{N})"}, {GPT2_PATTERN}};
constexpr SplitStep kDeepseekLlm[] = {
    {R"([\r\n])"},
    // The cased letters, as the model's authors listed them.
    {R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF})"
     R"(\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5})"
     R"(\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA})"
     R"(\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D})"
     R"(\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4})"
     R"(\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC})"
     R"(\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126})"
     R"(\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184})"
     R"(\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B})"
     R"(\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17})"
     R"(\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2})"
     R"(\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)"},
    {R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)"},
    {R"((?<!\s)\s++$)"},  // published as \s+$: the same matches, found in linear time
    {R"([\x{800}-\x{9FA5}\x{AC00}-\x{D7FF}]+)"},
    {R"(\p{N}+)"}};
constexpr SplitStep kDeepseekCoder[] = {
    {R"([\r\n])"},
    {R"(\s?\p{L}+)"},
    {R"(\s?\p{P}+)"},
    {R"([\x{800}-\x{9FA5}\x{AC00}-\x{D7FF}]+)"},
    {R"(\p{N})"}};
constexpr SplitStep kDeepseek3[] = {
    {R"(\p{N}{1,3})"},
    {CJK_AND_KANA},
    {DEEPSEEK3_WORDS R"(| ?[\p{P}\p{S}]+[\r\n]*|)" LINES_AND_SPACES}};
constexpr SplitStep kSpark[] = {
    {R"(\p{N}{1,3})"},
    {CJK_AND_KANA},
    {DEEPSEEK3_WORDS R"(| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)"},
    {R"(\p{N})"}};
constexpr SplitStep kYoutu[] = {
    {R"([\x{AC00}-\x{D7A3}\x{3131}-\x{318E}]+)"
     R"(|[\x{FF01}\x{2026}\x{201C}\x{201D}\x{2018}\x{2019}\x{2014}\x{FF1A}\x{FF1B}\x{FF0C}\x{3001}-\x{303F}\x{FE30}-\x{FE4F}]+)"
     R"(|[\x{3105}-\x{312F}]+|)" CJK_AND_KANA},
    {CASED_LOWER CONTRACTIONS "?|" CASED_UPPER CONTRACTIONS R"(?|\p{N}|)" SYMBOLS_SLASH "|" LINES_AND_SPACES}};
constexpr SplitStep kFalcon[] = {
    {R"([\p{P}\$\+<=>\^~\|`]+)"},
    {GPT2_PATTERN},
    {R"([0-9][0-9][0-9])"}};
constexpr SplitStep kDefault[] = {
    {R"([\p{P}\$\+<=>\^~\|]+)"},
    {GPT2_PATTERN},
    {R"(\p{N}+)"},
    {R"([0-9][0-9][0-9])"}};
constexpr SplitStep kBloom[] = {{BLOOM_PATTERN}};
constexpr SplitStep kViking[] = {{BLOOM_PATTERN}, {R"(\p{N})"}};
constexpr SplitStep kChameleon[] = {
    {R"(<sentinel:[0-9]+>)"},
    {R"(IMGIMG[A-I]{1,4}Z)"},
    {R"([\t\n]|    |  )"},
    {R"(\p{N})"},
    {R"([\p{P}!-/:-@\[-`{-~])"},
    {GPT2_PATTERN}};
// Inside a run of spaces "\s*[\r\n]+" has failed before; looking back spares trying it at every 512th.
constexpr SplitStep kJais2[] = {{
    CONTRACTIONS "|" LETTERS R"(|\p{N}{1,3}|)" SYMBOLS
    R"(|(?:(?<!\s)|(?<=[\r\n]))\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S))"
    R"(|\s{4}(?!\S)|\s{1,2}(?!\S)|\s)"}};
// The published classes are letters and marks "&& not Han"; without set operations, that is everything that is not
// one of the other general categories, nor Han.
constexpr SplitStep kKimiK2[] = {{
    R"(\p{Han}+)"
    R"(|[^\r\n\p{L}\p{N}]?[^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}]*[^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}]+)"
    CONTRACTIONS "?"
    R"(|[^\r\n\p{L}\p{N}]?[^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}]+[^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}]*)"
    CONTRACTIONS "?"
    R"(|\p{N}{1,3}|)" SYMBOLS "|" LINES_AND_SPACES}};
constexpr SplitStep kSuperBpe[] = {
    {R"(\p{N}+)"},
    {R"(\p{Nd}+)", SplitKind::kDigitGroups}};  // published as a cut at (?=(\d{3})+(?!\d))
constexpr SplitStep kBailingMoe[] = {{
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"}};
constexpr SplitStep kSeedCoder[] = {{
    CONTRACTIONS "|" LETTERS R"(|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" LINES_AND_SPACES}};
constexpr SplitStep kNoContractions[] = {{LETTERS R"(|\p{N}|)" SYMBOLS "|" LINES_AND_SPACES}};
constexpr SplitStep kAfmoe[] = {
    {R"(\p{N}+)", SplitKind::kDigitGroups},
    {R"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{F900}-\x{FAFF}\x{3040}-\x{30FF}\x{FF65}-\x{FF9F}\x{2F00}-\x{2FDF})"
     R"(\x{E40}-\x{E7F}\x{E80}-\x{EFF}\x{1780}-\x{17FF}\x{1000}-\x{109F}\x{AA60}-\x{AA7F}\x{A9E0}-\x{A9FF})"
     R"(\x{AC00}-\x{D7AF}\x{1100}-\x{11FF}]+)"},
    {DEEPSEEK3_WORDS R"(| ?[\p{P}\p{S}]+[\r\n]*|)" LINES_AND_SPACES}};
constexpr SplitStep kLaguna[] = {{R"([^\n]+|\n+)"}, {QWEN2_PATTERN}};
// Possessive where the published pattern is greedy: nothing follows that could make it give back.
constexpr SplitStep kExaoneMoe[] = {{
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*+(?: \p{L}\p{M}*+)*+)++)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"}};
constexpr SplitStep kMiniCpm5[] = {
    {R"(\p{N}{1,3})"},
    {CONTRACTIONS "|" LETTERS R"(|\p{N}+|)" SYMBOLS "|" LINES_AND_SPACES}};
// Published as lookaheads, "a letter or mark that is not a-z"; the same set as one class.
constexpr SplitStep kGraniteEmbedding[] = {{
    R"([^\r\n\p{L}\p{N}]?[^a-z\p{N}\p{P}\p{S}\p{Z}\p{C}]*[^A-Z\p{N}\p{P}\p{S}\p{Z}\p{C}]+)" CONTRACTIONS
    R"(?|[^\r\n\p{L}\p{N}]?[^a-z\p{N}\p{P}\p{S}\p{Z}\p{C}]+[^A-Z\p{N}\p{P}\p{S}\p{Z}\p{C}]*)" CONTRACTIONS
    R"(?|\p{N}{1,3}|)" SYMBOLS_SLASH "|" LINES_AND_SPACES}};
constexpr SplitStep kLines[] = {{R"([^\n]+|\n+)"}};

// Within a family the newest comes first: unknown names take the first relative.
constexpr PretokenizerSpec kSpecs[] = {
    {"default", kDefault},
    {"llama-bpe", kLlama3, true, true},
    {"llama3", kLlama3, true, true},
    {"llama-v3", kLlama3, true, true},
    {"llama4", kO200k},
    {"falcon3", kLlama3, true, true},
    {"falcon-h1", kLlama3, true, true},
    {"falcon", kFalcon},
    {"pixtral", kLlama3, true, true},
    {"midm-2.0", kLlama3, true, true},
    {"lfm2", kLlama3, true, true},
    {"jina-v5-nano", kLlama3, true, true},
    {"jina-es", kGpt2},
    {"jina-de", kGpt2},
    {"jina-v2-es", kGpt2},
    {"jina-v2-de", kGpt2},
    {"jina-v1-en", kGpt2},
    {"jina-v2-code", kGpt2},
    {"dbrx", kLlama3},
    {"smaug-bpe", kLlama3},
    {"glm4", kLlama3},
    {"chatglm-bpe", kLlama3},
    {"deepseek-v3", kDeepseek3},
    {"deepseek-r1-qwen", kQwen2},
    {"deepseek-llm", kDeepseekLlm},
    {"deepseek-coder", kDeepseekCoder},
    {"hunyuan", kQwen2},
    {"hunyuan-dense", kDeepseek3},
    {"hy_v4", kDeepseek3},
    {"joyai-llm", kDeepseek3},
    {"spark2_5", kSpark},
    {"youtu", kYoutu, true},
    {"starcoder", kStarcoder},
    {"refact", kStarcoder},
    {"command-r", kStarcoder},
    {"smollm", kStarcoder},
    {"codeshell", kStarcoder},
    {"exaone", kStarcoder},
    {"exaone4", kGpt2},
    {"exaone-moe", kExaoneMoe},
    {"minerva-7b", kStarcoder},
    {"mellum2", kStarcoder},
    {"mellum", kGpt2},
    {"gpt-4o", kO200k},
    {"gpt-oss", kO200k},
    {"o200k", kO200k},
    {"gpt-2", kGpt2},
    {"gpt3-finnish", kBloom},
    {"minimax-m2", kO200k},
    {"kanana2", kO200k},
    {"talkie", kO200k},
    {"phi-2", kGpt2},
    {"gigachat", kGpt2},
    {"a.x-4.0", kGpt2},
    {"modern-bert", kGpt2},
    {"roberta-bpe", kGpt2},
    {"mpt", kGpt2},
    {"olmo", kGpt2},
    {"jais-2", kJais2},
    {"jais", kGpt2},
    {"trillion", kGpt2},
    {"granite-docling", kGpt2},
    {"granite-embed-multi-97m", kGraniteEmbedding, true},
    {"granite-embed-multi-311m", kLines, false, true, true},
    {"qwen2", kQwen2},
    {"qwen35", kQwen35},
    {"stablelm2", kQwen2},
    {"megrez", kQwen2},
    {"kormo", kQwen2},
    {"f2llmv2", kQwen2},
    {"solar-open", kQwen2},
    {"grok-2", kQwen2},
    {"ufakzeka", kNoContractions},
    {"bloom", kBloom},
    {"poro-chat", kBloom},
    {"viking", kViking},
    {"tekken", kTekken, true, true},
    {"tiny_aya", kTinyAya},
    {"cohere2moe", kTinyAya},
    {"chameleon", kChameleon, false, true},
    {"kimi-k2", kKimiK2},
    {"superbpe", kSuperBpe},
    {"bailingmoe", kBailingMoe},
    {"bailingmoe2", kBailingMoe},
    {"llada-moe", kBailingMoe},
    {"seed-coder", kSeedCoder},
    {"afmoe", kAfmoe},
    {"laguna", kLaguna},
    {"minicpm5", kMiniCpm5, true},
    {"gemma4", kLines, false, true, true},
    {"sarvam-moe", kLines, false, false, true},
};

// clang-format on

std::string_view family_of(std::string_view name) {
    const auto end = std::ranges::find_if(name, [](unsigned char c) { return std::isalpha(c) == 0; });
    return {name.begin(), end};
}

}  // namespace

std::span<const PretokenizerSpec> pretokenizer_specs() { return kSpecs; }

const PretokenizerSpec& pretokenizer_spec(std::string_view name) {
    if (name.empty()) return kSpecs[0];
    const auto row = std::ranges::find(kSpecs, name, &PretokenizerSpec::name);
    if (row != std::end(kSpecs)) return *row;
    const auto relative = std::ranges::find_if(kSpecs, [&](const PretokenizerSpec& spec) {
        return !family_of(name).empty() && family_of(spec.name) == family_of(name);
    });
    const PretokenizerSpec& taken = relative != std::end(kSpecs) ? *relative : kSpecs[0];
    base::log_warn(
        "tokenizer.ggml.pre is '{}', which is not known here: '{}' is used instead; some texts may be cut "
        "into other tokens than the model was trained on",
        base::printable(name), taken.name);
    return taken;
}

}  // namespace airframe
