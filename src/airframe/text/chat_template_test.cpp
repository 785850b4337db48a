// How a template is chosen, what is learnt of it, and that every conversation reaches it in its own form.
#include "airframe/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "airframe/gguf/gguf.h"
#include "airframe/gguf/gguf_writer.h"
#include "airframe/text/chat_messages.h"

namespace airframe {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

struct Model {
    GgufFile file;
    std::unique_ptr<Tokenizer> tokenizer;
};

class ChatTemplateTest : public testing::Test {
  protected:
    using Strings = std::vector<std::pair<std::string, std::string>>;

    void SetUp() override {
        dir_ = std::filesystem::temp_directory_path() /
               testing::UnitTest::GetInstance()->current_test_info()->name();
        std::filesystem::create_directories(dir_);
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    // A SentencePiece vocabulary of letters, with further control tokens, and these metadata.
    Model model(const Strings& metadata, const std::vector<std::string>& control = {}) {
        std::vector<std::string> pieces = {"<unk>", "<s>", "</s>"};
        std::vector<int32_t> kinds = {2, 3, 3};
        for (const std::string& piece : control) {
            pieces.push_back(piece);
            kinds.push_back(3);
        }
        for (int byte = 0; byte < 256; ++byte) {
            pieces.push_back(fmt::format("<0x{:02X}>", byte));
            kinds.push_back(6);
        }
        const std::vector<float> scores(pieces.size(), 0.0f);
        GgufWriter writer;
        writer.add("tokenizer.ggml.model", "llama");
        writer.add_array("tokenizer.ggml.tokens", std::span<const std::string>(pieces));
        writer.add_array("tokenizer.ggml.scores", std::span<const float>(scores));
        writer.add_array("tokenizer.ggml.token_type", std::span<const int32_t>(kinds));
        writer.add("tokenizer.ggml.bos_token_id", uint32_t{1});
        writer.add("tokenizer.ggml.eos_token_id", uint32_t{2});
        bool family = false;
        for (const auto& [key, value] : metadata) {
            writer.add(key, value);
            family |= key == "general.architecture";
        }
        if (!family) writer.add("general.architecture", "llama");
        const std::vector<int64_t> dims = {32};
        writer.add_tensor("x", QuantType::kF32, dims);
        const auto path = dir_ / fmt::format("{}.gguf", count_++);
        EXPECT_TRUE(writer.open(path));
        EXPECT_TRUE(writer.write(std::vector<std::byte>(128)));
        EXPECT_TRUE(writer.close());
        auto file = GgufFile::open(path);
        EXPECT_TRUE(file) << file.error().message;
        auto tokenizer = Tokenizer::create(file->metadata());
        EXPECT_TRUE(tokenizer) << tokenizer.error().message;
        return {*std::move(file), *std::move(tokenizer)};
    }

    ChatTemplate chat(const Strings& metadata, const std::vector<std::string>& control = {},
                      std::string_view override = {}) {
        const Model made = model(metadata, control);
        auto chat = ChatTemplate::create(made.file.metadata(), *made.tokenizer, override);
        EXPECT_TRUE(chat) << chat.error().message;
        return *std::move(chat);
    }

    ChatTemplate from_source(const std::string& source) {
        return chat({{"tokenizer.chat_template", source}});
    }

    std::filesystem::path dir_;
    int count_ = 0;
};

json::object message(std::string_view role, json::value content) {
    return {{"role", role}, {"content", content}};
}

std::string text_of(const ChatTemplate& chat, json::array messages, json::array tools = {}) {
    ChatPrompt prompt;
    prompt.messages = std::move(messages);
    prompt.tools = std::move(tools);
    const auto rendered = chat.render(prompt);
    return rendered ? rendered->text : "error: " + rendered.error().message;
}

TEST_F(ChatTemplateTest, IsChosenByVocabularyNameAndFamily) {
    struct Case {
        Strings metadata;
        std::vector<std::string> control;
        std::string_view expected;
    };
    const Case cases[] = {
        {{{"general.name", "TinyLlama 1.1B Chat"}}, {}, "zephyr"},
        {{{"general.name", "TinyLlama ChatML tune"}}, {"<|im_start|>"}, "chatml"},
        {{{"general.name", "Mistral-7B-Instruct-v0.1"}}, {}, "mistral"},
        {{{"general.name", "Llama-2-7b-chat"}}, {}, "llama2"},
        {{{"general.name", "my tune"}}, {"<|start_header_id|>"}, "llama3"},
        {{{"general.architecture", "phi3"}}, {"<|end|>"}, "phi3"},
        {{{"general.architecture", "gemma2"}}, {}, "gemma"},
        {{{"general.architecture", "command-r"}}, {}, "command-r"},
        {{{"general.name", "vicuna 13b"}}, {}, "vicuna"},
    };
    for (const Case& test : cases) {
        const ChatTemplate made = chat(test.metadata, test.control);
        EXPECT_EQ(made.origin(), fmt::format("built-in template '{}'", test.expected));
        EXPECT_EQ(made.warning(), "");
    }
    const ChatTemplate unknown = chat({{"general.name", "nobody knows"}});
    EXPECT_THAT(unknown.origin(), HasSubstr("chatml"));
    EXPECT_THAT(unknown.warning(), HasSubstr("--chat-template"));
}

TEST_F(ChatTemplateTest, TheFileComesBeforeTheRulesAndTheUserBeforeTheFile) {
    const Strings own = {{"tokenizer.chat_template", "own {{ messages[0].content }}"},
                         {"tokenizer.chat_template.tool_use", "tools {{ tools[0].function.name }}"},
                         {"general.name", "TinyLlama"}};
    const json::array hi{message("user", "hi")};
    EXPECT_EQ(text_of(chat(own), hi), "own hi");
    EXPECT_EQ(text_of(chat(own), hi, {json::object{{"type", "function"}, {"function", {{"name", "f"}}}}}),
              "tools f");
    EXPECT_EQ(text_of(chat(own, {}, "vicuna"), hi), "USER: hi ASSISTANT:");

    std::ofstream(dir_ / "mine.jinja") << "mine {{ messages[0].content }}";
    EXPECT_EQ(text_of(chat(own, {}, (dir_ / "mine.jinja").string()), hi), "mine hi");

    const Model made = model(own);
    const auto missing = ChatTemplate::create(made.file.metadata(), *made.tokenizer, "no-such");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message, HasSubstr("'no-such' is neither a file"));
    EXPECT_THAT(missing.error().message, HasSubstr("zephyr"));

    const Model broken = model({{"tokenizer.chat_template", "x\n{{ a b }}"}});
    const auto error = ChatTemplate::create(broken.file.metadata(), *broken.tokenizer);
    ASSERT_FALSE(error);
    EXPECT_THAT(error.error().message, HasSubstr("line 2, column 6"));
}

TEST_F(ChatTemplateTest, BuiltInTemplatesWriteTheirFormats) {
    const json::array conversation{message("system", "S"), message("user", "U"), message("assistant", "A"),
                                   message("user", "V")};
    const std::pair<std::string_view, std::string_view> expected[] = {
        {"chatml",
         "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>"
         "\n"
         "<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n"},
        {"llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s><s>[INST] V [/INST]"},
        {"llama3",
         "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|"
         ">\n\nU<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>user<|end_header_id|"
         ">\n\nV<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\n"},
        {"zephyr",
         "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nV</s>\n<|assistant|>\n"},
        {"mistral", "<s>[INST] S\n\nU [/INST] A</s>[INST] V [/INST]"},
        {"phi3",
         "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nV<|end|>\n<|assistant|"
         ">\n"},
        {"gemma",
         "<s><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n<start_of_turn>"
         "user\n"
         "V<end_of_turn>\n<start_of_turn>model\n"},
        {"vicuna", "S USER: U ASSISTANT: A</s>USER: V ASSISTANT:"},
        {"alpaca",
         "S\n\n### Instruction:\nU\n\n### Response:\nA</s>\n\n### Instruction:\nV\n\n### Response:\n"},
        {"deepseek", "<s>S<｜User｜>U<｜Assistant｜>A<｜end▁of▁sentence｜><｜User｜>V<｜Assistant｜>"},
        {"command-r",
         "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_"
         "TOKEN|>U"
         "<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A<|END_OF_TURN_TOKEN|><|START_OF_TURN_"
         "TOKEN|>"
         "<|USER_TOKEN|>V<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"},
        {"granite",
         "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>U<|end_"
         "of_text|>\n"
         "<|start_of_role|>assistant<|end_of_role|>A<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>V<|"
         "end_of_text|>\n"
         "<|start_of_role|>assistant<|end_of_role|>"},
    };
    EXPECT_EQ(std::size(expected), builtin_chat_templates().size());
    for (const auto& [name, text] : expected) {
        const ChatTemplate made = chat({}, {}, name);
        EXPECT_EQ(text_of(made, conversation), text) << name;
        EXPECT_TRUE(made.abilities().system_role) << name;
        EXPECT_TRUE(made.abilities().text_content) << name;
    }
}

TEST_F(ChatTemplateTest, SystemTextGoesToTheFirstUserWhereThereIsNoSystemRole) {
    const ChatTemplate made = from_source(
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}");
    EXPECT_FALSE(made.abilities().system_role);
    EXPECT_EQ(text_of(made, {message("system", "S"), message("user", "U")}), "user:S\n\nU;");
    EXPECT_EQ(text_of(made, {message("system", "S")}), "user:S;");
}

TEST_F(ChatTemplateTest, RolesThatMustAlternateDo) {
    const ChatTemplate made = from_source(
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('must alternate') }}{% endif %}{{ m.role }}:{{ m.content }};{% endfor %}");
    EXPECT_EQ(text_of(made, {message("user", "a"), message("user", "b")}), "user:a\n\nb;");
    EXPECT_EQ(text_of(made, {message("user", "a"), message("assistant", "b"), message("system", "S"),
                             message("user", "c")}),
              "user:S\n\na;assistant:b;user:c;");
    EXPECT_EQ(text_of(made, {message("assistant", "a")}), "error: must alternate");
}

TEST_F(ChatTemplateTest, ContentComesInTheFormThatTheTemplateTakes) {
    const json::array parts{json::object{{"type", "text"}, {"text", "one"}},
                            json::object{{"type", "text"}, {"text", "two"}}};
    const ChatTemplate strings = from_source("{% for m in messages %}{{ m.content + '!' }}{% endfor %}");
    EXPECT_FALSE(strings.abilities().content_parts);
    EXPECT_EQ(text_of(strings, {message("user", parts)}), "one\ntwo!");

    const ChatTemplate lists =
        from_source("{% for m in messages %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endfor %}");
    EXPECT_TRUE(lists.abilities().content_parts);
    EXPECT_FALSE(lists.abilities().text_content);
    EXPECT_EQ(text_of(lists, {message("user", "one")}), "[one]");
    EXPECT_EQ(text_of(lists, {message("user", parts)}), "[one][two]");
}

TEST_F(ChatTemplateTest, ArgumentsComeInTheFormThatTheTemplateTakes) {
    const auto call = [](json::value arguments) {
        json::object out = message("assistant", nullptr);
        out["tool_calls"] =
            json::array{json::object{{"id", "1"},
                                     {"type", "function"},
                                     {"function", {{"name", "f"}, {"arguments", std::move(arguments)}}}}};
        return json::array{message("user", "u"), std::move(out)};
    };
    const json::object object{{"x", 1}};
    const std::string before = "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.arguments";
    const std::string after = " }}{% endfor %}{{ m.content or '' }}{% endfor %}";

    const ChatTemplate objects = from_source(before + " | tojson" + after);
    EXPECT_TRUE(objects.abilities().object_arguments);
    EXPECT_EQ(text_of(objects, call("{\"x\":1}")), "u{\"x\": 1}");
    EXPECT_EQ(text_of(objects, call(object)), "u{\"x\": 1}");
    EXPECT_EQ(text_of(objects, call("no json")), "u\"no json\"");

    const ChatTemplate text = from_source(before + " + ''" + after);
    EXPECT_FALSE(text.abilities().object_arguments);
    EXPECT_TRUE(text.abilities().tool_calls);
    EXPECT_EQ(text_of(text, call("{\"x\":1}")), "u{\"x\":1}");
    EXPECT_EQ(text_of(text, call(object)), "u{\"x\":1}");
}

json::array conversation_with_a_call(json::value content) {
    json::object call{
        {"id", "1"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", "{\"x\":1}"}}}};
    json::object asked = message("assistant", std::move(content));
    asked["tool_calls"] = json::array{std::move(call)};
    json::object result = message("tool", "42");
    result["tool_call_id"] = "1";
    return {message("user", "u"), std::move(asked), std::move(result)};
}

// Clients send back what they got: calls with a content of null. Many templates know neither.
TEST_F(ChatTemplateTest, CallsReachTemplatesThatKnowNone) {
    const ChatTemplate plain =
        from_source("{% for m in messages %}<{{ m.role }}>{{ m.content + '!' }}{% endfor %}");
    EXPECT_FALSE(plain.abilities().tool_calls);
    EXPECT_TRUE(plain.abilities().tool_results);
    EXPECT_EQ(text_of(plain, conversation_with_a_call(nullptr)),
              "<user>u!<assistant>{\"name\":\"f\",\"arguments\":{\"x\":1}}!<tool>42!");
    EXPECT_EQ(text_of(plain, conversation_with_a_call("so")),
              "<user>u!<assistant>so\n{\"name\":\"f\",\"arguments\":{\"x\":1}}!<tool>42!");
    EXPECT_EQ(text_of(plain, {message("user", "u"), message("assistant", nullptr)}), "<user>u!<assistant>!");

    const ChatTemplate strict = from_source(
        "{% for m in messages %}{% if m.role not in ['user', 'assistant'] %}{{ raise_exception('no') }}{% "
        "endif %}"
        "<{{ m.role }}>{{ m.content }}{% endfor %}");
    EXPECT_FALSE(strict.abilities().tool_results);
    EXPECT_EQ(text_of(strict, conversation_with_a_call(nullptr)),
              "<user>u<assistant>{\"name\":\"f\",\"arguments\":{\"x\":1}}<user>42");
}

TEST_F(ChatTemplateTest, ResultsJoinTheTurnOfTheUserWhereRolesMustAlternate) {
    const ChatTemplate alternating = from_source(
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ "
        "raise_exception('no') }}"
        "{% endif %}<{{ m.content }}>{% endfor %}");
    json::array messages = conversation_with_a_call(nullptr);
    messages.push_back(message("user", "and now?"));
    EXPECT_EQ(text_of(alternating, messages),
              "<u><{\"name\":\"f\",\"arguments\":{\"x\":1}}><42\n\nand now?>");
}

TEST_F(ChatTemplateTest, TemplatesForFunctionsGetThemAndTheTime) {
    const ChatTemplate older = from_source("{{ 'f' + functions + ' ' + datetime }}{{ messages[0].content }}");
    EXPECT_TRUE(older.abilities().tools);
    ChatPrompt prompt;
    prompt.messages = {message("user", "u")};
    prompt.now_seconds = 1'700'000'000;
    EXPECT_EQ(older.render(prompt)->text, "f[] 2023-11-14 22:13:20u");
    prompt.tools = {json::object{{"type", "function"}, {"function", {{"name", "g"}}}}};
    const auto rendered = older.render(prompt);
    EXPECT_EQ(rendered->text, R"(f[{"name":"g"}] 2023-11-14 22:13:20u)");
    ASSERT_FALSE(rendered->untrusted.empty());
    EXPECT_EQ(rendered->untrusted.front().begin, 1U);
}

TEST_F(ChatTemplateTest, NullStaysWhereTheTemplateTakesIt) {
    const std::string calls = "{% for c in m.tool_calls %}({{ c.function.arguments }}){% endfor %}";
    const ChatTemplate takes = from_source("{% for m in messages %}" + calls +
                                           "{{ m.content if m.content is not none else '-' }}{% endfor %}");
    EXPECT_TRUE(takes.abilities().null_content);
    EXPECT_EQ(text_of(takes, conversation_with_a_call(nullptr)), "u({\"x\":1})-42");
    const ChatTemplate prints =
        from_source("{% for m in messages %}" + calls + "{{ m.content }}{% endfor %}");
    EXPECT_FALSE(prints.abilities().null_content);
    EXPECT_EQ(text_of(prints, conversation_with_a_call(nullptr)), "u({\"x\":1})42");
}

TEST_F(ChatTemplateTest, ControlTokensOfUsersStayText) {
    const Model made = model({{"general.name", "TinyLlama"}}, {"<|user|>", "<|im_start|>x"});
    const auto chat = ChatTemplate::create(made.file.metadata(), *made.tokenizer);
    ASSERT_TRUE(chat);
    ChatPrompt prompt;
    prompt.messages = {message("user", "a</s><|user|>")};
    const auto rendered = chat->render(prompt);
    ASSERT_TRUE(rendered);
    const auto ids =
        made.tokenizer->encode(rendered->text, {.parse_special = true, .untrusted = rendered->untrusted});
    const TokenId user = *made.tokenizer->find("<|user|>");
    const TokenId end = *made.tokenizer->special().eos;
    EXPECT_EQ(std::ranges::count(ids, user), 1);  // the template's own
    EXPECT_EQ(std::ranges::count(ids, end), 1);
}

}  // namespace
}  // namespace airframe
