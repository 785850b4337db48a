// Strings with provenance: see jinja_text.h. Any thread for constants, one thread for the strings of a
// rendering.
#include "airframe/text/jinja_text.h"

#include "airframe/text/jinja_unicode.h"
#include "base/utf8.h"

namespace airframe::jinja {
namespace {

const std::vector<ByteRange> kNoRanges;

size_t charge_of(const StrRep& rep) {
    return sizeof(StrRep) + rep.bytes.size() + rep.untrusted.size() * sizeof(ByteRange);
}

}  // namespace

Str Str::make(Budget& budget, std::string_view text, bool untrusted) {
    if (text.empty()) return {};
    const size_t charge = sizeof(StrRep) + text.size() + (untrusted ? sizeof(ByteRange) : 0);
    budget.take(charge);
    auto* rep = new StrRep{.budget = &budget, .charged_bytes = charge, .bytes = std::string(text)};
    if (untrusted) rep->untrusted.push_back({0, text.size()});
    return adopt(rep);
}

void Str::release() noexcept {
    if (!rep_ || rep_->immortal || --rep_->references != 0) return;
    if (rep_->budget) rep_->budget->give_back(rep_->charged_bytes);
    delete rep_;
}

int64_t Str::length() const {
    if (!rep_) return 0;
    if (rep_->length < 0) rep_->length = count_code_points(rep_->bytes);
    return rep_->length;
}

size_t Str::offset_of(Budget& budget, int64_t index) const {
    if (!rep_) return 0;
    const std::string_view bytes = rep_->bytes;
    if (is_ascii()) return static_cast<size_t>(index);
    int64_t at_index = 0;
    size_t at = 0;
    if (!rep_->immortal && rep_->cursor_index <= index) {
        at_index = rep_->cursor_index;
        at = rep_->cursor_offset;
    }
    budget.step((index - at_index) >> 6);
    for (; at_index < index; ++at_index) base::next_code_point(bytes, at);
    if (!rep_->immortal) {
        rep_->cursor_index = at_index;
        rep_->cursor_offset = at;
    }
    return at;
}

const std::vector<ByteRange>& Str::untrusted() const noexcept { return rep_ ? rep_->untrusted : kNoRanges; }

Str Str::slice(Budget& budget, size_t begin, size_t end) const {
    if (begin == 0 && end == size()) return *this;
    TextBuilder out(budget);
    out.append(*this, begin, end);
    return out.finish();
}

Str Str::as_untrusted(Budget& budget) const { return make(budget, view(), true); }

// Room for `bytes` more of text and `ranges` more of untrusted ranges, charged ahead in growing strides.
void TextBuilder::grow(size_t bytes, size_t ranges) {
    if (bytes > bytes_max_ - text_.size()) {
        throw Failure{Failure::Kind::kBudget,
                      fmt::format("the template writes more than its {} bytes of output", bytes_max_)};
    }
    const size_t wanted = text_.size() + bytes + (untrusted_.size() + ranges) * sizeof(ByteRange);
    if (wanted <= charged_bytes_) return;
    const size_t charge = std::max(wanted, charged_bytes_ + std::min<size_t>(charged_bytes_, 1 << 20));
    budget_.take(charge - charged_bytes_);
    charged_bytes_ = charge;
}

void TextBuilder::mark(size_t begin, size_t end) {
    if (!untrusted_.empty() && untrusted_.back().end == begin) {
        untrusted_.back().end = end;
        return;
    }
    grow(0, 1);
    untrusted_.push_back({begin, end});
}

void TextBuilder::append(std::string_view text, bool untrusted) {
    if (text.empty()) return;
    grow(text.size());
    text_.append(text);
    if (untrusted) mark(text_.size() - text.size(), text_.size());
}

void TextBuilder::append(const Str& text) { append(text, 0, text.size()); }

void TextBuilder::append(const Str& text, size_t begin, size_t end) {
    if (!text.any_untrusted()) return append(text.view().substr(begin, end - begin));
    for_each_span(text, begin, end,
                  [&](std::string_view piece, bool untrusted) { append(piece, untrusted); });
}

void TextBuilder::append_code_point(char32_t code_point, bool untrusted) {
    const size_t before = text_.size();
    grow(4);
    base::append_utf8(text_, code_point);
    if (untrusted) mark(before, text_.size());
}

void TextBuilder::repeat(const Str& text, int64_t count) {
    if (count <= 0 || text.empty()) return;
    if (static_cast<uint64_t>(count) > SIZE_MAX / 2 / text.size()) grow(SIZE_MAX / 2);
    grow(text.size() * static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) append(text);
}

void TextBuilder::fill(char c, int64_t count) {
    if (count <= 0) return;
    grow(static_cast<size_t>(count));
    text_.append(static_cast<size_t>(count), c);
}

Str TextBuilder::finish() {
    if (text_.empty()) return {};
    auto* rep = new StrRep;
    Str out = Str::adopt(rep);
    rep->bytes = std::move(text_);
    rep->untrusted = std::move(untrusted_);
    text_.clear();
    untrusted_.clear();
    const size_t charge = charge_of(*rep);
    if (charge > charged_bytes_)
        budget_.take(charge - charged_bytes_);
    else
        budget_.give_back(charged_bytes_ - charge);
    charged_bytes_ = 0;
    rep->budget = &budget_;
    rep->charged_bytes = charge;
    return out;
}

std::pair<std::string, std::vector<ByteRange>> TextBuilder::take() {
    budget_.give_back(std::exchange(charged_bytes_, 0));
    return {std::exchange(text_, {}), std::exchange(untrusted_, {})};
}

Str Constants::add(std::string text) {
    auto rep = std::make_unique<StrRep>();
    rep->immortal = true;
    rep->bytes = std::move(text);
    rep->length = count_code_points(rep->bytes);
    reps_.push_back(std::move(rep));
    return Str::adopt(reps_.back().get());
}

}  // namespace airframe::jinja
