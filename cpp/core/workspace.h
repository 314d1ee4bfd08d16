// What one mini-batch needs: activations, errors and desired outputs, in panels.
#pragma once

#include <vector>

#include "core/active_inputs.h"
#include "core/buffer.h"
#include "core/kernels.h"
#include "core/marked_inputs.h"

namespace nablanet {

// Bytes of inputs that fit into a core's own cache beside the weights.
inline constexpr Index kSmallInputs = 512 * 1024;

// From so few neurons errors go back to a layer in less time than lines take from one core to another.
inline constexpr Index kFewNeurons = 32;

template <class T>
class Workspace {
 public:
  // For up to `rows` samples; with `backward`, also room for errors and transposed weights. Each of
  // `members` threads has inputs of its own where they are small, and what it needs to have some inputs of
  // the first layer to itself.
  Workspace(const std::vector<Index>& sizes, Index rows, bool backward, int members = 1)
      // an odd number of lines, so that equal rows of all panels do not fall into one cache set
      : rows_(rows), stride_(rows | 1), costs_(rows), weights_(rows) {
    for (std::size_t l = 0; l < sizes.size(); ++l) {
      activations_.push_back(lines(sizes[l]));
      every_.emplace_back(sizes[l], stride_);
      errors_.push_back(backward && l > 0 ? lines(sizes[l]) : Buffer<T>());
      const bool hidden = backward && l > 0 && l + 1 < sizes.size();
      slopes_.push_back(hidden ? lines(sizes[l]) : Buffer<T>());
      const Index next = hidden ? sizes[l + 1] : 0;
      transposed_.push_back(Buffer<T>(checked_product(panel_count<T>(sizes[l]) * kLanes<T>, next)));
      transposed_stride_.push_back(next);
    }
    const bool small = activations_[0].size() * static_cast<Index>(sizeof(T)) <= kSmallInputs;
    for (int i = 1; i < members && small; ++i) more_inputs_.push_back(lines(sizes[0]));
    for (int i = 1; i < members && backward && sizes.size() > 2; ++i) {
      handed_on_.push_back(lines(sizes[1]));
      if (sizes[2] <= kFewNeurons) more_errors_.push_back(lines(sizes[1]));
    }
    marked_ = MarkedInputs<T>(sizes[0], rows, activation(0), backward, members);
    outputs_ = lines(sizes.back());
    desired_ = lines(sizes.back());
  }

  Index rows() const { return rows_; }
  const MarkedInputs<T>& marked() const { return marked_; }
  // Layer l counts from 0 for the input layer, the book's layer 1.
  Panels<T> activation(std::size_t l) const { return {activations_[l].data(), stride_}; }
  // Whether each member gathers the whole mini-batch's inputs into its own cache, which costs less than
  // lines from another's, or all together once.
  bool own_inputs() const { return !more_inputs_.empty(); }
  Panels<T> activation(std::size_t l, int member) const {
    if (l > 0 || member == 0 || !own_inputs()) return activation(l);
    return {more_inputs_[static_cast<std::size_t>(member - 1)].data(), stride_};
  }
  // z of the first hidden layer as a member leaves it to the next.
  Panels<T> handed_on(int member) const {
    return {handed_on_[static_cast<std::size_t>(member)].data(), stride_};
  }
  Inputs every_input(std::size_t l) const { return every_[l].inputs(); }
  Panels<T> error(std::size_t l) const { return {errors_[l].data(), stride_}; }
  // Whether each member may have errors of the first hidden layer in its own cache.
  bool own_errors() const { return !more_errors_.empty(); }
  Panels<T> error(std::size_t l, int member) const {
    if (l != 1 || member == 0 || !own_errors()) return error(l);
    return {more_errors_[static_cast<std::size_t>(member - 1)].data(), stride_};
  }
  // sigma'(z) of a hidden layer.
  Panels<T> slope(std::size_t l) const { return {slopes_[l].data(), stride_}; }
  // w^{l+1} with lanes across the neurons of layer l.
  Panels<T> transposed(std::size_t l) const { return {transposed_[l].data(), transposed_stride_[l]}; }
  // a^L; activation(L - 1) keeps z^L, which the cost reads.
  Panels<T> outputs() const { return {outputs_.data(), stride_}; }
  Panels<T> desired() const { return {desired_.data(), stride_}; }
  double* costs() const { return costs_.data(); }
  double* weights() const { return weights_.data(); }

 private:
  Buffer<T> lines(Index neurons) const {
    return Buffer<T>(checked_product(panel_count<T>(neurons) * kLanes<T>, stride_));
  }

  Index rows_, stride_;
  MarkedInputs<T> marked_;
  std::vector<Buffer<T>> activations_, more_inputs_, handed_on_, errors_, more_errors_, slopes_, transposed_;
  std::vector<Index> transposed_stride_;
  std::vector<EveryInput<T>> every_;
  Buffer<T> outputs_, desired_;
  Buffer<double> costs_, weights_;
};

}  // namespace nablanet
