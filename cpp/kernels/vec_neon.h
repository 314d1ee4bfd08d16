// Registers of AArch64 NEON. Included inside an instruction set's own namespace.

template <class T>
struct Vec;

template <>
struct Vec<float> {
  using Mask = uint32x4_t;
  static constexpr int width = 4;
  float32x4_t v;
};

template <>
struct Vec<double> {
  using Mask = uint64x2_t;
  static constexpr int width = 2;
  float64x2_t v;
};

using F = Vec<float>;
using D = Vec<double>;

// A line takes four of the thirty-two registers.
inline constexpr int kTileRows[] = {6};
inline constexpr int kTileInputs[] = {4};
// Rows whose errors stay in registers while their gradient is summed.
inline constexpr int kFewRows[] = {0};
// Panels of a tile of kMarkedRows rows, and of kMarkedInputs inputs.
inline constexpr int kMarkedPanels = 2;
inline constexpr int kListedPanels = 1;
inline constexpr int kUnroll = 16;

NABLANET_INLINE F load(const float* p) { return {vld1q_f32(p)}; }
NABLANET_INLINE D load(const double* p) { return {vld1q_f64(p)}; }
// The first n numbers, 0 <= n < width, and zeros; reads no further.
NABLANET_INLINE F load_first(const float* p, Index n) {
  float32x4_t x = vdupq_n_f32(0);
  if (n > 0) x = vld1q_lane_f32(p, x, 0);
  if (n > 1) x = vld1q_lane_f32(p + 1, x, 1);
  if (n > 2) x = vld1q_lane_f32(p + 2, x, 2);
  return {x};
}
NABLANET_INLINE D load_first(const double* p, Index n) {
  return {n > 0 ? vld1q_lane_f64(p, vdupq_n_f64(0), 0) : vdupq_n_f64(0)};
}
NABLANET_INLINE void store(float* p, F x) { vst1q_f32(p, x.v); }
NABLANET_INLINE void store(double* p, D x) { vst1q_f64(p, x.v); }
NABLANET_INLINE F broadcast(float x) { return {vdupq_n_f32(x)}; }
NABLANET_INLINE D broadcast(double x) { return {vdupq_n_f64(x)}; }

NABLANET_INLINE F add(F a, F b) { return {vaddq_f32(a.v, b.v)}; }
NABLANET_INLINE D add(D a, D b) { return {vaddq_f64(a.v, b.v)}; }
NABLANET_INLINE F sub(F a, F b) { return {vsubq_f32(a.v, b.v)}; }
NABLANET_INLINE D sub(D a, D b) { return {vsubq_f64(a.v, b.v)}; }
NABLANET_INLINE F mul(F a, F b) { return {vmulq_f32(a.v, b.v)}; }
NABLANET_INLINE D mul(D a, D b) { return {vmulq_f64(a.v, b.v)}; }
NABLANET_INLINE F div(F a, F b) { return {vdivq_f32(a.v, b.v)}; }
NABLANET_INLINE D div(D a, D b) { return {vdivq_f64(a.v, b.v)}; }
NABLANET_INLINE F sqrt(F a) { return {vsqrtq_f32(a.v)}; }
NABLANET_INLINE D sqrt(D a) { return {vsqrtq_f64(a.v)}; }
NABLANET_INLINE F abs(F a) { return {vabsq_f32(a.v)}; }
NABLANET_INLINE D abs(D a) { return {vabsq_f64(a.v)}; }
NABLANET_INLINE F fma(F a, F b, F c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
NABLANET_INLINE D fma(D a, D b, D c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
NABLANET_INLINE F fnma(F a, F b, F c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
NABLANET_INLINE D fnma(D a, D b, D c) { return {vfmsq_f64(c.v, a.v, b.v)}; }

NABLANET_INLINE F::Mask less(F a, F b) { return vcltq_f32(a.v, b.v); }
NABLANET_INLINE D::Mask less(D a, D b) { return vcltq_f64(a.v, b.v); }
NABLANET_INLINE F select(F::Mask m, F yes, F no) { return {vbslq_f32(m, yes.v, no.v)}; }
NABLANET_INLINE D select(D::Mask m, D yes, D no) { return {vbslq_f64(m, yes.v, no.v)}; }

// The bits of both, so that a lane is zero only where both are.
NABLANET_INLINE F either(F a, F b) {
  return {vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(a.v), vreinterpretq_u32_f32(b.v)))};
}
NABLANET_INLINE D either(D a, D b) {
  return {vreinterpretq_f64_u64(vorrq_u64(vreinterpretq_u64_f64(a.v), vreinterpretq_u64_f64(b.v)))};
}

// A bit for each lane that is not zero.
NABLANET_INLINE std::uint32_t nonzero(F a) {
  const uint32x4_t bits = {1, 2, 4, 8};
  return vaddvq_u32(vbicq_u32(bits, vceqzq_f32(a.v)));
}
NABLANET_INLINE std::uint32_t nonzero(D a) {
  const uint64x2_t bits = {1, 2};
  return static_cast<std::uint32_t>(vaddvq_u64(vbicq_u64(bits, vceqzq_f64(a.v))));
}

// 2^n for an integer n in the range of normal exponents.
NABLANET_INLINE F pow2(F n) {
  const int32x4_t bits = vreinterpretq_s32_f32(vaddq_f32(n.v, vdupq_n_f32(kMagic<float>)));
  return {vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(bits, 23), vdupq_n_s32(127 << 23)))};
}
NABLANET_INLINE D pow2(D n) {
  const int64x2_t bits = vreinterpretq_s64_f64(vaddq_f64(n.v, vdupq_n_f64(kMagic<double>)));
  return {vreinterpretq_f64_s64(vaddq_s64(vshlq_n_s64(bits, 52), vdupq_n_s64(1023LL << 52)))};
}

// Zero where |x| < tiny.
NABLANET_INLINE F flush(F x, float tiny) { return select(less(abs(x), broadcast(tiny)), broadcast(0.0f), x); }
NABLANET_INLINE D flush(D x, double tiny) { return select(less(abs(x), broadcast(tiny)), broadcast(0.0), x); }
// 1 / x to 12 % or so, for a normal positive x whose reciprocal is normal: Newton's steps do the rest.
NABLANET_INLINE F near_reciprocal(F x) {
  return {vreinterpretq_f32_s32(vsubq_s32(vdupq_n_s32(kReciprocal<float>), vreinterpretq_s32_f32(x.v)))};
}
NABLANET_INLINE D near_reciprocal(D x) {
  return {vreinterpretq_f64_s64(vsubq_s64(vdupq_n_s64(kReciprocal<double>), vreinterpretq_s64_f64(x.v)))};
}

// floor(log2 x) and x / 2^floor(log2 x) for a normal positive x.
NABLANET_INLINE F exponent(F x) {
  const uint32x4_t biased = vshrq_n_u32(vreinterpretq_u32_f32(x.v), 23);
  return {vsubq_f32(vcvtq_f32_u32(biased), vdupq_n_f32(127))};
}
NABLANET_INLINE D exponent(D x) {
  const uint64x2_t biased = vshrq_n_u64(vreinterpretq_u64_f64(x.v), 52);
  return {vsubq_f64(vcvtq_f64_u64(biased), vdupq_n_f64(1023))};
}
NABLANET_INLINE F mantissa(F x) {
  const uint32x4_t bits = vandq_u32(vreinterpretq_u32_f32(x.v), vdupq_n_u32(0x7fffff));
  return {vreinterpretq_f32_u32(vorrq_u32(bits, vreinterpretq_u32_f32(vdupq_n_f32(1))))};
}
NABLANET_INLINE D mantissa(D x) {
  const uint64x2_t bits = vandq_u64(vreinterpretq_u64_f64(x.v), vdupq_n_u64(0xfffffffffffffULL));
  return {vreinterpretq_f64_u64(vorrq_u64(bits, vreinterpretq_u64_f64(vdupq_n_f64(1))))};
}
