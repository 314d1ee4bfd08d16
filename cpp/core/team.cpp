#include "core/team.h"

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

// Spinning helps only where every member has a core of its own.
Team::Team(int size) : size_(size), spin_(size <= static_cast<int>(std::thread::hardware_concurrency())) {
  if (size > 1) cores_.settle();
  threads_.reserve(static_cast<std::size_t>(size - 1));
  try {
    for (int member = 1; member < size; ++member) threads_.emplace_back([this, member] { serve(member); });
  } catch (...) {  // the system has no more threads: end those there are
    dismiss();
    throw;
  }
}

Team::~Team() { dismiss(); }

void Team::dismiss() {
  stop_ = true;
  call_.fetch_add(1, std::memory_order_release);
  call_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run(const std::function<void(int)>& work) {
  if (size_ > 1) {
    work_ = &work;
    call_.fetch_add(1, std::memory_order_release);
    call_.notify_all();
  }
  work(0);
  barrier();
}

void Team::barrier() {
  if (size_ == 1) return;
  const unsigned phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  await(phase_, phase);
}

void Team::await(const std::atomic<unsigned>& value, unsigned old) {
  for (int i = 0; spin_ && i < kSpins + kYields; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    if (i < kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
  value.wait(old, std::memory_order_acquire);
}

void Team::serve(int member) {
  cores_.settle();
  for (unsigned seen = 0;; ++seen) {
    await(call_, seen);
    if (stop_) return;
    (*work_)(member);
    barrier();
  }
}

}  // namespace nablanet
