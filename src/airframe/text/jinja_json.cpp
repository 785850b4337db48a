// JSON to values and back. See jinja_json.h.
#include "airframe/text/jinja_json.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace airframe::jinja {
namespace {

class Writer {
  public:
    Writer(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style), out_(heap.budget()) {}

    Str run(const Value& value) {
        write(value);
        return out_.finish();
    }

  private:
    void write(const Value& value) {
        const Depth depth(heap_.budget());
        heap_.budget().step();
        switch (value.kind()) {
            case Kind::kNone:
                return out_.append("null");
            case Kind::kBool:
                return out_.append(value.as_bool() ? "true" : "false");
            case Kind::kInt:
            case Kind::kBigInt:
                return out_.append(integer_text(value.as_big()));
            case Kind::kFloat:
                return out_.append(number(value.as_float()));
            case Kind::kString:
                return quoted(value.as_str());
            case Kind::kList:
            case Kind::kTuple:
                return array(*value.as_list());
            case Kind::kDict:
                return object(*value.as_dict());
            default:
                raise("Object of type {} is not JSON serializable", type_name(value));
        }
    }

    static std::string number(double value) {
        if (std::isnan(value)) return "NaN";
        if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
        return float_text(value);
    }

    void line_break() {
        if (!style_.indent) return;
        out_.append("\n");
        for (int i = 0; i < level_; ++i) out_.append(*style_.indent);
    }

    void separator() {
        if (style_.item_separator)
            out_.append(*style_.item_separator);
        else
            out_.append(style_.indent ? "," : ", ");
        line_break();
    }

    void array(const List& list) {
        if (list.items.empty()) return out_.append("[]");
        out_.append("[");
        ++level_;
        line_break();
        for (size_t i = 0; i < list.items.size(); ++i) {
            if (i > 0) separator();
            write(list.items[i]);
        }
        --level_;
        line_break();
        out_.append("]");
    }

    void object(const Dict& dict) {
        if (dict.entries.empty()) return out_.append("{}");
        std::vector<const Dict::Entry*> entries;
        for (const Dict::Entry& entry : dict.entries) entries.push_back(&entry);
        if (style_.sort_keys) {
            std::ranges::stable_sort(entries, [&](const Dict::Entry* a, const Dict::Entry* b) {
                return ordered(heap_.budget(), Order::kLess, a->key, b->key);
            });
        }
        out_.append("{");
        ++level_;
        line_break();
        for (size_t i = 0; i < entries.size(); ++i) {
            if (i > 0) separator();
            key(entries[i]->key);
            if (style_.key_separator)
                out_.append(*style_.key_separator);
            else
                out_.append(": ");
            write(entries[i]->value);
        }
        --level_;
        line_break();
        out_.append("}");
    }

    void key(const Value& key) {
        if (key.is_string()) return quoted(key.as_str());
        if (!key.is_number() && !key.is_none()) {
            raise("keys must be str, int, float, bool or None, not {}", type_name(key));
        }
        out_.append("\"");
        write(key);
        out_.append("\"");
    }

    void quoted(const Str& text) {
        heap_.budget().step(static_cast<int64_t>(text.size() >> 6));
        out_.append("\"");
        for_each_span(text, [&](std::string_view piece, bool untrusted) {
            for (size_t at = 0; at < piece.size();) {
                size_t stop = at;
                while (stop < piece.size() && plain(piece[stop])) ++stop;
                out_.append(piece.substr(at, stop - at), untrusted);
                at = stop;
                if (at < piece.size()) out_.append(escaped(base::next_code_point(piece, at)), untrusted);
            }
        });
        out_.append("\"");
    }

    bool plain(char c) const {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && c != '"' && c != '\\' && !(style_.ensure_ascii && byte >= 0x7f);
    }

    static std::string escaped(char32_t c) {
        switch (c) {
            case U'"':
                return "\\\"";
            case U'\\':
                return "\\\\";
            case U'\n':
                return "\\n";
            case U'\r':
                return "\\r";
            case U'\t':
                return "\\t";
            case U'\b':
                return "\\b";
            case U'\f':
                return "\\f";
            case 0x7f:
                return "\x7f";
            default:
                break;
        }
        const auto code = static_cast<uint32_t>(c);
        if (code < 0x10000) return fmt::format("\\u{:04x}", code);
        const uint32_t rest = code - 0x10000;
        return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    }

    Heap& heap_;
    const JsonStyle& style_;
    TextBuilder out_;
    int level_ = 0;
};

// Names of tokens may come from a vocabulary and be no UTF-8; every string of the machine is.
Value string_from(Heap& heap, std::string_view text, bool untrusted) {
    return base::is_valid_utf8(text) ? heap.string(text, untrusted)
                                     : heap.string(base::to_valid_utf8(text), untrusted);
}

}  // namespace

Value from_json(Heap& heap, const boost::json::value& json, bool untrusted,
                std::span<const std::string> trusted_roles) {
    const Depth depth(heap.budget());
    heap.budget().step();
    switch (json.kind()) {
        case boost::json::kind::null:
            return Value::none();
        case boost::json::kind::bool_:
            return Value::boolean(json.get_bool());
        case boost::json::kind::int64:
            return Value::integer(json.get_int64());
        case boost::json::kind::uint64:
            return heap.integer(json.get_uint64());
        case boost::json::kind::double_:
            return Value::floating(json.get_double());
        case boost::json::kind::string:
            return string_from(heap, json.get_string(), untrusted);
        case boost::json::kind::array: {
            std::vector<Value> items;
            items.reserve(json.get_array().size());
            for (const boost::json::value& item : json.get_array()) {
                items.push_back(from_json(heap, item, untrusted, trusted_roles));
            }
            return Value::list(heap.list(std::move(items)));
        }
        case boost::json::kind::object:
            break;
    }
    Dict* dict = heap.make(Dict{});
    for (const auto& [key, value] : json.get_object()) {
        const bool own_word =
            key == "role" && value.is_string() &&
            std::ranges::find(trusted_roles, std::string_view(value.get_string())) != trusted_roles.end();
        dict->set(heap.budget(), string_from(heap, key, untrusted),
                  from_json(heap, value, untrusted && !own_word, trusted_roles));
    }
    return Value::dict(dict);
}

Str to_json(Heap& heap, const Value& value, const JsonStyle& style) { return Writer(heap, style).run(value); }

}  // namespace airframe::jinja
