// JSON Schema on published suites: no invalid instance is accepted, no valid one is refused.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "airframe/text/grammar_machine.h"

namespace airframe {
namespace {

namespace json = boost::json;

struct Counts {
    size_t accepted = 0, refused = 0, schemas_refused = 0;
};

// Numbers as people write them, not with an exponent each.
std::string text_of(const json::value& value) {
    std::string out;
    if (const auto* number = value.if_double()) return fmt::format("{}", *number);
    if (const auto* list = value.if_array()) {
        for (const auto& item : *list) out += (out.empty() ? "" : ", ") + text_of(item);
        return "[" + out + "]";
    }
    if (const auto* object = value.if_object()) {
        for (const auto& [key, item] : *object)
            out += (out.empty() ? "" : ", ") + json::serialize(json::string(key)) + ": " + text_of(item);
        return "{" + out + "}";
    }
    return json::serialize(value);
}

void check_group(const json::object& group, Counts& counts) {
    const auto grammar = compile_json_schema(text_of(group.at("schema")));
    if (!grammar) {
        EXPECT_TRUE(grammar.error().message.starts_with('#')) << grammar.error().message;
        ++counts.schemas_refused;
        return;
    }
    GrammarMachine machine(*grammar, {.any_key_order = true});
    for (const auto& test : group.at("tests").as_array()) {
        const std::string text = text_of(test.at("data"));
        const bool valid = test.at("valid").as_bool();
        const bool accepted = machine.accepts(text);
        (accepted ? counts.accepted : counts.refused) += 1;
        EXPECT_EQ(accepted, valid) << text_of(group.at("schema")).substr(0, 500) << "\n on "
                                   << text.substr(0, 300);
    }
}

std::string read_all(const std::filesystem::path& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

TEST(JsonSchemaData, EveryInstanceIsJudgedRight) {
    const char* data = std::getenv("SHIMMY_TEST_DATA");
    if (data == nullptr) GTEST_SKIP() << "SHIMMY_TEST_DATA is not set";
    const std::filesystem::path folder = std::filesystem::path(data) / "json_schema";
    Counts counts;
    for (const auto& file : std::filesystem::directory_iterator(folder / "suite")) {
        if (file.path().extension() != ".json") continue;
        const json::value groups = json::parse(read_all(file.path()));
        for (const auto& group : groups.as_array()) check_group(group.as_object(), counts);
    }
    std::ifstream lines(folder / "maskbench.jsonl");
    for (std::string line; std::getline(lines, line);) check_group(json::parse(line).as_object(), counts);
    EXPECT_GE(counts.accepted, 690U);
    EXPECT_GE(counts.refused, 740U);
    EXPECT_LE(counts.schemas_refused, 30U);
}

}  // namespace
}  // namespace airframe
