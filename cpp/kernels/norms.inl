// What looks at whole panels after a step: norms, and the average of parameters.

// Lane by lane, the sum of squares over the inputs of a panel: four sums, each of every fourth input.
template <class T>
NABLANET_INLINE Line<T> squares_of_neurons(const T* panel, Index n_in) {
  constexpr Index lanes = kLanes<T>;
  Line<T> sums[4] = {all(T{0}), all(T{0}), all(T{0}), all(T{0})};
  for (Index k = 0; k < n_in; k += 4) {
    for (Index i = 0; i < 4 && k + i < n_in; ++i) {
      const Line<T> x = flush(load_line(panel + (k + i) * lanes), kTinySquare<T>);
      sums[i] = fma(x, x, sums[i]);
    }
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <class T>
void sum_squares(Panels<T> weights, const T* bias, Index n_in, Range panels, double* sums) {
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    const Line<T> b = flush(load_line(bias + panel * kLanes<T>), kTinySquare<T>);
    sums[panel] = sum_lanes(fma(b, b, squares_of_neurons(weights.line(panel, 0), n_in)));
  }
}

template <class T>
void limit_norms(Panels<T> weights, Index n_in, T bound, Range panels) {
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    T* const first = weights.line(panel, 0);
    const Line<T> norm = sqrt(squares_of_neurons(first, n_in));
    const LineMask<T> beyond = less(all(bound), norm);
    if (nonzero(select(beyond, all(T{1}), all(T{0}))) == 0) continue;
    const Line<T> scale = select(beyond, all(bound) / norm, all(T{1}));
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
