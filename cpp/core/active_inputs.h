// Which inputs of a mini-batch are not zero in all its rows: border pixels and one-hot columns mostly
// are, and need no arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "core/buffer.h"
#include "core/kernels.h"

namespace nablanet {

// All inputs of a layer whose activations lie in panels of `stride` rows.
template <class T>
class EveryInput {
 public:
  EveryInput(Index n_in, Index stride) : n_in_(n_in), places_(n_in), lines_(n_in) {
    for (Index k = 0; k < n_in; ++k) {
      places_.data()[k] = (k / kLanes<T> * stride) * kLanes<T> + k % kLanes<T>;
      lines_.data()[k] = k * kLanes<T>;
    }
  }

  Inputs inputs() const {
    return {.places = places_.data(), .lines = lines_.data(), .active = n_in_, .every = true};
  }

 private:
  Index n_in_;
  Buffer<Index> places_, lines_;
};

// Which inputs of a mini-batch are not zero, in memory of one thread.
template <class T>
class ActiveInputs {
 public:
  explicit ActiveInputs(Index n_in)
      : n_in_(n_in), bits_(panel_count<T>(n_in)), merged_(panel_count<T>(n_in)), lists_(3 * length()) {}

  // A word for each panel, all zero: `gather` sets a bit for each input of its rows that is not zero.
  std::uint32_t* cleared() const {
    for (Index p = 0; p < bits_.size(); ++p) bits_.data()[p] = 0;
    return bits_.data();
  }

  // Adds the bits of the rows that the others of a team have gathered, into a copy.
  void merge(const std::vector<ActiveInputs>& team) const {
    for (Index p = 0; p < bits_.size(); ++p) {
      merged_.data()[p] = 0;
      for (const ActiveInputs& member : team) merged_.data()[p] |= member.bits_.data()[p];
    }
  }

  // What follows from the bits, merged or own: `every` where a list would save little. `idle`: whether
  // the inputs that are not active are wanted too.
  Inputs inputs(const Kernels<T>& kernels, bool merged, const Inputs& every, Index stride, bool idle) const {
    const std::uint32_t* const bits = (merged ? merged_ : bits_).data();
    Index* const places = lists_.data();
    Index* const lines = places + length();
    Index* const idle_lines = lines + length();
    Inputs inputs{.places = places, .lines = lines, .idle_lines = idle_lines};
    inputs.active = kernels.list_inputs(bits, n_in_, false, stride, places, lines);
    if (inputs.active > n_in_ - n_in_ / 8) return every;
    if (idle) inputs.idle = kernels.list_inputs(bits, n_in_, true, stride, nullptr, idle_lines);
    return inputs;
  }

 private:
  // with room for what `list_inputs` writes beyond
  Index length() const { return panel_count<T>(n_in_) * kLanes<T> + kLanes<T>; }

  Index n_in_;
  Buffer<std::uint32_t> bits_, merged_;
  Buffer<Index> lists_;
};

}  // namespace nablanet
