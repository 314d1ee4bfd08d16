#include "core/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace nablanet {

namespace {

// Below this many multiply-adds for each thread, waiting for one another costs more than it saves.
constexpr double kWorkForThread = 400e3;

// So few rows fit into one tile of the product.
constexpr Index kFewRows = 12;

// Rows that one thread predicts at a time: enough to reuse the weights, few enough to stay in cache.
constexpr Index kPredictRows = 128;

// Rows whose gradients are summed in one go. Their number decides the order of additions.
constexpr Index kGradientRows = 512;

// Multiply-adds of one pass from which on a step can be interrupted: some milliseconds at least.
constexpr double kLongStep = 2e8;
// From here on the update of a long step can be interrupted too, at the price of a copy of all it changes.
constexpr std::chrono::milliseconds kLongUpdate{50};

// Divides a rectangle of outputs: along its panels, so that each thread keeps its weights in its own
// cache, or along its rows where there are too few panels.
struct Part {
  Range rows;
  Range panels;
};

Part part_of(Index rows, Index panels, int member, int members) {
  if (panels >= members) return {{0, rows}, share({0, panels}, member, members)};
  return {share({0, rows}, member, members), {0, panels}};
}

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

double multiply_adds(const std::vector<Index>& sizes) {
  double sum = 0;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    sum += static_cast<double>(sizes[l]) * static_cast<double>(sizes[l + 1]);
  }
  return sum;
}

}  // namespace

template <class T>
Engine<T>::Engine(Network network, const Kernels<T>& kernels, int threads, Interruption::Question question)
    : network_(std::move(network)),
      kernels_(kernels),
      threads_(threads),
      question_(question),
      parameters_(network_.sizes) {
  if (network_.activations.size() + 1 != network_.sizes.size()) {
    throw std::invalid_argument("one activation is needed for each layer but the first");
  }
}

template <class T>
int Engine<T>::team_size(Index rows, double passes) const {
  const double work = passes * static_cast<double>(rows) * multiply_adds(network_.sizes);
  return std::clamp(static_cast<int>(std::min(work / kWorkForThread, 1e6)), 1, threads_);
}

template <class T>
std::vector<ActiveInputs<T>> Engine<T>::active_inputs(const Team& team) const {
  std::vector<ActiveInputs<T>> active;
  for (int i = 0; i < team.size(); ++i) active.emplace_back(network_.sizes[0]);
  return active;
}

template <class T>
Product<T> Engine<T>::product_into(const Workspace<T>& work, std::size_t layer) const {
  return {work.activation(layer - 1), work.every_input(layer - 1), parameters_.weights(layer - 1),
          parameters_.bias(layer - 1), work.activation(layer)};
}

template <class T>
Output<T> Engine<T>::output_of(const Workspace<T>& work, bool weighted) const {
  const std::size_t last = network_.sizes.size() - 1;
  return {
      .activation = network_.activations[last - 1],
      .cost = network_.cost,
      .parameter = network_.cost_parameter,
      .n_out = network_.sizes[last],
      .z = work.activation(last),
      .a = work.outputs(),
      .y = work.desired(),
      .delta = work.error(last),
      .costs = work.costs(),
      .weights = weighted ? work.weights() : nullptr,
  };
}

template <class T>
void Engine<T>::gather(const Source& x, const Target* y, const Samples& samples, Range rows,
                       const Workspace<T>& work, std::uint32_t* nonzero) const {
  kernels_.gather(x, samples, rows, work.activation(0), nonzero);
  if (y == nullptr) return;
  if (y->weights != nullptr) {
    for (Index i = rows.begin; i < rows.end; ++i) work.weights()[i] = y->weights[samples.at(i)];
  }
  if (y->labels != nullptr) {
    kernels_.one_hot(y->labels, samples, rows, network_.sizes.back(), work.desired());
  } else {
    kernels_.gather(y->rows, samples, rows, work.desired(), nullptr);
  }
}

template <class T>
void Engine<T>::drop(const Workspace<T>& work, std::size_t l, std::optional<std::uint64_t> step, Range rows,
                     Range panels) const {
  if (!step || settings_.drop_thresholds.empty() || settings_.drop_thresholds[l] == 0) return;
  const Drop<T> drop{
      .a = work.activation(l),
      .slope = work.slope(l),
      .seed = settings_.drop_seed,
      .step = *step,
      .layer = l,
      .threshold = settings_.drop_thresholds[l],
  };
  kernels_.drop(drop, rows, panels);
}

template <class T>
double Engine<T>::predict(const Source& x, const Target* y, Index first, Index rows, T* out) {
  const std::size_t last = network_.sizes.size() - 1;
  const Index width = network_.sizes[last];
  Team team(team_size(rows, 1));
  const Index block = std::min(rows, kPredictRows);
  std::vector<Workspace<T>> works;
  for (int i = 0; i < team.size(); ++i) works.emplace_back(network_.sizes, block, false);
  Buffer<double> costs(y == nullptr ? 0 : rows);
  Interruption interruption(question_);

  team.run([&](int member) {
    const Workspace<T>& work = works[static_cast<std::size_t>(member)];
    const Range mine = share({0, rows}, member, team.size());
    for (Index begin = mine.begin; begin < mine.end && !interruption.look(member); begin += block) {
      const Range here{0, std::min(block, mine.end - begin)};
      gather(x, y, Samples{.first = first + begin}, here, work, nullptr);
      feed_forward(last - 1, here, work, member, interruption);
      weighted_output(here, work, member, interruption);
      Output<T> output = output_of(work, y != nullptr && y->weights != nullptr);
      output.costs = y == nullptr ? nullptr : costs.data() + begin;
      kernels_.output(output, here);
      kernels_.scatter(output.a, here, width, out + begin * width);
    }
  });
  if (interruption.happened()) throw Interrupted{};
  double sum = 0;
  for (Index i = 0; i < costs.size(); ++i) sum += costs.data()[i];
  return sum;
}

template <class T>
void Engine<T>::feed_forward(std::size_t layer, Range rows, const Workspace<T>& work, int member,
                             Interruption& interruption) const {
  for (std::size_t l = 1; l <= layer; ++l) {
    in_pieces(interruption, member, rows, {0, panel_count<T>(network_.sizes[l])},
              network_.sizes[l - 1] * kLanes<T>, [&](Range r, Range p) {
                kernels_.forward(product_into(work, l), network_.activations[l - 1], work.slope(l), r, p);
              });
  }
}

template <class T>
void Engine<T>::weighted_output(Range rows, const Workspace<T>& work, int member,
                                Interruption& interruption) const {
  const std::size_t last = network_.sizes.size() - 1;
  in_pieces(interruption, member, rows, {0, panel_count<T>(network_.sizes[last])},
            network_.sizes[last - 1] * kLanes<T>,
            [&](Range r, Range p) { kernels_.weighted_input(product_into(work, last), r, p); });
}

template <class T>
typename Engine<T>::Propagated Engine<T>::propagate(const Source& x, const Target& y, const Samples& samples,
                                                    Index rows, std::optional<std::uint64_t> step,
                                                    const Workspace<T>& work,
                                                    const std::vector<ActiveInputs<T>>& active, bool idle,
                                                    const Ahead& ahead, int member, Team& team,
                                                    Interruption& interruption) const {
  const std::size_t last = network_.sizes.size() - 1;
  const int members = team.size();
  const Range all{0, rows};
  const Range one{0, 1};
  const auto own = static_cast<std::size_t>(member);
  std::uint32_t* const nonzero = active[own].cleared();
  in_pieces(interruption, member, share(all, member, members), one, network_.sizes[0] * kLanes<T>,
            [&](Range r, Range) {
              gather(x, &y, samples, r, work, nonzero);
              drop(work, 0, step, r, {0, panel_count<T>(network_.sizes[0])});
            });
  team.barrier();

  const Inputs inputs =
      active[own].inputs(kernels_, active, work.every_input(0), work.activation(0).stride, idle);
  for (std::size_t l = 1; l <= last; ++l) {
    const Part part = part_of(rows, panel_count<T>(network_.sizes[l]), member, members);
    Product<T> product = product_into(work, l);
    if (l == 1) {
      product.inputs = inputs;
      product.ahead = ahead;
    }
    in_pieces(interruption, member, part.rows, part.panels, product.inputs.active * kLanes<T>,
              [&](Range r, Range p) {
                if (l < last) {
                  kernels_.forward(product, network_.activations[l - 1], work.slope(l), r, p);
                  drop(work, l, step, r, p);
                } else {
                  kernels_.weighted_input(product, r, p);
                }
              });
    team.barrier();
  }

  in_pieces(interruption, member, share(all, member, members), one, network_.sizes[last] * kLanes<T>,
            [&](Range r, Range) { kernels_.output(output_of(work, y.weights != nullptr), r); });
  for (std::size_t l = 1; l < last; ++l) {
    const Range panels = share({0, panel_count<T>(network_.sizes[l])}, member, members);
    in_pieces(interruption, member, one, panels, network_.sizes[l + 1] * kLanes<T>, [&](Range, Range p) {
      kernels_.transpose(parameters_.weights(l), network_.sizes[l], network_.sizes[l + 1], p,
                         work.transposed(l));
    });
  }
  team.barrier();

  for (std::size_t l = last - 1; l >= 1; --l) {
    const Part part = part_of(rows, panel_count<T>(network_.sizes[l]), member, members);
    const Product<T> product{work.error(l + 1), work.every_input(l + 1), work.transposed(l), nullptr,
                             work.error(l)};
    in_pieces(interruption, member, part.rows, part.panels, product.inputs.active * kLanes<T>,
              [&](Range r, Range p) { kernels_.backward(product, work.slope(l), r, p); });
    team.barrier();
  }

  double cost = 0;
  if (member == 0) {
    for (Index i = 0; i < rows; ++i) cost += work.costs()[i];
  }
  return {cost, inputs};
}

template <class T>
void Engine<T>::point_to_moments(Update<T>& update, std::size_t l) const {
  if (first_ != nullptr) {
    update.first = first_->weights(l).data;
    update.bias_first = first_->bias(l);
  }
  if (second_ != nullptr) {
    update.second = second_->weights(l).data;
    update.bias_second = second_->bias(l);
  }
}

template <class T>
void Engine<T>::update(const Workspace<T>& work, Index rows, const Inputs& inputs, const Steps& steps,
                       const Parameters<T>& changed, const Ahead& ahead, int member, Team& team,
                       Interruption& interruption) const {
  const int members = team.size();
  for (std::size_t l = 0; l + 1 < network_.sizes.size(); ++l) {
    Update<T> update;
    update.in = work.activation(l);
    update.delta = work.error(l + 1);
    update.rows = rows;
    update.inputs = l == 0 ? inputs : work.every_input(l);
    update.weights = changed.weights(l);
    update.bias = changed.bias(l);
    update.weight_step = steps.weights;
    update.bias_step = steps.biases;
    if (steps.weights.rule == Rule::prepare) {
      update.first = gradient_->weights(l).data;
      update.bias_first = gradient_->bias(l);
    } else {
      point_to_moments(update, l);
    }
    if (l == 0) update.ahead = ahead;
    const Range panels{0, panel_count<T>(network_.sizes[l + 1])};
    const Range active{0, update.inputs.active};
    const Range idle{0, update.inputs.idle};
    const bool by_panels = panels.size() >= members;
    const UpdatePart part = by_panels ? UpdatePart{share(panels, member, members), active, idle, true}
                                      : UpdatePart{panels, share(active, member, members),
                                                   share(idle, member, members), member == 0};
    // the inputs take the place of rows, and the rows that of inputs; at least once, for the others
    const Range places{part.active.begin, std::max(part.active.end, part.active.begin + 1)};
    in_pieces(interruption, member, places, part.panels, rows * kLanes<T>, [&](Range inputs, Range p) {
      const bool first = inputs.begin == places.begin;
      const Range here{inputs.begin, std::min(inputs.end, part.active.end)};
      kernels_.update(update, {p, here, first ? part.idle : Range{0, 0}, first && part.biases});
    });
  }
  team.barrier();
}

template <class T>
double Engine<T>::gradient(const Source& x, const Target& y, Index rows, Parameters<T>& sums) {
  const Index block = std::min(rows, kGradientRows);
  const Workspace<T> work(network_.sizes, block, true);
  Team team(team_size(block, 3));
  const std::vector<ActiveInputs<T>> active = active_inputs(team);
  Interruption interruption(question_);
  std::vector<Propagated> passed(static_cast<std::size_t>(team.size()));
  const Step<T> add{.rule = Rule::add};
  double sum = 0;
  for (Index begin = 0; begin < rows; begin += block) {
    const Index here = std::min(block, rows - begin);
    const Samples samples{.first = begin};
    team.run([&](int member) {
      passed[static_cast<std::size_t>(member)] =
          propagate(x, y, samples, here, {}, work, active, true, Ahead{}, member, team, interruption);
    });
    if (interruption.happened()) throw Interrupted{};
    team.run([&](int member) {
      const Inputs& inputs = passed[static_cast<std::size_t>(member)].inputs;
      update(work, here, inputs, begin == 0 ? Steps{} : Steps{add, add}, sums, Ahead{}, member, team,
             interruption);
    });
    if (interruption.happened()) throw Interrupted{};
    sum += passed[0].cost;
  }
  return sum;
}

template <class T>
void Engine<T>::start(const Source& x, const Target& y, Index batch, const Settings& settings) {
  x_ = x;
  y_ = y;
  settings_ = settings;
  work_ = std::make_unique<Workspace<T>>(network_.sizes, batch, true);
  set_steps(0);
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
  for (std::size_t l = 1; l < network_.sizes.size(); ++l) panels += panel_count<T>(network_.sizes[l]);
  squares_ = Buffer<double>(gradient_ == nullptr ? 0 : panels);
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
  const double decay = settings_.decay + settings_.alpha * (1.0 / static_cast<double>(rows));
  Step<T> step;
  ++steps_;
  power1_ *= settings_.beta1;
  power2_ *= settings_.beta2;
  step.penalized = settings_.l1 != 0 || settings_.clip_value != 0;
  if (settings_.method == Method::sgd && !step.penalized && gradient_ == nullptr) {
    step.rule = decay == 0 ? Rule::sgd : Rule::sgd_decay;
    step.rate = static_cast<T>(eta * mean);
    step.decay = T{1};
    Step<T> decaying = step;
    decaying.decay = static_cast<T>(1 - eta * decay);
    return {decaying, step};
  }
  step.rate = static_cast<T>(eta);
  step.mean = static_cast<T>(mean);
  step.bound =
      settings_.clip_value == 0 ? std::numeric_limits<T>::infinity() : static_cast<T>(settings_.clip_value);
  switch (settings_.method) {
    case Method::sgd:
      step.rule = Rule::sgd;
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
      step.epsilon = static_cast<T>(settings_.epsilon);
      break;
  }
  Step<T> decaying = step;
  decaying.decay = static_cast<T>(decay);
  decaying.l1 = static_cast<T>(settings_.l1);
  decaying.shrink = static_cast<T>(eta * settings_.weight_decay);
  return {decaying, step};
}

template <class T>
void Engine<T>::apply_clipped(Steps steps, int member, Team& team) const {
  const int members = team.size();
  const std::size_t layers = network_.sizes.size() - 1;
  double* sums = squares_.data();
  for (std::size_t l = 0; l < layers; ++l) {
    const Index panels = panel_count<T>(network_.sizes[l + 1]);
    kernels_.sum_squares(gradient_->weights(l), gradient_->bias(l), network_.sizes[l],
                         share({0, panels}, member, members), sums);
    sums += panels;
  }
  team.barrier();

  double sum = 0;
  for (const double* square = squares_.data(); square < sums; ++square) sum += *square;
  const double norm = std::sqrt(sum);
  const double scale = norm > settings_.clip_norm ? settings_.clip_norm / norm : 1;
  for (Step<T>* step : {&steps.weights, &steps.biases}) {
    step->mean = static_cast<T>(scale);
    step->decay = T{0};  // is in the gradient already
  }
  for (std::size_t l = 0; l < layers; ++l) {
    Update<T> update;
    update.weights = parameters_.weights(l);
    update.bias = parameters_.bias(l);
    update.weight_step = steps.weights;
    update.bias_step = steps.biases;
    update.gradient = gradient_->weights(l).data;
    update.bias_gradient = gradient_->bias(l);
    point_to_moments(update, l);
    const Range panels{0, panel_count<T>(network_.sizes[l + 1])};
    const Range inputs{0, network_.sizes[l]};
    if (panels.size() >= members) {
      kernels_.apply(update, {share(panels, member, members), inputs, {0, 0}, true});
    } else {
      kernels_.apply(update, {panels, share(inputs, member, members), {0, 0}, member == 0});
    }
  }
  team.barrier();
}

template <class T>
void Engine<T>::finish_step(int member, Team& team) const {
  if (settings_.max_norm == 0 && average_ == nullptr) return;
  for (std::size_t l = 0; l + 1 < network_.sizes.size(); ++l) {
    const Index n_in = network_.sizes[l];
    const Range panels = share({0, panel_count<T>(network_.sizes[l + 1])}, member, team.size());
    if (settings_.max_norm != 0) {
      kernels_.limit_norms(parameters_.weights(l), n_in, static_cast<T>(settings_.max_norm), panels);
    }
    if (average_ != nullptr) {
      const T blend = static_cast<T>(1 - settings_.average);
      const Index first = panels.begin * kLanes<T>;
      kernels_.blend(average_->weights(l).line(panels.begin, 0), parameters_.weights(l).line(panels.begin, 0),
                     panels.size() * n_in, blend);
      kernels_.blend(average_->bias(l) + first, parameters_.bias(l) + first, panels.size(), blend);
    }
  }
  team.barrier();
}

template <class T>
bool Engine<T>::needs_idle() const {
  return settings_.method != Method::sgd || settings_.decay != 0 || settings_.alpha != 0 ||
         settings_.l1 != 0 || gradient_ != nullptr;
}

template <class T>
Ahead Engine<T>::rows_ahead(const Samples& next, Index rows, int member, const Team& team) const {
  if (x_.strided || x_.is_sparse()) return {};
  Ahead ahead{.source = x_, .samples = next, .rows = share({0, rows}, member, team.size())};
  ahead.lines = {0, ahead.rows.size() * ahead.row_lines()};
  return ahead;
}

template <class T>
void Engine<T>::learn(Index rows, const Inputs& inputs, const Steps& steps, const Ahead& ahead, int member,
                      Team& team, Interruption& interruption) const {
  Steps fused = steps;
  if (gradient_ != nullptr) fused.weights.rule = fused.biases.rule = Rule::prepare;
  update(*work_, rows, inputs, fused, parameters_, ahead, member, team, interruption);
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
double Engine<T>::long_step(const std::int64_t* order, Index rows, double eta,
                            const std::vector<ActiveInputs<T>>& active, Team& team) {
  Interruption interruption(question_);
  std::vector<Propagated> passed(static_cast<std::size_t>(team.size()));
  const auto started = Interruption::Clock::now();
  team.run([&](int member) {
    passed[static_cast<std::size_t>(member)] =
        propagate(x_, y_, Samples{.order = order}, rows, static_cast<std::uint64_t>(steps_), *work_, active,
                  needs_idle(), Ahead{}, member, team, interruption);
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
    learn(rows, passed[static_cast<std::size_t>(member)].inputs, steps, Ahead{}, member, team, interruption);
  });
  if (interruption.happened()) {
    for (std::size_t i = 0; i < sets.size(); ++i) std::swap(*sets[i], kept_[i]);
    steps_ = steps_before;
    power1_ = power1;
    power2_ = power2;
    throw Interrupted{};
  }
  return passed[0].cost;
}

template <class T>
double Engine<T>::train(const std::int64_t* order, Index count, const double* etas) {
  const Index batch = work_->rows();
  const bool is_long = static_cast<double>(batch) * multiply_adds(network_.sizes) > kLongStep;
  const auto first_step = static_cast<std::uint64_t>(steps_);
  std::vector<Steps> steps;
  for (Index begin = 0; begin < count && !is_long; begin += batch) {
    const Index rows = std::min(batch, count - begin);
    steps.push_back(next_steps(weight_of(y_, order + begin, rows), rows, etas[begin / batch]));
  }
  const int most = team_size(batch, 3);
  const auto started = std::chrono::steady_clock::now();
  Team team(most > 1 && choice_.team() ? most : 1);
  const std::vector<ActiveInputs<T>> active = active_inputs(team);
  const bool idle = needs_idle();
  double sum = 0;
  for (Index begin = 0; begin < count && is_long; begin += batch) {
    sum += long_step(order + begin, std::min(batch, count - begin), etas[begin / batch], active, team);
  }
  Interruption never(nullptr);
  team.run([&](int member) {
    double costs = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Index begin = static_cast<Index>(i) * batch;
      const Index end = std::min(begin + batch, count);
      const Index rows = end - begin;
      const Samples samples{.order = order + begin};
      Ahead ahead = rows_ahead(Samples{.order = order + end}, std::min(batch, count - end), member, team);
      const Range lines = ahead.lines;
      // the forward product asks too where it passes over its inputs only once
      const Index early = rows <= kFewRows ? lines.size() * 2 / 5 : 0;
      ahead.lines = {0, early};
      const Propagated passed =
          propagate(x_, y_, samples, rows, first_step + i, *work_, active, idle, ahead, member, team, never);
      ahead.lines = {early, lines.end};
      learn(rows, passed.inputs, steps[i], ahead, member, team, never);
      costs += passed.cost;
    }
    if (member == 0) sum += costs;
  });
  if (most > 1) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
    choice_.took(seconds.count() / static_cast<double>(count));
  }
  return sum;
}

template class Engine<float>;
template class Engine<double>;

}  // namespace nablanet
