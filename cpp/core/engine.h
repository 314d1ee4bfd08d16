// Trains and runs one network: mini-batches through feed forward and BP1-BP4, on a team of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/active_inputs.h"
#include "core/kernels.h"
#include "core/parameters.h"
#include "core/team.h"
#include "core/thread_choice.h"
#include "core/workspace.h"

namespace nablanet {

struct Network {
  std::vector<Index> sizes;
  std::vector<Activation> activations;  // of layers 2..L
  Cost cost = Cost::quadratic;
  double cost_parameter = 0;
};

enum class Method : int { sgd, adam };

// How each step learns. Per mini-batch comes the learning rate, with `train`.
struct Settings {
  Method method = Method::sgd;
  double beta1 = 0, beta2 = 0, epsilon = 0;
  double decay = 0;  // lambda / n
  // 65536 p of dropout for each layer but the last; empty without dropout.
  std::vector<std::uint32_t> drop_thresholds = {};
  std::uint64_t drop_seed = 0;
};

template <class T>
class Engine {
 public:
  // At most `threads` threads; fewer where the work is too small to divide.
  Engine(Network network, const Kernels<T>& kernels, int threads);

  const std::vector<Index>& sizes() const { return network_.sizes; }
  Parameters<T>& parameters() { return parameters_; }

  // a^L for `rows` samples from `first` on, as rows of `out`; with a target, returns the sum of C_x,
  // each times its weight, as everywhere here.
  double predict(const Source& x, const Target* y, Index first, Index rows, T* out);

  // Sums of dC_x/dw and dC_x/db over all samples in one mini-batch, and the sum of C_x.
  double gradient(const Source& x, const Target& y, Index rows, Parameters<T>& sums);

  // What `train` learns from, in mini-batches of at most `batch` rows. The memory stays the caller's.
  void start(const Source& x, const Target& y, Index batch, const Settings& settings);

  // One step for each mini-batch of order[0..count), with a learning rate for each in `etas`; returns
  // the sum of C_x, each before its step. `first_step` mini-batches came before since training began.
  double train(const std::int64_t* order, Index count, const double* etas, std::uint64_t first_step = 0);

 private:
  struct Steps {
    Step<T> weights, biases;
  };
  struct Propagated {
    double cost;    // the sum of C_x, for member 0
    Inputs inputs;  // of the first layer
  };

  int team_size(Index rows, double passes) const;
  Product<T> product_into(const Workspace<T>& work, std::size_t layer) const;
  Output<T> output_of(const Workspace<T>& work, bool weighted) const;
  void gather(const Source& x, const Target* y, const Samples& samples, Range rows, const Workspace<T>& work,
              std::uint32_t* nonzero) const;
  // Dropout in layer l, from 0 for the input layer, for the mini-batch with this number.
  void drop(const Workspace<T>& work, std::size_t l, std::optional<std::uint64_t> step, Range rows,
            Range panels) const;
  // Feed forward, BP1 and BP2 for one mini-batch, by all members together; with dropout if it has a number.
  Propagated propagate(const Source& x, const Target& y, const Samples& samples, Index rows,
                       std::optional<std::uint64_t> step, const Workspace<T>& work,
                       const ActiveInputs& active, int member, Team& team) const;
  // BP3 and BP4: what `steps` makes of the gradients goes to `changed`.
  void update(const Workspace<T>& work, Index rows, const Inputs& inputs, const Steps& steps,
              const Parameters<T>& changed, const Samples& next, Index next_rows, int member,
              Team& team) const;
  // `weight`: of all samples in the mini-batch, so their number where none is weighted.
  Steps next_steps(double weight, double eta);

  Network network_;
  const Kernels<T>& kernels_;
  int threads_;
  Parameters<T> parameters_;
  ThreadChoice choice_;

  Source x_;
  Target y_;
  Settings settings_;
  std::unique_ptr<Workspace<T>> work_;
  std::unique_ptr<Parameters<T>> first_, second_;  // Adam's moments
  double power1_ = 1, power2_ = 1;                 // beta1^t and beta2^t
};

}  // namespace nablanet
