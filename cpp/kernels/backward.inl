// BP2, and the weights with lanes across inputs that it needs.

// A line as GCC's own vector type, which the compiler splits into what the machine has.
template <class T>
struct Whole {
  using Type [[gnu::vector_size(kLineBytes)]] = T;
};

// The lanes of two lines in turn: of their first halves, or of their second.
template <bool Second, class Type, class T>
NABLANET_INLINE void interleave(const Type& a, const Type& b, Type& out, T) {
  constexpr int h = Second ? static_cast<int>(kLanes<T>) / 2 : 0;
  if constexpr (kLanes<T> == 16) {
    out = __builtin_shufflevector(a, b, h, h + 16, h + 1, h + 17, h + 2, h + 18, h + 3, h + 19, h + 4, h + 20,
                                  h + 5, h + 21, h + 6, h + 22, h + 7, h + 23);
  } else {
    out = __builtin_shufflevector(a, b, h, h + 8, h + 1, h + 9, h + 2, h + 10, h + 3, h + 11);
  }
}

// As many lines as one has lanes: after as many rounds as halve their number to one, each interleaving a
// line with that half of them behind it, the lanes have become lines.
template <class T>
void transpose_block(const T* from, T* to) {
  constexpr int lanes = static_cast<int>(kLanes<T>);
  using Lines = typename Whole<T>::Type[lanes];
  Lines line, next;
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) __builtin_memcpy(&line[i], from + i * lanes, kLineBytes);
#pragma GCC unroll 4
  for (int half = lanes; half > 1; half /= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes / 2; ++i) {
      interleave<false>(line[i], line[i + lanes / 2], next[2 * i], T{});
      interleave<true>(line[i], line[i + lanes / 2], next[2 * i + 1], T{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) line[i] = next[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) __builtin_memcpy(to + i * lanes, &line[i], kLineBytes);
}

template <class T>
void transpose(Panels<T> weights, Index n_in, Index n_out, Range panels, Panels<T> out) {
  constexpr Index lanes = kLanes<T>;
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    const Index inputs = n_in - panel * lanes < lanes ? n_in - panel * lanes : lanes;
    for (Index j = 0; j < n_out; j += lanes) {
      const T* from = weights.line(j / lanes, panel * lanes);
      T* to = out.line(panel, j);
      if (inputs == lanes && n_out - j >= lanes) {
        transpose_block(from, to);
        continue;
      }
      const Index outputs = n_out - j < lanes ? n_out - j : lanes;
      for (Index o = 0; o < outputs; ++o) {
        for (Index k = 0; k < inputs; ++k) to[o * lanes + k] = from[k * lanes + o];
      }
    }
  }
}

template <class T>
void backward(const Product<T>& product, const Slope<T>& slope, Range rows, Range panels) {
  const auto with = [&](auto slope_of) {
    for_each_tile(product, rows, panels, [&](Index panel, Index row, Index height) {
      for (Index r = row; r < row + height; ++r) {
        T* const delta = product.out.line(panel, r);
        const Line<T> by = slope_of(load_line(slope.panels.line(panel, r)));
        store_line(delta, flush(load_line(delta) * by, kTinyError<T>));
      }
    });
  };
  if (slope.of_relu) return with([](const Line<T>& a) NABLANET_INLINE_LAMBDA { return Relu::slope(a); });
  with([](const Line<T>& slope) NABLANET_INLINE_LAMBDA { return slope; });
}
