// The keywords of JSON Schema and what becomes of each: the table that the compiler obeys and that
// docs/STRUCTURED_OUTPUT.md is generated from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace airframe::schema {

enum class Treatment {
    kEnforced,    // every text obeys it
    kAnnotation,  // says nothing about texts: ignored, as JSON Schema asks
    kRefused      // a schema with it does not compile
};

// What the value of a keyword must look like.
enum class Form {
    kAnything,
    kSchema,
    kSchemas,
    kSchemaMap,
    kSchemaOrBool,
    kItems,
    kCount,
    kNumber,
    kPositive,
    kString,
    kNames,
    kNamesMap,
    kList,
    kType,
    kBool,
    kDependencies
};

struct Keyword {
    std::string_view name;
    Treatment treatment;
    Form form;
    std::string_view note;  // how far it is enforced, or why it is refused
};
std::span<const Keyword> keywords();
const Keyword* find_keyword(std::string_view name);  // null: unknown, an annotation

struct Format {
    std::string_view name;
    std::string_view pattern;    // of the whole string; empty: a schema with it does not compile
    std::string_view note = {};  // how far it is enforced, or why it is refused
};
std::span<const Format> formats();
const Format* find_format(std::string_view name);  // null: unknown, an annotation

// The tables as the page's section, in Markdown.
std::string keywords_markdown();

}  // namespace airframe::schema
