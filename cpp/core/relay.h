// Pieces of work that a team does not divide beforehand: some go from member to member, some to whoever is
// free.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "core/await.h"
#include "core/types.h"

namespace nablanet {

class Relay {
 public:
  Relay(int size, bool spin) : spin_(spin), members_(static_cast<std::size_t>(size)) {}

  // A line of members, each of which does its part of every piece: `pass` hands one on, `follow` waits until
  // the member before has handed on more of them than this one, and `await_last` until the last member has
  // handed on as many as this one, but for `left`. All hand on equally many between two barriers.
  void pass(int member) {
    std::atomic<unsigned>& passed = at(member).passed;
    passed.fetch_add(1, std::memory_order_release);
    passed.notify_all();
  }
  void follow(int member) {
    await(at(member - 1).passed, at(member).passed.load(std::memory_order_relaxed), spin_);
  }
  void await_last(int member, unsigned left) {
    const std::atomic<unsigned>& passed = members_.back().passed;
    const unsigned wanted = at(member).passed.load(std::memory_order_relaxed) - left;
    // by their difference, since the counts may wrap
    for (unsigned now = passed.load(std::memory_order_acquire); static_cast<int>(now - wanted) < 0;
         now = passed.load(std::memory_order_acquire)) {
      await(passed, now, spin_);
    }
  }

  // One of `pieces` that nobody has taken yet, the first ones first; negative where none is left. Every
  // member takes until then, and a barrier follows.
  Index take(int member, Index pieces) {
    Index& begun = at(member).begun;
    const Index piece = taken_.fetch_add(1, std::memory_order_relaxed) - begun;
    if (piece < pieces) return piece;
    begun += pieces + static_cast<Index>(members_.size());
    return -1;
  }

 private:
  struct alignas(kLineBytes) Member {
    std::atomic<unsigned> passed{0};
    Index begun = 0;  // what all had taken, or tried to, when this round began
  };

  Member& at(int member) { return members_[static_cast<std::size_t>(member)]; }

  const bool spin_;
  std::vector<Member> members_;
  alignas(kLineBytes) std::atomic<Index> taken_{0};
};

}  // namespace nablanet
