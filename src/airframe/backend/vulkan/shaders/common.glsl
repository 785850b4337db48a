// What all shaders share: references to device memory by address, and short floats. No feature beyond
// buffer_device_address and 8- and 16-bit storage.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : enable
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : enable
#extension GL_EXT_control_flow_attributes : enable
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require

layout(buffer_reference, std430, buffer_reference_align = 4) buffer F32 { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer F32x2 { vec2 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer F32x4 { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer U32 { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer U32x4 { uvec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) buffer U16 { uint16_t at[]; };
layout(buffer_reference, std430, buffer_reference_align = 1) buffer U8 { uint8_t at[]; };

// Workgroups are counted through y too: x alone is limited to 65535.
uint workgroup_number() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }

float f32_from_f16(uint half_bits) { return unpackHalf2x16(half_bits).x; }

// Rounds to nearest, ties to even, on every device.
uint f16_from_f32(float value) {
    const uint bits = floatBitsToUint(value);
    const uint sign = (bits >> 16) & 0x8000u;
    const uint magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu);
    if (magnitude >= 0x477FF000u) return sign | 0x7C00u;
    if (magnitude >= 0x38800000u) {
        const uint rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
        return sign | (rounded - 0x38000000u) >> 13;
    }
    const float shifted = uintBitsToFloat(magnitude) + 0.5;
    return sign | (floatBitsToUint(shifted) - 0x3F000000u);
}

// Without the overflow of sinh over cosh.
float tanh_safe(float x) { return 1.0 - 2.0 / (exp(2.0 * x) + 1.0); }
