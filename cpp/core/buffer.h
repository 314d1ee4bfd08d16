// Memory aligned to cache lines, owned, zero at first.
#pragma once

#include <cstdint>
#include <cstdlib>
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
  // By calloc, whose large blocks are zero without being written: gigabytes come at once.
  explicit Buffer(Index count) : count_(count) {
    const auto bytes = static_cast<std::size_t>(checked_product(count, sizeof(T)));
    block_ = std::calloc(1, bytes + kLineBytes);
    if (block_ == nullptr) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(block_);
    data_ = reinterpret_cast<T*>((address + kLineBytes - 1) / kLineBytes * kLineBytes);
  }
  Buffer(Buffer&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Buffer() { std::free(block_); }

  T* data() const { return data_; }
  Index size() const { return count_; }

 private:
  void* block_ = nullptr;
  T* data_ = nullptr;
  Index count_ = 0;
};

}  // namespace nablanet
