// The fused-multiply-add peak: peak BITS SECONDS CORE... prints GFLOP/s with one thread on each core.
//
// VECTOR_BYTES and CHAINS come from the compiler's command line: the size of a register, and how many
// sums run side by side, enough to hide the latency of an addition and few enough to stay in registers.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

constexpr long kSteps = 20000;  // between two looks at the clock: tens of microseconds

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(VECTOR_BYTES)));
};

void pin(int core) {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
#else
  (void)core;
#endif
}

// Runs until the deadline; returns the floating-point operations done.
template <class T>
double run(Clock::time_point deadline, volatile T* sink) {
  using V = typename Vector<T>::type;
  volatile T opaque_factor = T(0.999), opaque_term = T(0.001);
  const V zero = {};
  const V factor = zero + opaque_factor, term = zero + opaque_term;
  V sums[CHAINS];
  for (int c = 0; c < CHAINS; ++c) sums[c] = zero + T(c);
  double steps = 0;
  while (Clock::now() < deadline) {
    for (long i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
      for (int c = 0; c < CHAINS; ++c) sums[c] = sums[c] * factor + term;
    }
    steps += kSteps;
  }
  T total = 0;
  for (int c = 0; c < CHAINS; ++c) total += sums[c][0];
  *sink = total;
  return steps * CHAINS * 2 * (VECTOR_BYTES / sizeof(T));
}

template <class T>
double gflops(double seconds, const std::vector<int>& cores) {
  std::vector<double> done(cores.size());
  std::vector<T> sinks(cores.size());
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> threads;
  Clock::time_point started;
  std::atomic<bool> go{false};
  for (std::size_t t = 0; t < cores.size(); ++t) {
    threads.emplace_back([&, t] {
      pin(cores[t]);
      run<T>(Clock::now() + std::chrono::milliseconds(10), &sinks[t]);
      ++ready;
      while (!go) std::this_thread::yield();
      done[t] = run<T>(
          started + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)),
          &sinks[t]);
    });
  }
  while (ready < cores.size()) std::this_thread::yield();
  started = Clock::now();
  go = true;
  for (auto& thread : threads) thread.join();
  const double taken = std::chrono::duration<double>(Clock::now() - started).count();
  double total = 0;
  for (double d : done) total += d;
  return total / taken * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const double seconds = std::atof(argv[2]);
  std::vector<int> cores;
  for (int i = 3; i < argc; ++i) cores.push_back(std::atoi(argv[i]));
  const bool single = std::string(argv[1]) == "32";
  std::printf("%.2f\n", single ? gflops<float>(seconds, cores) : gflops<double>(seconds, cores));
}
