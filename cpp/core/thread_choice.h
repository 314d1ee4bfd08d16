// Decides whether a step is worth dividing, by the clock: beside other busy programs a thread that
// waits for another can cost far more than it brings. The results do not depend on the answer.
#pragma once

#include <algorithm>

namespace nablanet {

class ThreadChoice {
 public:
  // Whether to use the whole team for the next piece of work, rather than the caller's thread alone.
  bool team() const { return trial_ ? !team_ : team_; }

  // How long that piece took for each row.
  void took(double seconds_per_row) {
    (team() ? with_team_ : alone_) = seconds_per_row;
    if (trial_) {
      const bool won = team_ ? alone_ < with_team_ : with_team_ < alone_;
      if (won) team_ = !team_;
      patience_ = won ? kPatience : std::min(4 * patience_, kMostPatience);
      pieces_ = 0;
    }
    const double current = team_ ? with_team_ : alone_;
    const double other = team_ ? alone_ : with_team_;
    trial_ = ++pieces_ >= patience_ || (other > 0 && current > other);
  }

 private:
  // Pieces of work until the other way is tried again, four times as many each time that it loses.
  static constexpr int kPatience = 8;
  static constexpr int kMostPatience = 256;

  bool team_ = true;    // the way that won
  bool trial_ = false;  // the next piece goes the other way
  double with_team_ = 0, alone_ = 0;
  int patience_ = 2;
  int pieces_ = 0;
};

}  // namespace nablanet
