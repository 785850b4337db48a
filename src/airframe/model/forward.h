// The forward pass: about eight fused steps per layer over the Backend's operations. The same for every
// family, and wherever its layers are computed.
#pragma once

#include "airframe/backend/backend.h"
#include "airframe/model/kv_pool.h"
#include "airframe/model/placement.h"
#include "airframe/model/spec.h"
#include "airframe/model/stages.h"
#include "airframe/model/weights.h"

namespace airframe {

// A model as the passes see it. Everything outlives the pass.
struct PlacedModel {
    const ModelSpec& spec;
    const Weights& weights;
    const Placement& placement;
};

// Enqueues everything; the caller reads the logits of the head's stage. REQUIRES: scratch rows == batch rows,
// angles written.
void forward(const PlacedModel& model, Stages& stages, const Batch& batch, const KvPool& pool);

// The same for encoders (Devlin et al. 2018): each position sees the whole text, norms come behind the
// residual sums. Leaves the last layer's output in the residual stream. REQUIRES: slices are whole texts.
void forward_encoder(const PlacedModel& model, Stages& stages, const Batch& batch, const KvPool& pool);

}  // namespace airframe
