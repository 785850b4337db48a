#include "airframe/backend/vulkan/cooperative_matrix.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string_view>

namespace airframe::vulkan {
namespace {

// Instructions by their numbers: the SPIR-V specification, and its extensions NV_ and KHR_cooperative_matrix.
enum Op : uint32_t {
    kExtension = 10,
    kCapability = 17,
    kTypeInt = 21,
    kConstantTrue = 41,
    kConstantFalse = 42,
    kConstant = 43,
    kDecorate = 71,
    kTypeKhr = 4456,
    kLoadKhr = 4457,
    kStoreKhr = 4458,
    kMultiplyKhr = 4459,
    kTypeNv = 5358,
    kLoadNv = 5359,
    kStoreNv = 5360,
    kMultiplyNv = 5361
};
constexpr uint32_t kMatricesNv = 5357, kMatricesKhr = 6022, kSpecId = 1;
constexpr uint32_t kFirstId = 100, kUses = 3;
constexpr size_t kHeaderWords = 5, kBoundWord = 3;

std::vector<uint32_t> words_of_text(std::string_view text) {
    std::vector<uint32_t> words(text.size() / sizeof(uint32_t) + 1);
    std::memcpy(words.data(), text.data(), text.size());
    return words;
}

class Rewriter {
  public:
    explicit Rewriter(std::span<const uint32_t> module) : module_(module), bound_(module[kBoundWord]) {}

    base::Result<std::vector<uint32_t>> run() {
        out_.assign(module_.begin(), module_.begin() + kHeaderWords);
        for (size_t at = kHeaderWords; at < module_.size();) {
            const uint32_t length = module_[at] >> 16;
            if (length == 0 || length > module_.size() - at)
                return base::fail(base::ErrorCode::kBadFile,
                                  "SPIR-V: an instruction of {} words at word {} of {}", length, at,
                                  module_.size());
            TRY_VOID(translate(module_[at] & 0xFFFF, module_.subspan(at + 1, length - 1)));
            at += length;
        }
        out_[kBoundWord] = bound_;
        return std::move(out_);
    }

  private:
    using Words = std::vector<uint32_t>;

    void emit(uint32_t op, std::span<const uint32_t> operands) {
        out_.push_back(static_cast<uint32_t>(operands.size() + 1) << 16 | op);
        out_.insert(out_.end(), operands.begin(), operands.end());
    }

    // Operands `a`, with those from `rest` on behind.
    void emit(uint32_t op, Words a, std::span<const uint32_t> rest) {
        a.insert(a.end(), rest.begin(), rest.end());
        emit(op, a);
    }

    // Remembers what later instructions refer to.
    void note(uint32_t op, std::span<const uint32_t> a) {
        if (op == kDecorate && a.size() == 3 && a[1] == kSpecId) spec_ids_[a[0]] = a[2];
        if (op == kTypeInt && a[1] == 32 && a[2] == 0) uint_type_ = a[0];
        if (op == kConstantTrue || op == kConstantFalse) truths_[a[1]] = op == kConstantTrue;
    }

    base::Result<void> translate(uint32_t op, std::span<const uint32_t> a) {
        note(op, a);
        if (op == kCapability && a[0] == kMatricesNv) {
            emit(op, Words{kMatricesKhr});
        } else if (op == kExtension &&
                   std::string_view(reinterpret_cast<const char*>(a.data())) == "SPV_NV_cooperative_matrix") {
            emit(op, words_of_text("SPV_KHR_cooperative_matrix"));
        } else if (op == kTypeNv) {
            return translate_type(a);
        } else if (op == kLoadNv) {  // type, result, pointer, stride, by columns, how memory is accessed
            emit(kLoadKhr, {a[0], a[1], a[2], layouts_[truths_[a[4]]], a[3]}, a.subspan(5));
        } else if (op == kStoreNv) {  // pointer, object, stride, by columns, how memory is accessed
            emit(kStoreKhr, {a[0], a[1], layouts_[truths_[a[3]]], a[2]}, a.subspan(4));
        } else {
            emit(op == kMultiplyNv ? uint32_t{kMultiplyKhr} : op, a);
        }
        return {};
    }

    // result, component, scope, rows, columns: and the use behind. The first type brings the constants 0,
    // 1, 2.
    base::Result<void> translate_type(std::span<const uint32_t> a) {
        for (uint32_t i = 0; i < kUses && layouts_[kUses - 1] == 0; ++i) {
            constants_[i] = bound_++;
            emit(kConstant, Words{uint_type_, constants_[i], i});
            if (i + 1 == kUses) layouts_ = constants_;
        }
        const auto id = spec_ids_.find(a[3]);
        if (id == spec_ids_.end() || id->second < kFirstId || id->second >= kFirstId + 2 * kUses)
            return base::fail(base::ErrorCode::kBadFile,
                              "SPIR-V: the rows of matrix type %{} are no constant_id {} to {}", a[0],
                              kFirstId, kFirstId + 2 * kUses - 1);
        emit(kTypeKhr, {a[0], a[1], a[2], a[3], a[4], constants_[(id->second - kFirstId) / 2]}, {});
        return {};
    }

    std::span<const uint32_t> module_;
    uint32_t bound_;
    Words out_;
    std::map<uint32_t, uint32_t> spec_ids_;
    std::map<uint32_t, bool> truths_;
    uint32_t uint_type_ = 0;
    // Ids of the constants 0, 1, 2. As layouts: 0 by rows, 1 by columns.
    std::array<uint32_t, kUses> constants_{}, layouts_{};
};

// VkCooperativeMatrixPropertiesKHR
struct MatrixShape {
    VkStructureType type = static_cast<VkStructureType>(1000506001);
    void* next = nullptr;
    uint32_t rows = 0, columns = 0, depth = 0;
    uint32_t left = 0, right = 0, sums = 0, result = 0;  // types of components
    VkBool32 saturates = VK_FALSE;
    uint32_t scope = 0;
};
constexpr uint32_t kHalf = 0, kFloat = 1, kSubgroup = 3;
constexpr uint32_t kCell = 16;

bool fits(const MatrixShape& shape) {
    return shape.rows == kCell && shape.columns == kCell && shape.depth == kCell && shape.left == kHalf &&
           shape.right == kHalf && shape.sums == kFloat && shape.result == kFloat && shape.scope == kSubgroup;
}

}  // namespace

base::Result<std::vector<uint32_t>> with_khr_matrices(std::span<const uint32_t> module) {
    if (module.size() < kHeaderWords)
        return base::fail(base::ErrorCode::kBadFile, "SPIR-V: a module of {} words", module.size());
    return Rewriter(module).run();
}

bool multiplies_halves(PFN_vkGetInstanceProcAddr get_proc, VkInstance instance, VkPhysicalDevice device) {
    using ListShapes = VkResult(VKAPI_PTR*)(VkPhysicalDevice, uint32_t*, MatrixShape*);
    const auto list =
        reinterpret_cast<ListShapes>(get_proc(instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR"));
    uint32_t n = 0;
    if (list == nullptr || list(device, &n, nullptr) != VK_SUCCESS) return false;
    std::vector<MatrixShape> shapes(n);
    return list(device, &n, shapes.data()) == VK_SUCCESS && std::ranges::any_of(shapes, fits);
}

}  // namespace airframe::vulkan
