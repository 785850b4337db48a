#include "airframe/backend/vulkan/cooperative_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace airframe::vulkan {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;
using Words = std::vector<uint32_t>;

constexpr uint32_t instruction(uint32_t op, uint32_t words) { return words << 16 | op; }

Words module_of(std::initializer_list<Words> instructions, uint32_t bound) {
    Words module{0x07230203, 0x00010500, 0, bound, 0};
    for (const Words& one : instructions) module.insert(module.end(), one.begin(), one.end());
    return module;
}

// A spec constant %8 with this id counts the rows of a matrix type %9; %5 is uint, %6 true, %7 float.
Words with_rows_of_id(uint32_t spec_id) {
    return module_of({{instruction(17, 2), 5357},
                      {instruction(71, 4), 8, 1, spec_id},
                      {instruction(21, 4), 5, 32, 0},
                      {instruction(41, 3), 4, 6},
                      {instruction(5358, 6), 9, 7, 3, 8, 8},
                      {instruction(5359, 7), 9, 10, 11, 12, 6, 32},
                      {instruction(5360, 6), 11, 10, 12, 6, 32},
                      {instruction(5361, 6), 9, 13, 10, 10, 10}},
                     20);
}

TEST(CooperativeMatrix, BecomesTheOneOfKhronos) {
    // constants 0, 1, 2 are %20, %21, %22; rows of id 102: the right factor
    const Words want = module_of({{instruction(17, 2), 6022},
                                  {instruction(71, 4), 8, 1, 102},
                                  {instruction(21, 4), 5, 32, 0},
                                  {instruction(41, 3), 4, 6},
                                  {instruction(43, 4), 5, 20, 0},
                                  {instruction(43, 4), 5, 21, 1},
                                  {instruction(43, 4), 5, 22, 2},
                                  {instruction(4456, 7), 9, 7, 3, 8, 8, 21},
                                  {instruction(4457, 7), 9, 10, 11, 21, 12, 32},
                                  {instruction(4458, 6), 11, 10, 21, 12, 32},
                                  {instruction(4459, 6), 9, 13, 10, 10, 10}},
                                 23);
    const auto got = with_khr_matrices(with_rows_of_id(102));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_THAT(*got, ElementsAreArray(want));
}

TEST(CooperativeMatrix, OtherModulesStayAsTheyAre) {
    const Words module = module_of({{instruction(17, 2), 1}, {instruction(19, 2), 3}}, 9);
    EXPECT_THAT(with_khr_matrices(module).value(), ElementsAreArray(module));
}

TEST(CooperativeMatrix, RefusesWhatItCannotTell) {
    EXPECT_THAT(with_khr_matrices(with_rows_of_id(7)).error().message, HasSubstr("constant_id 100 to 105"));
    EXPECT_FALSE(with_khr_matrices(Words{1, 2}));
    EXPECT_THAT(with_khr_matrices(module_of({{instruction(17, 9), 1}}, 9)).error().message,
                HasSubstr("9 words at word 5"));
}

}  // namespace
}  // namespace airframe::vulkan
