// Registers of AVX2 with FMA. Included inside an instruction set's own namespace.

template <class T>
struct Vec;

template <>
struct Vec<float> {
  using Mask = __m256;
  static constexpr int width = 8;
  __m256 v;
};

template <>
struct Vec<double> {
  using Mask = __m256d;
  static constexpr int width = 4;
  __m256d v;
};

using F = Vec<float>;
using D = Vec<double>;

// A line takes two of the sixteen registers.
inline constexpr int kTileRows[] = {6};
inline constexpr int kTileInputs[] = {4};
// Rows whose errors stay in registers while their gradient is summed.
inline constexpr int kFewRows[] = {0};
// Panels of a tile of kMarkedRows rows, and of kMarkedInputs inputs.
inline constexpr int kMarkedPanels = 2;
inline constexpr int kListedPanels = 1;
inline constexpr int kUnroll = 16;

NABLANET_INLINE F load(const float* p) { return {_mm256_loadu_ps(p)}; }
NABLANET_INLINE D load(const double* p) { return {_mm256_loadu_pd(p)}; }
// The first n numbers, 0 <= n < width, and zeros; reads no further.
NABLANET_INLINE F load_first(const float* p, Index n) {
  const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), places))};
}
NABLANET_INLINE D load_first(const double* p, Index n) {
  const __m256i places = _mm256_setr_epi64x(0, 1, 2, 3);
  return {_mm256_maskload_pd(p, _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), places))};
}
NABLANET_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x.v); }
NABLANET_INLINE void store(double* p, D x) { _mm256_storeu_pd(p, x.v); }
NABLANET_INLINE F broadcast(float x) { return {_mm256_set1_ps(x)}; }
NABLANET_INLINE D broadcast(double x) { return {_mm256_set1_pd(x)}; }

NABLANET_INLINE F add(F a, F b) { return {_mm256_add_ps(a.v, b.v)}; }
NABLANET_INLINE D add(D a, D b) { return {_mm256_add_pd(a.v, b.v)}; }
NABLANET_INLINE F sub(F a, F b) { return {_mm256_sub_ps(a.v, b.v)}; }
NABLANET_INLINE D sub(D a, D b) { return {_mm256_sub_pd(a.v, b.v)}; }
NABLANET_INLINE F mul(F a, F b) { return {_mm256_mul_ps(a.v, b.v)}; }
NABLANET_INLINE D mul(D a, D b) { return {_mm256_mul_pd(a.v, b.v)}; }
NABLANET_INLINE F div(F a, F b) { return {_mm256_div_ps(a.v, b.v)}; }
NABLANET_INLINE D div(D a, D b) { return {_mm256_div_pd(a.v, b.v)}; }
NABLANET_INLINE F sqrt(F a) { return {_mm256_sqrt_ps(a.v)}; }
NABLANET_INLINE D sqrt(D a) { return {_mm256_sqrt_pd(a.v)}; }
NABLANET_INLINE F abs(F a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
NABLANET_INLINE D abs(D a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v)}; }
NABLANET_INLINE F fma(F a, F b, F c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
NABLANET_INLINE D fma(D a, D b, D c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
NABLANET_INLINE F fnma(F a, F b, F c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
NABLANET_INLINE D fnma(D a, D b, D c) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }

NABLANET_INLINE F::Mask less(F a, F b) { return _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ); }
NABLANET_INLINE D::Mask less(D a, D b) { return _mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ); }
NABLANET_INLINE F select(F::Mask m, F yes, F no) { return {_mm256_blendv_ps(no.v, yes.v, m)}; }
NABLANET_INLINE D select(D::Mask m, D yes, D no) { return {_mm256_blendv_pd(no.v, yes.v, m)}; }

// The bits of both, so that a lane is zero only where both are.
NABLANET_INLINE F either(F a, F b) { return {_mm256_or_ps(a.v, b.v)}; }
NABLANET_INLINE D either(D a, D b) { return {_mm256_or_pd(a.v, b.v)}; }

// A bit for each lane that is not zero.
NABLANET_INLINE std::uint32_t nonzero(F a) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.v, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
}
NABLANET_INLINE std::uint32_t nonzero(D a) {
  return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_cmp_pd(a.v, _mm256_setzero_pd(), _CMP_NEQ_UQ)));
}

// 2^n for an integer n in the range of normal exponents.
NABLANET_INLINE F pow2(F n) {
  const __m256i bits = _mm256_castps_si256(_mm256_add_ps(n.v, _mm256_set1_ps(kMagic<float>)));
  return {_mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(bits, 23), _mm256_set1_epi32(127 << 23)))};
}
NABLANET_INLINE D pow2(D n) {
  const __m256i bits = _mm256_castpd_si256(_mm256_add_pd(n.v, _mm256_set1_pd(kMagic<double>)));
  return {
      _mm256_castsi256_pd(_mm256_add_epi64(_mm256_slli_epi64(bits, 52), _mm256_set1_epi64x(1023LL << 52)))};
}

// Zero where |x| < tiny.
NABLANET_INLINE F flush(F x, float tiny) { return {_mm256_andnot_ps(less(abs(x), broadcast(tiny)), x.v)}; }
NABLANET_INLINE D flush(D x, double tiny) { return {_mm256_andnot_pd(less(abs(x), broadcast(tiny)), x.v)}; }
// 1 / x to 12 % or so, for a normal positive x whose reciprocal is normal: Newton's steps do the rest.
NABLANET_INLINE F near_reciprocal(F x) {
  const __m256i bits = _mm256_sub_epi32(_mm256_set1_epi32(kReciprocal<float>), _mm256_castps_si256(x.v));
  return {_mm256_castsi256_ps(bits)};
}
NABLANET_INLINE D near_reciprocal(D x) {
  const __m256i bits = _mm256_sub_epi64(_mm256_set1_epi64x(kReciprocal<double>), _mm256_castpd_si256(x.v));
  return {_mm256_castsi256_pd(bits)};
}

// floor(log2 x) and x / 2^floor(log2 x) for a normal positive x.
NABLANET_INLINE F exponent(F x) {
  const __m256i biased = _mm256_srli_epi32(_mm256_castps_si256(x.v), 23);
  return {_mm256_sub_ps(_mm256_cvtepi32_ps(biased), _mm256_set1_ps(127))};
}
NABLANET_INLINE D exponent(D x) {
  // there is no conversion from 64-bit integers: 2^52 + e is e in the low bits of a double
  const __m256i biased = _mm256_srli_epi64(_mm256_castpd_si256(x.v), 52);
  const __m256d shifted = _mm256_or_pd(_mm256_castsi256_pd(biased), _mm256_set1_pd(4503599627370496.0));
  return {_mm256_sub_pd(shifted, _mm256_set1_pd(4503599627370496.0 + 1023))};
}
NABLANET_INLINE F mantissa(F x) {
  const __m256i bits = _mm256_and_si256(_mm256_castps_si256(x.v), _mm256_set1_epi32(0x7fffff));
  return {_mm256_or_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(1))};
}
NABLANET_INLINE D mantissa(D x) {
  const __m256i bits = _mm256_and_si256(_mm256_castpd_si256(x.v), _mm256_set1_epi64x(0xfffffffffffffLL));
  return {_mm256_or_pd(_mm256_castsi256_pd(bits), _mm256_set1_pd(1))};
}
