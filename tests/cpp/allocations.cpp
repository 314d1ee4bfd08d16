// Counts what a training step allocates, which is nothing: a call with a hundred steps allocates as often as
// one with ten. With the C library of GNU, whose allocator it stands before.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "core/engine.h"
#include "core/isa.h"

namespace {
std::atomic<long> allocations{0};
}

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  ++allocations;
  return __libc_calloc(count, bytes);
}
void* realloc(void* block, std::size_t bytes) {
  ++allocations;
  return __libc_realloc(block, bytes);
}
}

namespace {

using namespace nablanet;

constexpr Index kInputs = 96;
constexpr Index kRows = 6400;
constexpr Index kBatch = 64;

// Allocations of a call that trains on so many steps.
template <class T>
long allocated(Engine<T>& engine, const std::vector<std::int64_t>& order, Index steps) {
  const std::vector<double> etas(static_cast<std::size_t>(steps), 1e-3);
  const long before = allocations;
  engine.train(order.data(), steps * kBatch, etas.data());
  return allocations - before;
}

template <class T>
bool steps_allocate_nothing(const Settings& settings, int threads) {
  std::vector<T> x(kRows * kInputs);
  std::vector<std::int32_t> labels(kRows);
  std::vector<std::int64_t> order(kRows);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0 ? T{0} : static_cast<T>(i % 7) / 7;
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = static_cast<std::int64_t>(i);
    labels[i] = static_cast<std::int32_t>(i % 10);
  }
  Engine<T> engine({{kInputs, 200, 120, 10},
                    {Activation::relu, Activation::tanh, Activation::softmax},
                    Cost::cross_entropy},
                   choose_kernels("").template table<T>(), threads);
  engine.start({x.data(), sizeof(T) == 4 ? Scalar::float32 : Scalar::float64,
                kInputs * static_cast<Index>(sizeof(T)), kInputs},
               {{}, labels.data()}, kBatch, settings);
  allocated(engine, order, 10);  // what a first call alone may do
  // the clock may choose one thread for a call, which then makes fewer
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (allocated(engine, order, 10) == allocated(engine, order, 100)) return true;
  }
  return false;
}

}  // namespace

int main() {
  const Settings adam{.method = Method::adam,
                      .beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = 1e-8,
                      .decay = 1e-4,
                      .sum_squares = true};
  Settings everything = adam;
  everything.l1 = 1e-5;
  everything.clip_norm = 1;
  everything.max_norm = 3;
  everything.average = 0.9;
  everything.drop_thresholds = {6554, 13107, 13107};
  for (const Settings& settings : {Settings{}, adam, everything}) {
    for (const int threads : {1, 2}) {
      if (!steps_allocate_nothing<float>(settings, threads) ||
          !steps_allocate_nothing<double>(settings, threads)) {
        std::fprintf(stderr, "a step on %d threads allocates memory\n", threads);
        return 1;
      }
    }
  }
  std::puts("a step allocates nothing");
}
