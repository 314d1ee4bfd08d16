// Dropout: masks that depend on nothing but the seed, the step, the layer, the row and the neuron.

// GCC's vectors of one register, since it vectorizes loops over arrays in one place and not in another.
inline constexpr int kDropBytes = 4 * Vec<float>::width < 16 ? 16 : 4 * Vec<float>::width;
using Words = std::uint64_t __attribute__((vector_size(kDropBytes)));  // 32 bits of each of several results
using HalfWords = std::uint32_t __attribute__((vector_size(kDropBytes / 2)));
inline constexpr Index kWords = kDropBytes / 8;

// As many neurons of T, and integers as wide as these.
template <class T>
struct Register;
template <>
struct Register<float> {
  using Bits = std::int32_t __attribute__((vector_size(kDropBytes)));
  using Numbers = float __attribute__((vector_size(kDropBytes)));
};
template <>
struct Register<double> {
  using Bits = std::int64_t __attribute__((vector_size(kDropBytes)));
  using Numbers = double __attribute__((vector_size(kDropBytes)));
};

// Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) for
// several counters at once; the results take their place.
NABLANET_INLINE void philox(std::uint64_t key, Words (&word)[4]) {
  constexpr std::uint64_t low = 0xffffffff;
  std::uint64_t key0 = key & low;
  std::uint64_t key1 = key >> 32;
  for (int round = 0; round < 10; ++round) {
    const Words x = word[0] * std::uint64_t{0xD2511F53};
    const Words y = word[2] * std::uint64_t{0xCD9E8D57};
    word[0] = (y >> 32) ^ word[1] ^ key0;
    word[1] = y & low;
    word[2] = (x >> 32) ^ word[3] ^ key1;
    word[3] = x & low;
    key0 = (key0 + 0x9E3779B9) & low;
    key1 = (key1 + 0xBB67AE85) & low;
  }
}

// Word j of the results for the neurons from `neuron` on in bits[j]; `group` is that of eight rows.
template <class T>
NABLANET_INLINE void draw(const Drop<T>& drop, Index neuron, Index group,
                          typename Register<T>::Bits (&bits)[4]) {
  const Words zero = {};
  for (Index first = 0; first < static_cast<Index>(kDropBytes / sizeof(T)); first += kWords) {
    Words word[4] = {zero, zero + static_cast<std::uint64_t>(group), zero + (drop.step & 0xffffffff),
                     zero + (drop.layer | drop.step >> 32 << 16)};
    std::uint64_t neurons[kWords];
    for (Index i = 0; i < kWords; ++i) neurons[i] = static_cast<std::uint64_t>(neuron + first + i);
    __builtin_memcpy(&word[0], neurons, sizeof(neurons));
    philox(drop.seed, word);
    for (int j = 0; j < 4; ++j) {
      auto* place = reinterpret_cast<unsigned char*>(&bits[j]) + first * static_cast<Index>(sizeof(T));
      if constexpr (sizeof(T) == 8) {
        __builtin_memcpy(place, &word[j], sizeof(Words));
      } else {
        const HalfWords half = __builtin_convertvector(word[j], HalfWords);
        __builtin_memcpy(place, &half, sizeof(HalfWords));
      }
    }
  }
}

// A result has 16 bits for each of eight rows, so that lanes are neurons as everywhere.
template <class T>
void drop(const Drop<T>& drop, Range rows, Range panels) {
  using Bits = typename Register<T>::Bits;
  using Numbers = typename Register<T>::Numbers;
  constexpr Index lanes = kDropBytes / sizeof(T);
  constexpr Index group_rows = 8;
  const Numbers dropped = {};
  const Numbers kept = dropped + static_cast<T>(65536.0 / (65536.0 - drop.threshold));
  const Bits threshold = Bits{} + static_cast<std::int32_t>(drop.threshold);
  const auto multiply = [](T* place, Numbers mask) NABLANET_INLINE_LAMBDA {
    Numbers value;
    __builtin_memcpy(&value, place, sizeof(value));
    value *= mask;
    __builtin_memcpy(place, &value, sizeof(value));
  };
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    for (Index row = rows.begin; row < rows.end;) {
      const Index group = row / group_rows;
      const Index end = (group + 1) * group_rows < rows.end ? (group + 1) * group_rows : rows.end;
      for (Index lane = 0; lane < kLanes<T>; lane += lanes) {
        Bits bits[4];
        draw(drop, panel * kLanes<T> + lane, drop.first_row / group_rows + group, bits);
        for (Index r = row; r < end; ++r) {
          const Bits number = bits[r % group_rows / 2] >> (r % 2 == 0 ? 0 : 16) & 0xffff;
          const Numbers mask = number < threshold ? dropped : kept;
          multiply(drop.a.line(panel, r) + lane, mask);
          if (drop.slope.data != nullptr) multiply(drop.slope.line(panel, r) + lane, mask);
        }
      }
      row = end;
    }
  }
}
