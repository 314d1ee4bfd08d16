// One elementary function over an array, as the tests of their accuracy call them.

template <class T>
NABLANET_INLINE Line<T> elementary_line(Elementary function, const Line<T>& x) {
  switch (function) {
    case Elementary::exp:
      return exp(x);
    case Elementary::expm1_of_negative:
      return expm1_of_negative(x);
    case Elementary::log:
      return log(x);
    case Elementary::log1p_of_unit:
      return log1p_of_unit(x);
    case Elementary::tanh:
      return Tanh::apply(x).value;
  }
  return x;
}

template <class T>
void elementary(Elementary function, const T* x, T* out, Index count) {
  constexpr Index lanes = kLanes<T>;
  for (Index begin = 0; begin < count; begin += lanes) {
    const Index here = count - begin < lanes ? count - begin : lanes;
    alignas(kLineBytes) T line[lanes] = {};
    for (Index i = 0; i < here; ++i) line[i] = x[begin + i];
    store_line(line, elementary_line(function, load_line(line)));
    for (Index i = 0; i < here; ++i) out[begin + i] = line[i];
  }
}
