// The output layer: a^L, the cost of each sample, and delta^L (BP1).

// Lanes that hold an output in some panel: the first ones, as many as there are outputs. Their sums and
// maxima are chains, which the others would only make longer.
template <class T>
NABLANET_INLINE Index used_lanes(const Output<T>& out) {
  return out.n_out < kLanes<T> ? out.n_out : kLanes<T>;
}

template <class T>
NABLANET_INLINE T greatest_lane(const Line<T>& x, Index count) {
  alignas(kLineBytes) T lanes[kLanes<T>];
  store_line(lanes, x);
  T greatest = lanes[0];
  for (Index i = 1; i < count; ++i) greatest = greatest < lanes[i] ? lanes[i] : greatest;
  return greatest;
}

// delta^L with zeros in the padding, as every error has them.
template <class T>
NABLANET_INLINE void store_error(T* delta, const Line<T>& value, const LineMask<T>& real) {
  store_line(delta, select(real, flush(value, kTinyError<T>), all(T{0})));
}

// The least z - max z whose exp softmax takes. Where only the cost and the errors a - y are wanted it keeps
// away from denormal numbers: such errors count as zero, and half the last place of a larger y is more than
// its exp.
template <class T>
NABLANET_INLINE Line<T> least_below_top(const Output<T>& out) {
  constexpr T for_errors = sizeof(T) == 4 ? -84 : -700;
  const bool errors = out.costs != nullptr && out.delta.data != nullptr && out.cost == Cost::cross_entropy;
  return all(errors ? for_errors : Constants<T>::exp_low);
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
  const T top = greatest_lane(greatest, used_lanes(out));
  const Line<T> least = least_below_top(out);
  Line<T> sum = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const Line<T> below = load_line(out.z.line(p, row)) - all(top);
    Line<T> e = exp(select(less(below, least), least, below));
    e = select(first_lanes<T>(out.n_out - p * lanes), e, all(T{0}));
    sum = sum + e;
    store_line(out.a.line(p, row), e);
  }
  const Line<T> total = all(static_cast<T>(sum_lanes(sum, used_lanes(out))));
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
  return sum_lanes(cost, used_lanes(out));
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
  return sum_lanes(cost, used_lanes(out));
}

// Poisson over exp, from z: C_j = exp(z) - y + y ln y - y z, delta = a - y.
template <class T>
double exp_poisson(const Output<T>& out, Index row, Index panels) {
  constexpr Index lanes = kLanes<T>;
  Line<T> cost = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    const Line<T> z = load_line(out.z.line(p, row));
    const Line<T> y = load_line(out.y.line(p, row));
    const Line<T> a = exp(z);
    const Line<T> linear = fnma(y, z, a - y);
    cost = select(real, cost + (linear + times_log_ratio(y, all(T{1}))), cost);
    store_line(out.a.line(p, row), a);
    if (out.delta.data == nullptr) continue;
    store_error(out.delta.line(p, row), a - y, real);
  }
  return sum_lanes(cost, used_lanes(out));
}

// Any other cost over softmax: delta_j = a_j (g_j - sum_k g_k a_k) with g = dC/da.
template <class T, class C>
double coupled(const Output<T>& out, Index row, Index panels, C c) {
  constexpr Index lanes = kLanes<T>;
  Line<T> cost = all(T{0});
  Line<T> product = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    const Line<T> a = load_line(out.a.line(p, row));
    const Line<T> y = load_line(out.y.line(p, row));
    cost = select(real, c.add(a, y, cost), cost);
    product = select(real, fma(c.derivative(a, y), a, product), product);
  }
  if (out.delta.data != nullptr) {
    const Line<T> shared = all(static_cast<T>(sum_lanes(product, used_lanes(out))));
    for (Index p = 0; p < panels; ++p) {
      const Line<T> a = load_line(out.a.line(p, row));
      const Line<T> g = c.derivative(a, load_line(out.y.line(p, row)));
      store_error(out.delta.line(p, row), a * (g - shared), first_lanes<T>(out.n_out - p * lanes));
    }
  }
  return C::scale * sum_lanes(cost, used_lanes(out));
}

// Any other cost and output: delta = g sigma'(z), which lies in its place.
template <class T, class C>
double separate(const Output<T>& out, Index row, Index panels, C c) {
  constexpr Index lanes = kLanes<T>;
  Line<T> cost = all(T{0});
  for (Index p = 0; p < panels; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    const Line<T> a = load_line(out.a.line(p, row));
    const Line<T> y = load_line(out.y.line(p, row));
    cost = select(real, c.add(a, y, cost), cost);
    if (out.delta.data == nullptr) continue;
    T* delta = out.delta.line(p, row);
    store_error(delta, c.derivative(a, y) * load_line(delta), real);
  }
  return C::scale * sum_lanes(cost, used_lanes(out));
}

// a = sigma(z) and, where errors are wanted, sigma'(z) in their place.
template <class T>
void output_activations(const Output<T>& out, Range rows) {
  const Index panels = panel_count<T>(out.n_out);
  with_activation(out.activation, [&](auto f) {
    for (Index p = 0; p < panels; ++p) {
      for (Index row = rows.begin; row < rows.end; ++row) {
        const Activated<T> activated = f.apply(load_line(out.z.line(p, row)));
        store_line(out.a.line(p, row), activated.value);
        if (out.delta.data != nullptr) store_line(out.delta.line(p, row), activated.slope);
      }
    }
  });
}

// Label smoothing: y becomes (1 - s) y + s / K in its place.
template <class T>
void smooth(const Output<T>& out, Range rows) {
  const Index classes = out.activation == Activation::softmax ? out.n_out : 2;
  const Line<T> kept = all(static_cast<T>(1 - out.parameter));
  const Line<T> spread = all(static_cast<T>(out.parameter / static_cast<double>(classes)));
  for (Index p = 0; p < panel_count<T>(out.n_out); ++p) {
    for (Index row = rows.begin; row < rows.end; ++row) {
      T* y = out.y.line(p, row);
      store_line(y, fma(load_line(y), kept, spread));
    }
  }
}

// Each row's cost and error times its weight; the weight 0 leaves nothing of them. (An activation of such a
// row that is not finite would still reach the gradient.)
template <class T>
void weigh(const Output<T>& out, Range rows) {
  for (Index row = rows.begin; row < rows.end; ++row) {
    const double weight = out.weights[row];
    out.costs[row] = weight == 0 ? 0 : weight * out.costs[row];
    if (out.delta.data == nullptr) continue;
    const Line<T> factor = all(static_cast<T>(weight));
    for (Index p = 0; p < panel_count<T>(out.n_out); ++p) {
      T* delta = out.delta.line(p, row);
      const Line<T> error = weight == 0 ? all(T{0}) : load_line(delta) * factor;
      store_line(delta, flush(error, kTinyError<T>));
    }
  }
}

// Outputs up to which rows go through softmax side by side, as the lanes of lines of neurons: a row alone is
// a chain of additions.
inline constexpr Index kSideBySideOutputs = 64;
inline constexpr Index kFewestSideBySide = 4;

// Lines of rows as lines of neurons; rows that are missing are zero.
template <class T>
void rows_to_neurons(Panels<T> from, Index row, Index height, Index panels, T* to) {
  constexpr Index block = kLanes<T> * kLanes<T>;
  alignas(kLineBytes) T rows[block] = {};
  for (Index p = 0; p < panels; ++p) {
    const T* lines = from.line(p, row);
    if (height < kLanes<T>) {
      __builtin_memcpy(rows, lines, static_cast<std::size_t>(height * kLineBytes));
      lines = rows;
    }
    transpose_block(lines, to + p * block);
  }
}

template <class T>
void neurons_to_rows(const T* from, Index row, Index height, Index panels, Panels<T> to) {
  constexpr Index block = kLanes<T> * kLanes<T>;
  alignas(kLineBytes) T rows[block];
  for (Index p = 0; p < panels; ++p) {
    transpose_block(from + p * block, rows);
    __builtin_memcpy(to.line(p, row), rows, static_cast<std::size_t>(height * kLineBytes));
  }
}

// What `sum_lanes` makes of each row's sum over the panels, to which add(neuron, sum) adds a neuron.
template <class T, class Add>
NABLANET_INLINE void sum_neurons(Index n_out, double* sums, Add add) {
  constexpr Index lanes = kLanes<T>;
  for (Index r = 0; r < lanes; ++r) sums[r] = 0;
  for (Index i = 0; i < lanes && i < n_out; ++i) {
    Line<T> sum = all(T{0});
    for (Index j = i; j < n_out; j += lanes) sum = add(j, sum);
    alignas(kLineBytes) T of_rows[lanes];
    store_line(of_rows, sum);
    for (Index r = 0; r < lanes; ++r) sums[r] += static_cast<double>(of_rows[r]);
  }
}

// `softmax_row` and `softmax_cross_entropy` for up to as many rows as a line has lanes, with the same bits.
template <class T>
void softmax_side_by_side(const Output<T>& out, Index row, Index height, Index panels) {
  constexpr Index lanes = kLanes<T>;
  alignas(kLineBytes) T z[kSideBySideOutputs * lanes];
  alignas(kLineBytes) T a[kSideBySideOutputs * lanes] = {};
  rows_to_neurons(out.z, row, height, panels, z);
  Line<T> top = load_line(z);
  for (Index j = 1; j < out.n_out; ++j) {
    const Line<T> next = load_line(z + j * lanes);
    top = select(less(top, next), next, top);
  }
  const Line<T> least = least_below_top(out);
  for (Index j = 0; j < out.n_out; ++j) {
    const Line<T> below = load_line(z + j * lanes) - top;
    store_line(a + j * lanes, exp(select(less(below, least), least, below)));
  }
  double sums[lanes];
  sum_neurons<T>(out.n_out, sums,
                 [&](Index j, const Line<T>& sum) { return sum + load_line(a + j * lanes); });
  alignas(kLineBytes) T totals[lanes];
  for (Index r = 0; r < lanes; ++r) totals[r] = static_cast<T>(sums[r]);
  const Line<T> total = load_line(totals);
  for (Index j = 0; j < out.n_out; ++j) store_line(a + j * lanes, load_line(a + j * lanes) / total);
  neurons_to_rows(a, row, height, panels, out.a);
  if (out.costs == nullptr || out.cost != Cost::cross_entropy) return;

  alignas(kLineBytes) T y[kSideBySideOutputs * lanes];
  rows_to_neurons(out.y, row, height, panels, y);
  const Line<T> log_sum = top + log(total);
  sum_neurons<T>(out.n_out, sums, [&](Index j, const Line<T>& sum) {
    return fma(load_line(y + j * lanes), log_sum - load_line(z + j * lanes), sum);
  });
  for (Index r = 0; r < height; ++r) out.costs[row + r] = sums[r];
  for (Index p = 0; p < panels && out.delta.data != nullptr; ++p) {
    const LineMask<T> real = first_lanes<T>(out.n_out - p * lanes);
    for (Index r = row; r < row + height; ++r) {
      store_error(out.delta.line(p, r), load_line(out.a.line(p, r)) - load_line(out.y.line(p, r)), real);
    }
  }
}

template <class T>
void output_softmax(const Output<T>& out, Range rows) {
  const Index panels = panel_count<T>(out.n_out);
  const bool side_by_side = out.n_out <= kSideBySideOutputs && rows.size() >= kFewestSideBySide;
  for (Index row = rows.begin; row < rows.end && side_by_side; row += kLanes<T>) {
    softmax_side_by_side(out, row, rows.end - row < kLanes<T> ? rows.end - row : kLanes<T>, panels);
  }
  if (side_by_side && (out.costs == nullptr || out.cost == Cost::cross_entropy)) return;
  for (Index row = rows.begin; row < rows.end; ++row) {
    const T log_sum = side_by_side ? T{0} : softmax_row(out, row, panels);
    if (out.costs == nullptr) continue;
    if (out.cost == Cost::cross_entropy) {
      out.costs[row] = softmax_cross_entropy(out, row, panels, log_sum);
    } else {
      with_cost(out, [&](auto c) { out.costs[row] = coupled(out, row, panels, c); });
    }
  }
}

template <class T>
void output_elementwise(const Output<T>& out, Range rows) {
  const Index panels = panel_count<T>(out.n_out);
  if (out.costs != nullptr && out.cost == Cost::cross_entropy) {
    for (Index row = rows.begin; row < rows.end; ++row) {
      out.costs[row] = sigmoid_cross_entropy(out, row, panels);
    }
  } else if (out.costs != nullptr && out.cost == Cost::poisson && out.activation == Activation::exp) {
    for (Index row = rows.begin; row < rows.end; ++row) out.costs[row] = exp_poisson(out, row, panels);
  } else {
    output_activations(out, rows);
    if (out.costs == nullptr) return;
    with_cost(out, [&](auto c) {
      for (Index row = rows.begin; row < rows.end; ++row) out.costs[row] = separate(out, row, panels, c);
    });
  }
}

template <class T>
void output(const Output<T>& out, Range rows) {
  if (out.costs != nullptr && out.cost == Cost::cross_entropy && out.parameter != 0) smooth(out, rows);
  if (out.activation == Activation::softmax) {
    output_softmax(out, rows);
  } else {
    output_elementwise(out, rows);
  }
  if (out.costs != nullptr && out.weights != nullptr) weigh(out, rows);
}
