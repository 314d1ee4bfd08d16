#include "core/parts.h"

#include <algorithm>

#include "core/engine.h"

namespace nablanet {

namespace {

// Rows of a part, and how many parts there are at most: they decide the order of additions.
constexpr Index kPartRows = 48;
constexpr Index kMostParts = 8;
// Parts begin at multiples of these rows, as dropout wants it.
constexpr Index kRowGroup = 8;

// Beyond them, storing a gradient for each part costs more than it saves.
constexpr Index kMostWeightBytes = 32 * 1024;

// Multiply-adds of one pass for each thread, below which waiting costs more than it saves.
constexpr double kPassForThread = 80e3;

}  // namespace

template <class T>
Index Parts<T>::count(Index rows) {
  return std::clamp<Index>(rows / kPartRows, 1, kMostParts);
}

template <class T>
Range Parts<T>::rows_of(Index part, Index rows) {
  const Index groups = (rows + kRowGroup - 1) / kRowGroup;
  const Range mine = share({0, groups}, static_cast<int>(part), static_cast<int>(count(rows)));
  return {mine.begin * kRowGroup, std::min(mine.end * kRowGroup, rows)};
}

template <class T>
std::unique_ptr<Parts<T>> Parts<T>::make(const std::vector<Index>& sizes, Index batch, int threads) {
  double weights = 0;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    weights += static_cast<double>(sizes[l]) * static_cast<double>(panel_count<T>(sizes[l + 1]) * kLanes<T>);
  }
  if (count(batch) == 1 || weights * sizeof(T) > kMostWeightBytes) return nullptr;
  const double members = std::min(static_cast<double>(std::min<Index>(threads, count(batch))),
                                  static_cast<double>(batch) * weights / kPassForThread);
  return std::make_unique<Parts>(sizes, batch, std::max(1, static_cast<int>(members)));
}

template <class T>
Parts<T>::Parts(const std::vector<Index>& sizes, Index batch, int members) : costs_(batch) {
  // the last part of `batch` is the largest, but fewer rows may make a larger one
  const Index most = std::min(batch, std::max(2 * kPartRows, batch / kMostParts + kRowGroup));
  for (int i = 0; i < members; ++i) works_.emplace_back(sizes, most, true);
  for (Index i = 0; i < count(batch); ++i) sums_.emplace_back(sizes);
}

template <class T>
double Engine<T>::step_in_parts(const Samples& samples, Index rows, std::uint64_t step, const Steps& steps,
                                int member, Team& team) const {
  const Workspace<T>& work = parts_->work(member);
  const Index parts = Parts<T>::count(rows);
  for (std::size_t l = 1; l + 1 < network_.sizes.size(); ++l) {
    kernels_.transpose(parameters_.weights(l), network_.sizes[l], network_.sizes[l + 1], panels_of(l),
                       work.transposed(l));
  }
  const Range mine = share({0, parts}, member, team.size());
  for (Index part = mine.begin; part < mine.end; ++part) {
    sum_part(samples, Parts<T>::rows_of(part, rows), step, work, parts_->sums(part));
  }
  team.barrier();
  double cost = 0;
  for (Index i = 0; i < rows && member == 0; ++i) cost += parts_->costs()[i];
  learn_from_parts(parts, steps, member, team);
  team.barrier();
  finish_step(member, team);
  return cost;
}

template <class T>
void Engine<T>::sum_part(const Samples& samples, Range rows, std::uint64_t step, const Workspace<T>& work,
                         const Parameters<T>& sums) const {
  const std::size_t last = network_.sizes.size() - 1;
  const Samples from = samples.from(rows.begin);
  const Range here{0, rows.size()};
  kernels_.gather(x_, from, here, work.activation(0), nullptr);
  drop(work.activation(0), {}, 0, step, here, panels_of(0), rows.begin);
  gather(y_, from, here, work);
  Output<T> output = output_of(work, y_.weights != nullptr);
  output.costs = parts_->costs() + rows.begin;
  pass_rows(1, 1, here, step, rows.begin, output, work);
  const Propagated passed{.cost = 0, .in = work.activation(0), .inputs = work.every_input(0), .lists = {}};
  for (std::size_t l = 0; l < last; ++l) {
    kernels_.update(update_of(l, work, rows.size(), passed, Steps{}, sums),
                    {panels_of(l + 1), {0, network_.sizes[l]}, {0, 0}, true});
  }
}

template <class T>
void Engine<T>::learn_from_parts(Index parts, Steps steps, int member, const Team& team) const {
  for (Step<T>* step : {&steps.weights, &steps.biases}) {
    if (step->rule == Rule::sgd) step->mean = T{1};  // it is in the rate already
  }
  const Parameters<T>& sums = parts_->sums(0);
  for (std::size_t l = 0; l + 1 < network_.sizes.size(); ++l) {
    const UpdatePart mine = stored_part(l, member, team.size());
    for (Index part = 1; part < parts; ++part) {
      const Parameters<T>& more = parts_->sums(part);
      for (Index panel = mine.panels.begin; panel < mine.panels.end; ++panel) {
        kernels_.add(sums.weights(l).line(panel, mine.active.begin),
                     more.weights(l).line(panel, mine.active.begin), mine.active.size());
      }
      const Index first = mine.panels.begin * kLanes<T>;
      if (mine.biases) kernels_.add(sums.bias(l) + first, more.bias(l) + first, mine.panels.size());
    }
    apply_stored(sums, l, steps, mine);
  }
}

template class Parts<float>;
template class Parts<double>;
template double Engine<float>::step_in_parts(const Samples&, Index, std::uint64_t, const Steps&, int,
                                             Team&) const;
template double Engine<double>::step_in_parts(const Samples&, Index, std::uint64_t, const Steps&, int,
                                              Team&) const;

}  // namespace nablanet
