// A single sample: the weights are read once, where the caller keeps them.

// Lines that one pass over the inputs holds in registers.
inline constexpr int kRowLines = kTileRows[0] < 2 ? 1 : kTileRows[0] / 2;

// z for some lines; adds to `check` what is NaN where one is not finite, as any is that a weight, a bias or
// an input that is not finite enters.
template <class T, int Lines>
void row_lines(const Row<T>& row, Index first, Line<T>& check) {
  constexpr Index lanes = kLanes<T>;
  const T* const weights = row.weights + first * lanes;
  Line<T> sum[Lines];
#pragma GCC unroll kUnroll
  for (int c = 0; c < Lines; ++c) sum[c] = load_bias(row.bias + (first + c) * lanes);
  for (Index i = 0; i < row.count; ++i) {
    const Index k = row.inputs[i];
    const Line<T> x = all(row.x[k]);
    const T* const w = weights + k * row.step;
#pragma GCC unroll kUnroll
    for (int c = 0; c < Lines; ++c) sum[c] = fma(x, load_line(w + c * lanes), sum[c]);
  }
#pragma GCC unroll kUnroll
  for (int c = 0; c < Lines; ++c) {
    store_line(row.z + (first + c) * lanes, sum[c]);
    check = fma(sum[c], all(T{0}), check);
  }
}

template <class T, int Lines = kRowLines>
NABLANET_INLINE void some_row_lines(const Row<T>& row, Index first, Index lines, Line<T>& check) {
  if (lines == Lines) return row_lines<T, Lines>(row, first, check);
  if constexpr (Lines > 1) some_row_lines<T, Lines - 1>(row, first, lines, check);
}

template <class T>
bool row(const Row<T>& row, Activation activation) {
  Line<T> check = all(T{0});
  for (Index first = 0; first < row.lines; first += kRowLines) {
    const Index lines = row.lines - first < kRowLines ? row.lines - first : kRowLines;
    some_row_lines(row, first, lines, check);
  }
  activate<T>(activation, row.z, nullptr, row.lines);
  return sum_lanes(check) == 0;
}
