// Mini-batches whose first layer skips zeros, by a team that divides its inputs.
//
// Each member has some inputs to itself: in a step it alone reads these columns of X, lists what is not zero
// in them, and reads and changes their weights, which stay in its core's own cache. What goes from core to
// core is z of the first hidden layer. A member adds its inputs to what the one before has left it, a piece
// of rows at a time, so that the order of additions is that of the inputs. From there on rows go through the
// other layers, forth and back, with whoever is free. Where the second hidden layer, or the output, is small,
// each member makes the errors of the first one for itself.
#include <algorithm>

#include "core/engine.h"

namespace nablanet {

namespace {

// Rows of a piece: enough to use the weights that it loads.
constexpr Index kPieceRows = 48;
// Pieces for each member but the first, so that it waits for a small part of its time.
constexpr Index kPiecesForEach = 4;
// Panels of inputs for each member: no share may be empty, however slow its core, since each hands z on.
constexpr Index kPanelsForEach = 4;
static_assert(kPanelsForEach > Balance::kMostFaster);

// Rows, and inputs of an upper layer, that a member takes at a time.
constexpr Index kRowsAtATime = 16;
constexpr Index kInputsAtATime = 16;

int pieces_of(Index rows) { return static_cast<int>(rows / kPieceRows); }

// How many of the pieces lie behind these rows.
int pieces_behind(Index end, Index rows) {
  const Index pieces = pieces_of(rows);
  return static_cast<int>(pieces - (end * pieces + rows - 1) / rows);
}

Range part_of(Index whole, Index part, Index size) {
  return {part * size, std::min((part + 1) * size, whole)};
}

}  // namespace

template <class T>
bool Engine<T>::divides_inputs(const Source& x, Index rows, Skip skip, int members) const {
  return skip != Skip::nothing && !x.is_sparse() && network_.sizes.size() > 2 &&
         divides_rows(rows, members) && pieces_of(rows) >= kPiecesForEach * (members - 1) &&
         panels_of(0).size() >= kPanelsForEach * members;
}

template <class T>
Range Engine<T>::inputs_of(int member, int members) const {
  return balance_.share({0, network_.sizes[0]}, kLanes<T>, member, members);
}

template <class T>
typename Engine<T>::Propagated Engine<T>::propagate_by_inputs(const MiniBatch& batch,
                                                              const Workspace<T>& work, int member,
                                                              Team& team, Interruption& interruption) const {
  const int members = team.size();
  const bool first = member == 0;
  const bool last = member + 1 == members;
  const Index rows = batch.rows;
  const Range inputs = inputs_of(member, members);
  const Range panels{inputs.begin / kLanes<T>, panel_count<T>(inputs.end)};  // of them
  const Range neurons = panels_of(1);
  Marks<T> marks = work.marked().marks(batch.skip, member);
  marks.panels = panels;
  const auto mark_rows = [&](Range some) {
    if (interruption.look(member)) return;
    mark(batch.x, batch.samples, some, panels, batch.step, batch.skip, work, member);
  };
  const auto list_rows = [&] {
    if (interruption.look(member)) return;
    kernels_.list_rows(marks, rows, panels, network_.sizes[0], work.marked().lists());
  };

  if (batch.factor != 0) add_squares(batch.factor, 1, member, team);
  for (std::size_t l = 1; l + 1 < network_.sizes.size(); ++l) {
    kernels_.transpose(parameters_.weights(l), network_.sizes[l], network_.sizes[l + 1],
                       share(panels_of(l), member, members), work.transposed(l));
  }
  if (!first) {  // there is time until the first piece comes
    mark_rows({0, rows});
    list_rows();
  }
  Product<T> product = product_into(work, 1, batch.skip);
  product.marks = marks;
  if (!last) product.out = work.handed_on(member);
  if (!first) product.sums = work.handed_on(member - 1);
  const int pieces = pieces_of(rows);
  for (int i = 0; i < pieces; ++i) {
    const Range here = share({0, rows}, i, pieces);
    if (first) {
      mark_rows(here);
    } else {
      team.relay().follow(member);
    }
    if (i == 0 && batch.factor != 0) add_squares_of_inputs(batch.factor, inputs);
    if (!interruption.look(member)) {
      kernels_.forward(product, network_.activations[0], slope(work, 1, batch.step), here, neurons);
      if (last) drop(work.activation(1), work.slope(1), 1, batch.step, here, neurons);
    }
    team.relay().pass(member);
  }
  if (first) list_rows();

  const Output<T> output = output_of(work, batch.y.weights != nullptr);
  const bool own_errors = work.own_errors();
  const Index parts = (rows + kRowsAtATime - 1) / kRowsAtATime;
  for (Index part = 0; (part = team.relay().take(member, parts)) >= 0;) {
    const Range here = part_of(rows, part, kRowsAtATime);
    gather(batch.y, batch.samples, here, work);
    team.relay().await_last(member, static_cast<unsigned>(pieces_behind(here.end, rows)));
    if (!interruption.look(member)) pass_rows(2, own_errors ? 2 : 1, here, batch.step, 0, output, work);
  }
  team.barrier();
  if (own_errors && !interruption.look(member)) {
    Product<T> back = product_back(work, 1);
    back.out = work.error(1, member);
    kernels_.backward(back, slope(work, 1, batch.step), {0, rows}, neurons);
  }
  double cost = 0;
  for (Index i = 0; i < rows && first; ++i) cost += work.costs()[i];
  return {cost, work.activation(0), work.every_input(0), work.marked().lists(), true};
}

template <class T>
void Engine<T>::pass_rows(std::size_t from, std::size_t down_to, Range rows,
                          std::optional<std::uint64_t> step, Index first_row, const Output<T>& output,
                          const Workspace<T>& work) const {
  const std::size_t last = network_.sizes.size() - 1;
  for (std::size_t l = from; l < last; ++l) {
    const Product<T> product = product_into(work, l, Skip::nothing);
    kernels_.forward(product, network_.activations[l - 1], slope(work, l, step), rows, panels_of(l));
    drop(work.activation(l), work.slope(l), l, step, rows, panels_of(l), first_row);
  }
  kernels_.weighted_input(product_into(work, last, Skip::nothing), rows, panels_of(last));
  kernels_.output(output, rows);
  for (std::size_t l = last - 1; l >= down_to; --l) {
    kernels_.backward(product_back(work, l), slope(work, l, step), rows, panels_of(l));
  }
}

template <class T>
void Engine<T>::update_by_inputs(const Workspace<T>& work, Index rows, const Propagated& passed,
                                 const Steps& steps, const Parameters<T>& changed, int member, Team& team,
                                 Interruption& interruption) const {
  const auto update_of_layer = [&](std::size_t l, Range inputs, bool biases) {
    Update<T> update = update_of(l, work, rows, passed, steps, changed);
    if (l == 0) update.delta = work.error(1, member);
    update_part(update, {panels_of(l + 1), inputs, {0, 0}, biases}, member, interruption);
  };
  balance_.begin(member);
  update_of_layer(0, inputs_of(member, team.size()), member == 0);
  balance_.end(member);

  const auto parts_of = [&](std::size_t l) {
    return (network_.sizes[l] + kInputsAtATime - 1) / kInputsAtATime;
  };
  Index parts = 0;
  for (std::size_t l = 1; l + 1 < network_.sizes.size(); ++l) parts += parts_of(l);
  for (Index part = 0; (part = team.relay().take(member, parts)) >= 0;) {
    std::size_t l = 1;
    for (; part >= parts_of(l); ++l) part -= parts_of(l);
    update_of_layer(l, part_of(network_.sizes[l], part, kInputsAtATime), part == 0);
  }
  team.barrier();
}

template bool Engine<float>::divides_inputs(const Source&, Index, Skip, int) const;
template Range Engine<float>::inputs_of(int, int) const;
template Engine<float>::Propagated Engine<float>::propagate_by_inputs(const MiniBatch&,
                                                                      const Workspace<float>&, int, Team&,
                                                                      Interruption&) const;
template void Engine<float>::pass_rows(std::size_t, std::size_t, Range, std::optional<std::uint64_t>, Index,
                                       const Output<float>&, const Workspace<float>&) const;
template void Engine<float>::update_by_inputs(const Workspace<float>&, Index, const Propagated&, const Steps&,
                                              const Parameters<float>&, int, Team&, Interruption&) const;
template bool Engine<double>::divides_inputs(const Source&, Index, Skip, int) const;
template Range Engine<double>::inputs_of(int, int) const;
template Engine<double>::Propagated Engine<double>::propagate_by_inputs(const MiniBatch&,
                                                                        const Workspace<double>&, int, Team&,
                                                                        Interruption&) const;
template void Engine<double>::pass_rows(std::size_t, std::size_t, Range, std::optional<std::uint64_t>, Index,
                                        const Output<double>&, const Workspace<double>&) const;
template void Engine<double>::update_by_inputs(const Workspace<double>&, Index, const Propagated&,
                                               const Steps&, const Parameters<double>&, int, Team&,
                                               Interruption&) const;

}  // namespace nablanet
