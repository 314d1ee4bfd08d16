#include "core/engine.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bind/bindings.h"
#include "core/finite.h"
#include "core/isa.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using nablanet::Index;

// weights, or biases, one for each of layers 2..L, with any strides
template <class T>
using Parameters = std::vector<nb::ndarray<nb::numpy, T, nb::ndim<2>, nb::device::cpu>>;
template <class T>
using Writable = nb::ndarray<nb::numpy, T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
// Rows as they lie in the memory of `owner`, which stays alive with them.
struct Rows {
  nb::object owner;
  nablanet::Source source;
};
using Labels = nb::ndarray<nb::numpy, const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Desired = std::variant<Labels, Rows>;
using Order = nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Weights = nb::ndarray<nb::numpy, const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Etas = nb::ndarray<nb::numpy, const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

const void* pointer(std::uintptr_t address) { return reinterpret_cast<const void*>(address); }

Rows dense_rows(nb::object owner, std::uintptr_t data, int scalar, Index width, Index row_bytes, bool strided,
                Index column_bytes, double scale) {
  return {std::move(owner),
          {
              .data = pointer(data),
              .scalar = static_cast<nablanet::Scalar>(scalar),
              .row_bytes = row_bytes,
              .width = width,
              .strided = strided,
              .column_bytes = column_bytes,
              .scale = scale,
          }};
}

Rows sparse_rows(nb::object owner, std::uintptr_t data, int scalar, Index width, std::uintptr_t indices,
                 bool wide_indices, std::uintptr_t indptr, bool wide_indptr, Index stored, double scale) {
  return {std::move(owner),
          {
              .data = pointer(data),
              .scalar = static_cast<nablanet::Scalar>(scalar),
              .width = width,
              .scale = scale,
              .sparse = {pointer(indices), pointer(indptr), wide_indices, wide_indptr, stored},
          }};
}

nablanet::Source source(const Rows& rows) { return rows.source; }

nablanet::Target target(const Desired& desired) {
  if (const auto* labels = std::get_if<Labels>(&desired)) return {.rows = {}, .labels = labels->data()};
  return {.rows = source(std::get<Rows>(desired))};
}

nablanet::Target target(const Desired& desired, const std::optional<Weights>& weights) {
  nablanet::Target out = target(desired);
  if (weights) out.weights = weights->data();
  return out;
}

template <class T>
std::vector<nablanet::Matrix<T>> matrices(const Parameters<T>& parameters) {
  std::vector<nablanet::Matrix<T>> out;
  for (const auto& p : parameters) {
    out.push_back({p.data(), static_cast<Index>(p.stride(0)), static_cast<Index>(p.stride(1))});
  }
  return out;
}

template <class T>
nablanet::Arrays<T> arrays(const Parameters<T>& weights, const Parameters<T>& biases) {
  return {matrices<T>(weights), matrices<T>(biases)};
}

// Whether a signal's handler has raised, as that of Ctrl-C does. Called without the GIL.
bool interrupted() {
  const nb::gil_scoped_acquire acquire;
  return PyErr_CheckSignals() != 0;
}

// Runs work() without the GIL; raises what a signal's handler raised meanwhile.
template <class Work>
auto without_gil(Work work) {
  try {
    const nb::gil_scoped_release release;
    return work();
  } catch (const nablanet::Interrupted&) {
    throw nb::python_error();
  }
}

// Keeps the training data alive for as long as the engine reads it.
template <class T>
class PyEngine {
 public:
  PyEngine(const std::vector<Index>& sizes, const std::vector<int>& activations, int cost,
           double cost_parameter, const std::string& isa, int threads)
      : engine_({sizes, enums(activations), static_cast<nablanet::Cost>(cost), cost_parameter},
                nablanet::choose_kernels(isa).table<T>(), threads, interrupted) {}

  void load(const Parameters<T>& weights, const Parameters<T>& biases) {
    engine_.load(arrays(weights, biases));
  }

  bool store(const Parameters<T>& weights, const Parameters<T>& biases) {
    return engine_.store(arrays(weights, biases));
  }

  // Whether all inputs were finite.
  bool predict(const Rows& x, Index first, Writable<T> out) {
    const auto from = source(x);
    bool finite = true;
    without_gil([&] {
      return engine_.predict(from, nullptr, first, static_cast<Index>(out.shape(0)), out.data(), &finite);
    });
    return finite;
  }

  double evaluate(const Rows& x, const Desired& y, Index first, Writable<T> out,
                  const std::optional<Weights>& weights) {
    const auto from = source(x);
    const auto desired = target(y, weights);
    return without_gil(
        [&] { return engine_.predict(from, &desired, first, static_cast<Index>(out.shape(0)), out.data()); });
  }

  double gradient(const Rows& x, const Desired& y, Index rows, const Parameters<T>& nabla_w,
                  const Parameters<T>& nabla_b, const std::optional<Weights>& weights) {
    const auto from = source(x);
    const auto desired = target(y, weights);
    return without_gil([&] {
      nablanet::Parameters<T> sums(engine_.sizes());
      const double cost = engine_.gradient(from, desired, rows, sums);
      sums.store(arrays(nabla_w, nabla_b));
      return cost;
    });
  }

  void input_gradient(const Rows& x, const Desired& y, Writable<T> out) {
    const auto from = source(x);
    const auto desired = target(y);
    without_gil([&] { engine_.input_gradient(from, desired, static_cast<Index>(out.shape(0)), out.data()); });
  }

  void jacobian(const Rows& x, Index rows, Writable<T> out) {
    const auto from = source(x);
    without_gil([&] { engine_.jacobian(from, rows, out.data()); });
  }

  void hidden(const Rows& x, Index layer, Writable<T> out) {
    const auto from = source(x);
    without_gil([&] {
      engine_.hidden(from, static_cast<std::size_t>(layer), static_cast<Index>(out.shape(0)), out.data());
    });
  }

  void start(const Rows& x, const Desired& y, Index batch, const nablanet::Settings& settings,
             const std::optional<Weights>& weights) {
    x_ = x;
    y_ = y;
    weights_ = weights;
    engine_.start(source(x_), target(y_, weights_), batch, settings);
  }

  // etas: one for each mini-batch of order[begin:end].
  double train(const Order& order, Index begin, Index end, const Etas& etas) {
    return without_gil([&] { return engine_.train(order.data() + begin, end - begin, etas.data()); });
  }

  void release_threads() {
    without_gil([&] { engine_.release_threads(); });
  }

  // What training remembers beside what `store` gives, by name.
  std::vector<std::string> kept() const {
    std::vector<std::string> names;
    if (engine_.first() != nullptr) names.emplace_back("first");
    if (engine_.second() != nullptr) names.emplace_back("second");
    if (engine_.average() != nullptr) {
      names.emplace_back("parameters");
      names.emplace_back("average");
    }
    return names;
  }

  void store_kept(const std::string& name, const Parameters<T>& weights, const Parameters<T>& biases) {
    kept_as(name).store(arrays(weights, biases));
  }

  void load_kept(const std::string& name, const Parameters<T>& weights, const Parameters<T>& biases) {
    kept_as(name).load(arrays(weights, biases));
    if (name == "average") engine_.resume_average();
  }

  std::int64_t steps() const { return engine_.steps(); }
  void set_steps(std::int64_t steps) { engine_.set_steps(steps); }
  double weight_squares() const { return engine_.weight_squares(); }

 private:
  static std::vector<nablanet::Activation> enums(const std::vector<int>& numbers) {
    std::vector<nablanet::Activation> out;
    for (const int number : numbers) out.push_back(static_cast<nablanet::Activation>(number));
    return out;
  }

  nablanet::Parameters<T>& kept_as(const std::string& name) {
    if (name == "parameters") return engine_.parameters();
    nablanet::Parameters<T>* const found = name == "first"    ? engine_.first()
                                           : name == "second" ? engine_.second()
                                                              : engine_.average();
    if (found == nullptr) throw nb::value_error("this training keeps no such thing");
    return *found;
  }

  nablanet::Engine<T> engine_;
  Rows x_;
  Desired y_;
  std::optional<Weights> weights_;
};

template <class T>
using Numbers = nb::ndarray<nb::numpy, T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
void elementary(const std::string& isa, int function, const Numbers<const T>& x, Numbers<T> out) {
  if (x.size() != out.size()) throw nb::value_error("x and out must have the same length");
  nablanet::choose_kernels(isa).table<T>().elementary(static_cast<nablanet::Elementary>(function), x.data(),
                                                      out.data(), static_cast<Index>(x.size()));
}

template <class T>
bool all_finite(const std::string& isa, const Rows& x, Index rows, int threads) {
  const auto from = source(x);
  const auto& kernels = nablanet::choose_kernels(isa).table<T>();
  return without_gil([&] { return nablanet::all_finite(kernels, from, rows, threads, interrupted); });
}

template <class T>
void bind(nb::module_& module, const char* name) {
  using E = PyEngine<T>;
  nb::class_<E>(module, name)
      .def(nb::init<const std::vector<Index>&, const std::vector<int>&, int, double, const std::string&,
                    int>(),
           "sizes"_a, "activations"_a, "cost"_a, "cost_parameter"_a, "isa"_a, "threads"_a)
      .def("load", &E::load, "weights"_a, "biases"_a)
      .def("store", &E::store, "weights"_a, "biases"_a)
      .def("predict", &E::predict, "x"_a, "first"_a, "out"_a)
      .def("evaluate", &E::evaluate, "x"_a, "y"_a, "first"_a, "out"_a, "weights"_a = nb::none())
      .def("gradient", &E::gradient, "x"_a, "y"_a, "rows"_a, "nabla_w"_a, "nabla_b"_a,
           "weights"_a = nb::none())
      .def("input_gradient", &E::input_gradient, "x"_a, "y"_a, "out"_a)
      .def("jacobian", &E::jacobian, "x"_a, "rows"_a, "out"_a)
      .def("hidden", &E::hidden, "x"_a, "layer"_a, "out"_a)
      .def("start", &E::start, "x"_a, "y"_a, "batch"_a, "settings"_a, "weights"_a = nb::none())
      .def("train", &E::train, "order"_a, "begin"_a, "end"_a, "etas"_a)
      .def("release_threads", &E::release_threads)
      .def("kept", &E::kept)
      .def("store_kept", &E::store_kept, "name"_a, "weights"_a, "biases"_a)
      .def("load_kept", &E::load_kept, "name"_a, "weights"_a, "biases"_a)
      .def_prop_rw("steps", &E::steps, &E::set_steps)
      .def_prop_ro("weight_squares", &E::weight_squares);
}

}  // namespace

void bind_engine(nb::module_& module) {
  using nablanet::Settings;
  nb::class_<Settings>(module, "Settings")
      .def(nb::init<>())
      .def_prop_rw(
          "method", [](const Settings& s) { return static_cast<int>(s.method); },
          [](Settings& s, int number) { s.method = static_cast<nablanet::Method>(number); })
      .def_rw("beta1", &Settings::beta1)
      .def_rw("beta2", &Settings::beta2)
      .def_rw("epsilon", &Settings::epsilon)
      .def_rw("epsilon_hat", &Settings::epsilon_hat)
      .def_rw("sum_squares", &Settings::sum_squares)
      .def_rw("by_weight", &Settings::by_weight)
      .def_rw("decay", &Settings::decay)
      .def_rw("mu", &Settings::mu)
      .def_rw("rho", &Settings::rho)
      .def_rw("weight_decay", &Settings::weight_decay)
      .def_rw("alpha", &Settings::alpha)
      .def_rw("l1", &Settings::l1)
      .def_rw("clip_value", &Settings::clip_value)
      .def_rw("clip_norm", &Settings::clip_norm)
      .def_rw("max_norm", &Settings::max_norm)
      .def_rw("average", &Settings::average)
      .def_rw("drop_thresholds", &Settings::drop_thresholds)
      .def_rw("drop_seed", &Settings::drop_seed);
  nb::class_<Rows>(module, "Rows")
      .def_static("dense", &dense_rows, "owner"_a, "data"_a, "scalar"_a, "width"_a, "row_bytes"_a,
                  "strided"_a, "column_bytes"_a, "scale"_a)
      .def_static("sparse", &sparse_rows, "owner"_a, "data"_a, "scalar"_a, "width"_a, "indices"_a,
                  "wide_indices"_a, "indptr"_a, "wide_indptr"_a, "stored"_a, "scale"_a);
  bind<float>(module, "Engine32");
  bind<double>(module, "Engine64");
  module.def("all_finite32", all_finite<float>, "isa"_a, "x"_a, "rows"_a, "threads"_a);
  module.def("all_finite64", all_finite<double>, "isa"_a, "x"_a, "rows"_a, "threads"_a);
  module.def("elementary32", elementary<float>, "isa"_a, "function"_a, "x"_a, "out"_a);
  module.def("elementary64", elementary<double>, "isa"_a, "function"_a, "x"_a, "out"_a);
}
