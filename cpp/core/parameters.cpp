#include "core/parameters.h"

#include <algorithm>
#include <cmath>

namespace nablanet {

template <class T>
Parameters<T>::Parameters(const std::vector<Index>& sizes) {
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    const Index padded = panel_count<T>(sizes[l + 1]) * kLanes<T>;
    layers_.push_back(
        {sizes[l], sizes[l + 1], Buffer<T>(checked_product(padded, sizes[l])), Buffer<T>(padded)});
  }
}

// Calls move(the caller's number, ours) for every weight and bias, a line of the panels at a time, so that
// both sides are walked in order.
template <class T>
template <class Move>
void Parameters<T>::each_parameter(const Arrays<T>& arrays, Move move) const {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const Matrix<T>& w = arrays.weights[l];
    for (Index first = 0; first < layer.n_out; first += kLanes<T>) {
      const Index lanes = std::min(kLanes<T>, layer.n_out - first);
      T* line = weights(l).line(first / kLanes<T>, 0);
      T* theirs = w.data + first * w.row_step;
      for (Index k = 0; k < layer.n_in; ++k, line += kLanes<T>, theirs += w.column_step) {
        for (Index lane = 0; lane < lanes; ++lane) move(theirs[lane * w.row_step], line[lane]);
      }
    }
    const Matrix<T>& b = arrays.biases[l];
    for (Index j = 0; j < layer.n_out; ++j) move(b.data[j * b.row_step], layer.bias.data()[j]);
  }
}

template <class T>
void Parameters<T>::load(const Arrays<T>& arrays) {
  each_parameter(arrays, [](const T& theirs, T& ours) { ours = theirs; });
}

template <class T>
void Parameters<T>::store(const Arrays<T>& arrays) const {
  each_parameter(arrays, [](T& theirs, const T& ours) { theirs = ours; });
}

template <class T>
bool Parameters<T>::holds(const Arrays<T>& arrays) const {
  bool same = true;
  each_parameter(arrays, [&same](const T& theirs, const T& ours) { same &= theirs == ours; });
  return same;
}

template <class T>
bool Parameters<T>::all_finite() const {
  for (const Layer& layer : layers_) {
    for (const Buffer<T>* buffer : {&layer.weights, &layer.bias}) {
      // 0 * x is NaN for what is not finite, and the sum keeps it
      T sum = 0;
      for (Index i = 0; i < buffer->size(); ++i) sum += T{0} * buffer->data()[i];
      if (std::isnan(sum)) return false;
    }
  }
  return true;
}

template <class T>
void Parameters<T>::copy(const Parameters& other, int member, int members) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    for (const auto buffer : {&Layer::weights, &Layer::bias}) {
      const T* from = (other.layers_[l].*buffer).data();
      const Range mine = share({0, (layers_[l].*buffer).size()}, member, members);
      std::copy(from + mine.begin, from + mine.end, (layers_[l].*buffer).data() + mine.begin);
    }
  }
}

template class Parameters<float>;
template class Parameters<double>;

}  // namespace nablanet
