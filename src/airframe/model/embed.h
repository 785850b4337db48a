// Embeddings: one vector for a text, from the rows of a model's last layer; and scores of pairs of texts, by
// models that rank.
//
//   TRY(auto vector, embed_tokens(*model, ids, {}));            // one text
//   Embedder embedder(*model);                                  // many, in passes of a bounded length:
//   EmbedWork work{.texts = …, .pooling = …};                   // each checked by check_embed_text
//   while (!work.done()) TRY_VOID(embedder.pass(work, 512));    // work.vectors
// One thread at a time, the one that uses the model.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "airframe/model/model.h"
#include "base/result.h"

namespace airframe {

// "mean", "cls", "last" or "rank". Errors: kInvalidArgument with the list.
base::Result<Pooling> pooling_of(std::string_view name);

// A text, or a pair of texts behind each other, as tokens.
struct EmbedText {
    std::vector<int32_t> tokens;
    int32_t second_from = -1;  // where the second text of a pair begins; -1: there is none
};

// Texts, and how far they have come.
struct EmbedWork {
    std::vector<EmbedText> texts;
    Pooling pooling = Pooling::kMean;
    // Of the texts that are done, in their order: a vector of length 1 [dim], or for kRank the score [1].
    std::vector<std::vector<float>> vectors;

    bool done() const { return vectors.size() == texts.size(); }

    // The text that is being computed, Embedder's business.
    size_t computed_tokens = 0;
    std::vector<double> pooled;  // [dim]
};

// The longest text that the model takes, in tokens: what it was trained for; an encoder's also fits one pass.
size_t embed_tokens_max(const Model& model);

// Errors: kInvalidArgument (no tokens, one outside the vocabulary), kContextLength (more than tokens_max),
// with both numbers.
base::Result<void> check_embed_text(const ModelSpec& spec, const EmbedText& text, size_t tokens_max);

class Embedder {
  public:
    // The model must outlive the embedder.
    explicit Embedder(Model& model) : model_(model) {}

    // Computes about `rows_max` more rows of the work: as many whole texts as fit, or a part of a longer one;
    // of an encoder, which sees a text as a whole, at least one text. REQUIRES: not done; texts checked;
    // rows_max >= 1; the model has a rank head where the pooling asks for it. After an error the work is
    // over. Errors: kNumeric (no finite result), kOutOfMemory, those of Model::hidden.
    base::Result<void> pass(EmbedWork& work, uint32_t rows_max);

    // Gives back the memory of keys and values. REQUIRES: no text is computed in part.
    void release() { pool_.reset(); }

  private:
    struct Piece {
        size_t text, from, count;  // tokens of this text
        size_t first_row, first_page;
    };

    void plan(const EmbedWork& work, size_t rows_max);
    base::Result<void> make_room(const EmbedWork& work);
    base::Result<void> compute(const EmbedWork& work);
    base::Result<void> take(EmbedWork& work, const Piece& piece);

    Model& model_;
    std::optional<KvPool> pool_;
    // The pass being made.
    std::vector<Piece> pieces_;
    std::vector<int32_t> tokens_, positions_, counting_;
    std::vector<uint8_t> segments_;
    std::vector<BatchSlice> slices_;
    std::vector<float> rows_;  // [rows, dim]
};

// One text in one call. Without `pooling`: the model's own. Errors: those of check_embed_text and
// Embedder::pass, and kInvalidArgument (a model that ranks has no pooling of its own that gives a vector).
base::Result<std::vector<float>> embed_tokens(Model& model, std::span<const int32_t> tokens,
                                              std::optional<Pooling> pooling);

}  // namespace airframe
