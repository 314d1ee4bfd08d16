// How members of a team wait for one another.
#pragma once

#include <atomic>

namespace nablanet {

// Returns when `value` is no longer `old`; whoever changes it calls notify_all. Spins first, where every
// thread has a core of its own.
void await(const std::atomic<unsigned>& value, unsigned old, bool spin);

}  // namespace nablanet
