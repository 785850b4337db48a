#include "shimmy/store/closest_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shimmy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> kNames{"serve", "list", "generate", "llama-3.2-1b", "llama-3.2-3b"};

TEST(ClosestNames, FindsMisspelling) {
    EXPECT_THAT(closest_names("serv", kNames, 3), ElementsAre("serve"));
    EXPECT_THAT(closest_names("genrate", kNames, 3), ElementsAre("generate"));
    EXPECT_THAT(closest_names("LIST", kNames, 3), ElementsAre("list"));
}

TEST(ClosestNames, FindsPartsOfNames) {
    EXPECT_THAT(closest_names("Llama-3.2", kNames, 3), ElementsAre("llama-3.2-1b", "llama-3.2-3b"));
    EXPECT_THAT(closest_names("llama", kNames, 1), ElementsAre("llama-3.2-1b"));
}

TEST(ClosestNames, SaysNothingOfStrangers) {
    EXPECT_THAT(closest_names("mistral", kNames, 3), IsEmpty());
    EXPECT_THAT(closest_names("", kNames, 3), IsEmpty());
    EXPECT_THAT(closest_names(std::string(100'000, 'x'), kNames, 3), IsEmpty());
}

}  // namespace
}  // namespace shimmy
