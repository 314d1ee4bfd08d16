#include "core/team.h"

#include <utility>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

namespace nablanet {

namespace {

int process_id() {
#if __has_include(<unistd.h>)
  return static_cast<int>(getpid());
#else
  return 0;  // no process is the copy of another
#endif
}

}  // namespace

// Spinning helps only where every member has a core of its own.
Team::Team(int size)
    : size_(size),
      process_(process_id()),
      spin_(size <= static_cast<int>(std::thread::hardware_concurrency())),
      relay_(size, spin_) {
  if (size > 1) cores_.settle();
  threads_.reserve(static_cast<std::size_t>(size - 1));
  try {
    for (int member = 1; member < size; ++member) threads_.emplace_back([this, member] { serve(member); });
  } catch (...) {  // the system has no more threads: end those there are
    dismiss();
    throw;
  }
}

bool Team::is_whole() const { return process_id() == process_; }

Team::~Team() { dismiss(); }

void Team::dismiss() {
  if (!is_whole()) {
    // what is left of them can neither be joined nor destroyed
    new std::vector<std::thread>(std::move(threads_));
    return;
  }
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
  await(phase_, phase, spin_);
}

void Team::serve(int member) {
  cores_.settle();
  for (unsigned seen = 0;; ++seen) {
    await(call_, seen, spin_);
    if (stop_) return;
    (*work_)(member);
    barrier();
  }
}

}  // namespace nablanet
