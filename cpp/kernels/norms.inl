// What looks at whole lines: norms, the average of parameters, and sums of gradients.

// Where squares would overflow, norms are those of values times this.
template <class T>
constexpr T kShrunk = static_cast<T>(sizeof(T) == 4 ? 0x1p-64 : 0x1p-512);

// Lane by lane, the sum of squares of factor * x over the inputs of a panel: four sums, each of every
// fourth input.
template <class T>
NABLANET_INLINE Line<T> squares_of_neurons(const T* panel, Index n_in, T factor) {
  constexpr Index lanes = kLanes<T>;
  Line<T> sums[4] = {all(T{0}), all(T{0}), all(T{0}), all(T{0})};
  for (Index k = 0; k < n_in; k += 4) {
    for (Index i = 0; i < 4 && k + i < n_in; ++i) {
      const Line<T> x = flush(load_line(panel + (k + i) * lanes) * all(factor), kTinySquare<T>);
      sums[i] = fma(x, x, sums[i]);
    }
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <class T>
void sum_squares(Panels<T> weights, const T* bias, Index n_in, Range panels, double* sums) {
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    const auto sum = [&](T factor) NABLANET_INLINE_LAMBDA {
      const Line<T> b = flush(load_line(bias + panel * kLanes<T>) * all(factor), kTinySquare<T>);
      return sum_lanes(fma(b, b, squares_of_neurons(weights.line(panel, 0), n_in, factor)));
    };
    sums[panel] = sum(T{1});
    if (!(sums[panel] <= std::numeric_limits<T>::max())) {
      constexpr double grown = 1 / static_cast<double>(kShrunk<T>);
      sums[panel] = sum(kShrunk<T>) * grown * grown;
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
