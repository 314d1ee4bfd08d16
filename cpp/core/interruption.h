// Lets the caller interrupt a long call. Member 0 of a team, which runs on the caller's thread, asks now
// and then whether to stop; the others see the answer, and all skip what is left of their work.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

#include "core/types.h"

namespace nablanet {

// Thrown out of a call of the engine that the caller has asked to stop.
struct Interrupted {};

class Interruption {
 public:
  using Clock = std::chrono::steady_clock;
  // Must not throw. Null: nobody asks.
  using Question = bool (*)();
  static constexpr Clock::duration kInterval = std::chrono::milliseconds(30);

  // Asks at most once in an `interval`.
  explicit Interruption(Question question, Clock::duration interval = kInterval)
      : question_(question), interval_(interval), asked_(Clock::now()) {}

  bool possible() const { return question_ != nullptr; }
  bool happened() const { return happened_.load(std::memory_order_relaxed); }
  // From here on nobody asks any more.
  void forbid() { question_ = nullptr; }

  // Whether to skip work, after asking again if it is time.
  bool look(int member) {
    if (member == 0 && possible() && !happened()) {
      const auto now = Clock::now();
      if (now - asked_ >= interval_) {
        asked_ = now;
        happened_.store(question_(), std::memory_order_relaxed);
      }
    }
    return happened();
  }

 private:
  Question question_;
  const Clock::duration interval_;
  Clock::time_point asked_;
  std::atomic<bool> happened_{false};
};

// Calls work(rows, panels) for one piece after the other of a rectangle of outputs, each a millisecond
// or so on a vector unit, as long as nobody interrupts. In one piece where nobody can. `line_work`:
// multiply-adds for a line, which is one row of one panel.
template <class Work>
void in_pieces(Interruption& interruption, int member, Range rows, Range panels, Index line_work, Work work) {
  // whole numbers of every kernel's tiles
  constexpr Index kRows = 48, kPanels = 6, kWork = 50'000'000;
  if (!interruption.possible()) return work(rows, panels);
  const Index lines = kWork / std::max(line_work, Index{1});
  const Index row_step = std::max(lines / (kPanels * kRows), Index{1}) * kRows;
  const Index high = std::min(row_step, std::max(rows.size(), Index{1}));
  const Index panel_step = std::max(lines / (high * kPanels), Index{1}) * kPanels;
  for (Index p = panels.begin; p < panels.end; p += panel_step) {
    for (Index r = rows.begin; r < rows.end; r += row_step) {
      if (interruption.look(member)) return;
      work(Range{r, std::min(r + row_step, rows.end)}, Range{p, std::min(p + panel_step, panels.end)});
    }
  }
}

}  // namespace nablanet
