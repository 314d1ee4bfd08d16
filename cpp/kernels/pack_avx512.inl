// What pack.inl has, by the compressions of AVX-512.

// first + factor * place for the place of each bit of a byte; writes eight numbers.
NABLANET_INLINE void pack_places(std::uint32_t byte, Index first, Index factor, Index* to) {
  const __m512i places = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
  const __m512i numbers =
      _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_mullo_epi64(_mm512_set1_epi64(factor), places));
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi64(static_cast<__mmask8>(byte), numbers));
}

// Numbers of the lanes of panels, from the first panel on: factor * lane + step * panel.
template <Index Lanes>
class PackedLanes {
 public:
  NABLANET_INLINE PackedLanes(Index factor, Index step) {
    const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i lanes = _mm512_and_si512(places, _mm512_set1_epi32(Lanes - 1));
    const __m512i panels = _mm512_srli_epi32(places, Lanes == 8 ? 3 : 4);
    now_ = _mm512_add_epi32(_mm512_mullo_epi32(lanes, _mm512_set1_epi32(static_cast<int>(factor))),
                            _mm512_mullo_epi32(panels, _mm512_set1_epi32(static_cast<int>(step))));
    step_ = _mm512_set1_epi32(static_cast<int>(kMostLanes / Lanes * step));
  }
  // Those of the next kMostLanes lanes whose bits are set; writes as many whatever the bits.
  NABLANET_INLINE void pack(std::uint32_t bits, std::uint32_t* to) {
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), now_));
    now_ = _mm512_add_epi32(now_, step_);
  }

 private:
  __m512i now_, step_;
};

// Of 16 words those with one of some bits set, as (first + place) * lanes; writes 16 numbers.
NABLANET_INLINE Index pack_rows(const std::uint32_t* words, std::uint32_t bits, Index first, Index lanes,
                                std::uint32_t* to) {
  const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __mmask16 set =
      _mm512_test_epi32_mask(_mm512_loadu_si512(words), _mm512_set1_epi32(static_cast<int>(bits)));
  const __m512i rows = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)), places);
  const __m512i lines = _mm512_mullo_epi32(rows, _mm512_set1_epi32(static_cast<int>(lanes)));
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(set, lines));
  return __builtin_popcount(set);
}
