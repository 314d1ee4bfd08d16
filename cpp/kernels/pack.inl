// Numbers of set bits, in plain C++: for instruction sets that have nothing better.

// The places of the bits of each byte, first to last.
struct BytePlaces {
  std::uint8_t place[256][kByteBits] = {};

  constexpr BytePlaces() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      unsigned count = 0;
      for (std::uint8_t bit = 0; bit < kByteBits; ++bit) {
        if ((byte >> bit & 1U) != 0) place[byte][count++] = bit;
      }
    }
  }
};
constexpr BytePlaces byte_places;

// first + factor * place for the place of each bit of a byte; writes eight numbers whatever its bits, which
// saves branches that nobody can foresee.
NABLANET_INLINE void pack_places(std::uint32_t byte, Index first, Index factor, Index* to) {
  const std::uint8_t* place = byte_places.place[byte];
  for (Index i = 0; i < kByteBits; ++i) to[i] = first + place[i] * factor;
}

// Numbers of the lanes of panels, from the first panel on: factor * lane + step * panel.
template <Index Lanes>
class PackedLanes {
 public:
  NABLANET_INLINE PackedLanes(Index factor, Index step) : factor_(factor), step_(step) {}
  // Those of the next kMostLanes lanes whose bits are set; writes as many whatever the bits.
  NABLANET_INLINE void pack(std::uint32_t bits, std::uint32_t* to) {
    for (Index lane = 0; lane < kMostLanes; lane += kByteBits, bits >>= kByteBits) {
      const std::uint8_t* place = byte_places.place[bits & 0xff];
      const Index first = first_ + lane / Lanes * step_ + lane % Lanes * factor_;
      for (Index i = 0; i < kByteBits; ++i) to[i] = static_cast<std::uint32_t>(first + place[i] * factor_);
      to += __builtin_popcount(bits & 0xff);
    }
    first_ += kMostLanes / Lanes * step_;
  }

 private:
  Index factor_, step_, first_ = 0;
};

// Of kRowsAtOnce words those with one of some bits set, as (first + place) * lanes; returns how many.
NABLANET_INLINE Index pack_rows(const std::uint32_t* words, std::uint32_t bits, Index first, Index lanes,
                                std::uint32_t* to) {
  Index count = 0;
  for (Index i = 0; i < kRowsAtOnce; ++i) {
    to[count] = static_cast<std::uint32_t>((first + i) * lanes);
    count += (words[i] & bits) != 0;
  }
  return count;
}
