// Single samples through a network whose parameters stay the caller's: nothing is packed.
#pragma once

#include <algorithm>
#include <vector>

#include "core/buffer.h"
#include "core/kernels.h"

namespace nablanet {

// A layer whose weights lie as the kernels read them: the columns (n_out numbers) `step` apart, each
// padded to whole lines, as is the bias.
template <class T>
struct Columns {
  const T* weights;
  Index step;
  const T* bias;
  Index n_in, n_out;
  Activation activation;
};

template <class T>
class Single {
 public:
  Single(std::vector<Columns<T>> layers, const Kernels<T>& kernels)
      : layers_(std::move(layers)), kernels_(kernels) {
    Index most = 0;
    for (const Columns<T>& layer : layers_) most = std::max({most, layer.n_in, layer.n_out});
    const Index padded = (panel_count<T>(most) + 1) * kLanes<T>;
    for (Buffer<T>* buffer : {&in_, &out_}) *buffer = Buffer<T>(padded);
    places_ = Buffer<Index>(padded);
    lines_ = Buffer<Index>(padded);
    bits_ = Buffer<std::uint32_t>(panel_count<T>(most));
  }

  Index n_in() const { return layers_.front().n_in; }
  Index n_out() const { return layers_.back().n_out; }

  // a^L for x; the same bits as in a mini-batch. False, and nothing written, where x or a parameter that
  // took part is not finite.
  bool output(const T* x, T* out) const {
    T* const in = in_.data();
    T* const z = out_.data();
    take(x, n_in());
    for (const Columns<T>& layer : layers_) {
      const bool last = &layer == &layers_.back();
      const Index count =
          kernels_.list_inputs(bits_.data(), layer.n_in, false, 1, places_.data(), lines_.data());
      const Row<T> row{.x = in,
                       .inputs = places_.data(),
                       .count = count,
                       .weights = layer.weights,
                       .step = layer.step,
                       .bias = layer.bias,
                       .lines = panel_count<T>(layer.n_out),
                       .z = z};
      if (!kernels_.row(row, last ? Activation::identity : layer.activation)) return false;
      if (!last) take(z, layer.n_out);
    }
    Output<T> output;
    output.activation = layers_.back().activation;
    output.n_out = n_out();
    output.z = {z, 1};
    output.a = {in, 1};
    kernels_.output(output, {0, 1});
    std::copy_n(in, n_out(), out);
    return true;
  }

 private:
  // Numbers into `in_`, and a bit for each that is not zero.
  void take(const T* numbers, Index count) const {
    Source source;
    source.data = numbers;
    source.scalar = sizeof(T) == 4 ? Scalar::float32 : Scalar::float64;
    source.width = count;
    std::fill_n(bits_.data(), bits_.size(), 0);
    kernels_.gather(source, Samples{}, {0, 1}, {in_.data(), 1}, bits_.data());
  }

  std::vector<Columns<T>> layers_;
  const Kernels<T>& kernels_;
  Buffer<T> in_, out_;
  Buffer<Index> places_, lines_;
  Buffer<std::uint32_t> bits_;
};

}  // namespace nablanet
