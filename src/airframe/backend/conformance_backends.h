// What conformance_test.cpp is linked with: the backends, or the variants of one, that it compares with the
// reference.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "airframe/backend/backend.h"

namespace airframe {

// Names of the variants, for GoogleTest: letters and digits.
std::vector<std::string> conformance_names();

// Why none of them can run on this machine; nothing: they can.
std::optional<std::string> why_absent();

// REQUIRES: !why_absent(). Aborts when the variant cannot be made.
std::shared_ptr<Backend> conformance_backend(const std::string& name, const BackendOptions& options);

// On the relative error of products with block formats (rms of the difference over rms of the reference).
double conformance_product_bound(const std::string& name);

// The same with matrices of F16 and BF16.
double conformance_short_float_bound(const std::string& name);

// Of attention over caches of f16 and q8.
double conformance_short_cache_bound(const std::string& name);

// Faults that something watching the backend has told so far.
int faults_seen();

}  // namespace airframe
