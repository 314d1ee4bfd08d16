// Weights and biases in the engine's panels, and the way to and from the caller's arrays.
#pragma once

#include <vector>

#include "core/buffer.h"
#include "core/kernels.h"

namespace nablanet {

// An array of the caller's, with the steps from one row and one column to the next in numbers.
template <class T>
struct Matrix {
  T* data;
  Index row_step;
  Index column_step;
};

// The caller's arrays for layers 2..L: weights (n_out, n_in) and biases (n_out, 1).
template <class T>
struct Arrays {
  std::vector<Matrix<T>> weights;
  std::vector<Matrix<T>> biases;
};

// One set of numbers in the shape of a network's parameters: the parameters themselves, a gradient,
// or a moment of an optimizer.
template <class T>
class Parameters {
 public:
  explicit Parameters(const std::vector<Index>& sizes);

  void load(const Arrays<T>& arrays);
  void store(const Arrays<T>& arrays) const;
  // Whether the arrays have the same numbers.
  bool holds(const Arrays<T>& arrays) const;
  bool all_finite() const;
  // Takes over a member's share of the numbers of another set of the same shape.
  void copy(const Parameters& other, int member, int members);

  // Layer l counts from 0 for the book's layer 2.
  Panels<T> weights(std::size_t l) const { return {layers_[l].weights.data(), layers_[l].n_in}; }
  T* bias(std::size_t l) const { return layers_[l].bias.data(); }

 private:
  struct Layer {
    Index n_in, n_out;
    Buffer<T> weights, bias;
  };
  template <class Move>
  void each_parameter(const Arrays<T>& arrays, Move move) const;

  std::vector<Layer> layers_;
};

}  // namespace nablanet
