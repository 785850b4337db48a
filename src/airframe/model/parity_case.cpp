#include "airframe/model/parity_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <fstream>
#include <sstream>

#include "airframe/model/logit_distance.h"

namespace airframe {
namespace {

namespace json = boost::json;

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

ParityCase read_case(const std::filesystem::path& dir, const json::object& entry) {
    ParityCase c;
    c.file = entry.at("model").as_string();
    for (const char* part : {"prompt", "greedy"})
        for (const auto& id : entry.at(part).as_array())
            c.tokens.push_back(static_cast<int32_t>(id.as_int64()));
    c.prompt_tokens = entry.at("prompt").as_array().size();
    for (const auto& margin : entry.at("margins").as_array()) c.margins.push_back(margin.to_number<double>());
    c.positions = entry.at("positions").to_number<size_t>();
    c.vocab = entry.at("vocab").to_number<size_t>();
    const std::string raw = read_file(dir / std::string_view(entry.at("logits").as_string()));
    c.logits.resize(raw.size() / sizeof(float));
    std::memcpy(c.logits.data(), raw.data(), c.logits.size() * sizeof(float));
    c.peer_kl_mean = entry.at("llama.cpp-new").at("kl_mean").to_number<double>();
    c.quantised = c.file.find("F16") == std::string::npos && c.file.find("F32") == std::string::npos;
    c.k_quant = c.file.find("_K") != std::string::npos;
    c.experts = c.file.find("moe") != std::string::npos || c.file.find("mixtral") != std::string::npos;
    return c;
}

}  // namespace

std::vector<ParityCase> read_parity_cases(const std::filesystem::path& dir) {
    const json::value manifest = json::parse(read_file(dir / "manifest.json"));
    std::vector<ParityCase> cases;
    for (const auto& entry : manifest.at("files").as_array())
        cases.push_back(read_case(dir, entry.as_object()));
    return cases;
}

std::string greedy_faults(const ParityCase& c, std::span<const float> got) {
    std::string faults;
    for (size_t step = 0; step < c.margins.size(); ++step) {
        const size_t position = c.prompt_tokens - 1 + step;
        if (c.margins[step] <= 0.1 || position >= c.positions) continue;
        const auto row = got.subspan(position * c.vocab, c.vocab);
        const auto best = static_cast<int32_t>(std::ranges::max_element(row) - row.begin());
        if (best != c.tokens[position + 1])
            faults += fmt::format(" step {} is {} instead of {}", step, best, c.tokens[position + 1]);
    }
    return faults;
}

std::string parity_faults(const ParityCase& c, std::span<const float> got) {
    const LogitDistance d = logit_distance(c.logits, got, c.vocab);
    std::string faults = greedy_faults(c, got);
    constexpr double kRmsMax = 0.002;
    if (!c.quantised && !(d.rms <= kRmsMax)) faults += fmt::format(" rms {} > {}", d.rms, kRmsMax);
    const double kl = c.experts ? d.kl_median : d.kl_mean;
    const double bar = c.k_quant ? c.peer_kl_mean / 2 : c.peer_kl_mean;
    if (c.quantised && !(kl <= bar)) faults += fmt::format(" KL {} > {}", kl, bar);
    return faults;
}

}  // namespace airframe
