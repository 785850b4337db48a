// Scheduler: which rows run in the next forward pass. Pure bookkeeping: no clock, no input or output, no
// model.
//
//   scheduler.add(sequence);
//   const Step& step = scheduler.next(prefill_rows);   // pages are allocated, step.batch is ready for the
//   model … forward, sample … scheduler.commit(results);                         // one result per row of
//   logits
// A sequence may bring a draft: guesses at its next tokens, computed behind its last token when rows and
// pages are to spare, each with its logits; or want the logits of many positions, which then are computed in
// pieces. Rules: each running sequence with one token left to compute gets its row; prompts share the rest:
// half of it goes to the oldest, the other half first to the one nearest its end, so that short prompts pass
// long ones without stopping them. Sequences are admitted in order of arrival. When pages run out the
// youngest gives its up and is computed again later; stalled ones give theirs up before anyone else. So the
// oldest that is not stalled always moves on. Sequences are borrowed; a step that is not committed has not
// happened. Engine thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "airframe/backend/batch.h"
#include "airframe/engine/page_pool.h"
#include "airframe/engine/sequence.h"

namespace airframe {

struct SchedulerOptions {
    int32_t sequences_max = 0;   // running at once
    int32_t rows_max = 0;        // of one step. REQUIRES: >= sequences_max
    int32_t logit_rows_max = 0;  // of one step. REQUIRES: >= sequences_max
};

struct StepItem {
    Sequence* sequence;
    int32_t n_rows;
    int32_t logit_row;  // first index among the rows of logits
    int32_t n_logits;   // of its last rows; 0: its tokens are not all computed yet
};

// Valid until the next call of the scheduler.
struct Step {
    Batch batch;
    std::span<const StepItem> items;
    std::span<Sequence* const> admitted;  // for the first time
    int32_t prefill_rows = 0;             // of sequences that had more than one token left to compute
    int32_t draft_rows = 0;
};

// What came of an item's logits. Of an item whose tokens are not all computed: nothing.
struct ItemResult {
    // The next tokens: one, and one more for each guess of the draft that came true. When the sequence ends,
    // those that came before the last one, which is not appended.
    std::span<const TokenId> tokens;
    bool ends = false;
};

class Scheduler {
  public:
    // REQUIRES: the pages hold the longest sequence that will be added.
    Scheduler(const SchedulerOptions& options, PagePool& pages);

    // REQUIRES: new, at least one token; stays at its address until it is over or removed.
    void add(Sequence& sequence);
    // Cancelled or failed: gives its pages back. REQUIRES: added and not over.
    void remove(Sequence& sequence);

    // `prefill_rows`: how many rows prompts may take, at least 1.
    const Step& next(int32_t prefill_rows);
    // The step has been computed. REQUIRES: one result per item.
    void commit(std::span<const ItemResult> results);

    // How many running sequences need just one row.
    int32_t n_decoding() const;
    // How many prompts wait for their first token; one that takes several steps counts as its part that fits
    // into one.
    double prompts_due() const;
    size_t n_running() const { return running_.size(); }
    size_t n_waiting() const { return waiting_.size(); }
    uint64_t n_preemptions() const { return n_preemptions_; }

    // What contradicts itself here or in the page pool; nothing when all is well.
    std::optional<std::string> find_fault() const;

  private:
    enum class Admission { kDone, kLater, kNoRoom };

    void make_room_for_decoding();
    void add_drafts();
    void admit(int32_t prefill_rows);
    Admission try_admit(Sequence& sequence);
    bool is_being_computed(const Sequence& sequence) const;
    void share_prefill(int32_t rows);
    void build();
    void add_item(Sequence& sequence);
    int32_t rows_allowed(const Sequence& sequence, int32_t most) const;

    Sequence* stalled_victim() const;
    void preempt(Sequence& sequence);
    void publish_pages(Sequence& sequence, int32_t new_tokens);
    void end(Sequence& sequence);

    SchedulerOptions options_;
    PagePool& pages_;
    std::vector<Sequence*> waiting_, running_;  // by age, the oldest first
    uint64_t n_preemptions_ = 0;

    int32_t spare_logits_ = 0;  // of this step, beyond one for each sequence

    // The step, and what its spans point to.
    Step step_;
    std::vector<int32_t> tokens_, positions_, logit_rows_;
    std::vector<BatchSlice> slices_;
    std::vector<StepItem> items_;
    std::vector<Sequence*> admitted_, prefilling_;
};

}  // namespace airframe
