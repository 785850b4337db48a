#include "base/queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace base {
namespace {

TEST(BoundedQueue, RefusesWhenFullAndKeepsTheItemWithTheCaller) {
    BoundedQueue<std::unique_ptr<int>> queue(1);
    auto first = std::make_unique<int>(1), second = std::make_unique<int>(2);
    EXPECT_TRUE(queue.try_push(first));
    EXPECT_FALSE(queue.try_push(second));
    EXPECT_EQ(*second, 2);
    EXPECT_EQ(**queue.try_pop(), 1);
    EXPECT_FALSE(queue.try_pop());
}

TEST(BoundedQueue, CloseWakesAWaiterAndDrainsWhatIsLeft) {
    BoundedQueue<int> queue(4);
    int item = 7;
    ASSERT_TRUE(queue.try_push(item));
    std::jthread closer([&] { queue.close(); });
    EXPECT_EQ(queue.pop(), 7);
    EXPECT_EQ(queue.pop(), std::nullopt);
    EXPECT_FALSE(queue.try_push(item));
}

}  // namespace
}  // namespace base
