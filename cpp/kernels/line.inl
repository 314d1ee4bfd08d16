// A line: 64 bytes of consecutive neurons in as many registers as the instruction set needs.

template <class T>
struct Line {
  static constexpr int parts = static_cast<int>(kLanes<T>) / Vec<T>::width;
  Vec<T> part[parts];
};

template <class T>
struct LineMask {
  typename Vec<T>::Mask part[Line<T>::parts];
};

template <class T, class Function>
NABLANET_INLINE Line<T> each(Function function) {
  Line<T> out;
#pragma GCC unroll kUnroll
  for (int i = 0; i < Line<T>::parts; ++i) out.part[i] = function(i);
  return out;
}

template <class T>
NABLANET_INLINE Line<T> load_line(const T* p) {
  return each<T>([p](int i) { return load(p + i * Vec<T>::width); });
}
// The first n numbers, 0 <= n <= kLanes<T>, and zeros; reads no further. Numbers written one by one and
// read as a line would wait for one another.
template <class T>
NABLANET_INLINE Line<T> load_first_of_line(const T* p, Index n) {
  constexpr Index width = Vec<T>::width;
  return each<T>([p, n](int i) {
    const Index left = n - i * width;
    return left >= width ? load(p + i * width) : load_first(p + i * width, left < 0 ? 0 : left);
  });
}
template <class T>
NABLANET_INLINE void store_line(T* p, const Line<T>& x) {
#pragma GCC unroll kUnroll
  for (int i = 0; i < Line<T>::parts; ++i) store(p + i * Vec<T>::width, x.part[i]);
}
template <class T>
NABLANET_INLINE Line<T> all(T x) {
  const Vec<T> v = broadcast(x);
  return each<T>([v](int) { return v; });
}

template <class T>
NABLANET_INLINE Line<T> operator+(const Line<T>& a, const Line<T>& b) {
  return each<T>([&](int i) { return add(a.part[i], b.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> operator-(const Line<T>& a, const Line<T>& b) {
  return each<T>([&](int i) { return sub(a.part[i], b.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> operator*(const Line<T>& a, const Line<T>& b) {
  return each<T>([&](int i) { return mul(a.part[i], b.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> operator/(const Line<T>& a, const Line<T>& b) {
  return each<T>([&](int i) { return div(a.part[i], b.part[i]); });
}
// a b + c, rounded once.
template <class T>
NABLANET_INLINE Line<T> fma(const Line<T>& a, const Line<T>& b, const Line<T>& c) {
  return each<T>([&](int i) { return fma(a.part[i], b.part[i], c.part[i]); });
}
// c - a b, rounded once.
template <class T>
NABLANET_INLINE Line<T> fnma(const Line<T>& a, const Line<T>& b, const Line<T>& c) {
  return each<T>([&](int i) { return fnma(a.part[i], b.part[i], c.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> sqrt(const Line<T>& a) {
  return each<T>([&](int i) { return sqrt(a.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> abs(const Line<T>& a) {
  return each<T>([&](int i) { return abs(a.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> pow2(const Line<T>& a) {
  return each<T>([&](int i) { return pow2(a.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> near_reciprocal(const Line<T>& a) {
  return each<T>([&](int i) { return near_reciprocal(a.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> exponent(const Line<T>& a) {
  return each<T>([&](int i) { return exponent(a.part[i]); });
}
template <class T>
NABLANET_INLINE Line<T> mantissa(const Line<T>& a) {
  return each<T>([&](int i) { return mantissa(a.part[i]); });
}
// False wherever a lane is NaN.
template <class T>
NABLANET_INLINE LineMask<T> less(const Line<T>& a, const Line<T>& b) {
  LineMask<T> out;
#pragma GCC unroll kUnroll
  for (int i = 0; i < Line<T>::parts; ++i) out.part[i] = less(a.part[i], b.part[i]);
  return out;
}
template <class T>
NABLANET_INLINE Line<T> select(const LineMask<T>& m, const Line<T>& yes, const Line<T>& no) {
  return each<T>([&](int i) { return select(m.part[i], yes.part[i], no.part[i]); });
}

template <class T>
NABLANET_INLINE Line<T> either(const Line<T>& a, const Line<T>& b) {
  return each<T>([&](int i) { return either(a.part[i], b.part[i]); });
}

// A bit for each lane that is not zero.
template <class T>
NABLANET_INLINE std::uint32_t nonzero(const Line<T>& x) {
  std::uint32_t bits = 0;
#pragma GCC unroll kUnroll
  for (int i = 0; i < Line<T>::parts; ++i) bits |= nonzero(x.part[i]) << (i * Vec<T>::width);
  return bits;
}

template <class T>
struct LaneNumbers {
  alignas(kLineBytes) T value[kLanes<T>];
  constexpr LaneNumbers() : value{} {
    for (Index i = 0; i < kLanes<T>; ++i) value[i] = static_cast<T>(i);
  }
};
template <class T>
constexpr LaneNumbers<T> lane_numbers;

// The lanes that hold one of the first n neurons of a panel.
template <class T>
NABLANET_INLINE LineMask<T> first_lanes(Index n) {
  return less(load_line(lane_numbers<T>.value), all(static_cast<T>(n < kLanes<T> ? n : kLanes<T>)));
}

// The sum of the lanes, first to last: of all, or of so many where the others are zero.
template <class T>
NABLANET_INLINE double sum_lanes(const Line<T>& x, Index count = kLanes<T>) {
  alignas(kLineBytes) T lanes[kLanes<T>];
  store_line(lanes, x);
  double sum = 0;
  for (Index i = 0; i < count; ++i) sum += static_cast<double>(lanes[i]);
  return sum;
}

// What the backward pass takes for zero. Errors of saturated neurons, and Adam's moments of weights
// that no longer learn, would otherwise end as denormal numbers, on which arithmetic is a hundred
// times slower; they are far too small to change a weight. The exponent fields of these are 32, 8 and 64,
// and 128, 16 and 512: one bit each, as `flush` wants it.
template <class T>
constexpr T kTinyError = static_cast<T>(sizeof(T) == 4 ? 0x1p-95 : 0x1p-895);
template <class T>
constexpr T kTinyMoment = static_cast<T>(sizeof(T) == 4 ? 0x1p-119 : 0x1p-1007);
template <class T>
constexpr T kTinySquare = static_cast<T>(sizeof(T) == 4 ? 0x1p-63 : 0x1p-511);  // of what is squared

// Zero where |x| < tiny, of whose bits one is set.
template <class T>
NABLANET_INLINE Line<T> flush(const Line<T>& x, T tiny) {
  return each<T>([&](int i) { return flush(x.part[i], tiny); });
}
