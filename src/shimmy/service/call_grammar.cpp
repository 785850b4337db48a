#include "shimmy/service/call_grammar.h"

#include <algorithm>
#include <string>
#include <vector>

#include "shimmy/service/argument_grammar.h"

namespace shimmy {

namespace json = boost::json;
using airframe::GrammarBuilder;
using airframe::NodeKey;
using std::string_view;
using Place = GrammarBuilder::Place;

bool can_write(const CallWriting& writing, const json::array& tools, bool required) {
    if (writing.arguments == ArgumentSyntax::kJson) return true;
    return std::ranges::all_of(tools, [&](const json::value& tool) {
        if (!required && !is_strict(tool)) return true;
        const json::value* schema = tool.at("function").as_object().if_contains("parameters");
        return has_plain_parameters(schema, writing.arguments);
    });
}

CallBlock::CallBlock(GrammarBuilder& builder, const ChatPlan& plan, CallRules& rules, const Spell& spell)
    : builder_(builder),
      writing_(plan.output.format->writing),
      parallel_(plan.calls.parallel && writing_.several),
      rules_(rules),
      spell_(spell) {}

base::Result<void> CallBlock::add_calls(Place from, size_t begun, Place to) {
    for (size_t i = 0; i < rules_.size(); ++i) {
        if (!rules_.can_write(i, writing_)) continue;
        TRY(const NodeKey call, rules_.call(i, writing_, begun));
        builder_.use(from, call, to);
    }
    return {};
}

base::Result<Place> CallBlock::behind_call(Place to) {
    const Place behind = builder_.place();
    if (parallel_) {
        TRY_VOID(add_calls(builder_.text(behind, spell_(writing_.separator)), 0, behind));
    }
    builder_.join(builder_.text(behind, spell_(writing_.suffix)), to);
    return behind;
}

base::Result<void> CallBlock::add(Place from, Place to, size_t begun) {
    TRY(const Place behind, behind_call(to));
    const size_t of_prefix = std::min(begun, writing_.prefix.size()), of_name = begun - of_prefix;
    TRY_VOID(add_calls(builder_.text(from, spell_(writing_.prefix.substr(of_prefix))), of_name, behind));
    if (of_name > 0) builder_.join(behind, to);
    return {};
}

}  // namespace shimmy
