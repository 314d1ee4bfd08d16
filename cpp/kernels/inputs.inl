// From a bit for each input to lists of them.

inline constexpr Index kByteBits = 8;

// The places of the bits of each byte, first to last, and how many they are.
struct BytePlaces {
  std::uint8_t place[256][kByteBits] = {};
  std::uint8_t count[256] = {};

  constexpr BytePlaces() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      for (std::uint8_t bit = 0; bit < kByteBits; ++bit) {
        if ((byte >> bit & 1U) != 0) place[byte][count[byte]++] = bit;
      }
    }
  }
};
constexpr BytePlaces byte_places;

// Eight numbers for each byte, whatever its bits, which saves branches that nobody can foresee.
template <class T>
Index list_inputs(const std::uint32_t* bits, Index n_in, bool unset, Index stride, Index* places,
                  Index* lines) {
  constexpr Index lanes = kLanes<T>;
  Index count = 0;
  for (Index panel = 0; panel * lanes < n_in; ++panel) {
    std::uint32_t word = unset ? ~bits[panel] : bits[panel];
    if (unset && n_in - panel * lanes < lanes) word &= (1U << (n_in - panel * lanes)) - 1;
    for (Index lane = 0; lane < lanes; lane += kByteBits, word >>= kByteBits) {
      const std::uint32_t byte = word & 0xff;
      const std::uint8_t* place = byte_places.place[byte];
      const Index first_line = (panel * lanes + lane) * lanes;
      for (Index i = 0; i < kByteBits; ++i) lines[count + i] = first_line + place[i] * lanes;
      if (places != nullptr) {
        const Index first_place = panel * stride * lanes + lane;
        for (Index i = 0; i < kByteBits; ++i) places[count + i] = first_place + place[i];
      }
      count += byte_places.count[byte];
    }
  }
  return count;
}
