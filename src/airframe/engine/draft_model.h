// DraftModel: a second, small model that guesses what comes next in sequences of the big one (Leviathan et
// al. 2023, Chen et al. 2023). Its guesses are checked like any others (generation.h), so they change nothing
// but the speed. It keeps keys and values of its own for each sequence, and takes back those of guesses that
// came out wrong; a long prompt is caught up with in pieces. Engine thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "airframe/backend/batch.h"
#include "airframe/engine/sequence.h"
#include "airframe/text/tokenizer.h"
#include "base/result.h"

namespace airframe {

// One sequence that guesses are wanted for.
struct DraftTask {
    const Sequence* sequence;
    int32_t most;                 // guesses
    std::vector<TokenId>* draft;  // where they go
};

class DraftModel {
  public:
    struct Parts {
        // Model::forward over the draft's KV pool: the span is logits_out [logit_rows, vocab].
        std::function<void(const Batch&, std::span<float>)> forward;
        uint32_t vocab = 0;       // of the draft
        uint32_t known = 0;       // ids below this are the same tokens in both models
        uint32_t ctx_tokens = 0;  // longest text that it is asked about
        int32_t n_pages = 0, page_tokens = 0;
        int32_t rows_max = 0, logit_rows_max = 0;  // of one forward pass
        int32_t speed = 1;                         // its rows cost so much less than the big model's
    };

    explicit DraftModel(Parts parts);

    // Fills each task's draft with up to `most` guesses, fewer where it is not sure, none where it has not
    // caught up with the sequence yet or has no room. `rows` is how many rows the big model could compute
    // meanwhile. Returns the number of guesses.
    int32_t propose(std::span<const DraftTask> tasks, int32_t rows);
    // The sequence is over: its room is free again.
    void forget(uint64_t sequence_id);

    int32_t pages_free() const { return static_cast<int32_t>(free_pages_.size()); }

  private:
    // What lies in the draft's pages of a sequence.
    struct State {
        std::vector<TokenId> tokens;
        std::vector<int32_t> pages;
        size_t agreed = 0;  // tokens known to be the sequence's own
    };
    struct Row {
        const DraftTask* task;
        State* state;
        std::span<const TokenId> tokens;  // behind those in the state
        bool guesses;                     // else it only catches up
    };

    bool make_room(State& state, size_t tokens);
    void take_back_wrong(const Sequence& sequence, State& state);
    void plan(std::span<const DraftTask> tasks, int32_t rows);
    size_t add_row(const DraftTask& task, bool lagging, size_t left);
    void compute();
    int32_t guess();

    const Parts parts_;
    std::vector<int32_t> free_pages_;
    std::unordered_map<uint64_t, State> states_;

    // The pass being made.
    std::vector<Row> rows_;
    std::vector<int32_t> tokens_, positions_, logit_rows_;
    std::vector<BatchSlice> slices_;
    std::vector<float> logits_;  // [logit_rows_max, vocab]
};

// Whether a draft can guess for a model: every id that both have must be the same piece. Errors:
// kInvalidArgument (param "draft-model") naming the first difference.
base::Result<void> check_same_vocabulary(const Tokenizer& model, const Tokenizer& draft);

}  // namespace airframe
