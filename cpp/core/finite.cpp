#include "core/finite.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "core/buffer.h"
#include "core/team.h"

namespace nablanet {

namespace {

// Rows gathered together: their lines stay in the first cache.
constexpr Index kBlockRows = 8;

// Lines of memory that are looked at in one go.
constexpr Index kBlockLines = 4096;

// Bytes from which on another thread is worth its start.
constexpr Index kBytesForThread = 4 << 20;

}  // namespace

template <class T>
bool all_finite(const Kernels<T>& kernels, const Source& x, Index rows, int threads,
                Interruption::Question question) {
  const Index parts = rows * x.width * scalar_bytes(x.scalar) / kBytesForThread;
  Team team(static_cast<int>(std::clamp(parts, Index{1}, Index{threads})));
  std::vector<Buffer<T>> lines;
  for (int i = 0; i < team.size(); ++i) {
    lines.emplace_back(checked_product(panel_count<T>(x.width) * kLanes<T>, kBlockRows + 1));
  }
  // Rows that lie one behind the other are read as one, but for what is left of it at its end.
  const bool as_one = x.lies_as<T>() && x.row_bytes == x.width * Index{sizeof(T)};
  const Index whole_lines = as_one ? rows * x.width / kLanes<T> : 0;
  const Panels<T> one{as_one ? const_cast<T*>(x.row<T>(0)) : nullptr, whole_lines};  // is only read
  const Range others{whole_lines == 0 ? 0 : whole_lines * kLanes<T> / x.width, rows};
  Interruption interruption(question);
  std::atomic<bool> finite{true};
  team.run([&](int member) {
    const Range my_lines = share({0, whole_lines}, member, team.size());
    for (Index begin = my_lines.begin; begin < my_lines.end && finite && !interruption.look(member);
         begin += kBlockLines) {
      const Range here{begin, std::min(begin + kBlockLines, my_lines.end)};
      if (!kernels.finite(one, here, kLanes<T>)) finite = false;
    }
    const Panels<T> in{lines[static_cast<std::size_t>(member)].data(), kBlockRows + 1};
    const Range mine = share(others, member, team.size());
    for (Index begin = mine.begin; begin < mine.end && finite && !interruption.look(member);
         begin += kBlockRows) {
      const Range here{0, std::min(kBlockRows, mine.end - begin)};
      kernels.gather(x, Samples{.first = begin}, here, in, nullptr);
      if (!kernels.finite(in, here, x.width)) finite = false;
    }
  });
  if (interruption.happened()) throw Interrupted{};
  return finite;
}

template bool all_finite(const Kernels<float>&, const Source&, Index, int, Interruption::Question);
template bool all_finite(const Kernels<double>&, const Source&, Index, int, Interruption::Question);

}  // namespace nablanet
