// The class behind make_cpu_backend. Its ops live in cpu_backend.cpp (embedding, norm), ops_matmul.cpp,
// ops_attention.cpp and ops_moe.cpp.
#pragma once

#include <string>

#include "airframe/backend/backend.h"
#include "airframe/backend/cpu/machine.h"
#include "airframe/backend/host_memory.h"

namespace airframe::cpu {

class CpuBackend final : public Backend {
  public:
    CpuBackend(const Isa& isa, int threads, bool deterministic);

    std::string_view name() const override { return "cpu"; }
    std::string_view description() const override { return description_; }
    bool supports(QuantType type) const override { return traits(type).dequantize_row != nullptr; }

    base::Result<std::unique_ptr<Buffer>> upload(std::span<const std::byte> host) override {
        return HostBuffer::borrow(host);
    }
    base::Result<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
        return HostBuffer::allocate(bytes);
    }
    void write(Buffer& to, size_t offset_bytes, std::span<const std::byte> from) override {
        write_host(to, offset_bytes, from);
    }
    void read(const Buffer& from, size_t offset_bytes, std::span<std::byte> to) override {
        read_host(from, offset_bytes, to);
    }
    void wait() override {}

    void embed(const EmbedArgs& args) override;
    void norm(const Rows& x, const Norm& norm, const Rows& out) override;
    void linear(const Rows& x, std::span<const Linear> weights, std::span<const Rows> outs) override;
    void linear_add(const Rows& x, const Linear& weight, const Norm& post_norm, float scale,
                    const Rows& residual) override;
    void rope_store(const RopeStoreArgs& args) override;
    void attend(const AttendArgs& args) override;
    void ffn_in(const FfnInArgs& args) override;
    void moe(const MoeArgs& args) override;
    void logits(const LogitsArgs& args) override;

  private:
    void rope_store_row(const RopeStoreArgs& args, const BatchSlice& slice, int64_t row);

    Machine machine_;
    std::string description_;
};

// One row through a norm; in place is fine.
void norm_row(const Kernels& kernels, const Norm& norm, const float* x, int64_t cols, float* out);

}  // namespace airframe::cpu
