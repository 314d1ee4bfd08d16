// From a bit for each input to lists of them.

// Eight numbers for each byte, whatever its bits, which saves branches that nobody can foresee.
template <class T>
Index list_inputs(const std::uint32_t* bits, Index n_in, bool unset, Index stride, Index* places,
                  Index* lines) {
  constexpr Index lanes = kLanes<T>;
  Index count = 0;
  for (Index panel = 0; panel * lanes < n_in; ++panel) {
    std::uint32_t word = unset ? ~bits[panel] : bits[panel];
    if (unset && n_in - panel * lanes < lanes) word &= (1U << (n_in - panel * lanes)) - 1;
    for (Index lane = 0; lane < lanes; lane += kByteBits, word >>= kByteBits) {
      const std::uint32_t byte = word & 0xff;
      pack_places(byte, (panel * lanes + lane) * lanes, lanes, lines + count);
      if (places != nullptr) pack_places(byte, panel * stride * lanes + lane, 1, places + count);
      count += __builtin_popcount(byte);
    }
  }
  return count;
}

template <class T, class Look>
NABLANET_INLINE void mark_lines(const Marks<T>& marks, Range rows, Index width, Look look) {
  constexpr Index lanes = kLanes<T>;
  for (Index panel = marks.panels.begin; panel < marks.panels.end; ++panel) {
    const Index left = width - panel * lanes;
    for (Index row = rows.begin; row < rows.end; ++row) {
      const T* const from = marks.rows[row] + panel * marks.step;
      const Line<T> x = left < lanes ? load_first_of_line(from, left) : load_line(from);
      *marks.word(panel, row) = nonzero(x);
      look(x);
    }
  }
}

template <class T>
void mark(const Marks<T>& marks, Range rows, Index width, bool* finite) {
  if (finite == nullptr) {
    return mark_lines(marks, rows, width, [](const Line<T>&) NABLANET_INLINE_LAMBDA {});
  }
  Line<T> any = all(T{0});  // has bits of NaN where a number is not finite
  mark_lines(marks, rows, width, [&](const Line<T>& x) NABLANET_INLINE_LAMBDA { any = either(any, x - x); });
  if (nonzero(any) != 0) *finite = false;
}

// What is marked in one of some rows, of some panels of inputs; places and lines count from the first of
// these panels on. Writes up to kMostLanes beyond them.
template <class T>
NABLANET_INLINE Index list_marked(const Marks<T>& marks, Range rows, Range panels, std::uint32_t* places,
                                  std::uint32_t* lines) {
  constexpr Index lanes = kLanes<T>;
  constexpr Index together = kMostLanes / lanes;
  PackedLanes<lanes> place(1, marks.step);
  PackedLanes<lanes> line(lanes, lanes * lanes);
  Index count = 0;
  for (Index panel = panels.begin; panel < panels.end; panel += together) {
    std::uint32_t bits = 0;
    for (Index p = 0; p < together && panel + p < panels.end; ++p) {
      for (Index row = rows.begin; row < rows.end; ++row) bits |= *marks.word(panel + p, row) << (p * lanes);
    }
    place.pack(bits, places + count);
    line.pack(bits, lines + count);
    count += __builtin_popcount(bits);
  }
  return count;
}

template <class T>
void list_rows(const Marks<T>& marks, Index rows, Range panels, Index width, const RowLists<T>& lists) {
  constexpr Index lanes = kLanes<T>;
  constexpr Index groups = lanes / kMarkedInputs;
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    for (Index g = 0; g < groups; ++g) {
      const std::uint32_t bits = ((1U << kMarkedInputs) - 1) << (g * kMarkedInputs);
      std::uint32_t* const lines = lists.lines + (panel * groups + g) * lists.room;
      Index count = 0;
      Index row = 0;
      for (; row + kRowsAtOnce <= rows; row += kRowsAtOnce) {
        count += pack_rows(marks.word(panel, row), bits, row, lanes, lines + count);
      }
      for (; row < rows; ++row) {
        lines[count] = static_cast<std::uint32_t>(row * lanes);
        count += (*marks.word(panel, row) & bits) != 0;
      }
      lists.counts[panel * groups + g] = static_cast<std::uint32_t>(count);
      T* to = lists.values + (panel * groups + g) * lists.room * kMarkedInputs;
      const Index at = panel * marks.step + g * kMarkedInputs;
      const Index left = width - panel * lanes - g * kMarkedInputs;  // a row may end among these inputs
      for (Index i = 0; i < count; ++i, to += kMarkedInputs) {
        const T* const from = marks.rows[lines[i] / lanes] + at;
        if (left >= kMarkedInputs) {
          __builtin_memcpy(to, from, kMarkedInputs * sizeof(T));
        } else {
          for (Index k = 0; k < kMarkedInputs; ++k) to[k] = k < left ? from[k] : T{0};
        }
      }
    }
  }
}
