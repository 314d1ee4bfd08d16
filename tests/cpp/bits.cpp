// Trains small networks with every activation, cost and optimizer in both float types, and prints a hash
// of the weights of each. The lines must be the same on every machine, instruction set and number of
// threads: `make test-arm` compares those of this machine with those of NEON under emulation.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/engine.h"
#include "core/isa.h"

namespace {

using namespace nablanet;

constexpr Index kRows = 150;
const std::vector<Index> kSizes = {37, 45, 21, 9};

// Knuth's multiplicative generator: the same numbers on every machine.
class Numbers {
 public:
  double next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state_ >> 11) * 0x1p-53 - 0.5;
  }

 private:
  std::uint64_t state_ = 1;
};

// FNV-1a over the bytes of numbers.
template <class T>
void mix(std::uint64_t& hash, const std::vector<T>& numbers) {
  std::vector<unsigned char> bytes(numbers.size() * sizeof(T));
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211ULL;
}

template <class T>
std::uint64_t trained(const char* isa, Activation hidden, Activation output, Cost cost, Method method,
                      int threads) {
  Numbers numbers;
  const Index n_in = kSizes[0];
  std::vector<T> X;
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> order;
  for (Index i = 0; i < kRows; ++i) {
    for (Index k = 0; k < n_in; ++k) {
      const double x = 4 * numbers.next();
      X.push_back(numbers.next() < 0.2 ? T{0} : static_cast<T>(x));
    }
    labels.push_back(static_cast<std::int32_t>(i % kSizes.back()));
    order.push_back((i * 47) % kRows);
  }
  std::vector<std::vector<T>> parameters;
  for (std::size_t l = 0; l + 1 < kSizes.size(); ++l) {
    for (const Index count : {kSizes[l] * kSizes[l + 1], kSizes[l + 1]}) {
      parameters.emplace_back();
      for (Index i = 0; i < count; ++i) parameters.back().push_back(static_cast<T>(numbers.next()));
    }
  }
  Arrays<T> arrays;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i % 2 == 0) {
      arrays.weights.push_back({parameters[i].data(), kSizes[i / 2], 1});
    } else {
      arrays.biases.push_back({parameters[i].data(), 1, 1});
    }
  }

  Engine<T> engine({kSizes, {hidden, hidden, output}, cost}, choose_kernels(isa).table<T>(), threads);
  engine.parameters().load(arrays);
  const Scalar scalar = sizeof(T) == 4 ? Scalar::float32 : Scalar::float64;
  const double eta = method == Method::adam ? 0.01 : 0.05;
  engine.start({X.data(), scalar, n_in * static_cast<Index>(sizeof(T)), n_in}, {{}, labels.data()}, 75,
               {method, 0.9, 0.999, 1e-8, 0.001});
  const std::vector<double> etas(2, eta);
  double cost_sum = 0;
  for (int epoch = 0; epoch < 3; ++epoch) cost_sum += engine.train(order.data(), kRows, etas.data());
  engine.parameters().store(arrays);

  std::uint64_t hash = 14695981039346656037ULL;
  for (const auto& array : parameters) mix(hash, array);
  mix(hash, std::vector<double>{cost_sum});
  return hash;
}

}  // namespace

int main(int count, char** arguments) {
  const char* isa = count > 1 ? arguments[1] : "";
  const int threads = count > 2 ? std::atoi(arguments[2]) : 1;
  std::fprintf(stderr, "%s\n", choose_kernels(isa).name);
  for (int a = 0; a < static_cast<int>(Activation::softmax); ++a) {
    const auto hidden = static_cast<Activation>(a);
    const struct {
      Activation output;
      Cost cost;
    } pairs[] = {{hidden, Cost::quadratic},
                 {Activation::softmax, Cost::quadratic},
                 {Activation::sigmoid, Cost::cross_entropy},
                 {Activation::softmax, Cost::cross_entropy}};
    for (const auto& [output, cost] : pairs) {
      for (const Method method : {Method::sgd, Method::adam}) {
        const auto f32 = trained<float>(isa, hidden, output, cost, method, threads);
        const auto f64 = trained<double>(isa, hidden, output, cost, method, threads);
        std::printf("%2d %2d %d %d  %016llx %016llx\n", a, static_cast<int>(output), static_cast<int>(cost),
                    static_cast<int>(method), static_cast<unsigned long long>(f32),
                    static_cast<unsigned long long>(f64));
      }
    }
  }
}
