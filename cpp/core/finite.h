// Whether the caller's rows are finite, as the engine is going to see them: in its float type, and scaled.
#pragma once

#include "core/interruption.h"
#include "core/kernels.h"

namespace nablanet {

// On at most `threads` threads. Throws Interrupted where the answer to `question` is yes.
template <class T>
bool all_finite(const Kernels<T>& kernels, const Source& x, Index rows, int threads,
                Interruption::Question question);

}  // namespace nablanet
