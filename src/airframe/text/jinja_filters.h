// What filters over sequences share: the key of an item, and sorting by it.
#pragma once

#include <vector>

#include "airframe/text/jinja_machine.h"

namespace airframe::jinja {

// Takes from an item what an `attribute` parameter names: "a.b.0", a number, or none for the item itself.
class Getter {
  public:
    explicit Getter(Machine& machine) : machine_(machine) {}
    // `fold_case`: strings are compared without regard to case. `separator`: several attributes stand in one
    // string; the key is then a list. `fallback` takes the place of what is undefined.
    Getter(Machine& machine, const Value& attribute, bool fold_case = false, char separator = 0,
           Value fallback = {});

    Value get(const Value& item) const;

  private:
    using Path = std::vector<Value>;
    Value follow(const Path& path, Value item) const;

    Machine& machine_;
    std::vector<Path> paths_{Path{}};
    bool fold_case_ = false;
    Value fallback_;
};

// Stable, also in reverse.
std::vector<Value> sorted(Machine& machine, std::vector<Value> items, const Getter& getter, bool reverse);

}  // namespace airframe::jinja
