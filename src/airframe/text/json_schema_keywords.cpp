#include "airframe/text/json_schema_keywords.h"

#include <fmt/format.h>

#include <algorithm>

namespace airframe::schema {
namespace {

using enum Treatment;

constexpr Keyword kKeywords[] = {
    {"type", kEnforced, Form::kType, "a name or a list of names; `1.0` is an integer"},
    {"enum", kEnforced, Form::kList, "values of any kind, compared as values: `1` equals `1.0`"},
    {"const", kEnforced, Form::kAnything, "likewise"},
    {"$ref", kEnforced, Form::kString,
     "inside the document: pointers, `$id`, `$anchor`; recursion too, but not a reference that leads back to "
     "itself without a member or item between; other documents are refused"},
    {"allOf", kEnforced, Form::kSchemas, "the schemas are merged"},
    {"anyOf", kEnforced, Form::kSchemas, ""},
    {"oneOf", kEnforced, Form::kSchemas, "exactly one, found by excluding the others where they overlap"},
    {"not", kEnforced, Form::kSchema,
     "refused where it would ask an object for a key that is outside of `properties`"},
    {"if", kEnforced, Form::kSchema, "its negation has the limits of `not`"},
    {"then", kEnforced, Form::kSchema, ""},
    {"else", kEnforced, Form::kSchema, ""},
    {"minimum", kEnforced, Form::kNumber, "exact, for numbers of any size"},
    {"maximum", kEnforced, Form::kNumber, "likewise"},
    {"exclusiveMinimum", kEnforced, Form::kAnything, "likewise; also as true beside `minimum` (draft 4)"},
    {"exclusiveMaximum", kEnforced, Form::kAnything, "likewise"},
    {"multipleOf", kEnforced, Form::kPositive,
     "for divisors of up to 20,000 and their decimal fractions (0.01); mostly without exponents in the text"},
    {"minLength", kEnforced, Form::kCount, "in characters"},
    {"maxLength", kEnforced, Form::kCount, "in characters"},
    {"pattern", kEnforced, Form::kString, "found anywhere in the string; see regular expressions"},
    {"format", kEnforced, Form::kString, "see formats"},
    {"items", kEnforced, Form::kItems, "a list means `prefixItems` (draft 7)"},
    {"prefixItems", kEnforced, Form::kSchemas, ""},
    {"additionalItems", kEnforced, Form::kSchema, "beside a list in `items` (draft 7)"},
    {"contains", kEnforced, Form::kSchema,
     "up to 3 on one array; the negation of its schema has the limits of `not`"},
    {"minContains", kEnforced, Form::kCount, ""},
    {"maxContains", kEnforced, Form::kCount, ""},
    {"minItems", kEnforced, Form::kCount, ""},
    {"maxItems", kEnforced, Form::kCount, ""},
    {"uniqueItems", kEnforced, Form::kBool,
     "where the items are constants, booleans and null only, at most 64 together, or there is one item at "
     "most; "
     "else refused"},
    {"properties", kEnforced, Form::kSchemaMap, "in the order as written, once each"},
    {"patternProperties", kEnforced, Form::kSchemaMap, "after the named ones"},
    {"additionalProperties", kEnforced, Form::kSchema,
     "after the named ones; a further key is not checked for coming twice"},
    {"propertyNames", kEnforced, Form::kSchema, ""},
    {"required", kEnforced, Form::kNames, ""},
    {"minProperties", kEnforced, Form::kCount, ""},
    {"maxProperties", kEnforced, Form::kCount, ""},
    {"dependentRequired", kEnforced, Form::kNamesMap, ""},
    {"dependentSchemas", kEnforced, Form::kSchemaMap, ""},
    {"dependencies", kEnforced, Form::kDependencies, "draft 7's form of the two above"},
    {"nullable", kEnforced, Form::kBool, "true beside `type` allows null (OpenAPI 3.0)"},
    {"$defs", kAnnotation, Form::kSchemaMap, "a place for `$ref`"},
    {"definitions", kAnnotation, Form::kSchemaMap, "a place for `$ref`"},
    {"$id", kAnnotation, Form::kString, "a name for `$ref`"},
    {"$anchor", kAnnotation, Form::kString, "a name for `$ref`"},
    {"$schema", kAnnotation, Form::kAnything, ""},
    {"$comment", kAnnotation, Form::kAnything, ""},
    {"title", kAnnotation, Form::kAnything, ""},
    {"description", kAnnotation, Form::kAnything, ""},
    {"default", kAnnotation, Form::kAnything, ""},
    {"examples", kAnnotation, Form::kAnything, ""},
    {"deprecated", kAnnotation, Form::kAnything, ""},
    {"readOnly", kAnnotation, Form::kAnything, ""},
    {"writeOnly", kAnnotation, Form::kAnything, ""},
    {"contentEncoding", kAnnotation, Form::kAnything, ""},
    {"contentMediaType", kAnnotation, Form::kAnything, ""},
    {"contentSchema", kAnnotation, Form::kAnything, ""},
    {"unevaluatedProperties", kRefused, Form::kAnything, "it depends on what other schemas have looked at"},
    {"unevaluatedItems", kRefused, Form::kAnything, "it depends on what other schemas have looked at"},
    {"$dynamicRef", kRefused, Form::kAnything, "its target depends on the way that led to it"},
    {"$recursiveRef", kRefused, Form::kAnything, "its target depends on the way that led to it"},
    {"$vocabulary", kAnnotation, Form::kAnything, ""},
    {"$dynamicAnchor", kAnnotation, Form::kString, "a name for `$ref`"},
};

#define IPV4_BYTE "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define IPV4 "(" IPV4_BYTE "\\.){3}" IPV4_BYTE
#define H16 "[0-9a-fA-F]{1,4}"
#define LS32 "(" H16 ":" H16 "|" IPV4 ")"
#define IPV6                                                                                                \
    "((" H16 ":){6}" LS32 "|::(" H16 ":){5}" LS32 "|(" H16 ")?::(" H16 ":){4}" LS32 "|((" H16 ":){0,1}" H16 \
    ")?::(" H16 ":){3}" LS32 "|((" H16 ":){0,2}" H16 ")?::(" H16 ":){2}" LS32 "|((" H16 ":){0,3}" H16       \
    ")?::" H16 ":" LS32 "|((" H16 ":){0,4}" H16 ")?::" LS32 "|((" H16 ":){0,5}" H16 ")?::" H16 "|((" H16    \
    ":){0,6}" H16 ")?::)"
// Leap years: divisible by 4, and by 400 where by 100.
#define LEAP_YEAR "([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
#define DATE                                                                                                 \
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-" \
    "9]|2[0-8]))|" LEAP_YEAR "-02-29)"
#define OFFSET "([zZ]|[+\\-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define CLOCK_PARTS "T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
#define DATE_PARTS "[0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D"
#define DURATION "P([0-9]+W|(" DATE_PARTS ")(" CLOCK_PARTS ")?|" CLOCK_PARTS ")"
#define LABEL "[a-zA-Z0-9]([a-zA-Z0-9\\-]{0,61}[a-zA-Z0-9])?"
#define ATEXT "[a-zA-Z0-9!#$%&'*+\\-/=?^_`{|}~]+"
#define QUOTED "\"([ !#-\\[\\]-~]|\\\\[ -~])*\""
#define PCT "%[0-9a-fA-F]{2}"
#define PCHAR "([a-zA-Z0-9\\-._~!$&'()*+,;=:@]|" PCT ")"
#define QUERY \
    "(\\?([a-zA-Z0-9\\-._~!$&'()*+,;=:@/?]|" PCT ")*)?(#([a-zA-Z0-9\\-._~!$&'()*+,;=:@/?]|" PCT ")*)?"
#define AUTHORITY                                                                               \
    "//(([a-zA-Z0-9\\-._~!$&'()*+,;=:]|" PCT ")*@)?(\\[(" IPV6                                  \
    "|[vV][0-9a-fA-F]+\\.[a-zA-Z0-9\\-._~!$&'()*+,;=:]+)\\]|([a-zA-Z0-9\\-._~!$&'()*+,;=]|" PCT \
    ")*)(:[0-9]*)?(/" PCHAR "*)*"
#define URI \
    "[a-zA-Z][a-zA-Z0-9+\\-.]*:(" AUTHORITY "|/(" PCHAR "+(/" PCHAR "*)*)?|" PCHAR "+(/" PCHAR "*)*|)" QUERY
#define SEGMENT_NC "([a-zA-Z0-9\\-._~!$&'()*+,;=@]|" PCT ")+"
#define URI_REFERENCE \
    "(" URI "|(" AUTHORITY "|/(" PCHAR "+(/" PCHAR "*)*)?|" SEGMENT_NC "(/" PCHAR "*)*|)" QUERY ")"
#define POINTER "(/([^~/]|~[01])*)*"

// RFC 3339. A leap second is the last of a day in UTC: 23:59:60 and the offset; those that clocks have, of
// whole quarters of an hour, make each a time of its own.
std::string time_pattern() {
    constexpr int kQuarter = 15, kDay = 24 * 60;
    const auto clock = [](int minutes) { return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60); };
    std::string out = "(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?" OFFSET
                      "|23:59:60(\\.[0-9]+)?([zZ]|[+\\-]00:00)";
    for (int east = kQuarter; east < kDay; east += kQuarter)
        out += fmt::format("|{}:60(\\.[0-9]+)?(\\+{}|-{})", clock(east - 1), clock(east), clock(kDay - east));
    return out + ")";
}
}  // namespace

// Made when a schema first asks: most runs of the program know none.
std::span<const Format> formats() {
    static const std::string time = time_pattern(), date_time = DATE "[tT]" + time;
    static const Format rows[] = {
        {"date", DATE},
        {"time", time, "a leap second only with an offset of whole quarters of an hour"},
        {"date-time", date_time, "likewise"},
        {"duration", DURATION},
        {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
        {"email",
         "(" ATEXT "(\\." ATEXT ")*|" QUOTED ")@(" LABEL "(\\." LABEL ")*|\\[(" IPV4 "|IPv6:" IPV6 ")\\])"},
        {"ipv4", IPV4},
        {"ipv6", IPV6},
        {"hostname", "",
         "whether a label `xn--` is right takes a decoder; write the names you mean as a `pattern`"},
        {"uri", URI},
        {"uri-reference", URI_REFERENCE},
        {"json-pointer", POINTER},
        {"relative-json-pointer", "(0|[1-9][0-9]*)(#|" POINTER ")"},
        {"regex", ""},
        {"iri", ""},
        {"iri-reference", ""},
        {"uri-template", ""},
        {"idn-email", ""},
        {"idn-hostname", ""},
    };
    return rows;
}

std::span<const Keyword> keywords() { return kKeywords; }

const Keyword* find_keyword(std::string_view name) {
    const auto it = std::ranges::find(kKeywords, name, &Keyword::name);
    return it == std::end(kKeywords) ? nullptr : it;
}

const Format* find_format(std::string_view name) {
    const auto rows = formats();
    const auto it = std::ranges::find(rows, name, &Format::name);
    return it == rows.end() ? nullptr : &*it;
}

std::string keywords_markdown() {
    std::string out = "| keyword | treatment | |\n|---|---|---|\n";
    for (const Keyword& row : kKeywords) {
        const auto what = row.treatment == kEnforced     ? "enforced"
                          : row.treatment == kAnnotation ? "says nothing about texts"
                                                         : "refused: `unsupported keyword`";
        out += fmt::format("| `{}` | {} | {} |\n", row.name, what, row.note);
    }
    out += "\n| format | treatment |\n|---|---|\n";
    for (const Format& row : formats())
        out += fmt::format("| `{}` | {}{}{} |\n", row.name,
                           row.pattern.empty() ? "refused: `unsupported format`" : "enforced",
                           row.note.empty() ? "" : ", ", row.note);
    return out;
}

}  // namespace airframe::schema
