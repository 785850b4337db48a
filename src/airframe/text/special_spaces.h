// Special tokens that swallow the white space beside them ("lstrip" and "rstrip" of their makers'
// tokenizers). Files do not record this, so a table knows the models by name (special_spaces.cpp).
#pragma once

#include <vector>

#include "airframe/gguf/metadata.h"
#include "airframe/text/vocab.h"
#include "base/result.h"

namespace airframe {

struct SpecialSpaces {
    std::vector<TokenId> left, right;  // tokens that swallow the white space before, and after, them; sorted

    // Errors: kBadFile (a name is no string).
    static base::Result<SpecialSpaces> load(const Metadata& metadata, const Vocab& vocab);
};

}  // namespace airframe
