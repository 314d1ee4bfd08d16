// The caller's numbers, of any type and alignment, as lines of T.

struct Half {
  std::uint16_t bits;
};

// As many of them as a line of T has.
template <class T, class S>
struct Numbers {
  using Type [[gnu::vector_size(kLanes<T> * sizeof(S))]] = S;
};
template <class T>
struct Numbers<T, Half> : Numbers<T, std::uint16_t> {};

// By reference, since GCC warns of vectors in calls that the instruction set cannot pass in a register.
template <class T, class S>
NABLANET_INLINE void convert(const typename Numbers<T, S>::Type& numbers, typename Numbers<T, T>::Type& out) {
  using Out = typename Numbers<T, T>::Type;
  if constexpr (std::is_same_v<S, Half>) {
    using Bits = typename Numbers<T, std::uint32_t>::Type;
    using Floats = typename Numbers<T, float>::Type;
    const Bits halves = __builtin_convertvector(numbers, Bits);
    const Bits magnitude = halves & 0x7fffu;
    // The bits of a half in a float's places make the number times 2^-112, subnormal ones too.
    const Bits shifted = magnitude << 13;
    const Bits exact = __builtin_bit_cast(Bits, __builtin_bit_cast(Floats, shifted) * 0x1p112f);
    const Bits not_finite = shifted | 0x7f800000u;
    const Bits unsigned_bits = magnitude >= 0x7c00u ? not_finite : exact;
    out =
        __builtin_convertvector(__builtin_bit_cast(Floats, unsigned_bits | ((halves & 0x8000u) << 16)), Out);
  } else if constexpr (sizeof(S) == 1) {
    // twice as wide each time: for a wider step GCC takes one number after the other
    using Twice = typename Numbers<T, std::uint16_t>::Type;
    using Integers = typename Numbers<T, std::int32_t>::Type;
    const Twice twice = __builtin_convertvector(numbers, Twice);
    out = __builtin_convertvector(__builtin_convertvector(twice, Integers), Out);
  } else {
    out = __builtin_convertvector(numbers, Out);
  }
}

// The first `count` numbers, at most a line of T, and zeros; reads no further.
template <class T, class S>
NABLANET_INLINE Line<T> convert_line(const unsigned char* from, Index count) {
  if constexpr (std::is_same_v<S, T>) {
    const T* const numbers = reinterpret_cast<const T*>(from);
    return count == kLanes<T> ? load_line(numbers) : load_first_of_line(numbers, count);
  } else {
    typename Numbers<T, S>::Type numbers = {};
    if (count == kLanes<T>) {
      __builtin_memcpy(&numbers, from, sizeof numbers);
    } else {
      __builtin_memcpy(&numbers, from, static_cast<std::size_t>(count) * sizeof(S));
    }
    typename Numbers<T, T>::Type out;
    convert<T, S>(numbers, out);
    Line<T> line;
    __builtin_memcpy(&line, &out, sizeof line);
    return line;
  }
}
