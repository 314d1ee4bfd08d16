// Between the caller's rows and the engine's panels.

template <class T, class S>
NABLANET_INLINE Line<T> convert_line(const S* from, Index count) {
  if constexpr (sizeof(S) == sizeof(T)) {
    return count == kLanes<T> ? load_line(from) : load_first_of_line(from, count);
  }
  alignas(kLineBytes) T lanes[kLanes<T>] = {};
  for (Index i = 0; i < count; ++i) lanes[i] = static_cast<T>(from[i]);
  return load_line(lanes);
}

// A panel of all rows after the other: what was written lies together, and the bits of a panel gather
// in a register.
template <class T, class S>
void gather_rows(const Source& source, const Samples& samples, Range rows, Panels<T> out,
                 std::uint32_t* bits) {
  constexpr Index lanes = kLanes<T>;
  constexpr Index block = 16;
  const S* from[block];
  for (Index first = rows.begin; first < rows.end; first += block) {
    const Index height = rows.end - first < block ? rows.end - first : block;
    for (Index i = 0; i < height; ++i) {
      const auto* bytes = static_cast<const unsigned char*>(source.data);
      from[i] = reinterpret_cast<const S*>(bytes + samples.at(first + i) * source.row_bytes);
    }
    for (Index k = 0; k < source.width; k += lanes) {
      const Index count = source.width - k < lanes ? source.width - k : lanes;
      T* to = out.line(k / lanes, first);
      Line<T> any = all(T{0});
      for (Index i = 0; i < height; ++i, to += lanes) {
        const Line<T> x = convert_line<T>(from[i] + k, count);
        store_line(to, x);
        any = either(any, x);
      }
      if (bits != nullptr) bits[k / lanes] |= nonzero(any);
    }
  }
}

struct Half {
  std::uint16_t bits;
};

// The number at an address of any alignment, in T.
template <class T, class S>
NABLANET_INLINE T number_at(const unsigned char* at) {
  S x;
  __builtin_memcpy(&x, at, sizeof x);
  if constexpr (sizeof(S) == 2) {
    // The bits of a half in a float's places make the number times 2^-112, subnormal ones too.
    const std::uint32_t magnitude = x.bits & 0x7fffu;
    const std::uint32_t shifted = magnitude << 13;
    float small;
    __builtin_memcpy(&small, &shifted, sizeof small);
    const float exact = small * 0x1p112f;
    std::uint32_t bits;
    __builtin_memcpy(&bits, &exact, sizeof bits);
    if (magnitude >= 0x7c00u) bits = shifted | 0x7f800000u;  // infinity or NaN
    bits |= (x.bits & 0x8000u) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return static_cast<T>(value);
  } else {
    return static_cast<T>(x);
  }
}

// Rows of any step and scale.
template <class T, class S, bool Contiguous>
void gather_scaled(const Source& source, const Samples& samples, Range rows, Panels<T> out,
                   std::uint32_t* bits) {
  constexpr Index lanes = kLanes<T>;
  const Index step = Contiguous ? static_cast<Index>(sizeof(S)) : source.column_bytes;
  const Line<T> scale = all(static_cast<T>(source.scale));
  for (Index row = rows.begin; row < rows.end; ++row) {
    const auto* from = static_cast<const unsigned char*>(source.data) + samples.at(row) * source.row_bytes;
    for (Index first = 0; first < source.width; first += lanes, from += lanes * step) {
      alignas(kLineBytes) T numbers[lanes] = {};
      if (source.width - first >= lanes) {
        for (Index i = 0; i < lanes; ++i) numbers[i] = number_at<T, S>(from + i * step);
      } else {
        for (Index i = 0; i < source.width - first; ++i) numbers[i] = number_at<T, S>(from + i * step);
      }
      const Line<T> x = load_line(numbers) * scale;
      store_line(out.line(first / lanes, row), x);
      if (bits != nullptr) bits[first / lanes] |= nonzero(x);
    }
  }
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
    for (Index i = begin; i < end; ++i) {
      const I column = indices[i];
      if (!within(column)) continue;
      T& x = out.line(column / lanes, row)[column % lanes];
      x += number_at<T, S>(numbers + i * static_cast<Index>(sizeof(S)));
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
  if (source.strided) return gather_scaled<T, S, false>(source, samples, rows, out, bits);
  if constexpr (sizeof(S) >= 4) {
    if (source.scale == 1) return gather_rows<T, S>(source, samples, rows, out, bits);
  }
  gather_scaled<T, S, true>(source, samples, rows, out, bits);
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
