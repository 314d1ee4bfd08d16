// What a network does to one sample at a time: hidden activations, and derivatives to the inputs. No sum
// runs across samples, so each member of a team takes blocks of rows of its own.
#include "core/engine.h"

#include <algorithm>

namespace nablanet {

namespace {

constexpr Index kMostRows = 128;

// What a member needs beside a workspace: room for the errors of the inputs.
template <class T>
struct Bench {
  Workspace<T> work;
  Buffer<T> errors;
  Index stride;

  Bench(const std::vector<Index>& sizes, Index rows, bool backward)
      : work(sizes, rows, backward),
        errors(backward ? checked_product(panel_count<T>(sizes[0]) * kLanes<T>, rows) : 0),
        stride(rows) {}
  Panels<T> input_errors() const { return {errors.data(), stride}; }
};

// Calls work(first row, rows, bench, member) for blocks of rows, as long as nobody interrupts.
template <class T, class Work>
void each_block(Team& team, const std::vector<Index>& sizes, Index rows, bool backward,
                Interruption& interruption, Work work) {
  const Index members = team.size();
  const Index block = std::min((rows + members - 1) / members, kMostRows);
  std::vector<Bench<T>> benches;
  for (Index i = 0; i < members; ++i) benches.emplace_back(sizes, block, backward);
  team.run([&](int member) {
    for (Index begin = member * block; begin < rows; begin += members * block) {
      if (interruption.look(member)) return;
      work(begin, Range{0, std::min(block, rows - begin)}, benches[static_cast<std::size_t>(member)], member);
    }
  });
  if (interruption.happened()) throw Interrupted{};
}

}  // namespace

template <class T>
std::vector<Buffer<T>> Engine<T>::transposed(Team& team, Interruption& interruption) const {
  std::vector<Buffer<T>> weights;
  for (std::size_t l = 0; l + 1 < network_.sizes.size(); ++l) {
    const Index padded = panel_count<T>(network_.sizes[l]) * kLanes<T>;
    weights.emplace_back(checked_product(padded, network_.sizes[l + 1]));
  }
  team.run([&](int member) {
    for (std::size_t l = 0; l < weights.size(); ++l) {
      const Index n_in = network_.sizes[l], n_out = network_.sizes[l + 1];
      const Range mine = share({0, panel_count<T>(n_in)}, member, team.size());
      in_pieces(interruption, member, {0, 1}, mine, n_out * kLanes<T>, [&](Range, Range p) {
        kernels_.transpose(parameters_.weights(l), n_in, n_out, p, {weights[l].data(), n_out});
      });
    }
  });
  return weights;
}

template <class T>
void Engine<T>::back_to_inputs(Range rows, const Workspace<T>& work, const std::vector<Buffer<T>>& transposed,
                               Panels<T> errors, int member, Interruption& interruption) const {
  for (std::size_t l = network_.sizes.size() - 1; l >= 1; --l) {
    const Index next = network_.sizes[l];
    const Product<T> product{work.error(l),
                             work.every_input(l),
                             {transposed[l - 1].data(), next},
                             nullptr,
                             l > 1 ? work.error(l - 1) : errors};
    in_pieces(interruption, member, rows, panels_of(l - 1), next * kLanes<T>, [&](Range r, Range p) {
      if (l > 1) {
        kernels_.backward(product, slope(work, l - 1, {}), r, p);
      } else {  // the inputs have no slope
        kernels_.weighted_input(product, r, p);
      }
    });
  }
}

template <class T>
void Engine<T>::hidden(const Source& x, std::size_t layer, Index rows, T* out) {
  Team team(team_size(rows, 1));
  Interruption interruption(question_, interval_);
  const Index width = network_.sizes[layer];
  const auto work = [&](Index begin, Range here, const Bench<T>& bench, int member) {
    kernels_.gather(x, Samples{.first = begin}, here, bench.work.activation(0), nullptr);
    feed_forward(layer, here, bench.work, Skip::nothing, member, interruption);
    kernels_.scatter(bench.work.activation(layer), here, width, out + begin * width);
  };
  each_block<T>(team, network_.sizes, rows, false, interruption, work);
}

template <class T>
void Engine<T>::input_gradient(const Source& x, const Target& y, Index rows, T* out) {
  Team team(team_size(rows, 2));
  Interruption interruption(question_, interval_);
  const std::size_t last = network_.sizes.size() - 1;
  const Index n_in = network_.sizes[0];
  const auto weights = transposed(team, interruption);
  const auto work = [&](Index begin, Range here, const Bench<T>& bench, int member) {
    kernels_.gather(x, Samples{.first = begin}, here, bench.work.activation(0), nullptr);
    gather(y, Samples{.first = begin}, here, bench.work);
    feed_forward(last - 1, here, bench.work, Skip::nothing, member, interruption);
    weighted_output(here, bench.work, Skip::nothing, member, interruption);
    kernels_.output(output_of(bench.work, false), here);
    back_to_inputs(here, bench.work, weights, bench.input_errors(), member, interruption);
    kernels_.scatter(bench.input_errors(), here, n_in, out + begin * n_in);
  };
  each_block<T>(team, network_.sizes, rows, true, interruption, work);
}

// Row j is the gradient to the inputs of the linear cost a^L_j, whose nabla_a C is 1 at j and 0 elsewhere.
template <class T>
void Engine<T>::jacobian(const Source& x, Index rows, T* out) {
  const std::size_t last = network_.sizes.size() - 1;
  const Index n_in = network_.sizes[0], n_out = network_.sizes[last];
  Team team(team_size(rows, 1 + static_cast<double>(n_out)));
  Interruption interruption(question_, interval_);
  const auto weights = transposed(team, interruption);
  const bool coupled = network_.activations.back() == Activation::softmax;

  // BP1 for output j of a row: of softmax delta_k = a_k ([k = j] - a_j), of others sigma'(z_j) at j
  const auto output_error = [&](const Workspace<T>& work, Index j, Index row) {
    constexpr Index lanes = kLanes<T>;
    const auto at = [row](Panels<T> panels, Index k) -> T& { return panels.line(k / lanes, row)[k % lanes]; };
    const Panels<T> from = work.outputs(), delta = work.error(last);
    if (!coupled) {
      if (j > 0) at(delta, j - 1) = 0;
      at(delta, j) = at(from, j);
      return;
    }
    const T a = at(from, j);
    for (Index k = 0; k < n_out; ++k) at(delta, k) = at(from, k) * (k == j ? 1 - a : -a);
  };
  const auto work = [&](Index begin, Range here, const Bench<T>& bench, int member) {
    kernels_.gather(x, Samples{.first = begin}, here, bench.work.activation(0), nullptr);
    feed_forward(last - 1, here, bench.work, Skip::nothing, member, interruption);
    if (coupled) {
      weighted_output(here, bench.work, Skip::nothing, member, interruption);
      Output<T> output = output_of(bench.work, false);
      output.costs = nullptr;
      kernels_.output(output, here);
    } else {  // leaves sigma'(z^L) where outputs have their place
      kernels_.forward(product_into(bench.work, last, Skip::nothing), network_.activations.back(),
                       {bench.work.outputs()}, here, {0, panel_count<T>(n_out)});
    }
    for (Index j = 0; j < n_out && !interruption.look(member); ++j) {
      for (Index row = 0; row < here.end; ++row) output_error(bench.work, j, row);
      back_to_inputs(here, bench.work, weights, bench.input_errors(), member, interruption);
      for (Index row = 0; row < here.end; ++row) {
        T* to = out + ((begin + row) * n_out + j) * n_in;
        kernels_.scatter(bench.input_errors(), {row, row + 1}, n_in, to);
      }
    }
    // as the next block finds it
    for (Index row = 0; row < here.end; ++row) {
      bench.work.error(last).line((n_out - 1) / kLanes<T>, row)[(n_out - 1) % kLanes<T>] = 0;
    }
  };
  each_block<T>(team, network_.sizes, rows, true, interruption, work);
}

template void Engine<float>::hidden(const Source&, std::size_t, Index, float*);
template void Engine<double>::hidden(const Source&, std::size_t, Index, double*);
template void Engine<float>::input_gradient(const Source&, const Target&, Index, float*);
template void Engine<double>::input_gradient(const Source&, const Target&, Index, double*);
template void Engine<float>::jacobian(const Source&, Index, float*);
template void Engine<double>::jacobian(const Source&, Index, double*);

}  // namespace nablanet
