// Memory aligned to cache lines, owned, zero at first.
#pragma once

#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/types.h"

namespace nablanet {

// Throws bad_alloc where the product of sizes would overflow.
inline Index checked_product(Index a, Index b) {
  if (a != 0 && b > std::numeric_limits<Index>::max() / a) throw std::bad_alloc();
  return a * b;
}

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index count) : count_(count) {
    const auto bytes = static_cast<std::size_t>(checked_product(count, sizeof(T)));
    data_ = static_cast<T*>(::operator new(bytes, std::align_val_t{kLineBytes}));
    std::memset(static_cast<void*>(data_), 0, bytes);
  }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Buffer() { ::operator delete(data_, std::align_val_t{kLineBytes}); }

  T* data() const { return data_; }
  Index size() const { return count_; }

 private:
  T* data_ = nullptr;
  Index count_ = 0;
};

}  // namespace nablanet
