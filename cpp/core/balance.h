// How much of the work each member of a team takes: more where its core is faster, by the clock. Cores differ
// in kind and in what else runs on them, and the slowest makes all others wait. No result depends on it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/types.h"

namespace nablanet {

class Balance {
 public:
  // So many times as fast as the slowest may the fastest be taken for: a core that was held up for a moment
  // is not left without work, by which alone it shows its speed.
  static constexpr double kMostFaster = 3;

  // For a team of so many: even shares, unless some are known from before.
  void prepare(int members) {
    const auto size = static_cast<std::size_t>(members);
    if (clocks_.size() == size) return;
    clocks_ = std::vector<Clock>(size);
    cuts_.clear();
    for (int i = 0; i <= members; ++i) cuts_.push_back(static_cast<double>(i) / members);
  }

  // A member's share of a whole, in units of so many; an even one in other teams. Equal wholes and units are
  // divided alike until the shares settle anew.
  Range share(Range whole, Index unit, int member, int members) const {
    const Range units{0, (whole.size() + unit - 1) / unit};
    Range mine = nablanet::share(units, member, members);
    if (clocks_.size() == static_cast<std::size_t>(members)) {
      const auto cut = [&](int i) {
        const double part = cuts_[static_cast<std::size_t>(i)];
        return static_cast<Index>(part * static_cast<double>(units.end) + 0.5);
      };
      mine = {cut(member), member + 1 == members ? units.end : cut(member + 1)};
    }
    return {std::min(whole.begin + mine.begin * unit, whole.end),
            std::min(whole.begin + mine.end * unit, whole.end)};
  }

  // Called by a member when it begins to work and before it waits for others.
  void begin(int member) {
    if (known(member)) clocks_[static_cast<std::size_t>(member)].begun = Time::now();
  }
  void end(int member) {
    if (!known(member)) return;
    const std::chrono::duration<double> seconds =
        Time::now() - clocks_[static_cast<std::size_t>(member)].begun;
    took(member, seconds.count());
  }
  void took(int member, double seconds) { clocks_[static_cast<std::size_t>(member)].seconds += seconds; }

  // Moves the shares halfway to those with which all members would have worked as long, unless these are
  // about the same: work that moves leaves its cache behind. Not while members work, and to no effect where
  // one had nothing to do.
  void settle() {
    double fastest = 0;
    bool all_worked = true;
    for (std::size_t i = 0; i < clocks_.size(); ++i) {
      const double seconds = std::exchange(clocks_[i].seconds, 0);
      all_worked = all_worked && seconds > 0;
      clocks_[i].speed = seconds > 0 ? of(i) / seconds : 0;
      fastest = std::max(fastest, clocks_[i].speed);
    }
    if (!all_worked) return;
    double sum = 0;
    for (Clock& clock : clocks_) {
      clock.speed = std::max(clock.speed, fastest / kMostFaster);
      sum += clock.speed;
    }
    double most = 0;
    for (std::size_t i = 0; i < clocks_.size(); ++i) {
      most = std::max(most, std::abs(clocks_[i].speed / sum / of(i) - 1));
    }
    if (most < kAboutTheSame) return;
    double cut = 0;
    for (std::size_t i = 0; i + 1 < clocks_.size(); ++i) {
      cut += clocks_[i].speed / sum;
      cuts_[i + 1] += (cut - cuts_[i + 1]) / 2;
    }
  }

 private:
  using Time = std::chrono::steady_clock;

  static constexpr double kAboutTheSame = 0.06;

  struct alignas(kLineBytes) Clock {
    double seconds = 0;  // of work since the shares settled
    double speed = 0;
    Time::time_point begun;
  };

  bool known(int member) const { return static_cast<std::size_t>(member) < clocks_.size(); }
  double of(std::size_t member) const { return cuts_[member + 1] - cuts_[member]; }

  std::vector<double> cuts_;  // where each share begins, as a part of the whole; and 1
  std::vector<Clock> clocks_;
};

}  // namespace nablanet
