#include "shimmy/api/openapi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "shimmy/api/errors.h"
#include "shimmy/api/routes.h"
#include "shimmy/api/yaml_write.h"

namespace shimmy {
namespace {

namespace json = boost::json;

const json::object& document() {
    static const json::object made = openapi_document("1.2.3");
    return made;
}

// Every "$ref" within the value.
void collect_references(const json::value& value, std::set<std::string>& out) {
    if (value.is_array()) {
        for (const json::value& item : value.get_array()) collect_references(item, out);
    } else if (value.is_object()) {
        for (const auto& [key, item] : value.get_object()) {
            if (key == "$ref") out.insert(std::string(item.as_string()));
            collect_references(item, out);
        }
    }
}

TEST(OpenApi, HasEveryRoute) {
    const json::object& paths = document().at("paths").as_object();
    size_t operations = 0;
    for (const auto& path : paths) operations += path.value().as_object().size();
    EXPECT_EQ(operations, static_cast<size_t>(std::ranges::count(endpoints(), false, &Endpoint::websocket)));
    std::set<std::string_view> ids;
    for (const Endpoint& endpoint : endpoints()) {
        if (endpoint.websocket) continue;
        EXPECT_FALSE(endpoint.operation.summary.empty()) << endpoint.path;
        EXPECT_TRUE(ids.insert(endpoint.operation.id).second) << endpoint.path << ": its id is taken";
        EXPECT_EQ(endpoint.operation.body != nullptr, endpoint.body_bytes_max > 0) << endpoint.path;
    }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
    std::set<std::string> references;
    collect_references(document(), references);
    EXPECT_GT(references.size(), 20U);
    const json::value whole = document();
    for (const std::string& reference : references) {
        boost::system::error_code missing;
        EXPECT_NE(whole.find_pointer(reference.substr(1), missing), nullptr) << reference;
    }
}

TEST(OpenApi, NoParameterTwice) {
    for (const Endpoint& endpoint : endpoints()) {
        if (endpoint.operation.body == nullptr) continue;
        std::set<std::string_view> names;
        for (const ParameterList& list : endpoint.operation.body->lists) {
            for (const Parameter& parameter : list)
                EXPECT_TRUE(names.insert(parameter.name).second) << endpoint.path << ": " << parameter.name;
        }
    }
}

TEST(OpenApi, RangesComeFromTheTables) {
    const json::value whole = document();
    const std::string properties =
        "/paths/~1chat~1completions/post/requestBody/content/application~1json/schema/properties/";
    const json::object& temperature = whole.at_pointer(properties + "temperature").as_object();
    EXPECT_EQ(temperature.at("minimum"), 0);
    EXPECT_EQ(temperature.at("maximum"), 2);
    EXPECT_EQ(temperature.at("type"), (json::array{"number", "null"}));
    EXPECT_EQ(whole.at_pointer(properties + "user").at("x-use"), "ignored");
    EXPECT_EQ(whole.at_pointer("/info/version"), "1.2.3");
}

TEST(OpenApi, OpenRoutesNeedNoKey) {
    const json::value whole = document();
    EXPECT_TRUE(whole.at_pointer("/paths/~1health/get/security").as_array().empty());
    EXPECT_EQ(whole.at_pointer("/paths/~1models/get").as_object().if_contains("security"), nullptr);
    EXPECT_NE(whole.at_pointer("/paths/~1models/get/responses").as_object().if_contains("401"), nullptr);
}

TEST(OpenApi, EveryFailureOfAnOperationIsInTheErrorTable) {
    std::set<int> known;
    for (const WireError& error : all_wire_errors()) known.insert(error.status);
    for (const auto& path : document().at("paths").as_object()) {
        for (const auto& operation : path.value().as_object()) {
            for (const auto& response : operation.value().at("responses").as_object()) {
                const int status = std::stoi(std::string(response.key()));
                EXPECT_TRUE(status == 200 || known.contains(status)) << path.key() << " " << status;
            }
        }
    }
}

TEST(Yaml, QuotesWhatWouldReadAsSomethingElse) {
    EXPECT_EQ(
        to_yaml({{"a", "plain words"}, {"b", "yes"}, {"c", "1"}, {"d", "x: y"}, {"200", ""}, {"e", "# no"}}),
        "a: plain words\nb: \"yes\"\nc: \"1\"\nd: \"x: y\"\n\"200\": \"\"\ne: \"# no\"\n");
}

TEST(Yaml, NestsAndKeepsNumbers) {
    const json::value value = json::parse(
        R"({"list":[1,-2.5,0.01,true,null,{"x":[],"z":{}},[1,"a"]],"empty":[],"map":{"deep":{"er":[{"k":1,"l":2}]}}})");
    EXPECT_EQ(to_yaml(value),
              "list:\n  - 1\n  - -2.5\n  - 0.01\n  - true\n  - null\n  - x: []\n    z: {}\n  - [1,\"a\"]\n"
              "empty: []\nmap:\n  deep:\n    er:\n      - k: 1\n        l: 2\n");
}

}  // namespace
}  // namespace shimmy
