// BP3 and BP4, with the optimizer fused behind their sums.

// Panels of inputs that a single neuron's gradient sums side by side.
inline constexpr Index kOneNeuronPanels = 4;

// Panels of biases, likewise.
inline constexpr Index kBiasPanels = 4;

// Parameters and what optimizers remember of each: velocities or moments.
template <class T>
struct State {
  T* parameter;
  T* first;
  T* second;
};

// How a line of gradient sums changes the parameters from element i on, for each rule; and whether it
// changes anything where the gradient is zero.
template <class T>
struct StoreSum {
  static constexpr bool needs_every_input = true;
  explicit StoreSum(const Step<T>&) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    store_line(at.parameter + i, sum);
  }
};

// For a gradient over more rows than one mini-batch has.
template <class T>
struct AddSum {
  static constexpr bool needs_every_input = false;
  explicit AddSum(const Step<T>&) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    store_line(at.parameter + i, load_line(at.parameter + i) + sum);
  }
};

template <class T>
struct Descend {
  static constexpr bool needs_every_input = false;
  Line<T> rate;
  explicit Descend(const Step<T>& s) : rate(all(s.rate)) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    store_line(at.parameter + i, fnma(rate, sum, load_line(at.parameter + i)));
  }
};

// Adam (Kingma & Ba 2015), with both bias corrections folded into two scalars.
template <class T>
struct Adam {
  static constexpr bool needs_every_input = true;
  Line<T> rate, decay, mean, blend1, blend2, root, epsilon;
  explicit Adam(const Step<T>& s)
      : rate(all(s.rate)),
        decay(all(s.decay)),
        mean(all(s.mean)),
        blend1(all(s.blend1)),
        blend2(all(s.blend2)),
        root(all(s.root)),
        epsilon(all(s.epsilon)) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    const Line<T> weight = load_line(at.parameter + i);
    const Line<T> g = flush(fma(sum, mean, weight * decay), kTinySquare<T>);
    Line<T> m = load_line(at.first + i);
    Line<T> v = load_line(at.second + i);
    m = flush(fma(blend1, g - m, m), kTinyMoment<T>);
    v = flush(fma(blend2, fma(g, g, all(T{0}) - v), v), kTinyMoment<T>);
    store_line(at.first + i, m);
    store_line(at.second + i, v);
    store_line(at.parameter + i, fnma(rate * m, reciprocal(fma(sqrt(v), root, epsilon)), weight));
  }
  // The same, to the bit, for a sum and a decay of zero.
  NABLANET_INLINE void idle(const State<T>& at, Index i) const {
    const Line<T> zero = all(T{0});
    Line<T> m = load_line(at.first + i);
    Line<T> v = load_line(at.second + i);
    m = flush(fma(blend1, zero - m, m), kTinyMoment<T>);
    v = flush(fma(blend2, zero - v, v), kTinyMoment<T>);
    store_line(at.first + i, m);
    store_line(at.second + i, v);
    store_line(at.parameter + i,
               fnma(rate * m, reciprocal(fma(sqrt(v), root, epsilon)), load_line(at.parameter + i)));
  }
};

// BP4 for Inputs x Columns lines of weights: the sum over the rows stays in registers.
template <class T, int Inputs, int Columns, class Rule>
NABLANET_INLINE void gradient_tile(const Update<T>& update, const Rule& rule, Index panel, Index first) {
  constexpr Index lanes = kLanes<T>;
  const Index* const places = update.inputs.places + first;
  const Index* const lines = update.inputs.lines + first;
  // in locals, since the compiler must take every store for one into `update`
  const State<T> at{update.weights.data, update.first, update.second};
  const Index panel_step = update.weights.stride * lanes;
  Line<T> sum[Inputs][Columns];
  Index place[Inputs];
#pragma GCC unroll kUnroll
  for (int i = 0; i < Inputs; ++i) {
    place[i] = places[i];
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) {
      sum[i][c] = all(T{0});
      __builtin_prefetch(at.parameter + (panel + c) * panel_step + lines[i], 1, 3);
    }
  }
  const T* in = update.in.data;
  const T* delta = update.delta.line(panel, 0);
  const Index delta_step = update.delta.stride * lanes;
  for (Index row = update.rows; row > 0; --row, in += lanes, delta += lanes) {
    Line<T> d[Columns];
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) d[c] = load_line(delta + c * delta_step);
#pragma GCC unroll kUnroll
    for (int i = 0; i < Inputs; ++i) {
      const Line<T> x = all(in[place[i]]);
#pragma GCC unroll kUnroll
      for (int c = 0; c < Columns; ++c) sum[i][c] = fma(x, d[c], sum[i][c]);
    }
  }
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) {
#pragma GCC unroll kUnroll
    for (int i = 0; i < Inputs; ++i) rule(sum[i][c], at, (panel + c) * panel_step + lines[i]);
  }
}

// The same for any number of inputs and as few rows as their errors stay in registers too. Each input's
// sums are short chains, which the processor overlaps.
template <class T, int Rows, int Columns, class Rule>
void gradient_of_few_rows(const Update<T>& update, const Rule& rule, Index panel, Range active) {
  constexpr Index lanes = kLanes<T>;
  const Index* const places = update.inputs.places;
  const Index* const lines = update.inputs.lines;
  const State<T> at{update.weights.data, update.first, update.second};
  const Index panel_step = update.weights.stride * lanes;
  const Index first = panel * panel_step;
  const T* const in = update.in.data;
  Line<T> delta[Rows][Columns];
#pragma GCC unroll kUnroll
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) delta[r][c] = load_line(update.delta.line(panel + c, r));
  }
  for (Index k = active.begin; k < active.end; ++k) {
    Line<T> sum[Columns];
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) sum[c] = all(T{0});
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) {
      const Line<T> x = all(in[places[k] + r * lanes]);
#pragma GCC unroll kUnroll
      for (int c = 0; c < Columns; ++c) sum[c] = fma(x, delta[r][c], sum[c]);
    }
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) rule(sum[c], at, first + c * panel_step + lines[k]);
  }
}

// Whether there was a form for so few rows.
template <class T, int Columns, class Rule, int Rows = kFewRows[Columns - 1]>
NABLANET_INLINE bool few_rows(const Update<T>& update, const Rule& rule, Index panel, Range active) {
  if constexpr (Rows > 0) {
    if (update.rows == Rows) {
      gradient_of_few_rows<T, Rows, Columns>(update, rule, panel, active);
      return true;
    }
    return few_rows<T, Columns, Rule, Rows - 1>(update, rule, panel, active);
  }
  return false;
}

template <class T, int Columns, class Rule>
void update_active(const Update<T>& update, const Rule& rule, Index panel, Range active) {
  // for the chapter's own steps alone: the forms take their time to compile
  if constexpr (std::is_same_v<Rule, Descend<T>>) {
    if (few_rows<T, Columns>(update, rule, panel, active)) return;
  }
  constexpr int height = kTileInputs[Columns - 1];
  Index k = active.begin;
  for (; k + height <= active.end; k += height) gradient_tile<T, height, Columns>(update, rule, panel, k);
  for (; k < active.end; ++k) gradient_tile<T, 1, Columns>(update, rule, panel, k);
}

template <class T, int Columns, class Rule>
void update_columns(const Update<T>& update, const Rule& rule, Index panel, const UpdatePart& part) {
  update_active<T, Columns>(update, rule, panel, part.active);
  if constexpr (Rule::needs_every_input) {
    const State<T> at{update.weights.data, update.first, update.second};
    for (Index c = 0; c < Columns; ++c) {
      const Index first = (panel + c) * update.weights.stride * kLanes<T>;
      if constexpr (requires { rule.idle(at, first); }) {
        if (update.weight_step.decay == 0) {
          for (Index i = part.idle.begin; i < part.idle.end; ++i) {
            rule.idle(at, first + update.inputs.idle_lines[i]);
          }
          continue;
        }
      }
      for (Index i = part.idle.begin; i < part.idle.end; ++i) {
        rule(all(T{0}), at, first + update.inputs.idle_lines[i]);
      }
    }
  }
}

// The same for a single neuron, whose line has one number: here lanes run across the inputs, of which
// `Count` panels from `first` on. Each sum is over the rows in their order, as everywhere. Apart from the
// rules, so that it is compiled once.
template <class T, int Count>
void sum_one_neuron(const Update<T>& update, Index first, T* sums) {
  constexpr Index lanes = kLanes<T>;
  const T* in = update.in.line(first, 0);
  const Index in_step = update.in.stride * lanes;
  const T* delta = update.delta.data;
  Line<T> sum[Count];
#pragma GCC unroll kUnroll
  for (int p = 0; p < Count; ++p) sum[p] = all(T{0});
  for (Index row = update.rows; row > 0; --row, in += lanes, delta += lanes) {
    const Line<T> d = all(*delta);
#pragma GCC unroll kUnroll
    for (int p = 0; p < Count; ++p) sum[p] = fma(load_line(in + p * in_step), d, sum[p]);
  }
  for (int p = 0; p < Count; ++p) store_line(sums + p * lanes, sum[p]);
}

template <class T, class Rule>
void update_one_neuron(const Update<T>& update, const Rule& rule, Range inputs) {
  constexpr Index lanes = kLanes<T>;
  const State<T> at{update.weights.data, update.first, update.second};
  const LineMask<T> neuron = first_lanes<T>(1);
  alignas(kLineBytes) T sums[kOneNeuronPanels * lanes];
  const Index panels = panel_count<T>(inputs.end);
  for (Index panel = inputs.begin / lanes; panel < panels;) {
    const Index count = panels - panel < kOneNeuronPanels ? panels - panel : kOneNeuronPanels;
    with_columns<kOneNeuronPanels>(count,
                                   [&]<int Count>() { sum_one_neuron<T, Count>(update, panel, sums); });
    const Index first = panel * lanes;
    const Index begin = inputs.begin < first ? first : inputs.begin;
    const Index end = inputs.end < first + count * lanes ? inputs.end : first + count * lanes;
    for (Index k = begin; k < end; ++k) {
      rule(select(neuron, all(sums[k - first]), all(T{0})), at, k * lanes);
    }
    panel += count;
  }
}

// The same where most inputs are zero: each few inputs with the rows in which one of them is not.
template <class T, int Columns, class Rule>
void update_marked_columns(const Update<T>& update, const Rule& rule, Index panel, const UpdatePart& part) {
  constexpr Index lanes = kLanes<T>;
  constexpr int height = kMarkedInputs;
  const RowLists<T>& lists = update.lists;
  const State<T> at{update.weights.data, update.first, update.second};
  const Index panel_step = update.weights.stride * lanes;
  const T* const delta = update.delta.line(panel, 0);
  const Index delta_step = update.delta.stride * lanes;
  for (Index k = part.active.begin; k < part.active.end; k += height) {
    const Index group = k / height;
    const Index count = lists.counts[group];
    if (!Rule::needs_every_input && count == 0) continue;
    const std::uint32_t* const rows = lists.lines + group * lists.room;
    const T* in = lists.values + group * lists.room * height;
    Line<T> sum[height][Columns];
#pragma GCC unroll kUnroll
    for (int i = 0; i < height; ++i) {
#pragma GCC unroll kUnroll
      for (int c = 0; c < Columns; ++c) {
        sum[i][c] = all(T{0});
        __builtin_prefetch(at.parameter + (panel + c) * panel_step + (k + i) * lanes, 1, 3);
      }
    }
    for (Index r = 0; r < count; ++r, in += height) {
      const Index row = rows[r];
      Line<T> d[Columns];
#pragma GCC unroll kUnroll
      for (int c = 0; c < Columns; ++c) d[c] = load_line(delta + row + c * delta_step);
#pragma GCC unroll kUnroll
      for (int i = 0; i < height; ++i) {
        const Line<T> x = all(in[i]);
#pragma GCC unroll kUnroll
        for (int c = 0; c < Columns; ++c) sum[i][c] = fma(x, d[c], sum[i][c]);
      }
    }
    const Index inputs = part.active.end - k < height ? part.active.end - k : height;
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) {
#pragma GCC unroll kUnroll
      for (int i = 0; i < height; ++i) {
        if (i < inputs) rule(sum[i][c], at, (panel + c) * panel_step + (k + i) * lanes);
      }
    }
  }
}

// BP3, for panels side by side, since each sum is a chain.
template <class T, int Columns>
void sum_biases(const Update<T>& update, Index panel, T* sums) {
  constexpr Index lanes = kLanes<T>;
  const T* delta = update.delta.line(panel, 0);
  const Index delta_step = update.delta.stride * lanes;
  Line<T> sum[Columns];
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) sum[c] = all(T{0});
  for (Index row = update.rows; row > 0; --row, delta += lanes) {
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) sum[c] = sum[c] + load_line(delta + c * delta_step);
  }
  for (int c = 0; c < Columns; ++c) store_line(sums + c * lanes, sum[c]);
}

template <class T, class Rule>
void update_biases(const Update<T>& update, const Rule& rule, Range panels) {
  constexpr Index lanes = kLanes<T>;
  const State<T> at{update.bias, update.bias_first, update.bias_second};
  alignas(kLineBytes) T sums[kBiasPanels * lanes];
  for (Index panel = panels.begin; panel < panels.end;) {
    const Index left = panels.end - panel;
    const Index columns = left < kBiasPanels ? left : kBiasPanels;
    with_columns<kBiasPanels>(columns, [&]<int Columns>() { sum_biases<T, Columns>(update, panel, sums); });
    for (Index c = 0; c < columns; ++c) rule(load_line(sums + c * lanes), at, (panel + c) * lanes);
    panel += columns;
  }
}

template <class T, class Rule>
void update_with(const Update<T>& update, const UpdatePart& part) {
  const Rule rule(update.weight_step);
  const bool marked = update.lists.lines != nullptr;
  const bool one_neuron = update.one_neuron && !marked && update.inputs.every;
  if (one_neuron && part.panels.size() > 0) update_one_neuron(update, rule, part.active);
  for (Index panel = part.panels.begin; panel < part.panels.end && !one_neuron;) {
    const Index left = part.panels.end - panel;
    const Index columns = divide_up(left, divide_up(left, marked ? kListedPanels : kTilePanels));
    if (marked) {
      with_columns<kListedPanels>(
          columns, [&]<int Columns>() { update_marked_columns<T, Columns>(update, rule, panel, part); });
    } else {
      with_columns<kTilePanels>(
          columns, [&]<int Columns>() { update_columns<T, Columns>(update, rule, panel, part); });
    }
    panel += columns;
  }
  if (part.biases) update_biases(update, Rule(update.bias_step), part.panels);
}
