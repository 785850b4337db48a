#include "airframe/text/regex_classes.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace airframe {
namespace {

struct Property {
    std::string_view name, long_name, members;  // members: the categories it joins
};

constexpr Property kProperties[] = {
    {"L", "Letter", "Lu Ll Lt Lm Lo"},
    {"LC", "Cased_Letter", "Lu Ll Lt"},
    {"Lu", "Uppercase_Letter", "Lu"},
    {"Ll", "Lowercase_Letter", "Ll"},
    {"Lt", "Titlecase_Letter", "Lt"},
    {"Lm", "Modifier_Letter", "Lm"},
    {"Lo", "Other_Letter", "Lo"},
    {"M", "Mark", "Mn Mc Me"},
    {"Mn", "Nonspacing_Mark", "Mn"},
    {"Mc", "Spacing_Mark", "Mc"},
    {"Me", "Enclosing_Mark", "Me"},
    {"N", "Number", "Nd Nl No"},
    {"Nd", "Decimal_Number", "Nd"},
    {"Nd", "digit", "Nd"},
    {"Nl", "Letter_Number", "Nl"},
    {"No", "Other_Number", "No"},
    {"P", "Punctuation", "Pc Pd Ps Pe Pi Pf Po"},
    {"Pc", "Connector_Punctuation", "Pc"},
    {"Pd", "Dash_Punctuation", "Pd"},
    {"Ps", "Open_Punctuation", "Ps"},
    {"Pe", "Close_Punctuation", "Pe"},
    {"Pi", "Initial_Punctuation", "Pi"},
    {"Pf", "Final_Punctuation", "Pf"},
    {"Po", "Other_Punctuation", "Po"},
    {"S", "Symbol", "Sm Sc Sk So"},
    {"Sm", "Math_Symbol", "Sm"},
    {"Sc", "Currency_Symbol", "Sc"},
    {"Sk", "Modifier_Symbol", "Sk"},
    {"So", "Other_Symbol", "So"},
    {"Z", "Separator", "Zs Zl Zp"},
    {"Zs", "Space_Separator", "Zs"},
    {"Zl", "Line_Separator", "Zl"},
    {"Zp", "Paragraph_Separator", "Zp"},
    {"C", "Other", "Cc Cf Co Cn"},
    {"Cc", "Control", "Cc"},
    {"Cf", "Format", "Cf"},
    {"Co", "Private_Use", "Co"},
    {"Cn", "Unassigned", "Cn"},
    {"ASCII", "ASCII", ""},
    {"Any", "Any", ""},
};

constexpr int kCategories = UTF8PROC_CATEGORY_CO + 1;

// The ranges of every category, found once by asking for each character.
const std::array<CharSet, kCategories>& sets_by_category() {
    static const auto kSets = [] {
        std::array<CharSet, kCategories> sets;
        for (char32_t c = 0; c <= 0x10FFFF; ++c) {
            if (c >= 0xD800 && c < 0xE000) continue;
            CharSet& set = sets[static_cast<size_t>(utf8proc_category(static_cast<utf8proc_int32_t>(c)))];
            if (!set.empty() && set.back().hi + 1 == c) {
                set.back().hi = c;
            } else {
                set.push_back({c, c});
            }
        }
        return sets;
    }();
    return kSets;
}

}  // namespace

CharSet normalized(CharSet set) {
    std::ranges::sort(set, {}, &CharRange::lo);
    CharSet joined;
    for (const CharRange& range : set) {
        if (!joined.empty() && range.lo <= joined.back().hi + 1) {
            joined.back().hi = std::max(joined.back().hi, range.hi);
        } else {
            joined.push_back(range);
        }
    }
    CharSet out;
    for (const CharRange& range : joined) {
        if (range.lo < 0xD800) out.push_back({range.lo, std::min<char32_t>(range.hi, 0xD7FF)});
        if (range.hi > 0xDFFF) out.push_back({std::max<char32_t>(range.lo, 0xE000), range.hi});
    }
    return out;
}

CharSet inverted(const CharSet& set) {
    CharSet out;
    char32_t at = 0;
    for (const CharRange& range : set) {
        if (range.lo > at) out.push_back({at, range.lo - 1});
        at = range.hi + 1;
    }
    if (at <= 0x10FFFF) out.push_back({at, 0x10FFFF});
    return normalized(std::move(out));
}

std::optional<CharSet> class_of_letter(char letter) {
    const bool upper = letter >= 'A' && letter <= 'Z';
    CharSet set;
    switch (letter | 0x20) {
        case 'd':
            set = {{'0', '9'}};
            break;
        case 'w':
            set = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
            break;
        case 's':
            set = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                   {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
            break;
        default:
            return std::nullopt;
    }
    return upper ? inverted(set) : set;
}

std::optional<CharSet> class_of_property(std::string_view name) {
    for (const std::string_view prefix : {"General_Category=", "gc="})
        if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    const auto row = std::ranges::find_if(
        kProperties, [&](const Property& p) { return p.name == name || p.long_name == name; });
    if (row == std::end(kProperties)) return std::nullopt;
    if (row->name == "ASCII") return CharSet{{0, 0x7F}};
    if (row->name == "Any") return normalized({{0, 0x10FFFF}});
    CharSet set;
    for (int category = 0; category < kCategories; ++category) {
        const char* text =
            utf8proc_category_string(sets_by_category()[static_cast<size_t>(category)].empty()
                                         ? -1
                                         : static_cast<utf8proc_int32_t>(
                                               sets_by_category()[static_cast<size_t>(category)].front().lo));
        if (!row->members.contains(std::string_view(text, 2))) continue;
        const CharSet& members = sets_by_category()[static_cast<size_t>(category)];
        set.insert(set.end(), members.begin(), members.end());
    }
    return normalized(std::move(set));
}

}  // namespace airframe
