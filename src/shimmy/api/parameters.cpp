#include "shimmy/api/parameters.h"

namespace shimmy {

namespace {

constexpr auto kIgnored = ParameterUse::kIgnored;
constexpr auto kRefused = ParameterUse::kRefused;

constexpr std::string_view kString = R"({"type":"string"})";
constexpr std::string_view kFlag = R"({"type":"boolean"})";
constexpr std::string_view kAnything = R"({})";
constexpr std::string_view kObject = R"({"type":"object"})";
constexpr std::string_view kTokens = R"({"type":"integer","minimum":0,"maximum":2147483647})";
constexpr std::string_view kSomeTokens = R"({"type":"integer","minimum":1,"maximum":2147483647})";
constexpr std::string_view kTokenIds = R"({"type":"array","items":{"type":"integer","minimum":0}})";
constexpr std::string_view kSchema = R"({"$ref":"#/components/schemas/JsonSchema"})";

constexpr Parameter kModel[] = {
    {"model", R"({"type":"string","minLength":1})", "An id of GET /v1/models, or another name of it", true},
};
constexpr Parameter kOptionalModel[] = {
    {"model", kString, "An id of GET /v1/models; without one the default model answers"},
};

constexpr Parameter kCommon[] = {
    {"n", R"({"type":"integer","minimum":1,"maximum":128})",
     "Choices per prompt; choice i samples with seed + i"},
    {"stop",
     R"({"anyOf":[{"type":"string","minLength":1},{"type":"array","maxItems":4,"items":{"type":"string","minLength":1}}]})",
     "Texts that end the answer, which does not contain them"},
    {"seed", R"({"type":"integer"})", "Makes drawing repeatable; random without one"},
    {"logit_bias",
     R"({"type":"object","additionalProperties":{"type":"number","minimum":-100,"maximum":100}})",
     "Token ids, and what is added to their logits"},
    {"top_k", R"({"type":"integer","minimum":-1,"maximum":2147483647})",
     "Only the k likeliest tokens; -1 and 0: all"},
    {"mirostat", R"({"type":"integer","enum":[0,2]})", "Mirostat 2 instead of the other samplers; 0: off"},
    {"stream", kFlag, "Send the answer in pieces, as server-sent events"},
    {"stream_options",
     R"({"type":"object","properties":{"include_usage":{"type":["boolean","null"]},"include_obfuscation":{}}})",
     "With stream only; include_usage: one more chunk, last, that has the usage and no choices; "
     "include_obfuscation is ignored"},
};

constexpr Parameter kTruncation[] = {
    {"truncation", R"({"type":"string","enum":["auto","disabled"]})",
     "auto: of a prompt that is too long the oldest turns go, or the beginning of the text, and the answer "
     "says so under truncation; else it is an error"},
};

constexpr Parameter kConstraints[] = {
    {"response_format", R"({"$ref":"#/components/schemas/ResponseFormat"})", "What the answer must be"},
    {"json_schema", kSchema, "The schema that the answer must match"},
    {"guided_json", kSchema, "Another name of json_schema"},
    {"grammar", kString, "The GBNF grammar that the answer must obey"},
    {"guided_grammar", kString, "Another name of grammar"},
    {"guided_regex", kString, "The regular expression that the answer must match"},
    {"guided_choice", R"({"type":"array","minItems":1,"items":{"type":"string"}})", "The answers allowed"},
};

constexpr Parameter kMessages[] = {
    {"messages", R"({"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/Message"}})",
     "The conversation so far", true},
};
constexpr Parameter kChatLimits[] = {
    {"max_completion_tokens", kSomeTokens,
     "Longest answer; wins over max_tokens; without both: up to the context"},
    {"max_tokens", kSomeTokens, "The older name of max_completion_tokens"},
    {"logprobs", kFlag, "Tell the probability of each token, before temperature"},
    {"top_logprobs", R"({"type":"integer","minimum":0,"maximum":20})",
     "And those of so many of the likeliest"},
};
constexpr Parameter kTools[] = {
    {"tools", R"({"type":"array","maxItems":1024,"items":{"$ref":"#/components/schemas/Tool"}})",
     "Functions that the model may call; tools of other types are ignored"},
    {"tool_choice", R"({"$ref":"#/components/schemas/ToolChoice"})", "Whether it may, must, and which"},
    {"parallel_tool_calls", kFlag, "May it call more than one in an answer"},
    {"functions", R"({"type":"array","items":{"$ref":"#/components/schemas/Function"}})",
     "The older form of tools"},
    {"function_call", R"({"$ref":"#/components/schemas/ToolChoice"})", "The older form of tool_choice"},
};
constexpr Parameter kThinking[] = {
    {"reasoning_effort", R"({"type":"string","enum":["none","minimal","low","medium","high","xhigh","max"]})",
     "For the chat template; none switches thinking off there"},
    {"reasoning_format", kString, "none: thoughts stay in the content; else they are split off"},
    {"enable_thinking", kFlag, "For the chat template"},
    {"thinking_budget", kTokens, "For the chat template"},
    {"chat_template_kwargs", kObject, "Further variables for the chat template"},
};
constexpr Parameter kChatRest[] = {
    {"audio", kAnything, "This server writes text only", false, kRefused},
    {"metadata", kAnything, "Kept by OpenAI with the answer", false, kIgnored},
    {"modalities", kAnything, "Answers are text", false, kIgnored},
    {"moderation", kAnything, "OpenAI's filters", false, kIgnored},
    {"prediction", kAnything, "A guess of the answer", false, kIgnored},
    {"prompt_cache_key", kAnything, "Prefixes are cached by themselves", false, kIgnored},
    {"prompt_cache_options", kAnything, "Prefixes are cached by themselves", false, kIgnored},
    {"prompt_cache_retention", kAnything, "Prefixes are cached by themselves", false, kIgnored},
    {"safety_identifier", kAnything, "OpenAI's name for a user", false, kIgnored},
    {"service_tier", kAnything, "OpenAI's classes of service", false, kIgnored},
    {"store", kAnything, "Nothing is stored", false, kIgnored},
    {"user", kAnything, "OpenAI's older name for a user", false, kIgnored},
    {"verbosity", kAnything, "A hint for OpenAI's models", false, kIgnored},
    {"web_search_options", kAnything, "This server searches nothing", false, kIgnored},
};

constexpr Parameter kCompletions[] = {
    {"prompt", R"({"$ref":"#/components/schemas/Prompt"})", "The text to continue", true},
    {"suffix", kString, "Fill the gap between prompt and this text, with models that can"},
    {"max_tokens", kTokens, "Longest continuation; 16 without it; 0: only compute the prompt"},
    {"echo", kFlag, "Begin each choice with its prompt"},
    {"logprobs", R"({"type":"integer","minimum":0,"maximum":5})",
     "Tell the probability of each token, before temperature, and of so many of the likeliest"},
    {"best_of", R"({"type":"integer","minimum":1,"maximum":128})",
     "So many choices are computed; those with the highest mean logprob are the answer; not streamed"},
    {"user", kAnything, "OpenAI's name for a user", false, kIgnored},
};

constexpr Parameter kEmbeddings[] = {
    {"input", R"({"$ref":"#/components/schemas/EmbeddingInput"})", "The texts, at most 2048", true},
    {"encoding_format", R"({"type":"string","enum":["float","base64"]})",
     "base64: the vectors' numbers as little-endian 32-bit floats"},
    {"dimensions", R"({"type":"integer","minimum":1,"maximum":2147483647})",
     "Only so many numbers of each vector, made as long as 1 again; at most as many as the model gives"},
    {"user", kAnything, "OpenAI's name for a user", false, kIgnored},
};
constexpr Parameter kRerank[] = {
    {"query", R"({"type":"string","minLength":1})", "What the documents are to answer", true},
    {"documents",
     R"({"type":"array","minItems":1,"maxItems":2048,"items":{"$ref":"#/components/schemas/Document"}})",
     "The texts", true},
    {"top_n", R"({"type":"integer","minimum":1,"maximum":2147483647})",
     "Only so many of the best; without it all"},
    {"return_documents", kFlag, "Send the texts back"},
    {"raw_scores", kFlag, "Scores as the model gives them, any number; else between 0 and 1, by the sigmoid"},
};

constexpr Parameter kTokenize[] = {
    {"content", kString, "The text", true},
    {"add_special", kFlag, "With the tokens that the model wants at the ends"},
    {"parse_special", kFlag, "Control tokens in the text are taken as such unless this is false"},
    {"with_pieces", kFlag, "Tell each token's text too"},
};
constexpr Parameter kDetokenize[] = {
    {"tokens", kTokenIds, "Token ids", true},
};

constexpr Parameter kGenerate[] = {
    {"prompt", R"({"$ref":"#/components/schemas/Prompt"})", "The text to continue; or send messages"},
    {"messages", R"({"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/Message"}})",
     "A conversation, instead of a prompt"},
    {"system", kString, "A system message before the messages"},
    {"max_tokens", kTokens, "Longest answer; 256 without it"},
};
constexpr Parameter kInfill[] = {
    {"input_prefix", kString, "The text before the gap; one of the two is required"},
    {"input_suffix", kString, "The text behind the gap"},
    {"n_predict", R"({"type":"integer","minimum":-1,"maximum":2147483647})",
     "Longest filling; -1: up to the context"},
    {"max_tokens", kTokens, "Another name of n_predict"},
    {"prompt", kAnything, "Put the text before the gap into input_prefix", false, kRefused},
    {"input_extra", kAnything, "Put what the model should know into input_prefix", false, kRefused},
};

}  // namespace

constinit const RequestBody kChatBody = {
    {kModel, kMessages, kChatLimits, kCommon, kTruncation, kTools, kConstraints, kThinking, kChatRest}, true};
constinit const RequestBody kCompletionsBody = {{kModel, kCompletions, kCommon, kTruncation, kConstraints},
                                                true};
constinit const RequestBody kEmbeddingsBody = {{kModel, kEmbeddings}};
constinit const RequestBody kRerankBody = {{kOptionalModel, kRerank}};
constinit const RequestBody kTokenizeBody = {{kOptionalModel, kTokenize}};
constinit const RequestBody kDetokenizeBody = {{kOptionalModel, kDetokenize}};
constinit const RequestBody kApplyTemplateBody = {
    {kOptionalModel, kMessages, kChatLimits, kCommon, kTools, kConstraints, kThinking, kChatRest}, true};
constinit const RequestBody kGenerateBody = {
    {kOptionalModel, kGenerate, kCommon, kTruncation, kConstraints, kThinking}, true};
constinit const RequestBody kInfillBody = {{kOptionalModel, kInfill, kCommon, kConstraints}, true};

}  // namespace shimmy
