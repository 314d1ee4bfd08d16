// Spreads the members of a team over the cores.
//
// Linux often starts a thread on the core of the one that made it, even beside an idle core, and moves it
// only after some ten milliseconds: longer than many a team lives.
#pragma once

#if defined(__linux__)
#include <sched.h>

#include <mutex>
#endif

namespace nablanet {

class Cores {
 public:
#if defined(__linux__)
  // Takes the calling thread to a core that none came from before it, if there is one. It may still go to any
  // core that it was allowed before.
  void settle() {
    const std::scoped_lock lock(mutex_);
    int core = sched_getcpu();
    cpu_set_t allowed;
    if (core >= 0 && core < CPU_SETSIZE && CPU_ISSET(core, &taken_) != 0 &&
        sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
      cpu_set_t free;
      CPU_XOR(&free, &allowed, &taken_);
      CPU_AND(&free, &free, &allowed);
      if (CPU_COUNT(&free) > 0 && sched_setaffinity(0, sizeof free, &free) == 0) {
        core = sched_getcpu();
        sched_setaffinity(0, sizeof allowed, &allowed);
      }
    }
    if (core >= 0 && core < CPU_SETSIZE) CPU_SET(core, &taken_);
  }

 private:
  std::mutex mutex_;
  cpu_set_t taken_{};
#else
  void settle() {}
#endif
};

}  // namespace nablanet
