// A team of threads that works through the same function together, with barriers in between.
//
// Making one takes some 50 to 100 microseconds for each thread, so an engine keeps its team from one call of
// `train` to the next. There is no global state, and a child after fork, which has no threads, makes a team
// of its own.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "core/cores.h"
#include "core/relay.h"

namespace nablanet {

class Team {
 public:
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }
  // False in a child after fork, which has none of its threads.
  bool is_whole() const;

  // Runs work(member) on every member, the caller being member 0, and returns when all are done.
  // The work must not throw.
  void run(const std::function<void(int member)>& work);

  // Called by every member inside `run`: none goes on before all have come.
  void barrier();

  Relay& relay() { return relay_; }

 private:
  void serve(int member);
  void dismiss();

  const int size_;
  const int process_;
  const bool spin_;
  Relay relay_;
  Cores cores_;
  std::atomic<unsigned> call_{0};   // counts calls of `run`
  std::atomic<unsigned> phase_{0};  // counts barriers
  std::atomic<int> arrived_{0};
  std::atomic<bool> stop_{false};
  const std::function<void(int)>* work_ = nullptr;
  std::vector<std::thread> threads_;
};

}  // namespace nablanet
