// A team of threads that works through the same function together, with barriers in between.
//
// A team lives within one call into the core: nothing runs between calls, so that a child after fork
// finds no half-alive pool, and there is no global state. Making one takes some 50 microseconds for
// each thread, and a call lasts 10 milliseconds or more.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "core/cores.h"

namespace nablanet {

class Team {
 public:
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  // Runs work(member) on every member, the caller being member 0, and returns when all are done.
  // The work must not throw.
  void run(const std::function<void(int member)>& work);

  // Called by every member inside `run`: none goes on before all have come.
  void barrier();

 private:
  void serve(int member);
  void dismiss();
  void await(const std::atomic<unsigned>& value, unsigned old);

  const int size_;
  const bool spin_;
  Cores cores_;
  std::atomic<unsigned> call_{0};   // counts calls of `run`
  std::atomic<unsigned> phase_{0};  // counts barriers
  std::atomic<int> arrived_{0};
  std::atomic<bool> stop_{false};
  const std::function<void(int)>* work_ = nullptr;
  std::vector<std::thread> threads_;
};

}  // namespace nablanet
