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

// Calls move(element of the caller's weights, element of the panels) for every weight, a line of the
// panels at a time, so that both sides are walked in order.
template <class T>
template <class Move>
void Parameters<T>::each_weight(std::size_t l, Move move) const {
  const Layer& layer = layers_[l];
  for (Index first = 0; first < layer.n_out; first += kLanes<T>) {
    const Index lanes = std::min(kLanes<T>, layer.n_out - first);
    T* line = weights(l).line(first / kLanes<T>, 0);
    for (Index k = 0; k < layer.n_in; ++k, line += kLanes<T>) {
      for (Index lane = 0; lane < lanes; ++lane) move((first + lane) * layer.n_in + k, line + lane);
    }
  }
}

template <class T>
void Parameters<T>::load(const Arrays<T>& arrays) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const T* from = arrays.weights[l];
    each_weight(l, [from](Index i, T* to) { *to = from[i]; });
    std::copy_n(arrays.biases[l], layers_[l].n_out, layers_[l].bias.data());
  }
}

template <class T>
void Parameters<T>::store(const Arrays<T>& arrays) const {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    T* to = arrays.weights[l];
    each_weight(l, [to](Index i, const T* from) { to[i] = *from; });
    std::copy_n(layers_[l].bias.data(), layers_[l].n_out, arrays.biases[l]);
  }
}

template <class T>
bool Parameters<T>::holds(const Arrays<T>& arrays) const {
  bool same = true;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const T* with = arrays.weights[l];
    each_weight(l, [&same, with](Index i, const T* own) { same &= with[i] == *own; });
    same &= std::equal(arrays.biases[l], arrays.biases[l] + layers_[l].n_out, layers_[l].bias.data());
  }
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
