// Merging spans of attention, the same way wherever it is done.
const uint kSpan = 256;  // positions; the host divides by it too
const float kNoPeak = -3.0e38;

struct Fades {
    float peak, before, next;
};

Fades merge_fades(float before, float next) {
    const float peak = max(before, next);
    return Fades(peak, exp(before - peak), exp(next - peak));
}

float merged(float before, float next, Fades fades) {
    precise float sum = before * fades.before + next * fades.next;
    return sum;
}
