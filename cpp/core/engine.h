// Trains and runs one network: mini-batches through feed forward and BP1-BP4, on a team of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/active_inputs.h"
#include "core/interruption.h"
#include "core/balance.h"
#include "core/kernels.h"
#include "core/parameters.h"
#include "core/parts.h"
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

enum class Method : int { sgd, adam, momentum, nesterov, rmsprop, adamw };

// How each step learns. Per mini-batch comes the learning rate, with `train`.
struct Settings {
  Method method = Method::sgd;
  double beta1 = 0, beta2 = 0, epsilon = 0;
  bool epsilon_hat = false;  // adam, adamw: epsilon is added to the root of the second moment as it is
  double decay = 0;          // lambda / n
  double mu = 0, rho = 0, weight_decay = 0;
  double alpha = 0;          // divided by the samples of each mini-batch
  double l1 = 0;             // lambda_1 / n
  bool sum_squares = false;  // keep `weight_squares`
  // scikit-learn's way with weighted samples: alpha is divided by the weights of a mini-batch, not its
  // rows, and `train` adds up the mean costs of the mini-batches, each times its rows.
  bool by_weight = false;
  // Off where they are 0.
  double clip_value = 0, clip_norm = 0, max_norm = 0, average = 0;
  // 65536 p of dropout for each layer but the last; empty without dropout.
  std::vector<std::uint32_t> drop_thresholds = {};
  std::uint64_t drop_seed = 0;
};

template <class T>
class Engine {
 public:
  // At most `threads` threads; fewer where the work is too small to divide. Long calls ask `question`, at
  // most once in an `interval` and on the caller's thread, whether to stop; they then throw Interrupted.
  Engine(Network network, const Kernels<T>& kernels, int threads, Interruption::Question question = nullptr,
         Interruption::Clock::duration interval = Interruption::kInterval);

  const std::vector<Index>& sizes() const { return network_.sizes; }
  Parameters<T>& parameters() { return parameters_; }

  // To and from the caller's arrays, between calls of `train`. Where it averages, the caller sees the
  // averages; training goes on from the parameters themselves unless what comes back is another.
  void load(const Arrays<T>& arrays);
  // False, and nothing stored, where a parameter is not finite.
  bool store(const Arrays<T>& arrays) const;

  // What training remembers beside the parameters; null where this training has no such thing.
  Parameters<T>* first() const { return first_.get(); }
  Parameters<T>* second() const { return second_.get(); }
  Parameters<T>* average() const { return average_.get(); }
  // Goes on from `average()` and `parameters()`, which the caller has filled.
  void resume_average() { averaging_ = true; }
  // Steps since `start`; setting it leads to the same powers of beta1 and beta2 as that many steps.
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps);

  // a^L for `rows` samples from `first` on, as rows of `out`; with a target, returns the sum of C_x,
  // each times its weight, as everywhere here. `finite` tells whether all inputs were.
  double predict(const Source& x, const Target* y, Index first, Index rows, T* out, bool* finite = nullptr);

  // Sums of dC_x/dw and dC_x/db over all samples, and the sum of C_x. `sums` is zero at first.
  double gradient(const Source& x, const Target& y, Index rows, Parameters<T>& sums);

  // dC_x/dx for `rows` samples, as rows of `out`: BP2 once more, down to the inputs.
  void input_gradient(const Source& x, const Target& y, Index rows, T* out);

  // da^L_j/dx_k for `rows` samples, as n_L rows of n_1 numbers each.
  void jacobian(const Source& x, Index rows, T* out);

  // a^l for `rows` samples, of hidden layer l, which counts from 0 for the input layer.
  void hidden(const Source& x, std::size_t layer, Index rows, T* out);

  // What `train` learns from, in mini-batches of at most `batch` rows. The memory stays the caller's.
  void start(const Source& x, const Target& y, Index batch, const Settings& settings);

  // One step for each mini-batch of order[0..count), with a learning rate for each in `etas`; returns
  // the sum of C_x, each before its step. Interrupted, it leaves the parameters of the last whole step.
  double train(const std::int64_t* order, Index count, const double* etas);

  // Ends the threads that `train` keeps for its next call.
  void release_threads() { team_.reset(); }

  // The sum of w^2 over all weights before each step of the last `train`, added up over the steps (times
  // rows / weight of the mini-batch, `by_weight`).
  double weight_squares() const;

 private:
  struct Steps {
    Step<T> weights, biases;
  };
  struct MiniBatch {
    const Source& x;
    const Target& y;
    Samples samples;
    Index rows;
    Skip skip = Skip::nothing;
    std::optional<std::uint64_t> step = {};  // its number in the training, for dropout
    bool idle = true;                        // whether the update needs the inputs that are not active
    double factor = 0;  // of its cost, and of the squares of the weights; 0: nobody asks for these
  };
  struct Propagated {
    double cost;   // the sum of C_x, for member 0
    Panels<T> in;  // these are of the first layer
    Inputs inputs;
    RowLists<T> lists;       // where zeros are skipped
    bool by_inputs = false;  // whether members have inputs of their own
  };

  Range panels_of(std::size_t l) const { return {0, panel_count<T>(network_.sizes[l])}; }
  int team_size(Index rows, double passes) const;
  // Whether threads divide the rows of a mini-batch rather than the neurons of each layer.
  bool divides_rows(Index rows, int members) const;
  // Whether there is enough of what threads divide for uneven shares.
  bool divides_finely(Index rows, int members) const;
  std::vector<ActiveInputs<T>> active_inputs(const Team& team) const;
  Product<T> product_into(const Workspace<T>& work, std::size_t layer, Skip skip) const;
  Product<T> product_back(const Workspace<T>& work, std::size_t layer) const;
  Output<T> output_of(const Workspace<T>& work, bool weighted) const;
  // sigma'(z) of hidden layer l, in the mini-batch with this number.
  Slope<T> slope(const Workspace<T>& work, std::size_t l, std::optional<std::uint64_t> step) const;
  // Whether dropout leaves out neurons of layer l, from 0 for the input layer.
  bool drops(std::size_t l, std::optional<std::uint64_t> step) const;
  // What belongs to rows of a mini-batch.
  void gather(const Target& y, const Samples& samples, Range rows, const Workspace<T>& work) const;
  // Dropout in layer l, from 0 for the input layer, for the mini-batch with this number.
  void drop(Panels<T> a, Panels<T> slope, std::size_t l, std::optional<std::uint64_t> step, Range rows,
            Range panels, Index first_row = 0) const;
  // Whether so many of the inputs of some samples are zero that skipping them pays, by a look at a few;
  // `wanted` if so, or gathered where rows have to be converted.
  Skip skip(const Source& x, const Samples& samples, Index rows, Skip wanted, const Workspace<T>& work) const;
  // Marks what is not zero in rows of some panels of inputs, gathered with dropout where there is a step,
  // unless they are read where they lie. `member`: whose marks these are; 0 for those of all together.
  // Unless `finite` is null, it becomes false where one of them is not finite.
  void mark(const Source& x, const Samples& samples, Range rows, Range panels,
            std::optional<std::uint64_t> step, Skip skip, const Workspace<T>& work, int member = 0,
            bool* finite = nullptr) const;
  // Feed forward, BP1 and BP2 for one mini-batch, by all members together.
  Propagated propagate(const MiniBatch& batch, const Workspace<T>& work,
                       const std::vector<ActiveInputs<T>>& active, int member, Team& team,
                       Interruption& interruption) const;
  // Whether threads divide the inputs of the first layer (see core/pipeline.cpp), and which of them a member
  // has then, from a whole panel on.
  bool divides_inputs(const Source& x, Index rows, Skip skip, int members) const;
  Range inputs_of(int member, int members) const;
  Propagated propagate_by_inputs(const MiniBatch& batch, const Workspace<T>& work, int member, Team& team,
                                 Interruption& interruption) const;
  // For rows whose activations in the layer before `from` are there: feed forward, BP1, and BP2 down to layer
  // `down_to`. `first_row`: of the workspace, in the mini-batch.
  void pass_rows(std::size_t from, std::size_t down_to, Range rows, std::optional<std::uint64_t> step,
                 Index first_row, const Output<T>& output, const Workspace<T>& work) const;
  void point_to_moments(Update<T>& update, std::size_t l) const;
  // BP3 and BP4: what `steps` makes of the gradients goes to `changed`.
  void update(const Workspace<T>& work, Index rows, const Propagated& passed, const Steps& steps,
              const Parameters<T>& changed, int member, Team& team, Interruption& interruption) const;
  void update_by_inputs(const Workspace<T>& work, Index rows, const Propagated& passed, const Steps& steps,
                        const Parameters<T>& changed, int member, Team& team,
                        Interruption& interruption) const;
  Update<T> update_of(std::size_t l, const Workspace<T>& work, Index rows, const Propagated& passed,
                      const Steps& steps, const Parameters<T>& changed) const;
  void update_part(const Update<T>& update, const UpdatePart& part, int member,
                   Interruption& interruption) const;
  // `weight`: of all samples in the mini-batch, so `rows`, their number, where none is weighted.
  Steps next_steps(double weight, Index rows, double eta);
  // BP3, BP4 and all that the step makes of them.
  void learn(Index rows, const Propagated& passed, const Steps& steps, int member, Team& team,
             Interruption& interruption) const;
  // The optimizer's step along `gradient_`, scaled to a norm of at most clip_norm.
  void apply_clipped(Steps steps, int member, Team& team) const;
  // What a member changes of layer l where gradients are stored.
  UpdatePart stored_part(std::size_t l, int member, int members) const;
  // The optimizer's step along a stored gradient, in layer l.
  void apply_stored(const Parameters<T>& gradient, std::size_t l, const Steps& steps,
                    const UpdatePart& part) const;
  // A step in parts (see core/parts.h); returns the sum of C_x for member 0.
  double step_in_parts(const Samples& samples, Index rows, std::uint64_t step, const Steps& steps, int member,
                       Team& team) const;
  // Feed forward and BP1-BP4 for some rows of a mini-batch; `sums` is set to those of its gradient.
  void sum_part(const Samples& samples, Range rows, std::uint64_t step, const Workspace<T>& work,
                const Parameters<T>& sums) const;
  // The optimizer's step along the sum of all parts.
  void learn_from_parts(Index parts, Steps steps, int member, const Team& team) const;
  // Max-norm and the average, after the optimizer's step.
  void finish_step(int member, Team& team) const;
  // A step that may take longer than a person wants to wait; returns the sum of C_x.
  double long_step(MiniBatch batch, double eta, const std::vector<ActiveInputs<T>>& active, Team& team);
  // Adds the squares of the weights as they are before a step, from layer `from` on (0 for the first
  // weights), each member those of its own panels, times `factor`.
  void add_squares(double factor, std::size_t from, int member, const Team& team) const;
  // The same of the first weights by members with inputs of their own, one after the other.
  void add_squares_of_inputs(double factor, Range inputs) const;
  // What the cost and the squares of a mini-batch are multiplied with; 1 unless they count `by_weight`.
  double per_weight(const std::int64_t* order, Index rows) const;
  // Whether a step changes weights of inputs that are zero in the whole mini-batch.
  bool needs_idle() const;
  // Everything that a step changes.
  std::vector<Parameters<T>*> state();
  // Feed forward up to and including `layer`; with room for them in `work`, also sigma'(z).
  void feed_forward(std::size_t layer, Range rows, const Workspace<T>& work, Skip skip, int member,
                    Interruption& interruption) const;
  // z^L.
  void weighted_output(Range rows, const Workspace<T>& work, Skip skip, int member,
                       Interruption& interruption) const;
  // The weights of every layer with lanes across its inputs, as BP2 needs them.
  std::vector<Buffer<T>> transposed(Team& team, Interruption& interruption) const;
  // BP2 from delta^L down to dC_x/dx, which goes to `errors`.
  void back_to_inputs(Range rows, const Workspace<T>& work, const std::vector<Buffer<T>>& transposed,
                      Panels<T> errors, int member, Interruption& interruption) const;

  Network network_;
  double multiply_adds_;  // of one pass, for a sample
  const Kernels<T>& kernels_;
  int threads_;
  Interruption::Question question_;
  Interruption::Clock::duration interval_;
  Parameters<T> parameters_;
  ThreadChoice choice_;
  std::unique_ptr<Team> team_;
  mutable Balance balance_;  // members write their own clocks

  Source x_;
  Target y_;
  Settings settings_;
  std::unique_ptr<Workspace<T>> work_;
  std::unique_ptr<Parts<T>> parts_;                // where steps are taken in parts
  std::unique_ptr<Parameters<T>> first_, second_;  // velocities, or moments
  std::unique_ptr<Parameters<T>> gradient_;        // where the step needs the norm of all of it
  std::unique_ptr<Parameters<T>> average_;
  bool averaging_ = false;  // whether `average_` has begun
  Buffer<double> squares_;  // of each panel of the gradient
  // Of each panel of weights: in this step, and added up over the steps; and what has no squares to add.
  Buffer<double> step_squares_, weight_squares_;
  Buffer<T> no_biases_, kept_squares_;
  std::int64_t steps_ = 0;
  double power1_ = 1, power2_ = 1;   // beta1^t and beta2^t
  std::vector<Parameters<T>> kept_;  // the state before a long step
};

}  // namespace nablanet
