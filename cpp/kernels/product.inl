// The product of a mini-batch with a layer's weights, in tiles that stay in registers.

inline constexpr int kTilePanels = sizeof(kTileRows) / sizeof(kTileRows[0]);

// Where input k of a row lies, from the row's first number.
template <class T>
NABLANET_INLINE Index offset_of(Index k, Index panel_step) {
  const auto n = static_cast<std::size_t>(k);
  return static_cast<Index>(n / kLanes<T>) * panel_step + static_cast<Index>(n % kLanes<T>);
}

// Rows x Columns lines of out = in w + bias, as far as the inputs at places `block` of their order add to
// it; later blocks go on from what is in `out`. Each lane adds its products in the order of the inputs.
template <class T, int Rows, int Columns>
void product_tile(const Product<T>& product, Range block, Index row, Index panel) {
  constexpr Index lanes = kLanes<T>;
  Line<T> sum[Rows][Columns];
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) {
    const Line<T> start = product.bias == nullptr ? all(T{0}) : load_line(product.bias + (panel + c) * lanes);
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) {
      sum[r][c] = block.begin == 0 ? start : load_line(product.out.line(panel + c, row + r));
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
  if (product.inputs.list == nullptr) {
    in += block.begin / lanes * in_step;
    weights += block.begin * lanes;
    for (Index first = block.begin; first < block.end; first += lanes, in += in_step) {
      const Index here = block.end - first < lanes ? block.end - first : lanes;
      for (Index i = 0; i < here; ++i, weights += lanes) add_input(in + i, weights);
    }
  } else {
    for (Index place = block.begin; place < block.end; ++place) {
      const Index k = product.inputs.list[place];
      add_input(in + offset_of<T>(k, in_step), weights + k * lanes);
    }
  }
#pragma GCC unroll kUnroll
  for (int c = 0; c < Columns; ++c) {
#pragma GCC unroll kUnroll
    for (int r = 0; r < Rows; ++r) store_line(product.out.line(panel + c, row + r), sum[r][c]);
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

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

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

template <class T>
void forward(const Product<T>& product, Activation activation, Panels<T> slope, Range rows, Range panels) {
  for_each_tile(product, rows, panels, [&](Index panel, Index row, Index height) {
    T* d = slope.data == nullptr ? nullptr : slope.line(panel, row);
    activate(activation, product.out.line(panel, row), d, height);
  });
}

template <class T>
void weighted_input(const Product<T>& product, Range rows, Range panels) {
  for_each_tile(product, rows, panels, [](Index, Index, Index) {});
}
