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
        {R"({"properties":{"a":false},"required":["a"]})", {"1", "[]"}, {"{}", R"({"a":1})"}},
        {R"({"additionalProperties":false,"required":["a"]})", {"1"}, {"{}", R"({"a":1})"}},
        {R"({"properties":{"b":false},"dependentRequired":{"a":["b"]}})",
         {"{}", R"({"c":1})"},
         {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":1})"}},
        {R"({"type":["object","null"],"properties":{"o":{"properties":{"a":{"type":"object","properties":
             {"b":false},"required":["b"]}},"required":["a"]}}})",
         {"{}", "null", R"({"o":1})"},
         {R"({"o":{}})", R"({"o":{"a":{}}})"}},
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

// By the RFCs that the formats name.
TEST(JsonSchema, FormatsAtTheirEdges) {
    struct Row {
        const char* format;
        std::vector<std::string> yes, no;
    };
    const Row rows[] = {
        {"date",
         {"2000-02-29", "2400-02-29", "2024-02-29", "0000-01-01", "9999-12-31"},
         {"1900-02-29", "2023-02-29", "2021-04-31", "2021-00-10", "2021-13-01", "2021-01-00", "2021-1-01",
          "21-01-01", "2021-01-01T00:00:00Z", "20210101", "+2021-01-01", "2021-01-0১"}},
        {"time",
         {"00:00:00Z", "12:00:00z", "23:59:59.123456789+23:59", "01:02:03-00:00", "23:59:60Z",
          "23:59:60.5-00:00", "00:59:60+01:00", "15:59:60-08:00", "05:29:60+05:30", "05:44:60.25+05:45",
          "00:29:60-23:30", "23:29:60+23:30"},
         {"24:00:00Z", "12:60:00Z", "12:00:00", "12:00Z", "12:00:00.Z", "12:00:00+24:00", "12:00:00+1:00",
          "12:00:00+01", "12:00:60Z", "22:59:60Z", "23:59:60+01:00", "00:59:60-01:00", "23:59:61Z",
          "12:00:00 Z", "12:00:00,5Z"}},
        {"date-time",
         {"1985-04-12T23:20:50.52Z", "1996-12-19t16:39:57-08:00", "1990-12-31T23:59:60Z",
          "1990-12-31T15:59:60-08:00"},
         {"1990-12-31 15:59:59Z", "1990-12-31T15:59:60Z", "1990-02-30T00:00:00Z", "1990-12-31T24:00:00Z",
          "1990-12-31", "1990-12-31T10:00:00"}},
        {"duration",
         {"P4DT12H30M5S", "P1Y2M3DT4H5M6S", "P1W", "P0D", "PT0S", "PT36H", "P1M", "PT1M"},
         {"P", "PT", "P1YT", "P2D1Y", "P1D2H", "P1Y2W", "PT1D", "4DT12H", "P1", "p1d", "P1.5D", "P-1D"}},
        {"uuid",
         {"2EB8AA08-aa98-11ea-b4aa-73b441d16380", "00000000-0000-0000-0000-000000000000"},
         {"2eb8aa08-aa98-11ea-b4aa-73b441d1638", "2eb8aa08aa9811eab4aa73b441d16380",
          "2eb8aa08-aa98-11ea-b4aa73b44-1d16380", "{2eb8aa08-aa98-11ea-b4aa-73b441d16380}"}},
        {"email",
         {"a@b", "joe.bloggs@example.com", "te~st@example.com", "a+b@x-y.org", "u@[127.0.0.1]",
          "u@[IPv6:::1]", R"(\"joe bloggs\"@example.com)", R"(\"a@b\"@example.com)"},
         {".a@b", "a.@b", "a..b@c", "@b", "a@", "a b@c", "a@-b.com", "a@b-", "a@b..c", "u@[127.0.0.300]",
          "ab", R"(\"a@b)", "a@b@c"}},
        {"ipv4",
         {"0.0.0.0", "255.255.255.255", "1.22.199.250"},
         {"256.0.0.1", "01.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.4/24", "0x7f.0.0.1", "1.2.3.4 ", ""}},
        {"ipv6",
         {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:192.168.0.1", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
          "1:2:3:4:5:6:1.2.3.4", "ABCD::ef"},
         {"1:2:3:4:5:6:7", ":::", "1::2::3", "12345::", "::ffff:256.1.1.1", "fe80::1%eth0",
          "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1/64", ":1", "1:", "1:2:3:4:5:6:7:1.2.3.4", "::g",
          ""}},
        {"uri",
         {"http://foo.bar/?baz=qux#quux", "urn:isbn:0451450523", "mailto:a@b.c",
          "ldap://[2001:db8::7]/c=GB?x?y", "tel:+1-816-555-1212", "http://a:%40b@c.d:80/",
          "http://[v1.fe:x]/", "file:///etc", "a:", "x:/", "http://a?#"},
         {"//foo.bar", "/abc", "abc", "http:// a.com", ":a", "1a:b", "http://a/[x]", "http://[::1",
          "http://a:b", "http://a:80x/", "http://a/%zz", "http://a/%4", "http://é", "a:b#c#d", "http://a/<b>",
          ""}},
        {"uri-reference",
         {"", "/abc", "//foo.bar", "abc/d?e#f", "#x", "?y", "http://a", "./a:b", "a/b:c"},
         {"1a:b", "#a#b", "a b", "%", "[x]", "ab^c"}},
        {"json-pointer", {"", "/", "/a/b", "/~0~1", "//", "/a b/é"}, {"a", "/~", "/~2", "#/a", "/a~"}},
        {"relative-json-pointer", {"0", "1/a", "12#", "0/~1"}, {"", "/a", "-1", "01", "0##", "1a", "0/~"}},
    };
    for (const Row& row : rows) {
        const auto grammar =
            compile_json_schema(fmt::format(R"({{"type":"string","format":"{}"}})", row.format));
        ASSERT_TRUE(grammar) << row.format << ": " << grammar.error().message;
        GrammarMachine machine(*grammar);
        for (const auto& text : row.yes)
            EXPECT_TRUE(machine.accepts('"' + text + '"')) << row.format << " on " << text;
        for (const auto& text : row.no)
            EXPECT_FALSE(machine.accepts('"' + text + '"')) << row.format << " on " << text;
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
