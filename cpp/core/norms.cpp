// What takes a pass of its own over a gradient or the parameters: clipping by norm, max-norm, averages, and
// the squares of the weights.
#include <cmath>

#include "core/engine.h"

namespace nablanet {

template <class T>
void Engine<T>::apply_clipped(Steps steps, int member, Team& team) const {
  const int members = team.size();
  const std::size_t layers = network_.sizes.size() - 1;
  double* sums = squares_.data();
  for (std::size_t l = 0; l < layers; ++l) {
    const Index panels = panels_of(l + 1).size();
    kernels_.sum_squares(gradient_->weights(l), gradient_->bias(l), network_.sizes[l], {0, network_.sizes[l]},
                         share({0, panels}, member, members), nullptr, sums);
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
    apply_stored(*gradient_, l, steps, stored_part(l, member, members));
  }
  team.barrier();
}

template <class T>
void Engine<T>::add_squares(double factor, std::size_t from, int member, const Team& team) const {
  Index first = 0;
  for (std::size_t l = 0; l + 1 < network_.sizes.size() && weight_squares_.size() > 0; ++l) {
    const Range inputs{0, network_.sizes[l]};
    const Index panels = panels_of(l + 1).size();
    const Range mine = l < from ? Range{0, 0} : share({0, panels}, member, team.size());
    double* const sums = step_squares_.data() + first;
    kernels_.sum_squares(parameters_.weights(l), no_biases_.data(), inputs.end, inputs, mine, nullptr, sums);
    for (Index panel = mine.begin; panel < mine.end; ++panel) {
      weight_squares_.data()[first + panel] += factor * sums[panel];
    }
    first += panels;
  }
}

template <class T>
void Engine<T>::add_squares_of_inputs(double factor, Range inputs) const {
  if (weight_squares_.size() == 0) return;
  const Index n_in = network_.sizes[0];
  const Range panels = panels_of(1);
  kernels_.sum_squares(parameters_.weights(0), no_biases_.data(), n_in, inputs, panels, kept_squares_.data(),
                       step_squares_.data());
  for (Index panel = 0; panel < panels.end && inputs.end == n_in; ++panel) {
    weight_squares_.data()[panel] += factor * step_squares_.data()[panel];
  }
}

template <class T>
double Engine<T>::weight_squares() const {
  double sum = 0;
  for (Index i = 0; i < weight_squares_.size(); ++i) sum += weight_squares_.data()[i];
  return sum;
}

template <class T>
void Engine<T>::finish_step(int member, Team& team) const {
  if (settings_.max_norm == 0 && average_ == nullptr) return;
  for (std::size_t l = 0; l + 1 < network_.sizes.size(); ++l) {
    const Index n_in = network_.sizes[l];
    const Range panels = share(panels_of(l + 1), member, team.size());
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

template void Engine<float>::apply_clipped(Steps, int, Team&) const;
template void Engine<float>::add_squares(double, std::size_t, int, const Team&) const;
template void Engine<float>::add_squares_of_inputs(double, Range) const;
template double Engine<float>::weight_squares() const;
template void Engine<float>::finish_step(int, Team&) const;
template void Engine<double>::apply_clipped(Steps, int, Team&) const;
template void Engine<double>::add_squares(double, std::size_t, int, const Team&) const;
template void Engine<double>::add_squares_of_inputs(double, Range) const;
template double Engine<double>::weight_squares() const;
template void Engine<double>::finish_step(int, Team&) const;

}  // namespace nablanet
