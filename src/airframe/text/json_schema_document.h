// Document: a schema as read: where each sub-schema stands, what `$ref` leads to, and that every keyword has
// a value it can have.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "airframe/text/grammar_budget.h"
#include "airframe/text/json_schema_value.h"
#include "base/result.h"

namespace airframe::schema {

class Document {
  public:
    // Errors: kInvalidArgument (malformed), kUnsupported (a refused keyword), with the JSON path.
    static base::Result<std::unique_ptr<Document>> read(Value schema, Budget& budget);

    const Value& root() const { return root_; }
    // The schema that `$ref: reference` in `from` leads to. Errors: no such place, with the path.
    base::Result<const Value*> resolve(const Value& from, const std::string& reference);
    std::string path(const Value& schema) const;  // "#/properties/a"
    base::Error error_at(const Value& schema, std::string_view keyword, const base::Error& error) const;

    // {"const": value}, as a schema of its own.
    const Value& constant(const Value& value, const Value& owner);
    // The same for a value that is to be kept here.
    const Value& keep_constant(const Value& value, const Value& owner);
    const Value& nothing() const { return nothing_; }  // the schema `false`

  private:
    struct Place {
        std::string path, base;
    };
    explicit Document(Budget& budget) : budget_(budget) { nothing_.kind = Value::Kind::kFalse; }
    base::Result<void> index(const Value& schema, const Place& place);
    base::Result<void> index_children(const Value& value, int form, const Place& place,
                                      const std::string& key);
    base::Result<void> check_keyword(const Value& schema, const std::string& key, const Value& value,
                                     const std::string& path);
    base::Result<void> check_bounds(const Value& schema, const std::string& path);
    const Value* follow(const Value& from, std::string_view pointer, Place& place) const;

    Budget& budget_;
    Value root_, nothing_;
    std::unordered_map<const Value*, Place> places_;
    std::unordered_map<std::string, const Value*> names_;  // URIs and anchors
    std::unordered_map<const Value*, const Value*> constants_;
    std::deque<Value> made_;
};

// A count such as minLength: also written 2.0. Nothing for what is no count; more than 2^32-2 is that.
std::optional<uint32_t> count_of(const Value& value);

}  // namespace airframe::schema
