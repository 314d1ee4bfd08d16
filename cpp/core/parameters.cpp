#include "core/parameters.h"

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

template <class T>
void Parameters<T>::load(const Arrays<T>& arrays) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    for (Index j = 0; j < layer.n_out; ++j) {
      const T* from = arrays.weights[l] + j * layer.n_in;
      T* to = weights(l).line(j / kLanes<T>, 0) + j % kLanes<T>;
      for (Index k = 0; k < layer.n_in; ++k) to[k * kLanes<T>] = from[k];
      layer.bias.data()[j] = arrays.biases[l][j];
    }
  }
}

template <class T>
void Parameters<T>::store(const Arrays<T>& arrays) const {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    for (Index j = 0; j < layer.n_out; ++j) {
      const T* from = weights(l).line(j / kLanes<T>, 0) + j % kLanes<T>;
      T* to = arrays.weights[l] + j * layer.n_in;
      for (Index k = 0; k < layer.n_in; ++k) to[k] = from[k * kLanes<T>];
      arrays.biases[l][j] = layer.bias.data()[j];
    }
  }
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

template class Parameters<float>;
template class Parameters<double>;

}  // namespace nablanet
