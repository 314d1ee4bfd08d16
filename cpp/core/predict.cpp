// Feed forward alone: predictions, and the sum of their costs.
#include <algorithm>
#include <atomic>

#include "core/engine.h"

namespace nablanet {

namespace {

// Rows that one thread predicts at a time: enough to reuse the weights, few enough to stay in cache.
constexpr Index kPredictRows = 128;
// With marks, more rows are no faster and touch more new memory.
constexpr Index kPredictMarkedRows = 32;

}  // namespace

template <class T>
double Engine<T>::predict(const Source& x, const Target* y, Index first, Index rows, T* out, bool* finite) {
  const std::size_t last = network_.sizes.size() - 1;
  const Index width = network_.sizes[last];
  Team team(team_size(rows, 1));
  const Index block = std::min((rows + team.size() - 1) / team.size(), kPredictRows);
  std::vector<Workspace<T>> works;
  for (int i = 0; i < team.size(); ++i) works.emplace_back(network_.sizes, block, false);
  Buffer<double> costs(y == nullptr ? 0 : rows);
  Interruption interruption(question_, interval_);
  const Skip skip = this->skip(x, Samples{.first = first}, rows, Skip::in_place, works[0]);
  const Index step = skip != Skip::nothing ? std::min(block, kPredictMarkedRows) : block;
  std::atomic<bool> all_finite{true};

  const auto predict_block = [&](Range mine, int member) {
    const Workspace<T>& work = works[static_cast<std::size_t>(member)];
    for (Index begin = mine.begin; begin < mine.end && !interruption.look(member); begin += step) {
      const Range here{0, std::min(step, mine.end - begin)};
      const Samples samples{.first = first + begin};
      bool finite_here = true;
      if (skip != Skip::nothing) {
        mark(x, samples, here, panels_of(0), {}, skip, work, 0, finite == nullptr ? nullptr : &finite_here);
      } else {
        kernels_.gather(x, samples, here, work.activation(0), nullptr);
        if (finite != nullptr) finite_here = kernels_.finite(work.activation(0), here, network_.sizes[0]);
      }
      if (!finite_here) all_finite = false;
      if (y != nullptr) gather(*y, samples, here, work);
      feed_forward(last - 1, here, work, skip, member, interruption);
      weighted_output(here, work, skip, member, interruption);
      Output<T> output = output_of(work, y != nullptr && y->weights != nullptr);
      output.costs = y == nullptr ? nullptr : costs.data() + begin;
      kernels_.output(output, here);
      kernels_.scatter(output.a, here, width, out + begin * width);
    }
  };
  team.run([&](int member) {
    // a thread that starts later, or on a slower core, takes fewer of them
    for (Index i = 0; (i = team.relay().take(member, (rows + block - 1) / block)) >= 0;) {
      predict_block({i * block, std::min((i + 1) * block, rows)}, member);
    }
  });
  if (interruption.happened()) throw Interrupted{};
  if (finite != nullptr) *finite = all_finite;
  double sum = 0;
  for (Index i = 0; i < costs.size(); ++i) sum += costs.data()[i];
  return sum;
}

template <class T>
void Engine<T>::feed_forward(std::size_t layer, Range rows, const Workspace<T>& work, Skip skip, int member,
                             Interruption& interruption) const {
  for (std::size_t l = 1; l <= layer; ++l) {
    in_pieces(interruption, member, rows, panels_of(l), network_.sizes[l - 1] * kLanes<T>,
              [&](Range r, Range p) {
                kernels_.forward(product_into(work, l, skip), network_.activations[l - 1], slope(work, l, {}),
                                 r, p);
              });
  }
}

template <class T>
void Engine<T>::weighted_output(Range rows, const Workspace<T>& work, Skip skip, int member,
                                Interruption& interruption) const {
  const std::size_t last = network_.sizes.size() - 1;
  in_pieces(interruption, member, rows, panels_of(last), network_.sizes[last - 1] * kLanes<T>,
            [&](Range r, Range p) { kernels_.weighted_input(product_into(work, last, skip), r, p); });
}

template double Engine<float>::predict(const Source&, const Target*, Index, Index, float*, bool*);
template void Engine<float>::feed_forward(std::size_t, Range, const Workspace<float>&, Skip, int,
                                          Interruption&) const;
template void Engine<float>::weighted_output(Range, const Workspace<float>&, Skip, int, Interruption&) const;
template double Engine<double>::predict(const Source&, const Target*, Index, Index, double*, bool*);
template void Engine<double>::feed_forward(std::size_t, Range, const Workspace<double>&, Skip, int,
                                           Interruption&) const;
template void Engine<double>::weighted_output(Range, const Workspace<double>&, Skip, int,
                                              Interruption&) const;

}  // namespace nablanet
