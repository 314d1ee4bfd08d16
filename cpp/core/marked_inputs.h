// Memory for a mini-batch most of whose inputs are zero: where its rows lie, and what is not zero in them.
#pragma once

#include <cstdint>

#include "core/buffer.h"
#include "core/kernels.h"

namespace nablanet {

// Whether zeros of the first layer's inputs are skipped, and then whether rows are gathered into panels or
// read where they lie.
enum class Skip { nothing, gathered, in_place };

template <class T>
class MarkedInputs {
 public:
  MarkedInputs() = default;
  // For up to `rows` samples, which are gathered into `in` unless they are read where they lie, also by each
  // of `members` threads for itself; none where marks would never be worth their time, or take too much
  // memory. `backward`: also lists of rows.
  MarkedInputs(Index n_in, Index rows, Panels<T> in, bool backward, int members) : rows_(rows) {
    constexpr Index few_rows = 16, few_inputs = 32, most_words = Index{1} << 25;
    const Index panels = panel_count<T>(n_in);
    if (rows < few_rows || n_in < few_inputs || rows > most_words / (panels * kLanes<T>)) return;
    words_ = Buffer<std::uint32_t>(panels * rows);
    in_place_ = Buffer<const T*>(checked_product(rows, members));
    gathered_ = Buffer<const T*>(rows);
    for (Index row = 0; row < rows; ++row) gathered_.data()[row] = in.line(0, row);
    marks_ = {gathered_.data(), in.stride * kLanes<T>, words_.data(), rows, {0, panels}};
    if (!backward) return;
    const Index groups = panels * kLanes<T> / kMarkedInputs;
    const Index room = rows + kRowsAtOnce;
    listed_ = Buffer<std::uint32_t>(groups * room);
    counts_ = Buffer<std::uint32_t>(groups);
    values_ = Buffer<T>(groups * room * kMarkedInputs);
    lists_ = {listed_.data(), values_.data(), counts_.data(), room};
  }

  bool exist() const { return words_.size() > 0; }
  // Unset where zeros are not skipped. Where rows lie in place is left to `Engine::mark`, for all members
  // together or for each one.
  Marks<T> marks(Skip skip, int member = 0) const {
    if (skip == Skip::nothing) return {};
    Marks<T> marks = marks_;
    if (skip == Skip::in_place) {
      marks.rows = in_place_.data() + rows_ * member;
      marks.step = kLanes<T>;
    }
    return marks;
  }
  const RowLists<T>& lists() const { return lists_; }

 private:
  Index rows_ = 0;
  Buffer<std::uint32_t> words_, listed_, counts_;
  Buffer<const T*> gathered_, in_place_;
  Marks<T> marks_;
  Buffer<T> values_;
  RowLists<T> lists_;
};

}  // namespace nablanet
