// Between the caller's rows and the engine's panels.

// `line(row, first, count)` reads so many numbers of a row from the first of them on. A panel of some rows
// after the other: their cache lines come from memory side by side, what was written lies together, and the
// bits of a panel gather in a register.
template <class T, class ReadLine>
NABLANET_INLINE void gather_lines(const Source& source, const Samples& samples, Range rows, Panels<T> out,
                                  std::uint32_t* bits, const ReadLine& line) {
  constexpr Index lanes = kLanes<T>;
  constexpr Index block = 16;
  const unsigned char* from[block];
  for (Index first = rows.begin; first < rows.end; first += block) {
    const Index height = rows.end - first < block ? rows.end - first : block;
    for (Index i = 0; i < height; ++i) {
      const auto* bytes = static_cast<const unsigned char*>(source.data);
      from[i] = bytes + samples.at(first + i) * source.row_bytes;
    }
    for (Index k = 0; k < source.width; k += lanes) {
      const Index count = source.width - k < lanes ? source.width - k : lanes;
      T* to = out.line(k / lanes, first);
      Line<T> any = all(T{0});
      for (Index i = 0; i < height; ++i, to += lanes) {
        const Line<T> x = line(from[i], k, count);
        store_line(to, x);
        any = either(any, x);
      }
      if (bits != nullptr) bits[k / lanes] |= nonzero(any);
    }
  }
}

// Rows of any step and scale.
template <class T, class S, bool Contiguous, bool Scaled>
void gather_rows(const Source& source, const Samples& samples, Range rows, Panels<T> out,
                 std::uint32_t* bits) {
  constexpr Index size = sizeof(S);
  const Index step = Contiguous ? size : source.column_bytes;
  const Line<T> scale = all(static_cast<T>(source.scale));
  gather_lines(source, samples, rows, out, bits,
               [&](const unsigned char* row, Index first, Index count) NABLANET_INLINE_LAMBDA {
                 const unsigned char* from = row + first * step;
                 alignas(S) unsigned char together[kLanes<T> * size];
                 if constexpr (!Contiguous) {
                   for (Index i = 0; i < count; ++i) {
                     __builtin_memcpy(together + i * size, from + i * step, sizeof(S));
                   }
                   from = together;
                 }
                 const Line<T> x = convert_line<T, S>(from, count);
                 return Scaled ? x * scale : x;
               });
}

// Stored numbers of one place are added in their order. What the caller has changed since its rows
// were checked is read no further than its arrays go.
template <class T, class S, class I>
void gather_sparse_rows(const Source& source, const Samples& samples, Range rows, Panels<T> out,
                        std::uint32_t* bits) {
  constexpr Index lanes = kLanes<T>;
  const Sparse& sparse = source.sparse;
  const auto* numbers = static_cast<const unsigned char*>(source.data);
  const auto* indices = static_cast<const I*>(sparse.indices);
  const auto begin_of = [&sparse](Index i) {
    const auto at = sparse.wide_indptr ? static_cast<const std::int64_t*>(sparse.indptr)[i]
                                       : static_cast<const std::int32_t*>(sparse.indptr)[i];
    return at < 0 ? Index{0} : at > sparse.stored ? sparse.stored : static_cast<Index>(at);
  };
  const auto within = [&source](I column) { return column >= 0 && column < source.width; };
  const Line<T> scale = all(static_cast<T>(source.scale));
  for (Index row = rows.begin; row < rows.end; ++row) {
    const Index panels = panel_count<T>(source.width);
    for (Index panel = 0; panel < panels; ++panel) store_line(out.line(panel, row), all(T{0}));
    const Index begin = begin_of(samples.at(row));
    const Index end = begin_of(samples.at(row) + 1);
    for (Index first = begin; first < end; first += lanes) {
      const Index count = end - first < lanes ? end - first : lanes;
      alignas(kLineBytes) T x[lanes];
      store_line(x, convert_line<T, S>(numbers + first * static_cast<Index>(sizeof(S)), count));
      for (Index i = 0; i < count; ++i) {
        const I column = indices[first + i];
        if (within(column)) out.line(column / lanes, row)[column % lanes] += x[i];
      }
    }
    if (source.scale != 1) {
      for (Index panel = 0; panel < panels; ++panel) {
        store_line(out.line(panel, row), load_line(out.line(panel, row)) * scale);
      }
    }
    if (bits == nullptr) continue;
    for (Index i = begin; i < end; ++i) {
      const I column = indices[i];
      if (!within(column) || out.line(column / lanes, row)[column % lanes] == 0) continue;
      bits[column / lanes] |= std::uint32_t{1} << (column % lanes);
    }
  }
}

template <class T, class S>
void gather_form(const Source& source, const Samples& samples, Range rows, Panels<T> out,
                 std::uint32_t* bits) {
  if (source.is_sparse()) {
    if (source.sparse.wide_indices) {
      return gather_sparse_rows<T, S, std::int64_t>(source, samples, rows, out, bits);
    }
    return gather_sparse_rows<T, S, std::int32_t>(source, samples, rows, out, bits);
  }
  if (source.strided) return gather_rows<T, S, false, true>(source, samples, rows, out, bits);
  if constexpr (sizeof(S) >= 4) {
    if (source.scale == 1) return gather_rows<T, S, true, false>(source, samples, rows, out, bits);
  }
  gather_rows<T, S, true, true>(source, samples, rows, out, bits);
}

template <class T>
void gather(const Source& source, const Samples& samples, Range rows, Panels<T> out, std::uint32_t* bits) {
  switch (source.scalar) {
    case Scalar::float32:
      return gather_form<T, float>(source, samples, rows, out, bits);
    case Scalar::float64:
      return gather_form<T, double>(source, samples, rows, out, bits);
    case Scalar::float16:
      return gather_form<T, Half>(source, samples, rows, out, bits);
    case Scalar::uint8:
      return gather_form<T, std::uint8_t>(source, samples, rows, out, bits);
  }
}

template <class T>
bool finite(Panels<T> in, Range rows, Index width) {
  Line<T> any = all(T{0});  // becomes NaN where a number is not finite
  for (Index panel = 0; panel < panel_count<T>(width); ++panel) {
    for (Index row = rows.begin; row < rows.end; ++row) {
      any = fma(load_line(in.line(panel, row)), all(T{0}), any);
    }
  }
  return nonzero(any) == 0;
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
