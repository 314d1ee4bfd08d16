// Memory for which inputs of a mini-batch are not zero, row by row.
#pragma once

#include <cstdint>

#include "core/buffer.h"
#include "core/kernels.h"

namespace nablanet {

template <class T>
class MarkedInputs {
 public:
  // For up to `rows` samples; none where marks would never be worth their time, or take too much memory.
  // `backward`: also lists of rows.
  MarkedInputs(Index n_in, Index rows, bool backward) {
    constexpr Index few_rows = 16, few_inputs = 32, most_words = Index{1} << 25;
    const Index panels = panel_count<T>(n_in);
    if (rows < few_rows || n_in < few_inputs || rows > most_words / (panels * kLanes<T>)) return;
    words_ = Buffer<std::uint32_t>(panels * rows);
    marks_ = {words_.data(), rows};
    if (!backward) return;
    const Index groups = panels * kLanes<T> / kMarkedInputs;
    const Index room = rows + kRowsAtOnce;
    lines_ = Buffer<std::uint32_t>(groups * room);
    counts_ = Buffer<std::uint32_t>(groups);
    rows_ = {lines_.data(), counts_.data(), room};
  }

  bool exist() const { return marks_.words != nullptr; }
  const Marks& marks() const { return marks_; }
  const RowLists& rows() const { return rows_; }

 private:
  Buffer<std::uint32_t> words_, lines_, counts_;
  Marks marks_;
  RowLists rows_;
};

}  // namespace nablanet
