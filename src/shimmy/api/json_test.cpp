#include <gmock/gmock.h>

#include <limits>

#include "base/test_name.h"
#include "shimmy/api/json_read.h"
#include "shimmy/api/json_write.h"

namespace shimmy {
namespace {

using testing::HasSubstr;

struct Bad {
    std::string text;
    std::string says;
};

class JsonRefuses : public testing::TestWithParam<Bad> {};
TEST_P(JsonRefuses, AndSaysWhy) {
    const auto parsed = parse_json_object(GetParam().text);
    ASSERT_FALSE(parsed) << GetParam().text.substr(0, 80);
    EXPECT_EQ(parsed.error().code, base::ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().says));
    EXPECT_THAT(parsed.error().message, testing::Not(HasSubstr("boost")));
}
INSTANTIATE_TEST_SUITE_P(
    All, JsonRefuses,
    testing::Values(Bad{"", "empty"}, Bad{" \n", "empty"}, Bad{"[]", "must be a JSON object, not an array"},
                    Bad{"3", "not an integer"}, Bad{"\xef\xbb\xbf{}", "byte order mark"},
                    Bad{"{\"a\":1,}", "unexpected '}' at line 1, column 8"}, Bad{"{'a':1}", "unexpected '''"},
                    Bad{"{\n\n  \"a\": tru }", "at line 3"}, Bad{"{\"a\":NaN}", "unexpected 'N'"},
                    Bad{"{\"a\":Infinity}", "unexpected 'I'"}, Bad{"{\"a\":-}", "unexpected"},
                    Bad{"{\"a\":01}", "unexpected"}, Bad{"{\"a\":1e400}", "too large"},
                    Bad{"{\"a\":1", "ends"}, Bad{"{\"a\":\"", "ends"}, Bad{"{} x", "follows the end"},
                    Bad{"{\"a\":\"\n\"}", "unexpected"}, Bad{"{\"a\":\"\\ud800\"}", "line 1, column 13"},
                    Bad{"{\"a\":\"\\udc00x\"}", "surrogate"}, Bad{"{\"a\":\"\xff\"}", "not UTF-8"},
                    Bad{"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8"}, Bad{"{\"a\":\"\xc0\xaf\"}", "not UTF-8"},
                    Bad{"{/* c */}", "unexpected"},
                    Bad{"{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "\"b\" comes twice"},
                    Bad{std::string("{\"a\":1}\0", 8), "follows the end"},
                    Bad{std::string(100000, '['), "deeper than 256"},
                    Bad{"{\"a\":" + std::string(300, '[') + std::string(300, ']') + "}", "deeper than 256"}),
    [](const auto& info) { return base::test_name(info.index, info.param.says); });

TEST(Json, ReadsWhatIsValid) {
    const auto parsed = parse_json_object(
        " {\"a\":[1,-2,3.5,1e10,true,null],\"b\":{\"a\":\"\\u00e9\\ud83d\\ude00\\u0000\"},\"\":"
        "18446744073709551615}\n");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->at("b").at("a").as_string(), std::string_view("\xc3\xa9\xf0\x9f\x98\x80\0", 7));
    EXPECT_TRUE(parse_json_object("{\"a\":" + std::string(255, '[') + std::string(255, ']') + "}"));
    EXPECT_TRUE(parse_json_object(R"([{"a":1},{"a":1}])").error().message.find("array") != std::string::npos);
    EXPECT_TRUE(parse_json_object(R"({"x":{"a":1},"y":{"a":1},"a":2})"));
}

TEST(Json, RefusesMoreValuesThanMemoryShouldHold) {
    std::string text = "{\"prompt\":[1";
    for (int i = 0; i < 4'000'000; ++i) text += ",1";
    EXPECT_THAT(parse_json_object(text + "]}").error().message, HasSubstr("more than 4000000 values"));
}

TEST(Json, FieldsKeepTheirRanges) {
    const auto object =
        *parse_json_object(R"({"i":3,"d":3.0,"h":2.5,"s":"x","n":null,"b":9007199254740993})");
    const Fields fields(object, "root");
    EXPECT_EQ(*fields.integer("i", 0, 9), 3);
    EXPECT_EQ(*fields.integer("d", 0, 9), 3);
    EXPECT_EQ(fields.integer("h", 0, 9).error().detail, "invalid_type");
    EXPECT_EQ(fields.integer("i", 4, 9).error().param, "root.i");
    EXPECT_EQ(*fields.integer("b", 0, INT64_MAX), 9007199254740993);
    EXPECT_EQ(*fields.integer("n", 0, 9), std::nullopt);
    EXPECT_EQ(*fields.integer("missing", 0, 9), std::nullopt);
    EXPECT_EQ(*fields.number("h", 0, 9), 2.5);
    EXPECT_EQ(fields.number("s", 0, 9).error().message, "'root.s' must be a number, not a string.");
    EXPECT_EQ(fields.boolean("i").error().message, "'root.i' must be true or false, not an integer.");
}

TEST(Json, WritesEscapesAndRepairsText) {
    std::string out;
    JsonWriter json(out);
    json.begin_object()
        .key("a")
        .value("q\"b\\n\n\x01\x7f\xc3\xa9")
        .key("b")
        .begin_array()
        .value(1)
        .value(true);
    json.null().value(0.1).value(-1e300).end_array().key("c").value("\xff").any_key("d\"").begin_object();
    json.end_object().end_object();
    EXPECT_EQ(out,
              "{\"a\":\"q\\\"b\\\\n\\n\\u0001\\u007f\xc3\xa9\",\"b\":[1,true,null,0.1,-1e+300],"
              "\"c\":\"\xef\xbf\xbd\",\"d\\\"\":{}}");
}

}  // namespace
}  // namespace shimmy
