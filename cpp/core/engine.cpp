#include "core/engine.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

namespace nablanet {

namespace {

// Below this many multiply-adds for each thread, waiting for one another costs more than it saves.
constexpr double kWorkForThread = 400e3;

// Of each kLookRows rows, the share of inputs that are not zero in one of them up to which marks pay.
constexpr Index kLookRows = 4;
constexpr double kMarkedShare = 0.6;

// Where each thread has so many rows and weights are of so few bytes, threads divide rows and read all
// weights: half of them come from another core, but activations and errors stay where they are, and nobody
// waits.
constexpr Index kRowsForEach = 48;
constexpr double kSharedWeights = 1 << 20;

// Then they divide an update by inputs, if each has so many.
constexpr Index kInputsForEach = 32;

// From so many panels for each thread on panels are divided by the speed of the cores.
constexpr Index kPanelsForEach = 8;

// Rows that are gathered and marked together: enough for their lines to come from memory side by side, few
// enough for what is gathered to stay in a near cache meanwhile.
constexpr Index kGatheredRows = 16;

// Rows whose gradients are summed in one go. Their number decides the order of additions.
constexpr Index kGradientRows = 512;

// Divides a rectangle of outputs: along its panels, so that each thread keeps its weights in its own
// cache, or along its rows where there are too few panels.
struct Part {
  Range rows;
  Range panels;
};

bool by_panels(Index panels, int members) { return panels >= members; }

double multiply_adds(const std::vector<Index>& sizes) {
  double sum = 0;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    sum += static_cast<double>(sizes[l]) * static_cast<double>(sizes[l + 1]);
  }
  return sum;
}

}  // namespace

template <class T>
Engine<T>::Engine(Network network, const Kernels<T>& kernels, int threads, Interruption::Question question,
                  Interruption::Clock::duration interval)
    : network_(std::move(network)),
      multiply_adds_(multiply_adds(network_.sizes)),
      kernels_(kernels),
      threads_(threads),
      question_(question),
      interval_(interval),
      parameters_(network_.sizes) {
  if (network_.activations.size() + 1 != network_.sizes.size()) {
    throw std::invalid_argument("one activation is needed for each layer but the first");
  }
}

template <class T>
int Engine<T>::team_size(Index rows, double passes) const {
  const double work = passes * static_cast<double>(rows) * multiply_adds_;
  return std::clamp(static_cast<int>(std::min(work / kWorkForThread, 1e6)), 1, threads_);
}

template <class T>
bool Engine<T>::divides_rows(Index rows, int members) const {
  return members > 1 && rows >= kRowsForEach * members &&
         multiply_adds_ * static_cast<double>(sizeof(T)) <= kSharedWeights;
}

template <class T>
bool Engine<T>::divides_finely(Index rows, int members) const {
  if (members == 1 || divides_rows(rows, members)) return members > 1;
  // the output layer has a small part of the work, unless it is the only one
  const auto last = network_.sizes.end() - (network_.sizes.size() > 2 ? 1 : 0);
  return std::all_of(network_.sizes.begin() + 1, last, [members](Index neurons) {
    const Index panels = panel_count<T>(neurons);
    return !by_panels(panels, members) || panels >= kPanelsForEach * members;
  });
}

template <class T>
std::vector<ActiveInputs<T>> Engine<T>::active_inputs(const Team& team) const {
  std::vector<ActiveInputs<T>> active;
  for (int i = 0; i < team.size(); ++i) active.emplace_back(network_.sizes[0]);
  return active;
}

template <class T>
Product<T> Engine<T>::product_into(const Workspace<T>& work, std::size_t layer, Skip skip) const {
  return {
      .in = work.activation(layer - 1),
      .inputs = work.every_input(layer - 1),
      .weights = parameters_.weights(layer - 1),
      .bias = parameters_.bias(layer - 1),
      .out = work.activation(layer),
      .marks = layer == 1 ? work.marked().marks(skip) : Marks<T>{},
  };
}

template <class T>
Product<T> Engine<T>::product_back(const Workspace<T>& work, std::size_t layer) const {
  return {
      .in = work.error(layer + 1),
      .inputs = work.every_input(layer + 1),
      .weights = work.transposed(layer),
      .out = work.error(layer),
  };
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
void Engine<T>::gather(const Target& y, const Samples& samples, Range rows, const Workspace<T>& work) const {
  if (y.weights != nullptr) {
    for (Index i = rows.begin; i < rows.end; ++i) work.weights()[i] = y.weights[samples.at(i)];
  }
  if (y.labels != nullptr) {
    kernels_.one_hot(y.labels, samples, rows, network_.sizes.back(), work.desired());
  } else {
    kernels_.gather(y.rows, samples, rows, work.desired(), nullptr);
  }
}

template <class T>
bool Engine<T>::drops(std::size_t l, std::optional<std::uint64_t> step) const {
  return step && !settings_.drop_thresholds.empty() && settings_.drop_thresholds[l] != 0;
}

template <class T>
Slope<T> Engine<T>::slope(const Workspace<T>& work, std::size_t l, std::optional<std::uint64_t> step) const {
  // what dropout scales is kept
  const bool of_relu = network_.activations[l - 1] == Activation::relu && !drops(l, step);
  return {of_relu ? work.activation(l) : work.slope(l), of_relu};
}

template <class T>
void Engine<T>::drop(Panels<T> a, Panels<T> slope, std::size_t l, std::optional<std::uint64_t> step,
                     Range rows, Range panels, Index first_row) const {
  if (!drops(l, step)) return;
  const Drop<T> drop{
      .a = a,
      .slope = slope,
      .seed = settings_.drop_seed,
      .step = *step,
      .layer = l,
      .first_row = first_row,
      .threshold = settings_.drop_thresholds[l],
  };
  kernels_.drop(drop, rows, panels);
}

template <class T>
Skip Engine<T>::skip(const Source& x, const Samples& samples, Index rows, Skip wanted,
                     const Workspace<T>& work) const {
  const Index n_in = network_.sizes[0];
  if (!work.marked().exist() || panel_count<T>(network_.sizes[1]) < 2 || rows < kLookRows) {
    return Skip::nothing;
  }
  const Skip skip = x.lies_as<T>() ? wanted : Skip::gathered;
  constexpr Index looks = 4;
  Index found = 0;
  for (Index i = 0; i < looks; ++i) {
    mark(x, samples.from((rows - kLookRows) * i / (looks - 1)), {0, kLookRows}, panels_of(0), {}, skip, work);
    const Marks<T> marks = work.marked().marks(skip);
    for (Index panel = 0; panel < panel_count<T>(n_in); ++panel) {
      std::uint32_t word = 0;
      for (Index row = 0; row < kLookRows; ++row) word |= *marks.word(panel, row);
      found += std::popcount(word);
    }
  }
  return static_cast<double>(found) < kMarkedShare * static_cast<double>(looks * n_in) ? skip : Skip::nothing;
}

template <class T>
void Engine<T>::mark(const Source& x, const Samples& samples, Range rows, Range panels,
                     std::optional<std::uint64_t> step, Skip skip, const Workspace<T>& work, int member,
                     bool* finite) const {
  const Index n_in = network_.sizes[0];
  const Panels<T> in{work.activation(0).line(panels.begin, 0), work.activation(0).stride};
  const bool every = panels.size() == panel_count<T>(n_in);
  const Source from =
      every ? x : x.columns({panels.begin * kLanes<T>, std::min(panels.end * kLanes<T>, n_in)});
  Marks<T> marks = work.marked().marks(skip, member);
  marks.panels = panels;
  for (Index begin = rows.begin; begin < rows.end; begin += kGatheredRows) {
    const Range here{begin, std::min(begin + kGatheredRows, rows.end)};
    if (skip == Skip::gathered) {
      kernels_.gather(from, samples, here, in, nullptr);
      drop(work.activation(0), {}, 0, step, here, panels);
    } else {
      for (Index row = here.begin; row < here.end; ++row) marks.rows[row] = x.row<T>(samples.at(row));
    }
    kernels_.mark(marks, here, n_in, finite);
  }
}

template <class T>
typename Engine<T>::Propagated Engine<T>::propagate(const MiniBatch& batch, const Workspace<T>& work,
                                                    const std::vector<ActiveInputs<T>>& active, int member,
                                                    Team& team, Interruption& interruption) const {
  const Skip skip = batch.skip;
  const Index rows = batch.rows;
  const int members = team.size();
  if (divides_inputs(batch.x, rows, skip, members)) {
    return propagate_by_inputs(batch, work, member, team, interruption);
  }
  if (batch.factor != 0) add_squares(batch.factor, 0, member, team);
  const std::size_t last = network_.sizes.size() - 1;
  const Range all{0, rows};
  const Range one{0, 1};
  const bool by_rows = divides_rows(rows, members);
  const auto mine = [&](Range whole) { return balance_.share(whole, 1, member, members); };
  const Range my_rows = mine(all);
  const auto part_of = [&](std::size_t l) {
    const Range panels = panels_of(l);
    return !by_rows && by_panels(panels.size(), members) ? Part{all, mine(panels)} : Part{my_rows, panels};
  };
  const auto wait = [&] {
    balance_.end(member);
    team.barrier();
    balance_.begin(member);
  };
  balance_.begin(member);
  const bool marked = skip != Skip::nothing;
  const bool together = members > 1 && (marked || by_rows || !work.own_inputs());
  const Panels<T> in = together ? work.activation(0) : work.activation(0, member);
  const ActiveInputs<T>& own = active[static_cast<std::size_t>(member)];
  std::uint32_t* const nonzero = own.cleared();
  in_pieces(interruption, member, together ? my_rows : all, one, network_.sizes[0] * kLanes<T>,
            [&](Range r, Range) {
              if (marked) return mark(batch.x, batch.samples, r, panels_of(0), batch.step, skip, work);
              kernels_.gather(batch.x, batch.samples, r, in, nonzero);
              drop(in, {}, 0, batch.step, r, panels_of(0));
            });
  gather(batch.y, batch.samples, my_rows, work);

  const auto active_inputs = [&](bool merged) {
    if (marked) return work.every_input(0);
    if (merged) own.merge(active);
    return own.inputs(kernels_, merged, work.every_input(0), in.stride, batch.idle);
  };
  const auto list_rows = [&] {
    if (!marked || interruption.look(member)) return;
    kernels_.list_rows(work.marked().marks(skip), rows, mine(panels_of(0)), network_.sizes[0],
                       work.marked().lists());
  };
  if (together && !by_rows) wait();
  if (!by_rows) list_rows();
  Inputs inputs = active_inputs(together && !by_rows);
  for (std::size_t l = 1; l <= last; ++l) {
    const Part part = part_of(l);
    Product<T> product = product_into(work, l, skip);
    if (l == 1) {
      product.in = in;
      product.inputs = inputs;
    }
    in_pieces(interruption, member, part.rows, part.panels, product.inputs.active * kLanes<T>,
              [&](Range r, Range p) {
                if (l < last) {
                  kernels_.forward(product, network_.activations[l - 1], slope(work, l, batch.step), r, p);
                  drop(work.activation(l), work.slope(l), l, batch.step, r, p);
                } else {
                  kernels_.weighted_input(product, r, p);
                }
              });
    // the output's rows are divided alike
    if (!by_rows && (l < last || by_panels(panels_of(l).size(), members))) wait();
  }

  in_pieces(interruption, member, my_rows, one, network_.sizes[last] * kLanes<T>,
            [&](Range r, Range) { kernels_.output(output_of(work, batch.y.weights != nullptr), r); });
  for (std::size_t l = 1; l < last; ++l) {
    in_pieces(interruption, member, one, mine(panels_of(l)), network_.sizes[l + 1] * kLanes<T>,
              [&](Range, Range p) {
                kernels_.transpose(parameters_.weights(l), network_.sizes[l], network_.sizes[l + 1], p,
                                   work.transposed(l));
              });
  }
  wait();
  if (by_rows) list_rows();

  for (std::size_t l = last - 1; l >= 1; --l) {
    const Part part = part_of(l);
    const Product<T> product = product_back(work, l);
    in_pieces(interruption, member, part.rows, part.panels, product.inputs.active * kLanes<T>,
              [&](Range r, Range p) { kernels_.backward(product, slope(work, l, batch.step), r, p); });
    if (by_rows) continue;
    // the update of the first layer's weights divides these panels alike
    if (l > 1 || !by_panels(panels_of(l).size(), members)) wait();
  }
  if (by_rows) {
    wait();
    inputs = active_inputs(true);
  }

  double cost = 0;
  if (member == 0) {
    for (Index i = 0; i < rows; ++i) cost += work.costs()[i];
  }
  balance_.end(member);
  return {cost, in, inputs, marked ? work.marked().lists() : RowLists<T>{}};
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
Update<T> Engine<T>::update_of(std::size_t l, const Workspace<T>& work, Index rows, const Propagated& passed,
                               const Steps& steps, const Parameters<T>& changed) const {
  Update<T> update;
  update.in = work.activation(l);
  update.delta = work.error(l + 1);
  update.rows = rows;
  update.inputs = l == 0 ? passed.inputs : work.every_input(l);
  update.weights = changed.weights(l);
  update.one_neuron = network_.sizes[l + 1] == 1;
  update.bias = changed.bias(l);
  update.weight_step = steps.weights;
  update.bias_step = steps.biases;
  if (steps.weights.rule == Rule::prepare) {
    update.first = gradient_->weights(l).data;
    update.bias_first = gradient_->bias(l);
  } else {
    point_to_moments(update, l);
  }
  if (l == 0) {
    update.in = passed.in;
    update.lists = passed.lists;
  }
  return update;
}

template <class T>
void Engine<T>::update_part(const Update<T>& update, const UpdatePart& part, int member,
                            Interruption& interruption) const {
  // the inputs take the place of rows, and the rows that of inputs; at least once, for the others
  const Range places{part.active.begin, std::max(part.active.end, part.active.begin + 1)};
  in_pieces(interruption, member, places, part.panels, update.rows * kLanes<T>, [&](Range inputs, Range p) {
    const bool first = inputs.begin == places.begin;
    const Range here{inputs.begin, std::min(inputs.end, part.active.end)};
    kernels_.update(update, {p, here, first ? part.idle : Range{0, 0}, first && part.biases});
  });
}

template <class T>
void Engine<T>::update(const Workspace<T>& work, Index rows, const Propagated& passed, const Steps& steps,
                       const Parameters<T>& changed, int member, Team& team,
                       Interruption& interruption) const {
  if (passed.by_inputs) {
    return update_by_inputs(work, rows, passed, steps, changed, member, team, interruption);
  }
  const int members = team.size();
  balance_.begin(member);
  const auto mine = [&](Range whole, Index unit) { return balance_.share(whole, unit, member, members); };
  for (std::size_t l = 0; l + 1 < network_.sizes.size(); ++l) {
    const Update<T> update = update_of(l, work, rows, passed, steps, changed);
    const Range panels = panels_of(l + 1);
    const Range active{0, update.inputs.active};
    const Range idle{0, update.inputs.idle};
    // in even shares, where nobody has weights of his own
    const bool evenly = divides_rows(rows, members) && active.size() >= kInputsForEach * members;
    const UpdatePart part = by_panels(panels.size(), members) && !evenly
                                ? UpdatePart{mine(panels, 1), active, idle, true}
                                : UpdatePart{panels, mine(active, kMarkedInputs), mine(idle, 1), member == 0};
    update_part(update, part, member, interruption);
  }
  balance_.end(member);
  team.barrier();
}

template <class T>
double Engine<T>::gradient(const Source& x, const Target& y, Index rows, Parameters<T>& sums) {
  const Index block = std::min(rows, kGradientRows);
  Team team(team_size(block, 3));
  const Workspace<T> work(network_.sizes, block, true, team.size());
  const std::vector<ActiveInputs<T>> active = active_inputs(team);
  Interruption interruption(question_, interval_);
  std::vector<Propagated> passed(static_cast<std::size_t>(team.size()));
  const Step<T> add{.rule = Rule::add};
  double sum = 0;
  const Skip skip = this->skip(x, Samples{}, rows, Skip::in_place, work);
  for (Index begin = 0; begin < rows; begin += block) {
    const Index here = std::min(block, rows - begin);
    const MiniBatch batch{.x = x, .y = y, .samples = {.first = begin}, .rows = here, .skip = skip};
    team.run([&](int member) {
      passed[static_cast<std::size_t>(member)] = propagate(batch, work, active, member, team, interruption);
    });
    if (interruption.happened()) throw Interrupted{};
    team.run([&](int member) {
      const Propagated& by_me = passed[static_cast<std::size_t>(member)];
      update(work, here, by_me, begin == 0 ? Steps{} : Steps{add, add}, sums, member, team, interruption);
    });
    if (interruption.happened()) throw Interrupted{};
    sum += passed[0].cost;
  }
  return sum;
}

template class Engine<float>;
template class Engine<double>;

}  // namespace nablanet
