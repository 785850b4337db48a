// JSON Schema as a grammar: keywords, errors with their paths, bombs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "airframe/text/grammar_machine.h"
#include "airframe/text/json_schema_keywords.h"

namespace airframe {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Case {
    std::string schema;
    std::vector<std::string> yes, no;
};

TEST(JsonSchema, AcceptsExactlyItsInstances) {
    const Case rows[] = {
        {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"],
             "additionalProperties":false})",
         {R"({"a":1})", R"({"a": 1, "b": "x"})", "{\n  \"a\": -2\n}"},
         {"{}", R"({"b":"x"})", R"({"a":1,"c":2})", R"({"a":1.5})", R"({"a":1,"a":2})", R"({"a":1)"}},
        {R"({"enum":["x",1,null,{"k":[true]}]})",
         {"\"x\"", "1", "1.0", "null", R"({"k":[true]})"},
         {"\"y\"", "2", "true", R"({"k":[]})"}},
        {R"({"minimum":-3,"exclusiveMaximum":10,"type":"integer"})", {"-3", "0", "9"}, {"-4", "10", "9.5"}},
        {R"({"type":"number","multipleOf":0.25})", {"0.5", "-1.75", "3"}, {"0.3", "0.125"}},
        {R"({"type":"string","minLength":2,"maxLength":3})",
         {R"("ab")", R"("äöü")", R"("\u00e4b")", R"("\ud83d\ude00x")"},
         {R"("a")", R"("abcd")", R"("\ud83d\ude00")"}},
        {R"({"type":"string","pattern":"^[a-z]+\\d$"})", {R"("ab1")"}, {R"("1ab")", R"("ab")"}},
        {R"({"type":"string","format":"date"})", {R"("2024-02-29")"}, {R"("2023-02-29")", R"("2024-13-01")"}},
        {R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2})",
         {"[1]", "[1, 2]"},
         {"[]", "[1,2,3]", "[\"a\"]", "[1,]"}},
        {R"({"prefixItems":[{"const":1}],"items":false,"type":"array"})", {"[]", "[1]"}, {"[2]", "[1,1]"}},
        {R"({"contains":{"const":7},"type":"array","maxContains":1})", {"[7]", "[1,7]"}, {"[]", "[7,7]"}},
        {R"({"oneOf":[{"type":"integer"},{"minimum":2,"type":"number"}]})", {"1", "2.5"}, {"3", "1.5"}},
        {R"({"allOf":[{"minimum":1},{"maximum":2}],"type":"integer"})", {"1", "2"}, {"0", "3"}},
        {R"({"not":{"type":"string"}})", {"1", "null", "[]"}, {R"("a")"}},
        {R"({"$defs":{"n":{"type":["object","null"],"properties":{"next":{"$ref":"#/$defs/n"}},
             "additionalProperties":false}},"$ref":"#/$defs/n"})",
         {"null", R"({"next":{"next":null}})"},
         {"1", R"({"next":1})"}},
    };
    for (const Case& row : rows) {
        const auto grammar = compile_json_schema(row.schema);
        ASSERT_TRUE(grammar) << row.schema << ": " << grammar.error().message;
        GrammarMachine machine(*grammar, {.any_key_order = true});
        for (const auto& text : row.yes) EXPECT_TRUE(machine.accepts(text)) << row.schema << " on " << text;
        for (const auto& text : row.no) EXPECT_FALSE(machine.accepts(text)) << row.schema << " on " << text;
    }
}

TEST(JsonSchema, KeysComeInTheOrderWritten) {
    const auto grammar = compile_json_schema(R"({"type":"object","properties":{"b":{},"a":{}}})");
    ASSERT_TRUE(grammar);
    GrammarMachine machine(*grammar);
    EXPECT_TRUE(machine.accepts(R"({"b":1,"a":2})"));
    EXPECT_FALSE(machine.accepts(R"({"a":2,"b":1})"));
}

TEST(JsonSchema, ModeOfAnyObject) {
    const auto grammar = compile_json_object();
    ASSERT_TRUE(grammar);
    GrammarMachine machine(*grammar);
    for (const char* text : {"{}", R"({"a":[1,{"b":null}],"c":"\n"})"}) EXPECT_TRUE(machine.accepts(text));
    for (const char* text : {"", "[]", "1", R"({"a":01})", "{\"a\":\"\n\"}", "{} x"})
        EXPECT_FALSE(machine.accepts(text)) << text;
}

TEST(JsonSchema, ErrorsNameThePathAndTheKeyword) {
    const std::pair<std::string, const char*> rows[] = {
        {R"({"properties":{"a":{"unevaluatedItems":false}}})",
         "#/properties/a/unevaluatedItems: unsupported keyword 'unevaluatedItems'"},
        {R"({"items":{"format":"hostname"}})", "#/items/format: unsupported format 'hostname'"},
        {R"({"$ref":"#"})", "#/$ref: it leads back to itself"},
        {R"({"$ref":"#/$defs/a"})", "#/$ref: '#/$defs/a' leads to nothing"},
        {R"({"items":{"minimum":5,"maximum":3}})", "#/items/minimum: 5 is above maximum 3"},
        {R"({"pattern":"("})", "#/pattern: regular expression, position"},
        {R"({"allOf":[{"type":"string"},{"type":"null"}]})", "#: no value satisfies this schema"},
        {R"({"properties":{"a":{"pattern":"^(a|b)*a(a|b){30}$"}}})", "#/properties/a/pattern: "},
        {R"({"items":{"pattern":"(a{1000}){1000}"}})", "#/items/pattern: "},
        {R"({"type":"strung"})", "#/type"},
    };
    for (const auto& [schema, message] : rows) {
        const auto grammar = compile_json_schema(schema);
        ASSERT_FALSE(grammar) << schema;
        EXPECT_THAT(grammar.error().message, StartsWith(message));
    }
}

TEST(JsonSchema, BombsEndAsErrors) {
    std::string words, nested = "{}";
    for (int i = 0; i < 60'000; ++i) words += (i == 0 ? "\"" : ",\"") + std::to_string(i * 7919) + "\"";
    for (int i = 0; i < 1000; ++i) nested = "{\"not\":" + nested + "}";
    for (const std::string& schema : {"{\"enum\":[" + words + "]}", nested,
                                      std::string(R"({"pattern":"^(a|b)*a(a|b){9}$","minLength":40000})")}) {
        const auto grammar = compile_json_schema(schema);
        ASSERT_FALSE(grammar) << schema.substr(0, 80);
    }
}

TEST(JsonSchema, EveryKeywordStandsInTheTableOfThePage) {
    const std::string page = schema::keywords_markdown();
    for (const auto& row : schema::keywords())
        EXPECT_THAT(page, HasSubstr(fmt::format("| `{}` |", row.name)));
    for (const auto& row : schema::formats()) EXPECT_THAT(page, HasSubstr(fmt::format("| `{}` |", row.name)));
    EXPECT_EQ(schema::find_keyword("x-unknown"), nullptr);
}

}  // namespace
}  // namespace airframe
