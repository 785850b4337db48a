// Embeddings and rankings over real sockets with a scripted model, whose vectors say how many tokens (bytes)
// a text has and which one is the first.
#include <gmock/gmock.h>
#include <list>

#include <boost/json.hpp>

#include <cmath>

#include "shimmy/api/base64.h"
#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

namespace json = boost::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class EmbeddingsTest : public ServerTest {
  protected:
    // The body of a 200.
    json::object answer_to(std::string_view path, std::string_view body) {
        const std::string response = ask(post(path, body));
        EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
        const size_t at = response.find("\r\n\r\n");
        return at == std::string::npos ? json::object() : json::parse(response.substr(at + 4)).as_object();
    }
    static std::vector<float> vector_of(const json::object& answer, size_t index) {
        const json::object& item = answer.at("data").as_array().at(index).as_object();
        EXPECT_EQ(item.at("object"), "embedding");
        EXPECT_EQ(item.at("index").to_number<size_t>(), index);
        return json::value_to<std::vector<float>>(item.at("embedding"));
    }
    // Of a text with so many tokens, whose first one is this.
    static void expect_vector(const std::vector<float>& vector, float tokens, float first) {
        ASSERT_EQ(vector.size(), 3u);
        EXPECT_NEAR(std::hypot(vector[0], vector[1], vector[2]), 1, 1e-6);
        EXPECT_NEAR(vector[0] / vector[2], tokens, 1e-3);
        EXPECT_NEAR(vector[1] / vector[2], first, 1e-3);
    }
};

TEST_F(EmbeddingsTest, TakesTextsAndTokensInAllForms) {
    start();
    expect_vector(vector_of(answer_to("/v1/embeddings", R"({"model":"alpha","input":"cat"})"), 0), 3, 'c');
    const auto texts = answer_to("/embeddings", R"({"model":"alpha","input":["cat","a"],"user":"u"})");
    expect_vector(vector_of(texts, 0), 3, 'c');
    expect_vector(vector_of(texts, 1), 1, 'a');
    EXPECT_EQ(texts.at("object"), "list");
    EXPECT_EQ(texts.at("model"), "alpha");
    EXPECT_EQ(json::serialize(texts.at("usage")), R"({"prompt_tokens":4,"total_tokens":4})");
    expect_vector(vector_of(answer_to("/v1/embeddings", R"({"model":"alpha","input":[7,8]})"), 0), 2, 7);
    const auto lists = answer_to("/v1/embeddings", R"({"model":"alpha","input":[[7],[9,8,7]]})");
    expect_vector(vector_of(lists, 0), 1, 7);
    expect_vector(vector_of(lists, 1), 3, 9);
}

TEST_F(EmbeddingsTest, Base64IsTheBytesOfTheSameVector) {
    start();
    const auto plain = vector_of(answer_to("/v1/embeddings", R"({"model":"alpha","input":"cat"})"), 0);
    const auto coded =
        answer_to("/v1/embeddings", R"({"model":"alpha","input":"cat","encoding_format":"base64"})");
    std::string expected;
    append_base64(expected, std::as_bytes(std::span(plain)));
    EXPECT_EQ(coded.at("data").at(0).at("embedding").as_string(), expected);
}

TEST(Base64, HasTheVectorsOfItsStandard) {
    for (const auto& [text, code] : {std::pair{"", ""},
                                     {"f", "Zg=="},
                                     {"fo", "Zm8="},
                                     {"foo", "Zm9v"},
                                     {"foobar", "Zm9vYmFy"},
                                     {"\xFF\xEF\xFE", "/+/+"}}) {
        std::string out;
        append_base64(out, std::as_bytes(std::span(std::string_view(text))));
        EXPECT_EQ(out, code);
    }
}

TEST_F(EmbeddingsTest, FewerDimensionsAreNormalisedAgain) {
    start();
    const auto cut =
        vector_of(answer_to("/v1/embeddings", R"({"model":"alpha","input":[[3,3,3,3]],"dimensions":2})"), 0);
    ASSERT_EQ(cut.size(), 2u);
    EXPECT_FLOAT_EQ(cut[0], 0.8F);
    EXPECT_FLOAT_EQ(cut[1], 0.6F);
    EXPECT_THAT(ask(post("/v1/embeddings", R"({"model":"alpha","input":"cat","dimensions":4})")),
                AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("is 4; the vectors of this model have 3"),
                      HasSubstr(R"("param":"dimensions")")));
}

TEST_F(EmbeddingsTest, SaysWhatIsWrong) {
    script->ctx_tokens = 4;
    start();
    const std::pair<const char*, const char*> cases[] = {
        {R"({"model":"alpha"})", R"("param":"input","code":"missing_required_parameter")"},
        {R"({"model":"alpha","input":""})", R"("param":"input","code":"invalid_value")"},
        {R"({"model":"alpha","input":[]})", R"("param":"input","code":"invalid_value")"},
        {R"({"model":"alpha","input":["a",""]})", R"("param":"input[1]","code":"invalid_value")"},
        {R"({"model":"alpha","input":["a",[]]})", R"("param":"input[1]","code":"invalid_value")"},
        {R"({"model":"alpha","input":["a",{}]})", R"("param":"input[1]","code":"invalid_type")"},
        {R"({"model":"alpha","input":[1.5]})", R"("param":"input[0]","code":"invalid_type")"},
        {R"({"model":"alpha","input":7})", R"("param":"input","code":"invalid_type")"},
        {R"({"model":"alpha","input":[258]})", R"("param":"input","code":"invalid_value")"},
        {R"({"model":"alpha","input":["a","abcde"]})",
         R"("param":"input[1]","code":"context_length_exceeded")"},
        {R"({"model":"alpha","input":"a","encoding_format":"hex"})", R"("param":"encoding_format")"},
        {R"({"model":"alpha","input":"a","dimensions":0})", R"("param":"dimensions")"},
        {R"({"input":"a"})", R"("param":"model")"},
    };
    for (const auto& [body, error] : cases)
        EXPECT_THAT(ask(post("/v1/embeddings", body)), AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr(error)))
            << body;
    EXPECT_THAT(ask(post("/v1/embeddings", R"({"model":"alpha","input":"abcde"})")),
                HasSubstr("5 tokens; 4 can be embedded"));
    EXPECT_THAT(ask(post("/v1/embeddings", R"({"model":"nope","input":"a"})")),
                AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("model_not_found")));
}

TEST_F(EmbeddingsTest, TakesAsManyTextsAsOpenAi) {
    start();
    json::array input(2048, "x");
    const std::string all = json::serialize(json::object{{"model", "alpha"}, {"input", input}});
    TestClient client(server->port());
    client.send(post("/v1/embeddings", all, "Connection: close\r\n"));
    ASSERT_TRUE(client.read_to_end());
    EXPECT_THAT(client.received, AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr(R"("index":2047,)"),
                                       HasSubstr(R"("total_tokens":2048})")));
    input.push_back("x");
    EXPECT_THAT(
        ask(post("/v1/embeddings", json::serialize(json::object{{"model", "alpha"}, {"input", input}}))),
        AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("has 2049 entries; at most 2048")));
}

TEST_F(EmbeddingsTest, AFullQueueIsToldAndAClientThatLeavesIsNotServed) {
    script->queue = 1;
    script->admit = false;
    start();
    const std::string request = post("/v1/embeddings", R"({"model":"alpha","input":"a"})");
    std::list<TestClient> clients;  // all stay: whichever came first has the one place
    std::string second;
    ASSERT_TRUE(eventually([&] {
        TestClient& other = clients.emplace_back(server->port());
        other.send(request);
        if (!other.read_until("\r\n\r\n", std::chrono::milliseconds(100))) return false;
        second = other.received;
        return true;
    }));
    EXPECT_THAT(second,
                AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("Retry-After: "), HasSubstr("queue_full")));
    clients.clear();
    EXPECT_TRUE(eventually([&] { return script->embed_cancelled > 0; }));
}

TEST_F(EmbeddingsTest, RanksDocuments) {
    script->ranks = true;
    start();
    const auto answer = answer_to(
        "/v1/rerank",
        R"({"model":"alpha","query":"abc","documents":["xyz","ab",{"text":"abcab"},"ba"],"raw_scores":true})");
    std::vector<std::pair<int64_t, double>> results;
    for (const json::value& result : answer.at("results").as_array()) {
        EXPECT_FALSE(result.as_object().contains("document"));
        results.emplace_back(result.at("index").as_int64(), result.at("relevance_score").to_number<double>());
    }
    using Results = std::vector<std::pair<int64_t, double>>;
    // The separators, one behind the second text, are tokens too.
    EXPECT_EQ(results, (Results{{2, 6}, {1, 3}, {3, 3}, {0, 1}}));
    EXPECT_EQ(answer.at("model"), "alpha");
    EXPECT_GT(answer.at("usage").at("total_tokens").as_int64(), 20);
    const auto best = answer_to(
        "/rerank",
        R"({"query":"abc","documents":["xyz","ab"],"top_n":1,"return_documents":true,"model":"alpha"})");
    ASSERT_EQ(best.at("results").as_array().size(), 1u);
    const json::value& first = best.at("results").at(0);
    EXPECT_EQ(first.at("document").at("text"), "ab");
    EXPECT_NEAR(first.at("relevance_score").as_double(), 1 / (1 + std::exp(-3.0)), 1e-6);
}

TEST_F(EmbeddingsTest, SaysWhatCannotBeRanked) {
    script->ranks = true;
    script->ctx_tokens = 12;
    start();
    const std::pair<const char*, const char*> cases[] = {
        {R"({"model":"alpha","documents":["a"]})", R"("param":"query")"},
        {R"({"model":"alpha","query":"","documents":["a"]})", R"("param":"query")"},
        {R"({"model":"alpha","query":"a"})", R"("param":"documents")"},
        {R"({"model":"alpha","query":"a","documents":[]})", R"("param":"documents")"},
        {R"({"model":"alpha","query":"a","documents":["a",7]})", R"("param":"documents[1]")"},
        {R"({"model":"alpha","query":"a","documents":["a",{}]})", R"("param":"documents[1].text")"},
        {R"({"model":"alpha","query":"a","documents":["a"],"top_n":0})", R"("param":"top_n")"},
        {R"({"model":"alpha","query":"a","documents":["a","a document too long"]})",
         R"("param":"documents[1]","code":"context_length_exceeded")"},
    };
    for (const auto& [body, error] : cases)
        EXPECT_THAT(ask(post("/v1/rerank", body)), AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr(error)))
            << body;
}

TEST_F(EmbeddingsTest, AModelWithoutARankHeadRanksNothing) {
    start();
    EXPECT_THAT(
        ask(post("/v1/rerank", R"({"model":"alpha","query":"a","documents":["b"]})")),
        AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("no rank head"), HasSubstr(R"("param":"model")")));
}

}  // namespace
}  // namespace shimmy
