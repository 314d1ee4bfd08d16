#include "core/await.h"

#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nablanet {

namespace {

// Some 20 to 40 microseconds: longer than a barrier takes, shorter than a time slice.
constexpr int kSpins = 1000;

// Then some milliseconds in which other threads have the core if they need it. Sleeping at once would cost
// more than the time to wake up: a virtual machine's idle core is taken for a busy one, so that Linux wakes
// both threads on the same core.
constexpr int kYields = 2000;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void await(const std::atomic<unsigned>& value, unsigned old, bool spin) {
  for (int i = 0; spin && i < kSpins + kYields; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    if (i < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace nablanet
