// One number at a time, in plain C++: runs anywhere, slowly, with the same bits. Included inside an
// instruction set's own namespace.

template <class T>
struct Vec {
  using Mask = bool;
  static constexpr int width = 1;
  T v;
};

inline constexpr int kTileRows[] = {1};
inline constexpr int kTileInputs[] = {1};
// Rows whose errors stay in registers while their gradient is summed.
inline constexpr int kFewRows[] = {0};
// Panels of a tile of kMarkedRows rows, and of kMarkedInputs inputs.
inline constexpr int kMarkedPanels = 1;
inline constexpr int kListedPanels = 1;
inline constexpr int kUnroll = 1;

NABLANET_INLINE Vec<float> load(const float* p) { return {*p}; }
NABLANET_INLINE Vec<double> load(const double* p) { return {*p}; }
// Zero: no number comes before the first.
template <class T>
NABLANET_INLINE Vec<T> load_first(const T*, Index) {
  return {0};
}
NABLANET_INLINE void store(float* p, Vec<float> x) { *p = x.v; }
NABLANET_INLINE void store(double* p, Vec<double> x) { *p = x.v; }
NABLANET_INLINE Vec<float> broadcast(float x) { return {x}; }
NABLANET_INLINE Vec<double> broadcast(double x) { return {x}; }

template <class T>
NABLANET_INLINE Vec<T> add(Vec<T> a, Vec<T> b) {
  return {a.v + b.v};
}
template <class T>
NABLANET_INLINE Vec<T> sub(Vec<T> a, Vec<T> b) {
  return {a.v - b.v};
}
template <class T>
NABLANET_INLINE Vec<T> mul(Vec<T> a, Vec<T> b) {
  return {a.v * b.v};
}
template <class T>
NABLANET_INLINE Vec<T> div(Vec<T> a, Vec<T> b) {
  return {a.v / b.v};
}
NABLANET_INLINE Vec<float> sqrt(Vec<float> a) { return {__builtin_sqrtf(a.v)}; }
NABLANET_INLINE Vec<double> sqrt(Vec<double> a) { return {__builtin_sqrt(a.v)}; }
NABLANET_INLINE Vec<float> abs(Vec<float> a) { return {__builtin_fabsf(a.v)}; }
NABLANET_INLINE Vec<double> abs(Vec<double> a) { return {__builtin_fabs(a.v)}; }
NABLANET_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return {__builtin_fmaf(a.v, b.v, c.v)};
}
NABLANET_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return {__builtin_fma(a.v, b.v, c.v)};
}
template <class T>
NABLANET_INLINE Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return fma(Vec<T>{-a.v}, b, c);
}

template <class T>
NABLANET_INLINE bool less(Vec<T> a, Vec<T> b) {
  return a.v < b.v;
}
template <class T>
NABLANET_INLINE Vec<T> select(bool m, Vec<T> yes, Vec<T> no) {
  return m ? yes : no;
}

// The bits of both, so that a lane is zero only where both are.
NABLANET_INLINE Vec<float> either(Vec<float> a, Vec<float> b) {
  const auto bits = __builtin_bit_cast(std::uint32_t, a.v) | __builtin_bit_cast(std::uint32_t, b.v);
  return {__builtin_bit_cast(float, bits)};
}
NABLANET_INLINE Vec<double> either(Vec<double> a, Vec<double> b) {
  const auto bits = __builtin_bit_cast(std::uint64_t, a.v) | __builtin_bit_cast(std::uint64_t, b.v);
  return {__builtin_bit_cast(double, bits)};
}

// A bit for each lane that is not zero.
template <class T>
NABLANET_INLINE std::uint32_t nonzero(Vec<T> a) {
  return a.v != 0;
}

// 2^n for an integer n in the range of normal exponents.
NABLANET_INLINE Vec<float> pow2(Vec<float> n) {
  const auto bits = __builtin_bit_cast(std::uint32_t, n.v + kMagic<float>);
  return {__builtin_bit_cast(float, (bits << 23) + (127U << 23))};
}
NABLANET_INLINE Vec<double> pow2(Vec<double> n) {
  const auto bits = __builtin_bit_cast(std::uint64_t, n.v + kMagic<double>);
  return {__builtin_bit_cast(double, (bits << 52) + (1023ULL << 52))};
}

// Zero where |x| < tiny.
template <class T>
NABLANET_INLINE Vec<T> flush(Vec<T> x, T tiny) {
  return select(less(abs(x), Vec<T>{tiny}), Vec<T>{0}, x);
}
// 1 / x to 12 % or so, for a normal positive x whose reciprocal is normal: Newton's steps do the rest.
NABLANET_INLINE Vec<float> near_reciprocal(Vec<float> x) {
  const auto bits = static_cast<std::uint32_t>(kReciprocal<float>) - __builtin_bit_cast(std::uint32_t, x.v);
  return {__builtin_bit_cast(float, bits)};
}
NABLANET_INLINE Vec<double> near_reciprocal(Vec<double> x) {
  const auto bits = static_cast<std::uint64_t>(kReciprocal<double>) - __builtin_bit_cast(std::uint64_t, x.v);
  return {__builtin_bit_cast(double, bits)};
}

// floor(log2 x) and x / 2^floor(log2 x) for a normal positive x.
NABLANET_INLINE Vec<float> exponent(Vec<float> x) {
  return {static_cast<float>(static_cast<int>(__builtin_bit_cast(std::uint32_t, x.v) >> 23) - 127)};
}
NABLANET_INLINE Vec<double> exponent(Vec<double> x) {
  return {static_cast<double>(static_cast<int>(__builtin_bit_cast(std::uint64_t, x.v) >> 52) - 1023)};
}
NABLANET_INLINE Vec<float> mantissa(Vec<float> x) {
  const auto bits = __builtin_bit_cast(std::uint32_t, x.v) & 0x7fffffU;
  return {__builtin_bit_cast(float, bits | (127U << 23))};
}
NABLANET_INLINE Vec<double> mantissa(Vec<double> x) {
  const auto bits = __builtin_bit_cast(std::uint64_t, x.v) & 0xfffffffffffffULL;
  return {__builtin_bit_cast(double, bits | (1023ULL << 52))};
}
