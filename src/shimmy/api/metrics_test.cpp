#include "shimmy/api/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "shimmy/api/test_server.h"

namespace shimmy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Metrics, AreWhatTheEngineCounts) {
    MetricsSource source{.uptime_s = 1.5, .registry = {.current_id = "a \"b\""}, .engine = {}};
    EXPECT_THAT(metrics_text(source),
                AllOf(HasSubstr("shimmy_uptime_seconds 1.5\n"), Not(HasSubstr("kv_pages"))));
    source.engine.emplace();
    source.engine->draft_tokens = 40;
    source.engine->draft_tokens_accepted = 31;
    EXPECT_THAT(metrics_text(source),
                AllOf(HasSubstr("# TYPE shimmy_draft_tokens_total counter\n"),
                      HasSubstr("shimmy_draft_tokens_total{model=\"a \\\"b\\\"\"} 40\n"),
                      HasSubstr("shimmy_draft_tokens_accepted_total{model=\"a \\\"b\\\"\"} 31\n")));
}

TEST(Metrics, HaveOneNameEachAndAKnownType) {
    std::set<std::string_view> names;
    for (const Metric& metric : all_metrics()) {
        EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
        EXPECT_EQ(metric.type == "counter", metric.name.ends_with("_total")) << metric.name;
        EXPECT_NE(metric.of_server == nullptr, metric.of_engine == nullptr) << metric.name;
    }
}

using MetricsServerTest = ServerTest;

TEST_F(MetricsServerTest, AreServedAsText) {
    start();
    EXPECT_THAT(ask(get("/metrics")),
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("text/plain; version=0.0.4"),
                      HasSubstr("# TYPE shimmy_uptime_seconds gauge\n")));
}

}  // namespace
}  // namespace shimmy
