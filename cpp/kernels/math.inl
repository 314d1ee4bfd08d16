// Elementary functions on lines, the engine's own so that every machine gives the same bits. Their
// polynomials come from coefficients.py.

template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr float log2e = 0x1.715476p+0f;
  static constexpr float ln2_high = 0x1.62e4p-1f;  // few enough bits that n * ln2_high is exact
  static constexpr float ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float exp_low = -104.0f;  // below, exp(x) rounds to 0
  static constexpr float exp_high = 89.0f;   // above, to infinity
  static constexpr float log_up = 0x1p24f;   // lifts every denormal number among the normal ones
  static constexpr float log_up_exponent = 24.0f;
  static constexpr float tanh_linear = 0x1p-13f;  // below, tanh z rounds to z
  static constexpr float expm1_low = -20.0f;      // below, exp(x) - 1 rounds to -1
  static constexpr float normal_high = 15.0f;     // beyond, Phi(-z) rounds to 0
};

template <>
struct Constants<double> {
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1;
  static constexpr double ln2_low = 0x1.ef35793c7673p-45;
  static constexpr double exp_low = -746.0;
  static constexpr double exp_high = 710.0;
  static constexpr double log_up = 0x1p54;
  static constexpr double log_up_exponent = 54.0;
  static constexpr double tanh_linear = 0x1p-28;
  static constexpr double expm1_low = -40.0;
  static constexpr double normal_high = 39.0;
};

template <class T, int N>
NABLANET_INLINE Line<T> polynomial(const T (&coefficients)[N], const Line<T>& x) {
  Line<T> sum = all(coefficients[0]);
#pragma GCC unroll 32
  for (int i = 1; i < N; ++i) sum = fma(sum, x, all(coefficients[i]));
  return sum;
}

template <class T>
NABLANET_INLINE Line<T> round(const Line<T>& x) {
  return (x + all(kMagic<T>)) - all(kMagic<T>);
}

// 1 / x for a normal positive x whose reciprocal is normal, to about an ulp, by Newton's steps: each
// squares the error, and together they take half the time of a division.
template <class T>
NABLANET_INLINE Line<T> reciprocal(const Line<T>& x) {
  constexpr int steps = sizeof(T) == 4 ? 3 : 4;
  Line<T> r = near_reciprocal(x);
#pragma GCC unroll 4
  for (int i = 0; i < steps; ++i) r = fma(r, fnma(x, r, all(T{1})), r);
  return r;
}

// x = n ln 2 + r, and exp(r) - 1 in `tail`.
template <class T>
struct Reduced {
  Line<T> n;
  Line<T> tail;
};

template <class T>
NABLANET_INLINE Reduced<T> reduce_exp(const Line<T>& x) {
  using C = Constants<T>;
  const Line<T> n = round(x * all(C::log2e));
  const Line<T> r = fnma(n, all(C::ln2_low), fnma(n, all(C::ln2_high), x));
  return {n, fma(r * r, polynomial(coefficients::Polynomials<T>::exp_tail, r), r)};
}

template <class T>
NABLANET_INLINE Line<T> exp(Line<T> x) {
  using C = Constants<T>;
  x = select(less(x, all(C::exp_low)), all(C::exp_low), x);
  x = select(less(all(C::exp_high), x), all(C::exp_high), x);
  const Reduced<T> e = reduce_exp(x);
  // in two steps, so that neither factor leaves the range of exponents
  const Line<T> half = round(e.n * all(T{0.5}));
  return (all(T{1}) + e.tail) * pow2(half) * pow2(e.n - half);
}

// exp(x) - 1 for x <= 0.
template <class T>
NABLANET_INLINE Line<T> expm1_of_negative(Line<T> x) {
  x = select(less(x, all(Constants<T>::expm1_low)), all(Constants<T>::expm1_low), x);
  const Reduced<T> e = reduce_exp(x);
  const Line<T> scale = pow2(e.n);
  return fma(scale, e.tail, scale - all(T{1}));
}

// f - ln(1 + f) for -0.3 <= f <= 1: with s = f / (2 + f), ln(1 + f) = 2 atanh s = f - f s + 2 s^3 (...), and
// f s = f^2/2 - s f^2/2, so that the rounding of the quotient weighs little.
template <class T>
NABLANET_INLINE Line<T> below_log1p(const Line<T>& f) {
  const Line<T> s = f / (all(T{2}) + f);
  const Line<T> square = s * s;
  const Line<T> half = all(T{0.5}) * f * f;
  const Line<T> rest = fma(square + square, polynomial(coefficients::Polynomials<T>::log_tail, square), half);
  return fnma(s, rest, half);
}

// ln(1 + x) for 0 <= x <= 1.
template <class T>
NABLANET_INLINE Line<T> log1p_of_unit(const Line<T>& x) {
  return x - below_log1p(x);
}

// ln x, also of denormal numbers: -infinity for 0, NaN below.
template <class T>
NABLANET_INLINE Line<T> log(const Line<T>& given) {
  using C = Constants<T>;
  using Limits = std::numeric_limits<T>;
  const LineMask<T> denormal = less(given, all(Limits::min()));
  const Line<T> x = select(denormal, given * all(C::log_up), given);
  Line<T> n = exponent(x);
  n = select(denormal, n - all(C::log_up_exponent), n);
  Line<T> m = mantissa(x);
  const LineMask<T> upper = less(all(static_cast<T>(1.4142135623730951)), m);
  m = select(upper, m * all(T{0.5}), m);
  n = select(upper, n + all(T{1}), n);
  const Line<T> f = m - all(T{1});
  const Line<T> low = fnma(n, all(C::ln2_low), below_log1p(f));
  const Line<T> log = fma(n, all(C::ln2_high), f - low);
  const Line<T> finite = select(less(all(Limits::max()), given), given, log);
  const LineMask<T> zero = less(abs(given), all(Limits::denorm_min()));
  const Line<T> outside = select(zero, all(-Limits::infinity()), all(Limits::quiet_NaN()));
  return select(less(all(T{0}), given), finite, outside);
}

// Phi(z) and its density phi(z), for every z.
template <class T>
struct Normal {
  Line<T> distribution;
  Line<T> density;
};

template <class T>
NABLANET_INLINE Normal<T> normal(const Line<T>& z) {
  constexpr T high = Constants<T>::normal_high;
  constexpr T centre = static_cast<T>(coefficients::mills_centre);
  Line<T> x = abs(z);
  x = select(less(all(high), x), all(high), x);
  const Line<T> square = x * x;
  const Line<T> rest = fma(x, x, all(T{0}) - square);  // what rounding took from the square
  const Line<T> gauss = exp(square * all(T{-0.5})) * fnma(rest, all(T{0.5}), all(T{1}));
  const Line<T> inverse = all(T{1}) / (x + all(centre));
  const Line<T> mills =
      polynomial(coefficients::Polynomials<T>::mills, (x - all(centre)) * inverse) * inverse;
  const Line<T> tail = gauss * mills;
  const Line<T> distribution = select(less(z, all(T{0})), tail, all(T{1}) - tail);
  return {distribution, gauss * all(static_cast<T>(0.3989422804014327))};
}
