// Registers of AVX-512 (F and DQ). Included inside an instruction set's own namespace.

template <class T>
struct Vec;

template <>
struct Vec<float> {
  using Mask = __mmask16;
  static constexpr int width = 16;
  __m512 v;
};

template <>
struct Vec<double> {
  using Mask = __mmask8;
  static constexpr int width = 8;
  __m512d v;
};

using F = Vec<float>;
using D = Vec<double>;

// Rows of the product's register tile, for 1, 2 and 3 panels; inputs of the gradient's.
inline constexpr int kTileRows[] = {16, 12, 8};
inline constexpr int kTileInputs[] = {16, 8, 8};
// Rows whose errors stay in registers while their gradient is summed.
inline constexpr int kFewRows[] = {24, 12, 8};
// Panels of a tile of kMarkedRows rows, and of kMarkedInputs inputs.
inline constexpr int kMarkedPanels = 7;
inline constexpr int kListedPanels = 4;
inline constexpr int kUnroll = 16;

NABLANET_INLINE F load(const float* p) { return {_mm512_loadu_ps(p)}; }
NABLANET_INLINE D load(const double* p) { return {_mm512_loadu_pd(p)}; }
// The first n numbers, 0 <= n < width, and zeros; reads no further.
NABLANET_INLINE F load_first(const float* p, Index n) {
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p)};
}
NABLANET_INLINE D load_first(const double* p, Index n) {
  return {_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p)};
}
NABLANET_INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x.v); }
NABLANET_INLINE void store(double* p, D x) { _mm512_storeu_pd(p, x.v); }
NABLANET_INLINE F broadcast(float x) { return {_mm512_set1_ps(x)}; }
NABLANET_INLINE D broadcast(double x) { return {_mm512_set1_pd(x)}; }

NABLANET_INLINE F add(F a, F b) { return {_mm512_add_ps(a.v, b.v)}; }
NABLANET_INLINE D add(D a, D b) { return {_mm512_add_pd(a.v, b.v)}; }
NABLANET_INLINE F sub(F a, F b) { return {_mm512_sub_ps(a.v, b.v)}; }
NABLANET_INLINE D sub(D a, D b) { return {_mm512_sub_pd(a.v, b.v)}; }
NABLANET_INLINE F mul(F a, F b) { return {_mm512_mul_ps(a.v, b.v)}; }
NABLANET_INLINE D mul(D a, D b) { return {_mm512_mul_pd(a.v, b.v)}; }
NABLANET_INLINE F div(F a, F b) { return {_mm512_div_ps(a.v, b.v)}; }
NABLANET_INLINE D div(D a, D b) { return {_mm512_div_pd(a.v, b.v)}; }
NABLANET_INLINE F sqrt(F a) { return {_mm512_sqrt_ps(a.v)}; }
NABLANET_INLINE D sqrt(D a) { return {_mm512_sqrt_pd(a.v)}; }
NABLANET_INLINE F abs(F a) { return {_mm512_abs_ps(a.v)}; }
NABLANET_INLINE D abs(D a) { return {_mm512_abs_pd(a.v)}; }
NABLANET_INLINE F fma(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
NABLANET_INLINE D fma(D a, D b, D c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
NABLANET_INLINE F fnma(F a, F b, F c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
NABLANET_INLINE D fnma(D a, D b, D c) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }

NABLANET_INLINE F::Mask less(F a, F b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
NABLANET_INLINE D::Mask less(D a, D b) { return _mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ); }
NABLANET_INLINE F select(F::Mask m, F yes, F no) { return {_mm512_mask_blend_ps(m, no.v, yes.v)}; }
NABLANET_INLINE D select(D::Mask m, D yes, D no) { return {_mm512_mask_blend_pd(m, no.v, yes.v)}; }

// The bits of both, so that a lane is zero only where both are.
NABLANET_INLINE F either(F a, F b) { return {_mm512_or_ps(a.v, b.v)}; }
NABLANET_INLINE D either(D a, D b) { return {_mm512_or_pd(a.v, b.v)}; }

// A bit for each lane that is not zero.
NABLANET_INLINE std::uint32_t nonzero(F a) {
  return _mm512_cmp_ps_mask(a.v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
}
NABLANET_INLINE std::uint32_t nonzero(D a) {
  return _mm512_cmp_pd_mask(a.v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
}

// 2^n for an integer n in the range of normal exponents.
NABLANET_INLINE F pow2(F n) {
  const __m512i bits = _mm512_castps_si512(_mm512_add_ps(n.v, _mm512_set1_ps(kMagic<float>)));
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(bits, 23), _mm512_set1_epi32(127 << 23)))};
}
NABLANET_INLINE D pow2(D n) {
  const __m512i bits = _mm512_castpd_si512(_mm512_add_pd(n.v, _mm512_set1_pd(kMagic<double>)));
  return {
      _mm512_castsi512_pd(_mm512_add_epi64(_mm512_slli_epi64(bits, 52), _mm512_set1_epi64(1023LL << 52)))};
}

// Zero where |x| < tiny, of whose bits one is set: where no bit of the exponent is, from that one on.
NABLANET_INLINE F flush(F x, float tiny) {
  const std::int32_t bits = 0x7f800000 & -std::bit_cast<std::int32_t>(tiny);
  return {
      _mm512_maskz_mov_ps(_mm512_test_epi32_mask(_mm512_castps_si512(x.v), _mm512_set1_epi32(bits)), x.v)};
}
NABLANET_INLINE D flush(D x, double tiny) {
  const std::int64_t bits = 0x7ff0000000000000 & -std::bit_cast<std::int64_t>(tiny);
  return {
      _mm512_maskz_mov_pd(_mm512_test_epi64_mask(_mm512_castpd_si512(x.v), _mm512_set1_epi64(bits)), x.v)};
}
// 1 / x to 12 % or so, for a normal positive x whose reciprocal is normal: Newton's steps do the rest.
NABLANET_INLINE F near_reciprocal(F x) {
  const __m512i bits = _mm512_sub_epi32(_mm512_set1_epi32(kReciprocal<float>), _mm512_castps_si512(x.v));
  return {_mm512_castsi512_ps(bits)};
}
NABLANET_INLINE D near_reciprocal(D x) {
  const __m512i bits = _mm512_sub_epi64(_mm512_set1_epi64(kReciprocal<double>), _mm512_castpd_si512(x.v));
  return {_mm512_castsi512_pd(bits)};
}

// floor(log2 x) and x / 2^floor(log2 x) for a normal positive x.
NABLANET_INLINE F exponent(F x) { return {_mm512_getexp_ps(x.v)}; }
NABLANET_INLINE D exponent(D x) { return {_mm512_getexp_pd(x.v)}; }
NABLANET_INLINE F mantissa(F x) { return {_mm512_getmant_ps(x.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)}; }
NABLANET_INLINE D mantissa(D x) { return {_mm512_getmant_pd(x.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)}; }
