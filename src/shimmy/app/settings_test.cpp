#include "shimmy/app/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace shimmy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Settings : public testing::Test {
  protected:
    void SetUp() override { TearDown(); }
    void TearDown() override {
        for (const char* name : {"SHIMMY_BIND_ADDRESS", "SHIMMY_HOST", "SHIMMY_PORT", "SHIMMY_MAX_CTX",
                                 "SHIMMY_ENGINE_BACKEND", "SHIMMY_ROPE_SCALE"})
            ::unsetenv(name);
    }
    static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
};

TEST_F(Settings, BindPrecedence) {
    EXPECT_EQ(bind_address({.bind = "auto"}).value(), "");
    EXPECT_EQ(bind_address({.bind = ""}).value(), "");
    set("SHIMMY_PORT", "8080");
    EXPECT_EQ(bind_address({.bind = "auto"}).value(), "127.0.0.1:8080");
    set("SHIMMY_HOST", "0.0.0.0");
    EXPECT_EQ(bind_address({.bind = "auto"}).value(), "0.0.0.0:8080");
    set("SHIMMY_BIND_ADDRESS", "10.0.0.1:99");
    EXPECT_EQ(bind_address({.bind = "auto"}).value(), "10.0.0.1:99");
    EXPECT_EQ(bind_address({.bind = "127.0.0.1:1"}).value(), "127.0.0.1:1");
    EXPECT_EQ(bind_address({.port = 81}).value(), "0.0.0.0:81") << "SHIMMY_HOST and --port";
    EXPECT_EQ(bind_address({.host = "::1", .port = 0}).value(), "[::1]:0");
}

TEST_F(Settings, HostAlone) {
    set("SHIMMY_HOST", "::1");
    EXPECT_EQ(bind_address({.bind = ""}).value(), "[::1]:11435");
}

TEST_F(Settings, BadPort) {
    for (const char* port : {"http", "65536", "-1", "80x"}) {
        set("SHIMMY_PORT", port);
        const auto address = bind_address({.bind = ""});
        ASSERT_FALSE(address) << port;
        EXPECT_THAT(address.error().message, HasSubstr(port));
    }
}

TEST_F(Settings, Context) {
    GlobalOptions global;
    set("SHIMMY_MAX_CTX", "4096");
    EXPECT_THAT(apply_environment(global), IsEmpty());
    EXPECT_EQ(global.ctx_tokens, 4096u);
    set("SHIMMY_MAX_CTX", "8192");
    EXPECT_THAT(apply_environment(global), IsEmpty());
    EXPECT_EQ(global.ctx_tokens, 4096u) << "--ctx wins";
    for (const char* bad : {"511", "131073", "many", "-1"}) {
        GlobalOptions fresh;
        set("SHIMMY_MAX_CTX", bad);
        EXPECT_THAT(apply_environment(fresh), ElementsAre(HasSubstr(bad)));
        EXPECT_EQ(fresh.ctx_tokens, 0u);
    }
}

TEST_F(Settings, ContextOutsideOfTheRangeIsTheDefault) {
    for (const uint32_t outside : {1u, 511u, 131073u}) {
        GlobalOptions global{.ctx_tokens = outside};
        EXPECT_THAT(apply_environment(global), ElementsAre(HasSubstr(std::to_string(outside))));
        EXPECT_EQ(global.ctx_tokens, 0u);
    }
    for (const uint32_t border : {512u, 131072u}) {
        GlobalOptions global{.ctx_tokens = border};
        EXPECT_THAT(apply_environment(global), IsEmpty());
        EXPECT_EQ(global.ctx_tokens, border);
    }
}

TEST_F(Settings, RopeScaleIsAFactorOrItsInverse) {
    for (const auto& [text, factor] : {std::pair{"4", 4.0f}, {"1", 1.0f}, {"0.25", 4.0f}, {"1.5", 1.5f}}) {
        GlobalOptions global;
        set("SHIMMY_ROPE_SCALE", text);
        EXPECT_THAT(apply_environment(global), IsEmpty()) << text;
        EXPECT_FLOAT_EQ(global.rope_scale, factor) << text;
    }
    for (const char* bad : {"0", "-2", "wide", "nan", "inf", "1e9", "2x", ""}) {
        GlobalOptions global;
        set("SHIMMY_ROPE_SCALE", bad);
        if (*bad != 0) {
            EXPECT_THAT(apply_environment(global), ElementsAre(HasSubstr(bad)));
        }
        EXPECT_EQ(global.rope_scale, 0.0f) << bad;
    }
}

TEST_F(Settings, Backend) {
    for (const char* good : {"airframe", "auto", "cpu", "vulkan"}) {
        GlobalOptions global;
        set("SHIMMY_ENGINE_BACKEND", good);
        EXPECT_THAT(apply_environment(global), IsEmpty());
        EXPECT_EQ(global.backend, good);
    }
    GlobalOptions chosen;
    chosen.gpu_backend = "cpu";
    set("SHIMMY_ENGINE_BACKEND", "vulkan");
    EXPECT_THAT(apply_environment(chosen), IsEmpty()) << "the options win";
    EXPECT_EQ(chosen.backend, "auto");
    for (const char* odd : {"llama", "abacus"}) {
        GlobalOptions global;
        set("SHIMMY_ENGINE_BACKEND", odd);
        EXPECT_THAT(apply_environment(global), ElementsAre(HasSubstr(odd)));
        EXPECT_EQ(global.backend, "auto");
    }
}

TEST_F(Settings, KvQuantAndPrefillChunk) {
    GlobalOptions global;
    set("SHIMMY_KV_QUANT", "int4");
    set("SHIMMY_PREFILL_CHUNK", "128");
    EXPECT_THAT(apply_environment(global), IsEmpty());
    EXPECT_EQ(global.kv_quant, "int4");
    EXPECT_EQ(global.prefill_chunk, 128u);
    set("SHIMMY_KV_QUANT", "int3");
    set("SHIMMY_PREFILL_CHUNK", "-1");
    EXPECT_THAT(apply_environment(global), IsEmpty()) << "the options win";
    GlobalOptions fresh;
    EXPECT_THAT(apply_environment(fresh), ElementsAre(HasSubstr("int3"), HasSubstr("-1")));
    EXPECT_EQ(fresh.kv_quant, "");
    EXPECT_EQ(fresh.prefill_chunk, 0u);
}

}  // namespace
}  // namespace shimmy
