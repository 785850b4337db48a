// GET /metrics: the figures of the server in Prometheus' text format, from one table.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "airframe/engine/engine.h"
#include "shimmy/service/registry.h"

namespace shimmy {

// What the figures are taken from, at one moment.
struct MetricsSource {
    double uptime_s = 0;
    RegistryStatus registry;
    std::optional<airframe::EngineStats> engine;  // of the model in memory; none: without one
};

struct Metric {
    std::string_view name;  // without the prefix "shimmy_"
    std::string_view type;  // counter or gauge
    std::string_view help;
    // Figures of the engine carry the label model, and are left out while there is none.
    double (*of_server)(const MetricsSource&) = nullptr;
    double (*of_engine)(const airframe::EngineStats&) = nullptr;
};

std::span<const Metric> all_metrics();
std::string metrics_text(const MetricsSource& source);

}  // namespace shimmy
