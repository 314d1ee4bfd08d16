// Training: the optimizer's numbers for each step, and steps that take long.
#include "core/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

namespace nablanet {

namespace {

// Multiply-adds of one pass from which on a step can be interrupted: some milliseconds at least.
constexpr double kLongStep = 2e8;
// From here on the update of a long step can be interrupted too, at the price of a copy of all it changes.
constexpr std::chrono::milliseconds kLongUpdate{50};

double weight_of(const Target& y, const std::int64_t* order, Index rows) {
  if (y.weights == nullptr) return static_cast<double>(rows);
  double sum = 0;
  for (Index i = 0; i < rows; ++i) sum += y.weights[order[i]];
  return sum;
}

// base^exponent by as many multiplications, so that it has the bits of one multiplication a step.
double power_after(double base, std::int64_t exponent) {
  double power = 1;
  for (std::int64_t i = 0; i < exponent; ++i) {
    const double next = power * base;
    if (next == power) break;
    power = next;
  }
  return power;
}

}  // namespace

template <class T>
void Engine<T>::start(const Source& x, const Target& y, Index batch, const Settings& settings) {
  x_ = x;
  y_ = y;
  settings_ = settings;
  work_ = std::make_unique<Workspace<T>>(network_.sizes, batch, true, team_size(batch, 3));
  set_steps(0);
  const bool whole = settings.clip_norm != 0 || settings.clip_value != 0 || settings.l1 != 0;
  const double step_work = static_cast<double>(batch) * multiply_adds_;
  parts_ = whole || step_work > kLongStep ? nullptr : Parts<T>::make(network_.sizes, batch, threads_);
  const auto made_if = [this](bool wanted) {
    return wanted ? std::make_unique<Parameters<T>>(network_.sizes) : nullptr;
  };
  const Method method = settings.method;
  const bool adam = method == Method::adam || method == Method::adamw;
  first_ = made_if(adam || method == Method::momentum || method == Method::nesterov);
  second_ = made_if(adam || method == Method::rmsprop);
  average_ = made_if(settings.average != 0);
  averaging_ = false;
  gradient_ = made_if(settings.clip_norm != 0);
  Index panels = 0;
  for (std::size_t l = 1; l < network_.sizes.size(); ++l) panels += panels_of(l).size();
  squares_ = Buffer<double>(gradient_ == nullptr ? 0 : panels);
  step_squares_ = Buffer<double>(settings.sum_squares ? panels : 0);
  weight_squares_ = Buffer<double>(settings.sum_squares ? panels : 0);
  no_biases_ = Buffer<T>(settings.sum_squares ? panels * kLanes<T> : 0);
  kept_squares_ = Buffer<T>(settings.sum_squares ? panels * kSquareSums * kLanes<T> : 0);
}

template <class T>
void Engine<T>::load(const Arrays<T>& arrays) {
  if (average_ == nullptr) return parameters_.load(arrays);
  if (averaging_ && average_->holds(arrays)) return;
  parameters_.load(arrays);
  average_->load(arrays);
  averaging_ = true;
}

template <class T>
bool Engine<T>::store(const Arrays<T>& arrays) const {
  if (!parameters_.all_finite() || (average_ != nullptr && !average_->all_finite())) return false;
  (average_ == nullptr ? parameters_ : *average_).store(arrays);
  return true;
}

template <class T>
void Engine<T>::set_steps(std::int64_t steps) {
  steps_ = steps;
  power1_ = power_after(settings_.beta1, steps);
  power2_ = power_after(settings_.beta2, steps);
}

template <class T>
typename Engine<T>::Steps Engine<T>::next_steps(double weight, Index rows, double eta) {
  const double mean = weight > 0 ? 1.0 / weight : 0;
  const double decay =
      settings_.decay + settings_.alpha * (settings_.by_weight ? mean : 1.0 / static_cast<double>(rows));
  Step<T> step;
  ++steps_;
  power1_ *= settings_.beta1;
  power2_ *= settings_.beta2;
  step.penalized = settings_.l1 != 0 || settings_.clip_value != 0;
  if (!needs_idle()) {
    step.rule = Rule::sgd;
    step.rate = static_cast<T>(eta * mean);
    return {step, step};
  }
  step.rate = static_cast<T>(eta);
  step.mean = static_cast<T>(mean);
  step.bound =
      settings_.clip_value == 0 ? std::numeric_limits<T>::infinity() : static_cast<T>(settings_.clip_value);
  switch (settings_.method) {
    case Method::sgd:
      step.rule = Rule::sgd_decay;
      break;
    case Method::momentum:
    case Method::nesterov:
      step.rule = settings_.method == Method::momentum ? Rule::momentum : Rule::nesterov;
      step.mu = static_cast<T>(settings_.mu);
      break;
    case Method::rmsprop:
      step.rule = Rule::rmsprop;
      step.blend2 = static_cast<T>(1 - settings_.rho);
      step.epsilon = static_cast<T>(settings_.epsilon);
      break;
    case Method::adam:
    case Method::adamw:
      step.rule = settings_.method == Method::adam ? Rule::adam : Rule::adamw;
      step.rate = static_cast<T>(eta / (1 - power1_));
      step.blend1 = static_cast<T>(1 - settings_.beta1);
      step.blend2 = static_cast<T>(1 - settings_.beta2);
      step.root = static_cast<T>(1 / std::sqrt(1 - power2_));
      step.epsilon = static_cast<T>(settings_.epsilon_hat ? settings_.epsilon / std::sqrt(1 - power2_)
                                                          : settings_.epsilon);
      break;
  }
  Step<T> decaying = step;
  decaying.decay = static_cast<T>(decay);
  decaying.l1 = static_cast<T>(settings_.l1);
  decaying.shrink = static_cast<T>(eta * settings_.weight_decay);
  return {decaying, step};
}

template <class T>
void Engine<T>::apply_stored(const Parameters<T>& gradient, std::size_t l, const Steps& steps,
                             const UpdatePart& part) const {
  Update<T> update;
  update.weights = parameters_.weights(l);
  update.bias = parameters_.bias(l);
  update.weight_step = steps.weights;
  update.bias_step = steps.biases;
  update.gradient = gradient.weights(l).data;
  update.bias_gradient = gradient.bias(l);
  point_to_moments(update, l);
  kernels_.apply(update, part);
}

template <class T>
UpdatePart Engine<T>::stored_part(std::size_t l, int member, int members) const {
  const Range panels = panels_of(l + 1);
  const Range inputs{0, network_.sizes[l]};
  if (panels.size() >= members) return {share(panels, member, members), inputs, {0, 0}, true};
  return {panels, share(inputs, member, members), {0, 0}, member == 0};
}

template <class T>
double Engine<T>::per_weight(const std::int64_t* order, Index rows) const {
  if (!settings_.by_weight) return 1;
  const double weight = weight_of(y_, order, rows);
  return weight > 0 ? static_cast<double>(rows) / weight : 0;
}

template <class T>
bool Engine<T>::needs_idle() const {
  return settings_.method != Method::sgd || settings_.decay != 0 || settings_.alpha != 0 ||
         settings_.l1 != 0 || settings_.clip_value != 0 || gradient_ != nullptr;
}

template <class T>
void Engine<T>::learn(Index rows, const Propagated& passed, const Steps& steps, int member, Team& team,
                      Interruption& interruption) const {
  Steps fused = steps;
  if (gradient_ != nullptr) fused.weights.rule = fused.biases.rule = Rule::prepare;
  update(*work_, rows, passed, fused, parameters_, member, team, interruption);
  if (gradient_ != nullptr) apply_clipped(steps, member, team);
  finish_step(member, team);
}

template <class T>
std::vector<Parameters<T>*> Engine<T>::state() {
  std::vector<Parameters<T>*> sets{&parameters_};
  for (Parameters<T>* kept : {first_.get(), second_.get(), average_.get()}) {
    if (kept != nullptr) sets.push_back(kept);
  }
  return sets;
}

template <class T>
double Engine<T>::long_step(MiniBatch batch, double eta, const std::vector<ActiveInputs<T>>& active,
                            Team& team) {
  const std::int64_t* const order = batch.samples.order;
  const Index rows = batch.rows;
  Interruption interruption(question_, interval_);
  std::vector<Propagated> passed(static_cast<std::size_t>(team.size()));
  const auto started = Interruption::Clock::now();
  team.run([&](int member) {
    passed[static_cast<std::size_t>(member)] = propagate(batch, *work_, active, member, team, interruption);
  });
  if (interruption.happened()) throw Interrupted{};

  const std::vector<Parameters<T>*> sets = state();
  if (interruption.possible() && Interruption::Clock::now() - started > kLongUpdate) {
    while (kept_.size() < sets.size()) kept_.emplace_back(network_.sizes);
    team.run([&](int member) {
      for (std::size_t i = 0; i < sets.size(); ++i) kept_[i].copy(*sets[i], member, team.size());
    });
  } else {
    interruption.forbid();
  }
  const std::int64_t steps_before = steps_;
  const double power1 = power1_, power2 = power2_;
  const Steps steps = next_steps(weight_of(y_, order, rows), rows, eta);
  team.run([&](int member) {
    learn(rows, passed[static_cast<std::size_t>(member)], steps, member, team, interruption);
  });
  if (interruption.happened()) {
    for (std::size_t i = 0; i < sets.size(); ++i) std::swap(*sets[i], kept_[i]);
    steps_ = steps_before;
    power1_ = power1;
    power2_ = power2;
    throw Interrupted{};
  }
  return batch.factor * passed[0].cost;
}

template <class T>
double Engine<T>::train(const std::int64_t* order, Index count, const double* etas) {
  const Index batch = work_->rows();
  const bool is_long = static_cast<double>(batch) * multiply_adds_ > kLongStep;
  const auto first_step = static_cast<std::uint64_t>(steps_);
  std::vector<Steps> steps;
  steps.reserve(static_cast<std::size_t>(is_long ? 0 : (count + batch - 1) / batch));
  for (Index begin = 0; begin < count && !is_long; begin += batch) {
    const Index rows = std::min(batch, count - begin);
    steps.push_back(next_steps(weight_of(y_, order + begin, rows), rows, etas[begin / batch]));
  }
  const int most = parts_ != nullptr ? parts_->members() : team_size(batch, 3);
  const auto started = std::chrono::steady_clock::now();
  Team alone(1);
  const bool divided = most > 1 && choice_.team();
  if (divided && (team_ == nullptr || team_->size() != most || !team_->is_whole())) {
    team_ = std::make_unique<Team>(most);
  }
  Team& team = divided ? *team_ : alone;
  if (divides_finely(batch, team.size())) balance_.prepare(team.size());
  const std::vector<ActiveInputs<T>> active = active_inputs(team);
  const bool idle = needs_idle();
  const Samples all{.order = order};
  // what dropout leaves of the inputs is a copy
  const Skip wanted = drops(0, first_step) ? Skip::gathered : Skip::in_place;
  const Skip skip = parts_ != nullptr ? Skip::nothing : this->skip(x_, all, count, wanted, *work_);
  std::fill_n(weight_squares_.data(), weight_squares_.size(), 0.0);
  double sum = 0;
  const auto mini_batch = [&](Index begin, std::uint64_t step) {
    const Index rows = std::min(batch, count - begin);
    return MiniBatch{
        .x = x_,
        .y = y_,
        .samples = {.order = order + begin},
        .rows = rows,
        .skip = skip,
        .step = step,
        .idle = idle,
        .factor = per_weight(order + begin, rows),
    };
  };
  for (Index begin = 0; begin < count && is_long; begin += batch) {
    sum +=
        long_step(mini_batch(begin, static_cast<std::uint64_t>(steps_)), etas[begin / batch], active, team);
  }
  Interruption never(nullptr);
  team.run([&](int member) {
    double costs = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Index begin = static_cast<Index>(i) * batch;
      const MiniBatch now = mini_batch(begin, first_step + i);
      if (parts_ != nullptr) {
        add_squares(now.factor, 0, member, team);
        costs += now.factor * step_in_parts(now.samples, now.rows, first_step + i, steps[i], member, team);
        continue;
      }
      const Propagated passed = propagate(now, *work_, active, member, team, never);
      learn(now.rows, passed, steps[i], member, team, never);
      costs += now.factor * passed.cost;
    }
    if (member == 0) sum += costs;
  });
  balance_.settle();
  if (most > 1) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
    choice_.took(seconds.count() / static_cast<double>(count));
  }
  return sum;
}

template void Engine<float>::start(const Source&, const Target&, Index, const Settings&);
template void Engine<float>::load(const Arrays<float>&);
template bool Engine<float>::store(const Arrays<float>&) const;
template void Engine<float>::set_steps(std::int64_t);
template UpdatePart Engine<float>::stored_part(std::size_t, int, int) const;
template void Engine<float>::apply_stored(const Parameters<float>&, std::size_t, const Steps&,
                                          const UpdatePart&) const;
template double Engine<float>::train(const std::int64_t*, Index, const double*);
template void Engine<double>::start(const Source&, const Target&, Index, const Settings&);
template void Engine<double>::load(const Arrays<double>&);
template bool Engine<double>::store(const Arrays<double>&) const;
template void Engine<double>::set_steps(std::int64_t);
template UpdatePart Engine<double>::stored_part(std::size_t, int, int) const;
template void Engine<double>::apply_stored(const Parameters<double>&, std::size_t, const Steps&,
                                           const UpdatePart&) const;
template double Engine<double>::train(const std::int64_t*, Index, const double*);

}  // namespace nablanet
