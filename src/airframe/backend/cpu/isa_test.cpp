// The choice of an instruction set, and that the objects compiled for wide instructions keep to themselves.
#include "airframe/backend/cpu/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace airframe::cpu {
namespace {

std::string output_of(const std::string& command) {
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string text;
    std::array<char, 4096> buffer;
    while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe.get())) text.append(buffer.data(), n);
    return text;
}

// A weak symbol (a template or an inline function of a library) in such an object may be the copy that the
// linker keeps for the whole program, which then fails on processors without the instructions: the table is
// the only symbol that may be seen from outside.
TEST(IsaObjects, ExportNothingButTheirTable) {
    std::stringstream objects(SHIMMY_ISA_OBJECTS);
    int n_objects = 0;
    for (std::string object; std::getline(objects, object, '|'); ++n_objects) {
        std::vector<std::string> visible;
        std::stringstream symbols(
            output_of(std::string(SHIMMY_NM) + " --defined-only --demangle '" + object + "'"));
        for (std::string line; std::getline(symbols, line);) {
            const size_t kind =
                line.find(' ') + 1;  // address, kind, name; small letters are local, but for w, v, u
            if (std::string("bdrtn").find(line.at(kind)) == std::string::npos)
                visible.push_back(line.substr(kind + 2));
        }
        EXPECT_THAT(visible,
                    testing::ElementsAre(testing::ContainsRegex("^airframe::cpu::k[A-Za-z0-9]+Kernels$")))
            << object;
    }
    EXPECT_EQ(n_objects, static_cast<int>(all_isas().size()));
}

TEST(IsaChoice, BestFirstAndScalarEverywhere) {
    const auto best = choose_isa("");
    ASSERT_TRUE(best);
    EXPECT_TRUE((*best)->present());
    const auto scalar = choose_isa("scalar");
    ASSERT_TRUE(scalar);
    EXPECT_STREQ((*scalar)->kernels->name, "scalar");
}

TEST(IsaChoice, RefusesWithTheListOfThosePresent) {
    const auto unknown = choose_isa("mmx");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, base::ErrorCode::kInvalidArgument);
    EXPECT_THAT(unknown.error().message,
                testing::AllOf(testing::HasSubstr("mmx"), testing::HasSubstr("scalar")));
    for (const Isa& isa : all_isas()) {
        const auto choice = choose_isa(isa.name);
        EXPECT_EQ(choice.has_value(), isa.present()) << isa.name;
        if (!choice) {
            EXPECT_EQ(choice.error().code, base::ErrorCode::kUnsupported);
        }
    }
}

}  // namespace
}  // namespace airframe::cpu
