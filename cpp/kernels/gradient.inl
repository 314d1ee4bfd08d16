// The backward pass: BP2, and BP3 and BP4 with the optimizer fused behind their sums.

template <class T>
void transpose(Panels<T> weights, Index n_in, Index n_out, Range panels, Panels<T> out) {
  constexpr Index lanes = kLanes<T>;
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    const Index inputs = n_in - panel * lanes < lanes ? n_in - panel * lanes : lanes;
    for (Index j = 0; j < n_out; ++j) {
      const T* from = weights.line(j / lanes, panel * lanes) + j % lanes;
      T* to = out.line(panel, j);
      for (Index k = 0; k < inputs; ++k) to[k] = from[k * lanes];
    }
  }
}

// BP2. The product lands in a tile-sized buffer, since `out` holds sigma'(z^l) until it is multiplied.
template <class T>
void backward(const Product<T>& product, Range rows, Range panels) {
  constexpr Index lanes = kLanes<T>;
  alignas(kLineBytes) T buffer[kTilePanels * ProductTiles<T>::most * lanes];
  Product<T> tile = product;
  for (Index panel = panels.begin; panel < panels.end;) {
    const Index left = panels.end - panel;
    const Index columns = divide_up(left, divide_up(left, kTilePanels));
    for (Index row = rows.begin; row < rows.end;) {
      const Index rows_left = rows.end - row;
      const Index height = divide_up(rows_left, divide_up(rows_left, kTileRows[columns - 1]));
      // the tile writes line (panel, row) of `out`: shift the buffer so that this is its start
      tile.in.data = product.in.data + row * lanes;
      tile.weights.data = product.weights.line(panel, 0);
      tile.out = {buffer, height};
      product_tiles<T>.tile[columns - 1][height - 1](tile, 0, 0);
      for (Index c = 0; c < columns; ++c) {
        for (Index r = 0; r < height; ++r) {
          T* delta = product.out.line(panel + c, row + r);
          store_line(delta, flush(load_line(tile.out.line(c, r)) * load_line(delta), kTinyError<T>));
        }
      }
      row += height;
    }
    panel += columns;
  }
}

// Parameters and their moments, which only Adam has.
template <class T>
struct State {
  T* parameter;
  T* first;
  T* second;
};

// How a line of gradient sums changes the parameters from element i on, for each rule.
template <class T>
struct StoreSum {
  explicit StoreSum(const Step<T>&) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    store_line(at.parameter + i, sum);
  }
};

template <class T>
struct Descend {
  Line<T> rate;
  explicit Descend(const Step<T>& s) : rate(all(s.rate)) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    store_line(at.parameter + i, fnma(rate, sum, load_line(at.parameter + i)));
  }
};

template <class T>
struct DescendAndDecay {
  Line<T> rate, decay;
  explicit DescendAndDecay(const Step<T>& s) : rate(all(s.rate)), decay(all(s.decay)) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    store_line(at.parameter + i, fnma(rate, sum, load_line(at.parameter + i) * decay));
  }
};

// Adam (Kingma & Ba 2015), with both bias corrections folded into two scalars.
template <class T>
struct Adam {
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
    store_line(at.parameter + i, weight - rate * m / fma(sqrt(v), root, epsilon));
  }
};

// BP4 for Inputs x Panels lines of weights: the sum over the rows stays in registers.
template <class T, int Inputs, int Columns, class Rule>
NABLANET_INLINE void gradient_tile(const Update<T>& update, const Rule& rule, Index panel, Index input) {
  constexpr Index lanes = kLanes<T>;
  Line<T> sum[Inputs][Columns];
#pragma GCC unroll kUnroll
  for (int i = 0; i < Inputs; ++i) {
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) sum[i][c] = all(T{0});
  }
  const T* in = update.in.line(input / lanes, 0) + input % lanes;
  const T* delta = update.delta.line(panel, 0);
  const Index delta_step = update.delta.stride * lanes;
  for (Index row = update.rows; row > 0; --row, in += lanes, delta += lanes) {
    Line<T> d[Columns];
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) d[c] = load_line(delta + c * delta_step);
#pragma GCC unroll kUnroll
    for (int i = 0; i < Inputs; ++i) {
      const Line<T> x = all(in[i]);
#pragma GCC unroll kUnroll
      for (int c = 0; c < Columns; ++c) sum[i][c] = fma(x, d[c], sum[i][c]);
    }
  }
  // in locals, since the compiler must take every store for one into `update`
  const State<T> at{update.weights.data, update.first, update.second};
  const Index element = (panel * update.weights.stride + input) * lanes;
  const Index panel_step = update.weights.stride * lanes;
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) {
#pragma GCC unroll kUnroll
    for (int i = 0; i < Inputs; ++i) rule(sum[i][c], at, element + c * panel_step + i * lanes);
  }
}

template <class T, int Columns, class Rule>
void update_columns(const Update<T>& update, const Rule& rule, Index panel, Range inputs) {
  Index input = inputs.begin;
  for (; input + kTileInputs <= inputs.end; input += kTileInputs) {
    gradient_tile<T, kTileInputs, Columns>(update, rule, panel, input);
  }
  for (; input < inputs.end; ++input) gradient_tile<T, 1, Columns>(update, rule, panel, input);
}

template <class T, class Rule>
void update_with(const Update<T>& update, Range panels, Range inputs) {
  constexpr Index lanes = kLanes<T>;
  const Rule rule(update.weight_step);
  for (Index panel = panels.begin; panel < panels.end;) {
    const Index left = panels.end - panel;
    const Index columns = divide_up(left, divide_up(left, kTilePanels));
    if (columns == 1) update_columns<T, 1>(update, rule, panel, inputs);
    if constexpr (kTilePanels > 1) {
      if (columns == 2) update_columns<T, 2>(update, rule, panel, inputs);
    }
    if constexpr (kTilePanels > 2) {
      if (columns == 3) update_columns<T, 3>(update, rule, panel, inputs);
    }
    panel += columns;
  }
  if (inputs.begin != 0) return;  // the biases belong to whoever has the first input
  const Rule bias_rule(update.bias_step);
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    Line<T> sum = all(T{0});
    for (Index row = 0; row < update.rows; ++row) sum = sum + load_line(update.delta.line(panel, row));
    bias_rule(sum, State<T>{update.bias, update.bias_first, update.bias_second}, panel * lanes);
  }
}

template <class T>
void update(const Update<T>& update, Range panels, Range inputs) {
  switch (update.weight_step.rule) {
    case Rule::store:
      return update_with<T, StoreSum<T>>(update, panels, inputs);
    case Rule::sgd:
      return update_with<T, Descend<T>>(update, panels, inputs);
    case Rule::sgd_decay:
      return update_with<T, DescendAndDecay<T>>(update, panels, inputs);
    case Rule::adam:
      return update_with<T, Adam<T>>(update, panels, inputs);
  }
}
