#include "airframe/model/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "airframe/model/make_model.h"
#include "airframe/model/small_shape.h"
#include "base/test_data.h"
#include "base/test_dir.h"

namespace airframe {
namespace {

TEST(Verify, EveryGatePassesOnSoundModels) {
    REQUIRE_TEST_DATA(data);
    for (const char* name :
         {"parity/llama-Q4_K.gguf", "parity/mixtral-Q4_K.gguf", "models/stories260K-q8_0.gguf"}) {
        SCOPED_TRACE(name);
        const auto gates = verify_model([&] { return GgufFile::open(data / name); },
                                        {.backend_options = {.threads = 2}, .kv_tokens = 256});
        ASSERT_TRUE(gates) << gates.error().message;
        EXPECT_GE(gates->size(), 10u);
        for (const VerifyGate& gate : *gates) EXPECT_TRUE(gate.passed) << gate.name << ": " << gate.measured;
    }
}

TEST(Verify, EveryGatePassesInEveryFormat) {
    const base::TestDir dir;
    const auto path = dir / "formats.gguf";
    for (const QuantMix& mix : all_mixes()) {
        SCOPED_TRACE(mix.name);
        ASSERT_TRUE(make_model(small(**find_shape("mixtral-tiny")), mix, path, {}));
        const auto gates = verify_model([&] { return GgufFile::open(path); },
                                        {.backend_options = {.threads = 2}, .tokens = 16});
        ASSERT_TRUE(gates) << gates.error().message;
        EXPECT_GE(gates->size(), 8u);
        for (const VerifyGate& gate : *gates) EXPECT_TRUE(gate.passed) << gate.name << ": " << gate.measured;
    }
}

TEST(Verify, AFileThatIsNoContainerFailsItsGate) {
    const base::TestDir dir;
    const auto path = dir / "no_container.gguf";
    std::ofstream(path) << "GGUF and then nothing that makes sense";
    const auto gates = verify_model([&] { return GgufFile::open(path); }, {});
    ASSERT_TRUE(gates);
    ASSERT_EQ(gates->size(), 1u);
    EXPECT_FALSE(gates->front().passed);
    EXPECT_FALSE(gates->front().measured.empty());
}

TEST(Verify, FindsAWeightThatIsNotANumber) {
    REQUIRE_TEST_DATA(data);
    const auto source = data / "models/stories260K-f32.gguf";
    const base::TestDir dir;
    const auto copy = dir / "nan.gguf";
    std::filesystem::copy_file(source, copy, std::filesystem::copy_options::overwrite_existing);
    const auto file = GgufFile::open(source);
    ASSERT_TRUE(file);
    const TensorInfo* tensor = file->find_tensor("blk.2.attn_q.weight");
    ASSERT_NE(tensor, nullptr);
    std::fstream stream(copy, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(tensor->file_offset));
    const float nan = std::numeric_limits<float>::quiet_NaN();
    stream.write(reinterpret_cast<const char*>(&nan), sizeof nan);
    stream.close();
    const auto gates = verify_model([&] { return GgufFile::open(copy); },
                                    {.backend_options = {.threads = 1}, .tokens = 4, .kv_tokens = 0});
    ASSERT_TRUE(gates) << gates.error().message;
    const auto finite = std::ranges::find(*gates, "weights are finite", &VerifyGate::name);
    ASSERT_NE(finite, gates->end());
    EXPECT_FALSE(finite->passed);
    EXPECT_NE(finite->measured.find("blk.2.attn_q.weight row 0"), std::string::npos) << finite->measured;
    const auto loads = std::ranges::find(*gates, "loads", &VerifyGate::name);
    ASSERT_NE(loads, gates->end());
    EXPECT_NE(loads->measured.find("blk.2.attn_q.weight holds nan"), std::string::npos) << loads->measured;
    std::filesystem::remove(copy);
}

}  // namespace
}  // namespace airframe
