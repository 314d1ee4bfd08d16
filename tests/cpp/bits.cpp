// Trains networks with every activation, cost, optimizer and extra, from every form of data, in both float
// types, and prints a hash of what comes of each: parameters, costs, outputs and derivatives; then hashes of
// the elementary functions. The lines must be the same on every machine, instruction set and number of
// threads: `make test-arm` compares those of this machine with those of NEON under emulation.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/engine.h"
#include "core/isa.h"
#include "core/single.h"

namespace {

using namespace nablanet;

// Knuth's multiplicative generator: the same numbers on every machine.
class Numbers {
 public:
  std::uint64_t bits() { return state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL; }
  double next() { return static_cast<double>(bits() >> 11) * 0x1p-53 - 0.5; }

 private:
  std::uint64_t state_ = 1;
};

// FNV-1a over the bytes of numbers. A NaN counts as any other.
class Hash {
 public:
  template <class T>
  void mix(const std::vector<T>& numbers) {
    for (T number : numbers) {
      if (std::isnan(number)) number = 0x1p-100;
      std::array<unsigned char, sizeof(T)> bytes;
      std::memcpy(bytes.data(), &number, sizeof(T));
      for (const unsigned char byte : bytes) value_ = (value_ ^ byte) * 1099511628211ULL;
    }
  }
  unsigned long long value() const { return value_; }

 private:
  std::uint64_t value_ = 14695981039346656037ULL;
};

enum class Form { own, float32, float64, float16, uint8, strided, sparse, sparse_bytes, mostly_zero };

struct Case {
  std::string name;
  bool large = false;  // so that four threads divide a step
  bool high = false;   // so that they divide its rows
  bool wide = false;   // or, where most of them are zero, its inputs
  bool one = false;    // output neuron
  Activation hidden = Activation::tanh;
  Activation output = Activation::softmax;
  Cost cost = Cost::cross_entropy;
  double parameter = 0;
  Settings settings = {};
  Form form = Form::own;
  bool weighted = false;

  std::vector<Index> sizes() const {
    const Index n_out = one ? 1 : 9;
    if (wide) return {270, 40, 17, n_out};
    return large ? std::vector<Index>{120, 70, 33, n_out} : std::vector<Index>{27, 23, 18, n_out};
  }
  // More than are summed in one go, for the small network.
  Index rows() const { return wide ? 1200 : large && !high ? 100 : 520; }
  Index batch() const { return wide ? 585 : high ? 200 : large ? 60 : 150; }
};

// Samples in one of the forms, and their memory.
class Rows {
 public:
  Rows(Form form, Scalar own, Index rows, Index width, Numbers& numbers) {
    const bool sparse = form == Form::sparse || form == Form::sparse_bytes;
    const Scalar scalar = form == Form::float32                               ? Scalar::float32
                          : form == Form::float64                             ? Scalar::float64
                          : form == Form::float16                             ? Scalar::float16
                          : form == Form::uint8 || form == Form::sparse_bytes ? Scalar::uint8
                                                                              : own;
    const Index copies = form == Form::strided ? 2 : 1;  // of each number, of which one is read
    for (Index i = 0; i < rows; ++i) {
      indptr_.push_back(static_cast<std::int64_t>(indices_.size()));
      for (Index k = 0; k < width; ++k) {
        const double x = 4 * numbers.next();
        const bool zero = k < 3 || numbers.next() < (sparse || form == Form::mostly_zero ? 0.4 : -0.3);
        if (sparse && zero) continue;
        if (sparse) indices_.push_back(static_cast<std::int32_t>(k));
        for (Index copy = 0; copy < copies; ++copy) put(scalar, zero ? 0 : x);
      }
    }
    indptr_.push_back(static_cast<std::int64_t>(indices_.size()));
    source.data = bytes_.data();
    source.scalar = scalar;
    source.width = width;
    source.scale = scalar == Scalar::uint8 ? 1.0 / 255 : 1;
    if (sparse) {
      source.sparse = {indices_.data(), indptr_.data(), false, true, indptr_.back()};
    } else {
      source.row_bytes = copies * width * scalar_bytes(scalar);
      source.strided = form == Form::strided;
      source.column_bytes = copies * scalar_bytes(scalar);
    }
  }
  Rows(const Rows&) = delete;

  Source source;

 private:
  template <class S>
  void append(S number) {
    const std::size_t end = bytes_.size();
    bytes_.resize(end + sizeof(S));
    std::memcpy(bytes_.data() + end, &number, sizeof(S));
  }
  void put(Scalar scalar, double x) {
    switch (scalar) {
      case Scalar::float32:
        return append(static_cast<float>(x));
      case Scalar::float64:
        return append(x);
      case Scalar::float16:  // 10 bits of mantissa and an exponent up to 15: below 2, subnormal ones too
        return append(
            static_cast<std::uint16_t>((x < 0 ? 0x8000 : 0) | static_cast<int>(std::fabs(x) * 8191)));
      case Scalar::uint8:
        return append(static_cast<std::uint8_t>(std::fabs(x) * 127));
    }
  }

  std::vector<unsigned char> bytes_;
  std::vector<std::int32_t> indices_;
  std::vector<std::int64_t> indptr_;
};

// a^L for one sample, without an engine.
template <class T>
std::vector<T> output_of_one(const Case& c, const KernelSet& set,
                             const std::vector<std::vector<T>>& parameters, Numbers& numbers) {
  const std::vector<Index> sizes = c.sizes();
  std::vector<Buffer<T>> memory;
  std::vector<Columns<T>> layers;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    const Index n_in = sizes[l], n_out = sizes[l + 1], step = panel_count<T>(n_out) * kLanes<T>;
    Buffer<T> columns(n_in * step), bias(step);
    for (Index j = 0; j < n_out; ++j) {
      bias.data()[j] = parameters[2 * l + 1][static_cast<std::size_t>(j)];
      for (Index k = 0; k < n_in; ++k) {
        columns.data()[k * step + j] = parameters[2 * l][static_cast<std::size_t>(j * n_in + k)];
      }
    }
    layers.push_back(
        {columns.data(), step, bias.data(), n_in, n_out, l + 2 < sizes.size() ? c.hidden : c.output});
    memory.push_back(std::move(columns));
    memory.push_back(std::move(bias));
  }
  std::vector<T> x, out(static_cast<std::size_t>(sizes.back()));
  for (Index k = 0; k < sizes.front(); ++k) x.push_back(static_cast<T>(k < 3 ? 0 : 4 * numbers.next()));
  if (!Single<T>(std::move(layers), set.table<T>()).output(x.data(), out.data())) {
    std::fprintf(stderr, "%s is not finite\n", c.name.c_str());
  }
  return out;
}

template <class T>
unsigned long long trained(const Case& c, const KernelSet& set, int threads) {
  constexpr Scalar own = sizeof(T) == 4 ? Scalar::float32 : Scalar::float64;
  const std::vector<Index> sizes = c.sizes();
  const Index rows = c.rows(), n_in = sizes.front(), n_out = sizes.back();
  Numbers numbers;
  const Rows x(c.form, own, rows, n_in, numbers);
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> order;
  std::vector<double> desired, weights;
  for (Index i = 0; i < rows; ++i) {
    labels.push_back(static_cast<std::int32_t>(i % n_out));
    order.push_back(i * 47 % rows);
    weights.push_back(std::fmax(numbers.next() + 0.25, 0));
    for (Index j = 0; j < n_out; ++j) desired.push_back(numbers.next() + 0.5);
  }
  Target y;
  if (c.output == Activation::softmax) {
    y.labels = labels.data();
  } else {
    y.rows = {desired.data(), Scalar::float64, n_out * static_cast<Index>(sizeof(double)), n_out};
  }
  const Target unweighted = y;
  if (c.weighted) y.weights = weights.data();

  std::vector<std::vector<T>> parameters;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    for (const Index count : {sizes[l] * sizes[l + 1], sizes[l + 1]}) {
      parameters.emplace_back();
      for (Index i = 0; i < count; ++i) parameters.back().push_back(static_cast<T>(0.6 * numbers.next()));
    }
  }
  Arrays<T> arrays;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i % 2 == 0) {
      arrays.weights.push_back({parameters[i].data(), sizes[i / 2], 1});
    } else {
      arrays.biases.push_back({parameters[i].data(), 1, 1});
    }
  }

  Engine<T> engine({sizes, {c.hidden, c.hidden, c.output}, c.cost, c.parameter}, set.table<T>(), threads);
  engine.start(x.source, y, c.batch(), c.settings);
  engine.load(arrays);
  std::vector<double> costs;
  const std::vector<double> etas(static_cast<std::size_t>(rows / c.batch() + 1), 0.01);
  costs.push_back(engine.train(order.data(), rows, etas.data()));
  costs.push_back(engine.weight_squares());
  const bool finite = engine.store(arrays);
  if (!finite) std::fprintf(stderr, "%s diverged\n", c.name.c_str());

  Hash hash;
  for (const auto& array : parameters) hash.mix(array);
  hash.mix(output_of_one(c, set, parameters, numbers));
  const auto room = [](Index count) { return std::vector<T>(static_cast<std::size_t>(count)); };
  std::vector<T> outputs = room(rows * n_out), layer = room(rows * sizes[1]), nabla_x = room(rows * n_in);
  costs.push_back(engine.predict(x.source, &y, 0, rows, outputs.data()));
  engine.hidden(x.source, 1, rows, layer.data());
  engine.input_gradient(x.source, unweighted, rows, nabla_x.data());
  const Index some = 30;
  std::vector<T> jacobian = room(some * n_out * n_in);
  engine.jacobian(x.source, some, jacobian.data());
  Parameters<T> sums(sizes);
  costs.push_back(engine.gradient(x.source, unweighted, rows, sums));
  sums.store(arrays);
  for (const auto& array : {outputs, layer, nabla_x, jacobian}) hash.mix(array);
  for (const auto& array : parameters) hash.mix(array);
  hash.mix(costs);
  return hash.value();
}

template <class T>
unsigned long long elementary(Elementary function, const KernelSet& set) {
  Numbers numbers;
  std::vector<T> x;
  for (int i = 0; i < 30'000; ++i) {
    const std::uint64_t bits = numbers.bits() >> (64 - 8 * sizeof(T));
    T any;  // of every magnitude
    std::memcpy(&any, &bits, sizeof(T));
    for (T number : {any, static_cast<T>(60 * numbers.next()), static_cast<T>(numbers.next())}) {
      const T magnitude = std::fabs(number);
      if (function == Elementary::expm1_of_negative) number = -magnitude;
      if (function == Elementary::log) number = magnitude;
      if (function == Elementary::log1p_of_unit) number = magnitude <= 1 ? magnitude : 1 / magnitude;
      x.push_back(number);
    }
  }
  std::vector<T> out(x.size());
  set.table<T>().elementary(function, x.data(), out.data(), static_cast<Index>(x.size()));
  Hash hash;
  hash.mix(out);
  return hash.value();
}

constexpr std::array kActivations{"sigmoid", "tanh", "relu",     "leaky_relu", "elu", "selu",   "gelu",
                                  "silu",    "mish", "softplus", "identity",   "exp", "softmax"};
constexpr std::array kMethods{"sgd", "adam", "momentum", "nesterov", "rmsprop", "adamw"};
constexpr std::array kForms{"own",     "float32", "float64",      "float16",    "uint8",
                            "strided", "sparse",  "sparse bytes", "mostly zero"};
constexpr std::array kElementary{"exp", "expm1_of_negative", "log", "log1p_of_unit", "tanh"};

Settings settings_of(Method method) {
  return {.method = method,
          .beta1 = 0.9,
          .beta2 = 0.999,
          .epsilon = 1e-8,
          .mu = 0.9,
          .rho = 0.95,
          .weight_decay = 0.3};
}

// Every hidden activation, with itself and with softmax as output.
void add_activations(std::vector<Case>& cases) {
  for (int a = 0; a < static_cast<int>(Activation::exp); ++a) {
    const auto hidden = static_cast<Activation>(a);
    const std::string name = kActivations[static_cast<std::size_t>(a)];
    cases.push_back({.name = name, .hidden = hidden, .output = hidden, .cost = Cost::quadratic});
    cases.push_back({.name = name + ", large", .large = true, .hidden = hidden});
  }
}

// Every cost with every kind of output that it is defined for.
void add_costs(std::vector<Case>& cases) {
  using enum Activation;
  struct {
    const char* name;
    Cost cost;
    double parameter;
    std::vector<Activation> outputs;
  } const costs[] = {
      {"quadratic", Cost::quadratic, 0, {sigmoid, identity, exp, softmax}},
      {"cross-entropy", Cost::cross_entropy, 0, {sigmoid, softmax}},
      {"smoothed cross-entropy", Cost::cross_entropy, 0.2, {sigmoid, softmax}},
      {"absolute error", Cost::absolute_error, 0, {identity, tanh, exp, softmax}},
      {"huber", Cost::huber, 0.3, {identity, tanh, exp, softmax}},
      {"quantile", Cost::quantile, 0.8, {identity, tanh, exp, softmax}},
      {"poisson", Cost::poisson, 0, {exp, softplus, sigmoid, softmax}},
  };
  for (const auto& [name, cost, parameter, outputs] : costs) {
    for (const Activation output : outputs) {
      Case c{.name = std::string(name) + ", " + kActivations[static_cast<std::size_t>(output)],
             .output = output,
             .cost = cost,
             .parameter = parameter};
      cases.push_back(c);
      c.name += ", weighted";
      c.weighted = true;
      cases.push_back(c);
    }
  }
}

// Every optimizer with every extra.
void add_optimizers(std::vector<Case>& cases) {
  for (std::size_t m = 0; m < kMethods.size(); ++m) {
    const Settings plain = settings_of(static_cast<Method>(m));
    const auto add = [&](const char* extra, auto change, bool weighted = false) {
      Case c{.name = std::string(kMethods[m]) + extra, .large = true, .hidden = Activation::relu};
      c.settings = plain;
      change(c.settings);
      c.weighted = weighted;
      cases.push_back(c);
    };
    const std::vector<std::uint32_t> thresholds{13107, 32768, 19661};
    add("", [](Settings&) {});
    add(", l2", [](Settings& s) { s.decay = 0.01, s.alpha = 0.1; });
    add(", l1", [](Settings& s) { s.l1 = 0.002; });
    add(", clip_value", [](Settings& s) { s.clip_value = 0.001; });
    add(", clip_norm", [](Settings& s) { s.clip_norm = 0.05; });
    add(", max_norm", [](Settings& s) { s.max_norm = 1.5; });
    add(", average", [](Settings& s) { s.average = 0.8; });
    add(", dropout", [&](Settings& s) { s.drop_thresholds = thresholds, s.drop_seed = 0x9E3779B97F4A7C15; });
    const auto all = [&](Settings& s) {
      s.decay = 0.01, s.l1 = 0.002, s.clip_norm = 0.1, s.max_norm = 1.5, s.average = 0.8;
      s.drop_thresholds = thresholds, s.drop_seed = 5;
    };
    add(", all", all, true);
  }
}

// What a large mini-batch, or one of mostly zeros, does with them.
void add_ways(std::vector<Case>& cases) {
  for (std::size_t m = 0; m < kMethods.size(); ++m) {
    for (const Form form : {Form::own, Form::mostly_zero}) {
      Case c{.name = std::string(kMethods[m]) + (form == Form::own ? ", high" : ", mostly zero"),
             .large = true,
             .high = true,
             .hidden = Activation::relu,
             .output = Activation::identity,
             .cost = Cost::quadratic,
             .form = form};
      c.settings = settings_of(static_cast<Method>(m));
      cases.push_back(c);
      c.name += ", one output";
      c.one = true;
      cases.push_back(c);
      if (form != Form::mostly_zero || m > 1) continue;  // the other optimizers change nothing here
      c.name = std::string(kMethods[m]) + ", wide";
      c.one = false;
      c.wide = true;
      c.settings.decay = 0.01;
      c.settings.sum_squares = true;
      cases.push_back(c);
      c.name += ", dropout and weights";
      c.settings.drop_thresholds = {13107, 32768, 19661};
      c.settings.by_weight = c.weighted = true;
      cases.push_back(c);
      c.name += ", all inputs";  // which are then read where they lie
      c.settings.drop_thresholds[0] = 0;
      cases.push_back(c);
    }
  }
}

void add_forms(std::vector<Case>& cases) {
  for (std::size_t f = 1; f < kForms.size(); ++f) {
    cases.push_back({.name = kForms[f], .large = true, .form = static_cast<Form>(f)});
    cases.push_back({.name = std::string("high, ") + kForms[f],
                     .large = true,
                     .high = true,
                     .form = static_cast<Form>(f)});
  }
}

}  // namespace

int main(int count, char** arguments) {
  const KernelSet& set = choose_kernels(count > 1 ? arguments[1] : "");
  const int threads = count > 2 ? std::atoi(arguments[2]) : 1;
  std::fprintf(stderr, "%s\n", set.name);
  std::vector<Case> cases;
  add_activations(cases);
  add_costs(cases);
  add_optimizers(cases);
  add_forms(cases);
  add_ways(cases);
  for (const Case& c : cases) {
    std::printf("%-32s %016llx %016llx\n", c.name.c_str(), trained<float>(c, set, threads),
                trained<double>(c, set, threads));
  }
  for (std::size_t f = 0; f < kElementary.size(); ++f) {
    const auto function = static_cast<Elementary>(f);
    std::printf("%-32s %016llx %016llx\n", kElementary[f], elementary<float>(function, set),
                elementary<double>(function, set));
  }
}
