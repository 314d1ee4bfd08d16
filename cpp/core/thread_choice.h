// Decides whether a step is worth dividing, by the clock: beside other busy programs a thread that
// waits for another can cost far more than it brings. The results do not depend on the answer.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>

namespace nablanet {

class ThreadChoice {
 public:
  // Whether to use the whole team for the next piece of work, rather than the caller's thread alone.
  bool team() const { return trial_ ? !team_ : team_; }

  // How long that piece took for each row.
  void took(double seconds_per_row) {
    (team() ? with_team_ : alone_).add(seconds_per_row);
    if (trial_) {
      const bool won = other().lower() < current().lower();
      if (won) team_ = !team_;
      patience_ = won ? kPatience : std::min(4 * patience_, kMostPatience);
      pieces_ = 0;
    }
    trial_ = ++pieces_ >= patience_ || other().lower() < current().lower();
  }

 private:
  // Pieces of work until the other way is tried again, four times as many each time that it loses.
  static constexpr int kPatience = 8;
  static constexpr int kMostPatience = 256;

  // The last two times, of which the lower counts: one piece that was held up says nothing.
  struct Times {
    double last = std::numeric_limits<double>::infinity();
    double before = std::numeric_limits<double>::infinity();

    void add(double seconds) { before = std::exchange(last, seconds); }
    double lower() const { return std::min(last, before); }
  };

  const Times& current() const { return team_ ? with_team_ : alone_; }
  const Times& other() const { return team_ ? alone_ : with_team_; }

  bool team_ = true;    // the way that won
  bool trial_ = false;  // the next piece goes the other way
  Times with_team_, alone_;
  int patience_ = 2;
  int pieces_ = 0;
};

}  // namespace nablanet
