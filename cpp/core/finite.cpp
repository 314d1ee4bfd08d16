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
  Interruption interruption(question);
  std::atomic<bool> finite{true};
  team.run([&](int member) {
    const Panels<T> in{lines[static_cast<std::size_t>(member)].data(), kBlockRows + 1};
    const Range mine = share({0, rows}, member, team.size());
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
