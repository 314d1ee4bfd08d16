// One body for every instruction set: include the set's vec_*.h and a pack*.inl first, inside its own unnamed
// namespace, so that nothing compiled with its flags can be linked into another's code.

#include "kernels/line.inl"

#include "kernels/math.inl"

#include "kernels/activations.inl"

#include "kernels/inputs.inl"

#include "kernels/product.inl"

#include "kernels/backward.inl"

#include "kernels/gradient.inl"

#include "kernels/learn.inl"

#include "kernels/norms.inl"

#include "kernels/costs.inl"

#include "kernels/output.inl"

#include "kernels/convert.inl"

#include "kernels/move.inl"

#include "kernels/dropout.inl"

#include "kernels/elementary.inl"

#include "kernels/row.inl"

template <class T>
constexpr Kernels<T> table() {
  return {
      .list_inputs = list_inputs<T>,
      .gather = gather<T>,
      .mark = mark<T>,
      .finite = finite<T>,
      .list_rows = list_rows<T>,
      .one_hot = one_hot<T>,
      .scatter = scatter<T>,
      .forward = forward<T>,
      .weighted_input = weighted_input<T>,
      .output = output<T>,
      .transpose = transpose<T>,
      .backward = backward<T>,
      .update = update<T>,
      .drop = drop<T>,
      .elementary = elementary<T>,
      .apply = apply<T>,
      .sum_squares = sum_squares<T>,
      .limit_norms = limit_norms<T>,
      .blend = blend<T>,
      .add = add<T>,
      .row = row<T>,
  };
}
