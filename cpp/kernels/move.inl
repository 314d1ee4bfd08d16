// Between the caller's rows and the engine's panels.

template <class T, class S>
NABLANET_INLINE Line<T> convert_line(const S* from, Index count) {
  if constexpr (sizeof(S) == sizeof(T)) {
    if (count == kLanes<T>) return load_line(from);
  }
  alignas(kLineBytes) T lanes[kLanes<T>] = {};
  for (Index i = 0; i < count; ++i) lanes[i] = static_cast<T>(from[i]);
  return load_line(lanes);
}

template <class T, class S>
void gather_rows(const Source& source, const Samples& samples, Range rows, Panels<T> out,
                 std::uint32_t* bits) {
  constexpr Index lanes = kLanes<T>;
  const Index whole = source.width / lanes;
  const Index rest = source.width % lanes;
  for (Index row = rows.begin; row < rows.end; ++row) {
    const auto* bytes = static_cast<const unsigned char*>(source.data) + samples.at(row) * source.row_bytes;
    const auto* from = reinterpret_cast<const S*>(bytes);
    for (Index panel = 0; panel < whole; ++panel) {
      const Line<T> x = convert_line<T>(from + panel * lanes, lanes);
      store_line(out.line(panel, row), x);
      if (bits != nullptr) bits[panel] |= nonzero(x);
    }
    if (rest == 0) continue;
    const Line<T> x = convert_line<T>(from + whole * lanes, rest);
    store_line(out.line(whole, row), x);
    if (bits != nullptr) bits[whole] |= nonzero(x);
  }
}

template <class T>
void gather(const Source& source, const Samples& samples, Range rows, Panels<T> out, std::uint32_t* bits) {
  if (source.scalar == Scalar::float32) return gather_rows<T, float>(source, samples, rows, out, bits);
  gather_rows<T, double>(source, samples, rows, out, bits);
}

template <class T>
void one_hot(const std::int32_t* labels, const Samples& samples, Range rows, Index n_out, Panels<T> out) {
  const Index panels = panel_count<T>(n_out);
  for (Index row = rows.begin; row < rows.end; ++row) {
    for (Index p = 0; p < panels; ++p) store_line(out.line(p, row), all(T{0}));
    const Index label = labels[samples.at(row)];
    out.line(label / kLanes<T>, row)[label % kLanes<T>] = T{1};
  }
}

template <class T>
void scatter(Panels<T> in, Range rows, Index width, T* out) {
  constexpr Index lanes = kLanes<T>;
  for (Index row = rows.begin; row < rows.end; ++row, out += width) {
    for (Index i = 0; i < width; ++i) out[i] = in.line(i / lanes, row)[i % lanes];
  }
}
