// Numeric types and names that the core, the kernels and the bindings share.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nablanet {

using Index = std::ptrdiff_t;

// A panel is a cache line: neurons are grouped by 16 (float32) or 8 (float64) on every machine, so
// that the order of additions never depends on the width of its registers.
inline constexpr Index kLineBytes = 64;

template <class T>
inline constexpr Index kLanes = kLineBytes / static_cast<Index>(sizeof(T));

template <class T>
constexpr Index panel_count(Index neurons) {
  return (neurons + kLanes<T> - 1) / kLanes<T>;
}

struct Range {
  Index begin;
  Index end;
  constexpr Index size() const { return end - begin; }
};

// What one of `members` threads does of a whole.
constexpr Range share(Range whole, int member, int members) {
  const Index size = whole.size();
  return {whole.begin + size * member / members, whole.begin + size * (member + 1) / members};
}

// In the order of ACTIVATIONS in src/nablanet/activations.py and COSTS in costs.py.
enum class Activation : int {
  sigmoid,
  tanh,
  relu,
  leaky_relu,
  elu,
  selu,
  gelu,
  silu,
  mish,
  softplus,
  identity,
  exp,
  softmax,
};

enum class Cost : int { quadratic, cross_entropy, absolute_error, huber, quantile, poisson };

// The engine's own elementary functions, in the order of ELEMENTARY in tests/test_math.py.
enum class Elementary : int { exp, expm1_of_negative, log, log1p_of_unit, tanh };

}  // namespace nablanet
