// Arguments of both shaders that multiply up to 64 rows: each workgroup adds up the products of kOuts outputs and all
// rows over some of the columns. What the workgroups of an output have added up few_sum.comp puts together.
const uint kOuts = 64;      // of a workgroup
const uint kSlab = 128;     // columns that are never split
const uint kThreads = 128;

layout(push_constant) uniform Args {
    U32 weights;
    F32x4 x;         // [rows, cols] f32; or [16 * CELLS, depth / 8] eights of short floats
    F32 parts;       // [splits, 16 * CELLS, width]
    uint first_byte;
    uint row_bytes;
    uint cols;
    uint outs;
    uint rows;
    uint slabs;       // of a line, the last one padded
    uint slabs_each;  // of a workgroup
    uint width;       // outs, up to a multiple of kOuts
};

// Where a workgroup's share of the columns begins and ends, in slabs.
uvec2 own_slabs() {
    const uint first = gl_WorkGroupID.y * slabs_each;
    return uvec2(first, min(first + slabs_each, slabs));
}
