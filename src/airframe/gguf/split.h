// Models split over several files: "name-00001-of-00003.gguf" and so on. Part 1 holds the metadata; each part
// says which it is in split.no (from 0), split.count and split.tensors.count. Pure functions, any thread.
#pragma once

#include <filesystem>
#include <optional>

#include "airframe/gguf/metadata.h"
#include "base/result.h"

namespace airframe {

struct SplitInfo {
    uint32_t no;         // which part, from 0
    uint32_t count;      // parts
    uint64_t n_tensors;  // of all parts; 0 when the file does not say
};

// Nothing when the file is a whole model by itself. Errors: kBadFile (split.no not below split.count, odd
// kinds).
base::Result<std::optional<SplitInfo>> split_of(const Metadata& metadata);

// The path of part `no` (from 0), given the path of any part. Nothing when its name does not end as those of
// parts with this count do.
std::optional<std::filesystem::path> part_path(const std::filesystem::path& any_part, uint32_t no,
                                               uint32_t count);

}  // namespace airframe
