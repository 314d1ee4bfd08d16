// The output layer: a^L, the cost of each sample, and delta^L (BP1).

template <class T>
NABLANET_INLINE T greatest_lane(const Line<T>& x) {
  alignas(kLineBytes) T lanes[kLanes<T>];
  store_line(lanes, x);
  T greatest = lanes[0];
  for (Index i = 1; i < kLanes<T>; ++i) greatest = greatest < lanes[i] ? lanes[i] : greatest;
  return greatest;
}

// delta^L with zeros in the padding, as every error has them.
template <class T>
NABLANET_INLINE void store_error(T* delta, const Line<T>& value, const LineMask<T>& real) {
  store_line(delta, select(real, flush(value, kTinyError<T>), all(T{0})));
}

template <class T>
NABLANET_INLINE Line<T> add_square(const Line<T>& g, const Line<T>& sum) {
  const Line<T> root = flush(g, kTinySquare<T>);
  return fma(root, root, sum);
}

// a = softmax(z) for one row; returns ln sum_k exp(z_k).
template <class T>
NABLANET_INLINE T softmax_row(const Output<T>& out, Index row, Index panels) {
  constexpr Index lanes = kLanes<T>;
  Line<T> greatest = all(*out.z.line(0, row));
  for (Index p = 0; p < panels; ++p) {
    const Line<T> z = load_line(out.z.line(p, row));
    const Line<T> larger = select(less(greatest, z), z, greatest);
    greatest = select(first_lanes<T>(out.n_out - p * lanes), larger, greatest);
  }
  const T top = greatest_lane(greatest);
  Line<T> sum = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    Line<T> e = exp(load_line(out.z.line(p, row)) - all(top));
    e = select(first_lanes<T>(out.n_out - p * lanes), e, all(T{0}));
    sum = sum + e;
    store_line(out.a.line(p, row), e);
  }
  const Line<T> total = all(static_cast<T>(sum_lanes(sum)));
  for (Index p = 0; p < panels; ++p) {
    store_line(out.a.line(p, row), load_line(out.a.line(p, row)) / total);
  }
  alignas(kLineBytes) T log_total[kLanes<T>];
  store_line(log_total, log(total));
  return top + log_total[0];
}

// Cross-entropy over softmax: C_x = sum_j y_j (ln sum exp z - z_j), delta = a - y.
template <class T>
double softmax_cross_entropy(const Output<T>& out, Index row, Index panels, T log_sum) {
  constexpr Index lanes = kLanes<T>;
  Line<T> cost = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    const Line<T> y = load_line(out.y.line(p, row));
    const Line<T> term = fma(y, all(log_sum) - load_line(out.z.line(p, row)), cost);
    cost = select(real, term, cost);
    if (out.delta.data == nullptr) continue;
    store_error(out.delta.line(p, row), load_line(out.a.line(p, row)) - y, real);
  }
  return sum_lanes(cost);
}

// Quadratic cost over softmax: delta_j = a_j (g_j - sum_k g_k a_k) with g = a - y.
template <class T>
double softmax_quadratic(const Output<T>& out, Index row, Index panels) {
  constexpr Index lanes = kLanes<T>;
  Line<T> cost = all(T{0});
  Line<T> coupled = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    const Line<T> a = load_line(out.a.line(p, row));
    const Line<T> g = a - load_line(out.y.line(p, row));
    cost = select(real, add_square(g, cost), cost);
    coupled = select(real, fma(g, a, coupled), coupled);
  }
  if (out.delta.data != nullptr) {
    const Line<T> shared = all(static_cast<T>(sum_lanes(coupled)));
    for (Index p = 0; p < panels; ++p) {
      const Line<T> a = load_line(out.a.line(p, row));
      const Line<T> delta = a * (a - load_line(out.y.line(p, row)) - shared);
      store_error(out.delta.line(p, row), delta, first_lanes<T>(out.n_out - p * lanes));
    }
  }
  return 0.5 * sum_lanes(cost);
}

// Binary cross-entropy over sigmoid, from z: C_j = max(z, 0) - y z + ln(1 + exp(-|z|)), delta = a - y.
template <class T>
double sigmoid_cross_entropy(const Output<T>& out, Index row, Index panels) {
  constexpr Index lanes = kLanes<T>;
  Line<T> cost = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    const Line<T> z = load_line(out.z.line(p, row));
    const Line<T> y = load_line(out.y.line(p, row));
    const Logistic<T> l = logistic(z);
    const Line<T> linear = fnma(y, z, select(l.negative, all(T{0}), z));
    cost = select(real, cost + (linear + log1p_of_unit(l.e)), cost);
    store_line(out.a.line(p, row), l.value);
    if (out.delta.data == nullptr) continue;
    store_error(out.delta.line(p, row), l.value - y, real);
  }
  return sum_lanes(cost);
}

// Quadratic cost: C_x = 1/2 sum_j (a_j - y_j)^2, delta = (a - y) sigma'(z).
template <class T, class F>
double quadratic(const Output<T>& out, Index row, Index panels, F f) {
  constexpr Index lanes = kLanes<T>;
  Line<T> cost = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    const Activated<T> activated = f.apply(load_line(out.z.line(p, row)));
    const Line<T> g = activated.value - load_line(out.y.line(p, row));
    cost = select(real, add_square(g, cost), cost);
    store_line(out.a.line(p, row), activated.value);
    if (out.delta.data == nullptr) continue;
    store_error(out.delta.line(p, row), g * activated.slope, real);
  }
  return 0.5 * sum_lanes(cost);
}

template <class T>
void output_softmax(const Output<T>& out, Range rows) {
  const Index panels = panel_count<T>(out.n_out);
  for (Index row = rows.begin; row < rows.end; ++row) {
    const T log_sum = softmax_row(out, row, panels);
    if (out.costs == nullptr) continue;
    out.costs[row] = out.cost == Cost::cross_entropy ? softmax_cross_entropy(out, row, panels, log_sum)
                                                     : softmax_quadratic(out, row, panels);
  }
}

template <class T>
void output_only(const Output<T>& out, Range rows) {
  const Index panels = panel_count<T>(out.n_out);
  with_activation(out.activation, [&](auto f) {
    for (Index p = 0; p < panels; ++p) {
      for (Index row = rows.begin; row < rows.end; ++row) {
        store_line(out.a.line(p, row), f.apply(load_line(out.z.line(p, row))).value);
      }
    }
  });
}

template <class T>
void output(const Output<T>& out, Range rows) {
  if (out.activation == Activation::softmax) return output_softmax(out, rows);
  if (out.costs == nullptr) return output_only(out, rows);
  const Index panels = panel_count<T>(out.n_out);
  if (out.cost == Cost::cross_entropy) {
    for (Index row = rows.begin; row < rows.end; ++row) {
      out.costs[row] = sigmoid_cross_entropy(out, row, panels);
    }
    return;
  }
  with_activation(out.activation, [&](auto f) {
    for (Index row = rows.begin; row < rows.end; ++row) {
      out.costs[row] = quadratic(out, row, panels, f);
    }
  });
}
