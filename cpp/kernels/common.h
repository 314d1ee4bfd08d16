// What every instruction set's file starts with.
#pragma once

#include <limits>

#include "core/kernels.h"
#include "kernels/coefficients.h"

// A line's functions must vanish into their callers: a call would spill every register.
#define NABLANET_INLINE [[gnu::always_inline]] inline
#define NABLANET_INLINE_LAMBDA __attribute__((always_inline))

namespace nablanet {

// Adding 1.5 * 2^(bits of the mantissa) rounds to an integer and leaves it in the low bits.
template <class T>
inline constexpr T kMagic = sizeof(T) == 4 ? T{12582912} : T{6755399441055744};

}  // namespace nablanet
