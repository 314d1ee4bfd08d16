// What pack.inl has, by the compressions of AVX-512.

// first + factor * place for the place of each bit of a byte; writes eight numbers.
NABLANET_INLINE void pack_places(std::uint32_t byte, Index first, Index factor, Index* to) {
  const __m512i places = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
  const __m512i numbers =
      _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_mullo_epi64(_mm512_set1_epi64(factor), places));
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi64(static_cast<__mmask8>(byte), numbers));
}
// The same for the bits of a line's lanes; writes 16 numbers.
template <Index Lanes>
NABLANET_INLINE void pack_lanes(std::uint32_t bits, Index first, Index factor, std::uint32_t* to) {
  const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i steps = _mm512_mullo_epi32(_mm512_set1_epi32(static_cast<int>(factor)), places);
  const __m512i numbers = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)), steps);
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), numbers));
}

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
