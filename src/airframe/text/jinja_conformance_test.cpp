// The chat templates of real models and the language tests of the shared data, compared with what Jinja2
// renders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <sstream>

#include "airframe/text/jinja.h"
#include "base/test_data.h"

namespace airframe {
namespace {

namespace json = boost::json;

json::value read_json(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    json::parse_options options;
    options.max_depth = 256;
    return json::parse(text.str(), {}, options);
}

int64_t unix_seconds(const std::string& iso) {
    tm parts{};
    EXPECT_NE(strptime(iso.c_str(), "%Y-%m-%dT%H:%M:%S", &parts), nullptr) << iso;
    return timegm(&parts);
}

// Nothing when the result is the expected one, else what is different.
std::string difference(const JinjaTemplate& parsed, const json::object& variables,
                       const RenderOptions& options, const json::object& expected) {
    const auto got = parsed.render(variables, options);
    if (const json::value* text = expected.if_contains("expected")) {
        if (!got) return "error: " + got.error().message;
        return got->text == text->as_string()
                   ? ""
                   : "got: " + got->text + "\nexpected: " + text->as_string().c_str();
    }
    if (got)
        return "rendered: " + got->text + "\nexpected an error: " + expected.at("error").as_string().c_str();
    const bool raised = expected.at("error_kind").as_string() == "raised";
    if (raised != (got.error().detail == "raised")) return "another kind of error: " + got.error().message;
    if (raised && got.error().message != expected.at("error").as_string())
        return "raised: " + got.error().message;
    return "";
}

json::object variables_of(const json::object& document, const json::object& test) {
    json::object variables{{"tools", nullptr}, {"documents", nullptr}};
    if (const json::value* context = document.if_contains("context")) {
        for (const auto& [key, value] : context->as_object()) variables[key] = value;
    }
    for (const char* key : {"messages", "tools"}) {
        if (const json::value* value = test.if_contains(key)) variables[key] = *value;
    }
    if (const json::value* extra = test.if_contains("extra")) {
        for (const auto& [key, value] : extra->as_object()) variables[key] = value;
    }
    return variables;
}

TEST(JinjaConformance, LanguageTests) {
    REQUIRE_TEST_DATA(data);
    const json::value document = read_json(data / "chat_templates/jinja_conformance.json");
    RenderOptions options;
    options.now_unix_seconds = unix_seconds(document.at("now").as_string().c_str());
    for (const json::value& value : document.at("cases").as_array()) {
        const json::object& test = value.as_object();
        const std::string source(test.at("template").as_string());
        SCOPED_TRACE(std::string(test.at("name").as_string()) + ": " + source);
        const auto parsed = JinjaTemplate::parse(source);
        if (!parsed) {
            EXPECT_TRUE(test.contains("error")) << parsed.error().message;
            continue;
        }
        EXPECT_EQ(difference(*parsed, document.at("context").as_object(), options, test), "");
    }
}

TEST(JinjaConformance, ChatTemplatesOfModels) {
    REQUIRE_TEST_DATA(data);
    size_t cases = 0;
    for (const auto& entry : std::filesystem::directory_iterator(data / "chat_templates/cases")) {
        const json::value document = read_json(entry.path());
        const auto parsed = JinjaTemplate::parse(std::string_view(document.at("template").as_string()));
        ASSERT_TRUE(parsed) << entry.path() << ": " << parsed.error().message;
        RenderOptions options;
        options.now_unix_seconds = unix_seconds(document.at("now").as_string().c_str());
        for (const json::value& test : document.at("cases").as_array()) {
            SCOPED_TRACE(entry.path().stem().string() + ": " + test.at("name").as_string().c_str());
            const json::object variables = variables_of(document.as_object(), test.as_object());
            EXPECT_EQ(difference(*parsed, variables, options, test.as_object()), "");
            ++cases;
        }
    }
    EXPECT_GT(cases, 1000u);
}

}  // namespace
}  // namespace airframe
