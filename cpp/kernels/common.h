// What every instruction set's file starts with.
#pragma once

#include <limits>

#include <type_traits>

#include "core/kernels.h"
#include "kernels/coefficients.h"

// A line's functions must vanish into their callers: a call would spill every register.
#define NABLANET_INLINE [[gnu::always_inline]] inline
#define NABLANET_INLINE_LAMBDA __attribute__((always_inline))

namespace nablanet {

inline constexpr Index kByteBits = 8;
inline constexpr Index kMostLanes = kLanes<float>;

// Adding 1.5 * 2^(bits of the mantissa) rounds to an integer and leaves it in the low bits.
template <class T>
inline constexpr T kMagic = sizeof(T) == 4 ? T{12582912} : T{6755399441055744};

// The bits of c - those of x, read as a number, come near 1 / x: the exponent changes its sign, and the
// mantissa is a straight line. c makes the largest relative error smallest.
template <class T>
inline constexpr auto kReciprocal = std::int32_t{0x7ef311c7};
template <>
inline constexpr auto kReciprocal<double> = std::int64_t{0x7fde623822fc16e6};

}  // namespace nablanet
