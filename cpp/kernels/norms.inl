// What looks at whole lines: norms, the average of parameters, and sums of gradients.

// Where squares would overflow, norms are those of values times this.
template <class T>
constexpr T kShrunk = static_cast<T>(sizeof(T) == 4 ? 0x1p-64 : 0x1p-512);

// Lane by lane, sums of squares of factor * x over the inputs of a panel: four sums, each of every fourth
// input.
template <class T>
struct SquaresOfNeurons {
  Line<T> sums[kSquareSums] = {all(T{0}), all(T{0}), all(T{0}), all(T{0})};

  // From a multiple of four on.
  NABLANET_INLINE void add(const T* panel, Range inputs, T factor) {
    constexpr Index lanes = kLanes<T>;
    for (Index k = inputs.begin; k < inputs.end; k += kSquareSums) {
      for (Index i = 0; i < kSquareSums && k + i < inputs.end; ++i) {
        const Line<T> x = flush(load_line(panel + (k + i) * lanes) * all(factor), kTinySquare<T>);
        sums[i] = fma(x, x, sums[i]);
      }
    }
  }
  NABLANET_INLINE Line<T> sum() const { return (sums[0] + sums[1]) + (sums[2] + sums[3]); }
};

template <class T>
NABLANET_INLINE Line<T> squares_of_neurons(const T* panel, Index n_in, T factor) {
  SquaresOfNeurons<T> squares;
  squares.add(panel, {0, n_in}, factor);
  return squares.sum();
}

template <class T>
void sum_squares(Panels<T> weights, const T* bias, Index n_in, Range inputs, Range panels, T* kept,
                 double* sums) {
  constexpr Index lanes = kLanes<T>;
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    const Index first = panel * kSquareSums;
    SquaresOfNeurons<T> squares;
    for (Index i = 0; i < kSquareSums && inputs.begin > 0; ++i) {
      squares.sums[i] = load_line(kept + (first + i) * lanes);
    }
    squares.add(weights.line(panel, 0), inputs, T{1});
    if (inputs.end < n_in) {
      for (Index i = 0; i < kSquareSums; ++i) store_line(kept + (first + i) * lanes, squares.sums[i]);
      continue;
    }
    const auto with_bias = [&](const Line<T>& sum, T factor) NABLANET_INLINE_LAMBDA {
      const Line<T> b = flush(load_line(bias + panel * lanes) * all(factor), kTinySquare<T>);
      return sum_lanes(fma(b, b, sum));
    };
    sums[panel] = with_bias(squares.sum(), T{1});
    if (!(sums[panel] <= std::numeric_limits<T>::max())) {
      constexpr T factor = kShrunk<T>;
      constexpr double grown = 1 / static_cast<double>(factor);
      const Line<T> shrunk = squares_of_neurons(weights.line(panel, 0), n_in, factor);
      sums[panel] = with_bias(shrunk, factor) * grown * grown;
    }
  }
}

template <class T>
void limit_norms(Panels<T> weights, Index n_in, T bound, Range panels) {
  const Line<T> most = all(std::numeric_limits<T>::max());
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    T* const first = weights.line(panel, 0);
    const Line<T> norm = sqrt(squares_of_neurons(first, n_in, T{1}));
    const LineMask<T> beyond = less(all(bound), norm);
    if (nonzero(select(beyond, all(T{1}), all(T{0}))) == 0) continue;
    Line<T> scale = all(bound) / norm;
    const LineMask<T> overflows = less(most, norm);
    if (nonzero(select(overflows, all(T{1}), all(T{0}))) != 0) {
      const Line<T> shrunk = sqrt(squares_of_neurons(first, n_in, kShrunk<T>));
      scale = select(overflows, all(bound * kShrunk<T>) / shrunk, scale);
    }
    scale = select(beyond, scale, all(T{1}));
    for (Index k = 0; k < n_in; ++k) {
      T* const line = first + k * kLanes<T>;
      store_line(line, load_line(line) * scale);
    }
  }
}

template <class T>
void blend(T* average, const T* values, Index count, T blend) {
  for (Index i = 0; i < count * kLanes<T>; i += kLanes<T>) {
    const Line<T> old = load_line(average + i);
    const Line<T> next = fma(all(blend), load_line(values + i) - old, old);
    store_line(average + i, flush(next, kTinyMoment<T>));
  }
}

template <class T>
void add(T* sums, const T* more, Index count) {
  for (Index i = 0; i < count * kLanes<T>; i += kLanes<T>) {
    store_line(sums + i, load_line(sums + i) + load_line(more + i));
  }
}
