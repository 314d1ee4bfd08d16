// Which inputs of a mini-batch are not zero in all its rows: border pixels and one-hot columns mostly
// are, and need no arithmetic.
#pragma once

#include <bit>
#include <cstdint>

#include "core/buffer.h"
#include "core/kernels.h"

namespace nablanet {

class ActiveInputs {
 public:
  // For n_in inputs in panels of `lanes`, looked through by `members` threads.
  ActiveInputs(Index n_in, Index lanes, int members)
      : n_in_(n_in),
        lanes_(lanes),
        panels_((n_in + lanes - 1) / lanes),
        members_(members),
        bits_(checked_product(members, panels_)),
        lists_(checked_product(members, n_in)) {}

  // A member's own bits, one word for each panel, all zero: `gather` sets those of its rows.
  std::uint32_t* cleared(int member) const {
    std::uint32_t* own = bits_.data() + member * panels_;
    for (Index p = 0; p < panels_; ++p) own[p] = 0;
    return own;
  }

  // The list that follows from all members' bits, in this member's own memory. Without a list where
  // it would save little.
  Inputs list(int member) const {
    std::int32_t* const own = lists_.data() + member * n_in_;
    std::int32_t* active = own;
    std::int32_t* idle = own + n_in_;
    for (Index p = 0; p < panels_; ++p) {
      std::uint32_t any = 0;
      for (int m = 0; m < members_; ++m) any |= bits_.data()[m * panels_ + p];
      const auto first = static_cast<std::int32_t>(p * lanes_);
      const Index here = n_in_ - first < lanes_ ? n_in_ - first : lanes_;
      for (std::uint32_t rest = any; rest != 0; rest &= rest - 1) *active++ = first + std::countr_zero(rest);
      for (std::uint32_t rest = ~any & ((std::uint32_t{1} << here) - 1); rest != 0; rest &= rest - 1) {
        *--idle = first + std::countr_zero(rest);
      }
    }
    const Index count = active - own;
    if (count > n_in_ - n_in_ / 8) return {nullptr, n_in_, n_in_};
    return {own, count, n_in_};
  }

 private:
  Index n_in_, lanes_, panels_;
  int members_;
  Buffer<std::uint32_t> bits_;
  Buffer<std::int32_t> lists_;
};

}  // namespace nablanet
