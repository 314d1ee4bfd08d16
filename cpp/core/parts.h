// Steps in parts: for networks so small that the gradient of a few rows costs less to store and to add up
// than activations and errors cost on their way between threads.
//
// A mini-batch is cut into parts of some kPartRows rows, whatever the number of threads. A thread takes whole
// parts through feed forward, BP1, BP2, and BP3 and BP4, whose sums are then added up, first part to last.
#pragma once

#include <memory>
#include <vector>

#include "core/parameters.h"
#include "core/workspace.h"

namespace nablanet {

template <class T>
class Parts {
 public:
  // Null for mini-batches of so few rows, or networks of so many weights, that it does not pay.
  static std::unique_ptr<Parts> make(const std::vector<Index>& sizes, Index batch, int threads);

  Parts(const std::vector<Index>& sizes, Index batch, int members);

  // Parts of a mini-batch of so many rows: at least one.
  static Index count(Index rows);
  // The rows of a part, from a multiple of 8 on.
  static Range rows_of(Index part, Index rows);

  int members() const { return static_cast<int>(works_.size()); }
  const Workspace<T>& work(int member) const { return works_[static_cast<std::size_t>(member)]; }
  // The gradient's sums over a part.
  const Parameters<T>& sums(Index part) const { return sums_[static_cast<std::size_t>(part)]; }
  double* costs() const { return costs_.data(); }

 private:
  std::vector<Workspace<T>> works_;
  std::vector<Parameters<T>> sums_;
  Buffer<double> costs_;
};

}  // namespace nablanet
