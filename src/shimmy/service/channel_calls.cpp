#include "shimmy/service/channel_calls.h"

#include <string>
#include <utility>

#include "airframe/text/text_scan.h"
#include "shimmy/service/channel_marks.h"

namespace shimmy {

using airframe::GrammarBuilder;
using airframe::NodeKey;
using airframe::TextScan;
using std::string_view;
using Place = GrammarBuilder::Place;
using State = TextScan::State;
using namespace channel;

namespace {

constexpr string_view kTextChannels[] = {"analysis", "commentary", "final"};
constexpr string_view kCallChannels[] = {"commentary", "analysis"};
constexpr string_view kRole = "assistant";
constexpr string_view kContentTypes[] = {" json", " code"};

class ChannelCalls {
  public:
    ChannelCalls(GrammarBuilder& builder, const ChatPlan& plan, const Spell& spell)
        : builder_(builder), plan_(plan), spell_(spell), rules_(builder, plan, spell) {}

    base::Result<Place> add() {
        for (Place* place : {&header_, &recipient_, &channel_, &ended_, &called_}) *place = builder_.place();
        const Place start = add_bodies();
        builder_.text(builder_.text(header_, " "), kTo, recipient_);
        builder_.text(header_, spell_(kChannel), channel_);
        for (const string_view channel : kTextChannels) add_message(builder_.text(channel_, channel), body_);
        for (size_t i = 0; i < rules_.size(); ++i) TRY_VOID(add_function(i));
        builder_.accept(ended_);
        builder_.text(builder_.text(ended_, spell_(kStart)), kRole, header_);
        builder_.accept(called_);
        for (const string_view end : kEnds)
            if (plan_.calls.parallel) builder_.text(called_, spell_(end), ended_);
        return start;
    }

  private:
    // Free text up to the next message; where the answer begins it may be the text of a model that forgets
    // its format.
    Place add_bodies() {
        TextScan scan(builder_, {.may_end = true});
        const auto find = [&](string_view mark) { return scan.text(TextScan::kAnywhere, spell_(mark)); };
        const Place role = builder_.place();
        builder_.text(role, kRole, header_);
        scan.found(find(kStart), role);
        scan.found(find(kChannel), channel_);
        scan.refuse(find(kMessage));
        for (const string_view end : kEnds) scan.found(find(end), ended_);
        const State first = scan.state();
        scan.loop(first, " \n");
        scan.found(scan.text(first, kTo), recipient_);
        body_ = scan.place({});
        const Place start = scan.place({first});
        scan.finish();
        return start;
    }

    // The rest of a header.
    void add_message(Place from, Place to) {
        const Place end = builder_.place();
        builder_.join(from, end);
        const Place constrained = builder_.text(from, spell_(kConstrain));
        builder_.text(builder_.text(from, " "), spell_(kConstrain), constrained);
        builder_.text(constrained, "json", end);
        builder_.text(end, spell_(kMessage), to);
    }

    // The recipient stands behind the role or behind the channel.
    base::Result<void> add_function(size_t i) {
        const std::string name = std::string(kFunctions) + rules_.name(i);
        const Place named = builder_.place(), arguments = builder_.place();
        const Place after_role = builder_.text(builder_.text(recipient_, name), spell_(kChannel));
        for (const string_view channel : kCallChannels) {
            builder_.text(after_role, channel, named);
            builder_.text(channel_, std::string(channel) + " " + std::string(kTo) + name, named);
        }
        add_message(named, arguments);
        for (const string_view type : kContentTypes)
            builder_.text(builder_.text(named, type), spell_(kMessage), arguments);
        TRY(const NodeKey rule, rules_.arguments(i));
        builder_.use(rules_.add_spaces(arguments), rule, called_);
        return {};
    }

    GrammarBuilder& builder_;
    const ChatPlan& plan_;
    const Spell& spell_;
    CallRules rules_;
    // Behind a message's role, "to=", the mark of a channel; in a text; behind a message, a call's arguments.
    Place header_ = 0, recipient_ = 0, channel_ = 0, body_ = 0, ended_ = 0, called_ = 0;
};

}  // namespace

base::Result<Place> add_channel_calls(GrammarBuilder& builder, const ChatPlan& plan, const Spell& spell) {
    return ChannelCalls(builder, plan, spell).add();
}

}  // namespace shimmy
