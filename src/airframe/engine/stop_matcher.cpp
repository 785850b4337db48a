#include "airframe/engine/stop_matcher.h"

#include <algorithm>

#include "base/check.h"

namespace airframe {

StopMatcher::StopMatcher(std::span<const std::string> stops) {
    for (const std::string& text : stops) {
        CHECK(!text.empty(), "an empty stop string");
        Stop stop{.text = text, .fallback = std::vector<uint32_t>(text.size(), 0)};
        for (size_t i = 1; i < text.size(); ++i) {
            stop.matched = advance(stop, text[i]);
            stop.fallback[i] = static_cast<uint32_t>(stop.matched);
        }
        stop.matched = 0;
        stops_.push_back(std::move(stop));
    }
}

size_t StopMatcher::advance(const Stop& stop, char byte) {
    size_t matched = stop.matched;
    while (matched > 0 && stop.text[matched] != byte) matched = stop.fallback[matched - 1];
    return stop.text[matched] == byte ? matched + 1 : matched;
}

bool StopMatcher::push(std::string_view text, std::string& out) {
    for (size_t i = 0; i < text.size(); ++i) {
        const Stop* complete = nullptr;
        for (Stop& stop : stops_) {
            stop.matched = advance(stop, text[i]);
            const bool longer = complete == nullptr || stop.text.size() > complete->text.size();
            if (stop.matched == stop.text.size() && longer) complete = &stop;
        }
        if (complete == nullptr) continue;
        held_.append(text.substr(0, i + 1));
        held_.resize(held_.size() - complete->text.size());
        finish(out);
        matched_ = complete->text;
        return true;
    }
    size_t undecided = 0;
    for (const Stop& stop : stops_) undecided = std::max(undecided, stop.matched);
    held_.append(text);
    const size_t decided = held_.size() - undecided;
    out.append(held_, 0, decided);
    held_.erase(0, decided);
    return false;
}

void StopMatcher::finish(std::string& out) {
    out.append(held_);
    held_.clear();
}

}  // namespace airframe
