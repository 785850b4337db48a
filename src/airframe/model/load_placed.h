// From a file and what a user asks for to a model on the backends where it fits best: devices are opened, the
// memory is planned, told and held against what is free, and the layers are loaded where the plan says.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "airframe/model/memory_plan.h"
#include "airframe/model/model.h"

namespace airframe {

struct LoadWish {
    std::string_view backend;  // one of backend_names()
    // .device: of GPUs also several numbers, separated by commas
    BackendOptions backend_options;
    PlacementWish placement;  // of "vulkan"
    PassSizes pass;           // its kv_type and kv_tokens; the rows are those of `model`
    ModelOptions model;
};

// GPUs beyond the best are opened when they are named, when the split has a share for each, or when the model
// does not fit on one and they are discrete too. What lies where is logged.
// Errors: those of make_backend, plan_memory and Model::load; kInvalidArgument (a split without GPUs for it).
base::Result<std::unique_ptr<Model>> load_placed(GgufFile file, const LoadWish& wish);

}  // namespace airframe
