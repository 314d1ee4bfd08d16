// The product of a mini-batch with a layer's weights, in tiles that stay in registers.

inline constexpr int kTilePanels = sizeof(kTileRows) / sizeof(kTileRows[0]);

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

// Never -0, which an input of zero would turn into +0 if it were not skipped.
template <class T>
NABLANET_INLINE Line<T> load_bias(const T* bias) {
  return load_line(bias) + all(T{0});
}

// Rows x Columns lines of out = in w + bias, as far as the inputs at places `block` of their order add to
// it; later blocks go on from what is in `out`. Each lane adds its products in the order of the inputs.
template <class T, int Rows, int Columns>
void product_tile(const Product<T>& product, Range block, Index row, Index panel) {
  constexpr Index lanes = kLanes<T>;
  Line<T> sum[Rows][Columns];
  // in locals, since the compiler must take every store for one into `product`
  T* const out = product.out.line(panel, row);
  const Index out_step = product.out.stride * lanes;
  if (block.begin == 0) {
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) {
      const T* bias = product.bias;
      const Line<T> start = bias == nullptr ? all(T{0}) : load_bias(bias + (panel + c) * lanes);
#pragma GCC unroll kUnroll
      for (int r = 0; r < Rows; ++r) sum[r][c] = start;
    }
  } else {
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) {
#pragma GCC unroll kUnroll
      for (int r = 0; r < Rows; ++r) sum[r][c] = load_line(out + c * out_step + r * lanes);
    }
  }
  const T* weights = product.weights.line(panel, 0);
  const Index panel_step = product.weights.stride * lanes;
  const T* in = product.in.line(0, row);
  const Index in_step = product.in.stride * lanes;
  const auto add_input = [&](const T* x, const T* line) NABLANET_INLINE_LAMBDA {
    Line<T> w[Columns];
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) w[c] = load_line(line + c * panel_step);
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) {
      const Line<T> broadcast = all(x[r * lanes]);
#pragma GCC unroll kUnroll
      for (int c = 0; c < Columns; ++c) sum[r][c] = fma(broadcast, w[c], sum[r][c]);
    }
  };
  if (product.inputs.every) {
    in += block.begin / lanes * in_step;
    weights += block.begin * lanes;
    Index left = block.size();
    for (; left >= lanes; left -= lanes, in += in_step, weights += lanes * lanes) {
#pragma GCC unroll 4
      for (Index i = 0; i < lanes; ++i) add_input(in + i, weights + i * lanes);
    }
    for (Index i = 0; i < left; ++i) add_input(in + i, weights + i * lanes);
  } else {
    const Index* const places = product.inputs.places;
    const Index* const lines = product.inputs.lines;
    for (Index i = block.begin; i < block.end; ++i) add_input(in + places[i], weights + lines[i]);
  }
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) {
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) store_line(out + c * out_step + r * lanes, sum[r][c]);
  }
}

template <class T>
using ProductTile = void (*)(const Product<T>&, Range block, Index row, Index panel);

// tiles[Columns - 1][Rows - 1], as far as the registers reach.
template <class T>
struct ProductTiles {
  static constexpr int most = 16;
  ProductTile<T> tile[kTilePanels][most] = {};

  template <int Columns, int Rows>
  constexpr void fill() {
    if constexpr (Rows > 0) {
      tile[Columns - 1][Rows - 1] = product_tile<T, Rows, Columns>;
      fill<Columns, Rows - 1>();
    }
  }
  constexpr ProductTiles() {
    fill<1, kTileRows[0]>();
    if constexpr (kTilePanels > 1) fill<2, kTileRows[kTilePanels > 1 ? 1 : 0]>();
    if constexpr (kTilePanels > 2) fill<3, kTileRows[kTilePanels > 2 ? 2 : 0]>();
  }
};
template <class T>
constexpr ProductTiles<T> product_tiles;

// Inputs whose weights stay in the first cache while tile after tile of rows uses them: 128 lines of
// three panels are half of it. A multiple of the lanes.
inline constexpr Index kBlockInputs = 128;

// Covers rows x panels with tiles of nearly equal size; `after` sees each one while it is in cache.
template <class T, class After>
NABLANET_INLINE void for_each_tile(const Product<T>& product, Range rows, Range panels, After after) {
  const Index inputs = product.inputs.active;
  for (Index panel = panels.begin; panel < panels.end;) {
    const Index left = panels.end - panel;
    const Index columns = divide_up(left, divide_up(left, kTilePanels));
    const Index tile_rows = kTileRows[columns - 1];
    // weights that only one or two tiles use are not worth a stop on the way
    const Index step = rows.size() > 2 * tile_rows ? kBlockInputs : inputs;
    Index begin = 0;
    do {
      const Range block{begin, inputs - begin < step ? inputs : begin + step};
      for (Index row = rows.begin; row < rows.end;) {
        const Index rows_left = rows.end - row;
        const Index height = divide_up(rows_left, divide_up(rows_left, tile_rows));
        product_tiles<T>.tile[columns - 1][height - 1](product, block, row, panel);
        if (block.end == inputs) {
          for (Index c = 0; c < columns; ++c) after(panel + c, row, height);
        }
        row += height;
      }
      begin = block.end;
    } while (begin < inputs);
    panel += columns;
  }
}

// Calls function.template operator()<Columns>() for a number of panels up to Most.
template <int Most, class Function>
NABLANET_INLINE void with_columns(Index columns, const Function& function) {
  if (columns == Most) return function.template operator()<Most>();
  if constexpr (Most > 1) with_columns<Most - 1>(columns, function);
}

// What is marked in some rows of a block of inputs: places in the block's part of a row and lines of its
// weights, both counted in numbers.
struct ListedInputs {
  std::uint32_t places[kBlockInputs + kMostLanes];
  std::uint32_t lines[kBlockInputs + kMostLanes];
  Index count = 0;
};

// Rows x Columns lines of the product with a block of inputs, from panel `first` of them on, as in
// `product_tile`; blocks but the first go on from `sums`.
template <class T, int Rows, int Columns>
NABLANET_INLINE void marked_tile(const Product<T>& product, const ListedInputs& listed, Index first,
                                 const Panels<T>& sums, Index row, Index panel) {
  constexpr Index lanes = kLanes<T>;
  T* const out = product.out.line(panel, row);
  const Index out_step = product.out.stride * lanes;
  Line<T> sum[Rows][Columns];
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) {
    const T* const bias = product.bias + (panel + c) * lanes;
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) {
      sum[r][c] = first == 0 ? load_bias(bias) : load_line(sums.line(panel + c, row + r));
    }
  }
  const T* in[Rows];
#pragma GCC unroll kUnroll
  for (int r = 0; r < Rows; ++r) in[r] = product.marks.rows[row + r] + first * product.marks.step;
  const T* const weights = product.weights.line(panel, first * lanes);
  const Index panel_step = product.weights.stride * lanes;
  const std::uint32_t* line = listed.lines;
  const std::uint32_t* const end = listed.places + listed.count;
  for (const std::uint32_t* place = listed.places; place < end; ++place, ++line) {
    Line<T> w[Columns];
#pragma GCC unroll kUnroll
    for (int c = 0; c < Columns; ++c) w[c] = load_line(weights + *line + c * panel_step);
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) {
      const Line<T> x = all(in[r][*place]);
#pragma GCC unroll kUnroll
      for (int c = 0; c < Columns; ++c) sum[r][c] = fma(x, w[c], sum[r][c]);
    }
  }
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) {
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) store_line(out + c * out_step + r * lanes, sum[r][c]);
  }
}

// Blocks of inputs, whose weights stay in the first cache while all rows pass, a few at a time.
template <class T, int Columns>
void marked_columns(const Product<T>& product, Range rows, Index panel) {
  const Range inputs = product.marks.panels;
  const int blocks = static_cast<int>(divide_up(inputs.size() * kLanes<T>, kBlockInputs));
  ListedInputs listed;
  for (int b = 0; b < blocks; ++b) {
    const Range block = share(inputs, b, blocks);
    const Panels<T>& sums = b == 0 ? product.sums : product.out;
    const auto tile = [&]<int Rows>(Index row) NABLANET_INLINE_LAMBDA {
      listed.count = list_marked<T>(product.marks, {row, row + Rows}, block, listed.places, listed.lines);
      marked_tile<T, Rows, Columns>(product, listed, block.begin, sums, row, panel);
    };
    Index row = rows.begin;
    for (; row + kMarkedRows <= rows.end; row += kMarkedRows) tile.template operator()<kMarkedRows>(row);
    for (; row < rows.end; ++row) tile.template operator()<1>(row);
  }
}

// `for_each_tile` where most inputs are zero: each few rows with the inputs that are not zero in one of them.
template <class T, class After>
NABLANET_INLINE void for_each_marked_tile(const Product<T>& product, Range rows, Range panels, After after) {
  for (Index panel = panels.begin; panel < panels.end;) {
    const Index left = panels.end - panel;
    const Index columns = divide_up(left, divide_up(left, kMarkedPanels));
    with_columns<kMarkedPanels>(columns,
                                [&]<int Columns>() { marked_columns<T, Columns>(product, rows, panel); });
    if (product.marks.panels.end == panel_count<T>(product.inputs.active)) {
      for (Index c = 0; c < columns; ++c) after(panel + c, rows.begin, rows.size());
    }
    panel += columns;
  }
}

template <class T>
void forward(const Product<T>& product, Activation activation, const Slope<T>& slope, Range rows,
             Range panels) {
  const bool keep = !slope.of_relu && slope.panels.data != nullptr;
  const auto after = [&](Index panel, Index row, Index height) {
    T* d = keep ? slope.panels.line(panel, row) : nullptr;
    activate(activation, product.out.line(panel, row), d, height);
  };
  if (product.marks.words != nullptr) return for_each_marked_tile(product, rows, panels, after);
  for_each_tile(product, rows, panels, after);
}

template <class T>
void weighted_input(const Product<T>& product, Range rows, Range panels) {
  const auto after = [](Index, Index, Index) {};
  if (product.marks.words != nullptr) return for_each_marked_tile(product, rows, panels, after);
  for_each_tile(product, rows, panels, after);
}
