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

// The order of these is the order of the names in src/nablanet/engine.py.
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
  softmax,
};
inline constexpr int kActivations = 12;

enum class Cost : int { quadratic, cross_entropy };
inline constexpr int kCosts = 2;

}  // namespace nablanet
