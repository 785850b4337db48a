#include "airframe/engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace airframe {
namespace {

// Prompts computed side by side even when the first alone fills the step: short ones need not wait for it.
constexpr size_t kPromptsSideBySide = 4;

void insert_by_age(std::vector<Sequence*>& list, Sequence& sequence) {
    const auto at =
        std::ranges::lower_bound(list, sequence.id, {}, [](const Sequence* other) { return other->id; });
    list.insert(at, &sequence);
}

bool is_decoding_now(const Sequence* sequence) { return !sequence->stalled && sequence->remaining() == 1; }
bool is_prefilling(const Sequence* sequence) { return !sequence->stalled && sequence->remaining() > 1; }

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, PagePool& pages) : options_(options), pages_(pages) {
    CHECK(options.sequences_max >= 1 && options.rows_max >= options.sequences_max &&
              options.logit_rows_max >= options.sequences_max,
          "{} sequences, {} rows, {} with logits", options.sequences_max, options.rows_max,
          options.logit_rows_max);
    const auto sequences = static_cast<size_t>(options.sequences_max),
               rows = static_cast<size_t>(options.rows_max);
    for (auto* list : {&running_, &admitted_, &prefilling_}) list->reserve(sequences);
    slices_.reserve(sequences);
    items_.reserve(sequences);
    logit_rows_.reserve(static_cast<size_t>(options.logit_rows_max));
    tokens_.reserve(rows);
    positions_.reserve(rows);
}

void Scheduler::add(Sequence& sequence) {
    CHECK(sequence.state == SequenceState::kNew && sequence.size() > 0, "sequence {}", sequence.id);
    CHECK(pages_.pages_for(sequence.size()) <= pages_.n_pages(), "sequence {} of {} tokens", sequence.id,
          sequence.size());
    sequence.state = SequenceState::kWaiting;
    sequence.cache_root = pages_.hold_root(sequence.salt);
    insert_by_age(waiting_, sequence);
}

void Scheduler::remove(Sequence& sequence) { end(sequence); }

const Step& Scheduler::next(int32_t prefill_rows) {
    admitted_.clear();
    for (Sequence* sequence : running_) sequence->scheduled_rows = 0;
    spare_logits_ = options_.logit_rows_max - options_.sequences_max;
    make_room_for_decoding();
    add_drafts();
    int32_t decoding = 0;
    for (const Sequence* sequence : running_) decoding += sequence->scheduled_rows;
    const int32_t rows = std::min(prefill_rows, options_.rows_max - decoding);
    admit(rows);
    share_prefill(rows);
    build();
    return step_;
}

void Scheduler::commit(std::span<const ItemResult> results) {
    CHECK(results.size() == items_.size(), "{} results for {} items", results.size(), items_.size());
    for (size_t i = 0; i < items_.size(); ++i) {
        const StepItem& item = items_[i];
        const ItemResult& result = results[i];
        Sequence& sequence = *item.sequence;
        const bool whole = item.n_rows >= sequence.remaining();
        CHECK(whole || result.tokens.empty(), "sequence {} goes on too early", sequence.id);
        const int32_t known = std::min(item.n_rows, sequence.remaining());
        // A row of the draft counts when its guess has become a token; the newest token has no row yet.
        const auto come_true =
            static_cast<int32_t>(result.tokens.size()) - (result.tokens.empty() || result.ends ? 0 : 1);
        for (const TokenId token : result.tokens) append_token(sequence, token, pages_.page_tokens());
        sequence.computed_tokens += known + come_true;
        CHECK(known + come_true <= item.n_rows, "sequence {}: {} tokens of {} rows", sequence.id,
              result.tokens.size(), item.n_rows);
        publish_pages(sequence, known + come_true);
        sequence.logits_from = std::clamp(sequence.computed_tokens, sequence.logits_from, sequence.logits_to);
        sequence.draft.clear();
        if (result.ends) end(sequence);
    }
}

int32_t Scheduler::n_decoding() const {
    return static_cast<int32_t>(std::ranges::count_if(running_, is_decoding_now));
}

double Scheduler::prompts_due() const {
    double prompts = 0;
    for (const auto* list : {&waiting_, &running_})
        for (const Sequence* sequence : *list)
            if (is_prefilling(sequence))
                prompts += std::min(1.0, static_cast<double>(options_.rows_max) / sequence->remaining());
    return prompts;
}

// Schedules the row of each sequence with one token to compute, oldest first, and finds pages for them.
void Scheduler::make_room_for_decoding() {
    for (size_t i = 0; i < running_.size(); ++i) {
        Sequence& sequence = *running_[i];
        if (!is_decoding_now(&sequence)) continue;
        const auto needed = static_cast<size_t>(pages_.pages_for(sequence.size()));
        while (sequence.pages.size() < needed && pages_.available() == 0) {
            Sequence* victim = stalled_victim();
            if (victim == nullptr) victim = running_.back();
            preempt(*victim);
            if (victim == &sequence) return;  // it was the youngest: nobody follows
            if (victim->id < sequence.id) --i;
        }
        if (sequence.pages.size() < needed) sequence.pages.push_back(pages_.allocate());
        sequence.scheduled_rows = 1;
    }
}

// Rows behind the last tokens, as far as steps, logits and pages have room that nobody needs.
void Scheduler::add_drafts() {
    int32_t rows = options_.rows_max;
    for (const Sequence* sequence : running_) rows -= sequence->scheduled_rows;
    // Beside prompts every row costs its full price: they come first.
    if (!waiting_.empty() || std::ranges::any_of(running_, is_prefilling)) rows = 0;
    auto spare_pages = pages_.available() - static_cast<int32_t>(n_running());
    for (Sequence* sequence : running_) {
        if (sequence->scheduled_rows != 1 || sequence->draft.empty()) continue;
        const auto pages = static_cast<int32_t>(sequence->pages.size());
        const int32_t paged = (pages + std::max(spare_pages, 0)) * pages_.page_tokens() - sequence->size();
        const int32_t guesses =
            std::min({static_cast<int32_t>(sequence->draft.size()), rows, spare_logits_, paged});
        sequence->draft.resize(static_cast<size_t>(std::max(guesses, 0)));
        if (guesses <= 0) continue;
        for (int32_t page = pages; page < pages_.pages_for(sequence->size() + guesses); ++page, --spare_pages)
            sequence->pages.push_back(pages_.allocate());
        sequence->scheduled_rows += guesses;
        spare_logits_ -= guesses;
        rows -= guesses;
    }
}

void Scheduler::admit(int32_t prefill_rows) {
    auto prompts = static_cast<size_t>(std::ranges::count_if(running_, is_prefilling));
    int64_t backlog = 0;
    for (const Sequence* sequence : running_)
        if (is_prefilling(sequence)) backlog += sequence->remaining();
    for (size_t i = 0; i < waiting_.size() && (backlog < prefill_rows || prompts < kPromptsSideBySide);) {
        Sequence& sequence = *waiting_[i];
        const Admission admission = sequence.stalled ? Admission::kLater : try_admit(sequence);
        if (admission == Admission::kNoRoom) return;  // nobody passes the oldest
        if (admission == Admission::kLater) {
            ++i;
            continue;
        }
        ++prompts;
        backlog += sequence.remaining();
    }
}

// Takes all pages that the tokens known so far need, cached ones first; leaves one for each that runs.
Scheduler::Admission Scheduler::try_admit(Sequence& sequence) {
    // The last token is always computed: its logits are wanted, and so may be those of others.
    const size_t most =
        sequence.wants_more_logits() ? static_cast<size_t>(sequence.logits_from) : sequence.tokens.size() - 1;
    pages_.acquire_prefix(sequence.cache_root, std::span(sequence.tokens).first(most), sequence.page_hashes,
                          sequence.pages);
    if (!sequence.wants_more_logits() && is_being_computed(sequence)) {
        pages_.release(sequence.pages);
        return Admission::kLater;
    }
    const auto cached = static_cast<int32_t>(sequence.pages.size());
    const int32_t needed = pages_.pages_for(sequence.size()) - cached;
    while (n_running() == static_cast<size_t>(options_.sequences_max) ||
           pages_.available() < needed + static_cast<int32_t>(n_running())) {
        Sequence* victim = stalled_victim();
        if (victim == nullptr) {
            pages_.release(sequence.pages);
            return Admission::kNoRoom;
        }
        preempt(*victim);
    }
    for (int32_t i = 0; i < needed; ++i) sequence.pages.push_back(pages_.allocate());
    std::erase(waiting_, &sequence);
    insert_by_age(running_, sequence);
    sequence.state = SequenceState::kRunning;
    sequence.computed_tokens = cached * pages_.page_tokens();
    sequence.scheduled_rows = 0;
    if (!sequence.admitted) {
        sequence.admitted = true;
        sequence.cached_tokens = sequence.computed_tokens;
        admitted_.push_back(&sequence);
    }
    return Admission::kDone;
}

// True when a running prompt is about to compute the page that `sequence` needs next: waiting is cheaper.
bool Scheduler::is_being_computed(const Sequence& sequence) const {
    const size_t page = sequence.pages.size();
    if (page >= sequence.page_hashes.size()) return false;
    return std::ranges::any_of(running_, [&](const Sequence* other) {
        return is_prefilling(other) && other->cache_root == sequence.cache_root &&
               page < other->page_hashes.size() && other->page_hashes[page] == sequence.page_hashes[page];
    });
}

void Scheduler::share_prefill(int32_t rows) {
    prefilling_.clear();
    for (Sequence* sequence : running_)
        if (!sequence->stalled && sequence->scheduled_rows == 0) prefilling_.push_back(sequence);
    if (prefilling_.empty()) return;

    const auto give = [this, &rows](Sequence& sequence, int32_t most) {
        const int32_t given =
            rows_allowed(sequence, std::min(most, sequence.remaining() - sequence.scheduled_rows));
        if (sequence.wants_more_logits()) spare_logits_ -= given;
        sequence.scheduled_rows += given;
        rows -= given;
    };
    give(*prefilling_.front(), (rows + 1) / 2);
    std::ranges::sort(prefilling_, [](const Sequence* a, const Sequence* b) {
        return a->remaining() != b->remaining() ? a->remaining() < b->remaining() : a->id < b->id;
    });
    for (Sequence* sequence : prefilling_) give(*sequence, rows);
}

// Each sequence has a row of logits to itself; one that wants many shares the spare ones.
int32_t Scheduler::rows_allowed(const Sequence& sequence, int32_t most) const {
    if (!sequence.wants_more_logits()) return most;
    const int32_t own = sequence.scheduled_rows == 0 ? 1 : 0;
    return std::clamp(most, 0, std::max(spare_logits_, 0) + own);
}

void Scheduler::build() {
    tokens_.clear();
    positions_.clear();
    logit_rows_.clear();
    slices_.clear();
    items_.clear();
    step_.prefill_rows = step_.draft_rows = 0;
    // Single rows first: kernels find them together.
    for (Sequence* sequence : running_)
        if (sequence->scheduled_rows == 1) add_item(*sequence);
    for (Sequence* sequence : running_)
        if (sequence->scheduled_rows > 1) add_item(*sequence);
    for (const StepItem& item : items_) {
        if (item.sequence->remaining() > 1)
            step_.prefill_rows += item.n_rows;
        else
            step_.draft_rows += item.n_rows - 1;
    }
    step_.batch = {.tokens = tokens_, .positions = positions_, .slices = slices_, .logit_rows = logit_rows_};
    step_.items = items_;
    step_.admitted = admitted_;
}

void Scheduler::add_item(Sequence& sequence) {
    const auto first_row = static_cast<int32_t>(tokens_.size());
    const int32_t n_rows = sequence.scheduled_rows;
    const int32_t end = sequence.computed_tokens + n_rows;
    for (int32_t position = sequence.computed_tokens; position < end; ++position) {
        tokens_.push_back(position < sequence.size()
                              ? sequence.tokens[static_cast<size_t>(position)]
                              : sequence.draft[static_cast<size_t>(position - sequence.size())]);
        positions_.push_back(position);
    }
    slices_.push_back({.first_row = first_row,
                       .n_rows = n_rows,
                       .kv_tokens = sequence.computed_tokens,
                       .pages = sequence.pages});
    // Wanted are the logits of [logits_from, logits_to), of the last token and of the draft: always a run of
    // rows up to the last one, or none.
    int32_t first_logit = end;
    if (end >= sequence.size()) first_logit = sequence.size() - 1;
    if (sequence.wants_more_logits() && end > sequence.logits_from)
        first_logit = std::max(sequence.computed_tokens, sequence.logits_from);
    items_.push_back({.sequence = &sequence,
                      .n_rows = n_rows,
                      .logit_row = static_cast<int32_t>(logit_rows_.size()),
                      .n_logits = end - first_logit});
    for (int32_t position = first_logit; position < end; ++position)
        logit_rows_.push_back(first_row + position - sequence.computed_tokens);
}

// The youngest of those that could not use their pages now anyway.
Sequence* Scheduler::stalled_victim() const {
    for (size_t i = running_.size(); i-- > 0;)
        if (running_[i]->stalled) return running_[i];
    return nullptr;
}

void Scheduler::preempt(Sequence& sequence) {
    ++n_preemptions_;
    pages_.release(sequence.pages);
    sequence.computed_tokens = 0;
    sequence.scheduled_rows = 0;
    sequence.draft.clear();
    sequence.state = SequenceState::kWaiting;
    std::erase(running_, &sequence);
    insert_by_age(waiting_, sequence);
}

// `new_tokens`: how many the last step computed.
void Scheduler::publish_pages(Sequence& sequence, int32_t new_tokens) {
    const int32_t page_tokens = pages_.page_tokens();
    const auto full = static_cast<size_t>(sequence.computed_tokens / page_tokens);
    const auto before = static_cast<size_t>((sequence.computed_tokens - new_tokens) / page_tokens);
    for (size_t i = before; i < full; ++i) {
        const int32_t parent = i == 0 ? sequence.cache_root : sequence.pages[i - 1];
        const auto tokens =
            std::span(sequence.tokens)
                .subspan(i * static_cast<size_t>(page_tokens), static_cast<size_t>(page_tokens));
        sequence.pages[i] = pages_.publish(sequence.pages[i], parent, sequence.page_hashes[i], tokens);
    }
}

void Scheduler::end(Sequence& sequence) {
    CHECK(sequence.state == SequenceState::kWaiting || sequence.state == SequenceState::kRunning,
          "sequence {}", sequence.id);
    pages_.release(sequence.pages);
    pages_.release_root(sequence.cache_root);
    std::erase(sequence.state == SequenceState::kRunning ? running_ : waiting_, &sequence);
    sequence.state = SequenceState::kDone;
}

std::optional<std::string> Scheduler::find_fault() const {
    std::vector<std::span<const int32_t>> tables;
    for (const Sequence* s : running_) {
        tables.push_back(s->pages);
        if (s->state != SequenceState::kRunning)
            return fmt::format("sequence {} is listed as running", s->id);
        if (s->computed_tokens >= s->size())
            return fmt::format("sequence {} has nothing left to compute", s->id);
        if (pages_.pages_for(s->computed_tokens) > static_cast<int32_t>(s->pages.size()))
            return fmt::format("sequence {} has {} tokens in {} pages", s->id, s->computed_tokens,
                               s->pages.size());
    }
    for (const Sequence* s : waiting_) {
        if (s->state != SequenceState::kWaiting)
            return fmt::format("sequence {} is listed as waiting", s->id);
        if (!s->pages.empty()) return fmt::format("sequence {} waits, but holds pages", s->id);
    }
    const auto id = [](const Sequence* s) { return s->id; };
    if (!std::ranges::is_sorted(running_, {}, id) || !std::ranges::is_sorted(waiting_, {}, id))
        return "a list of sequences is not in order of arrival";
    return pages_.find_fault(tables);
}

}  // namespace airframe
