// Between the caller's rows and the engine's panels.

template <class T, class S>
void gather_row(const S* from, Index width, Panels<T> out, Index row) {
  constexpr Index lanes = kLanes<T>;
  Index panel = 0;
  for (; (panel + 1) * lanes <= width; ++panel, from += lanes) {
    T* to = out.line(panel, row);
    for (Index i = 0; i < lanes; ++i) to[i] = static_cast<T>(from[i]);
  }
  if (panel * lanes == width) return;
  T* to = out.line(panel, row);
  for (Index i = 0; i < lanes; ++i) to[i] = panel * lanes + i < width ? static_cast<T>(from[i]) : T{0};
}

template <class T, class S>
void gather_rows(const Source& source, const Samples& samples, Range rows, Panels<T> out) {
  const auto* base = static_cast<const unsigned char*>(source.data);
  for (Index row = rows.begin; row < rows.end; ++row) {
    gather_row(reinterpret_cast<const S*>(base + samples.at(row) * source.row_bytes), source.width, out, row);
  }
}

template <class T>
void gather(const Source& source, const Samples& samples, Range rows, Panels<T> out) {
  if (source.scalar == Scalar::float32) return gather_rows<T, float>(source, samples, rows, out);
  gather_rows<T, double>(source, samples, rows, out);
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
