#include "core/single.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bind/bindings.h"
#include "core/isa.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using nablanet::Index;

// A view of an array's memory through Python's buffer protocol, which is quicker to get than an ndarray.
class View {
 public:
  View(PyObject* array, int flags) : held_(PyObject_GetBuffer(array, &buffer_, flags) == 0) {
    if (!held_) PyErr_Clear();
  }
  ~View() {
    if (held_) PyBuffer_Release(&buffer_);
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  // The numbers, if these are rows of `width` of them in the machine's own order; else null.
  template <class T>
  T* rows(Index width) const {
    const char format = sizeof(T) == 4 ? 'f' : 'd';
    const bool fits = held_ && buffer_.ndim == 2 && buffer_.shape[1] == width && buffer_.format != nullptr &&
                      buffer_.format[0] == format && buffer_.format[1] == 0;
    return fits ? static_cast<T*>(buffer_.buf) : nullptr;
  }
  Index count() const { return buffer_.shape[0]; }

 private:
  Py_buffer buffer_;
  bool held_;
};

// Keeps a network's arrays, and says whether they are still those of the network.
template <class T>
class PySingle {
 public:
  using Array = nb::ndarray<nb::numpy, const T, nb::ndim<2>, nb::device::cpu>;

  PySingle(const nb::list& weights, const nb::list& biases, const std::vector<int>& activations,
           const std::string& isa)
      : weights_(items(weights)),
        biases_(items(biases)),
        single_(layers(weights, biases, activations), nablanet::choose_kernels(isa).table<T>()) {}

  // Outputs for the rows of x. False where the network has other arrays by now, x is not plain rows of its
  // dtype, or a number is not finite: then `out` is not to be used.
  bool outputs(const nb::list& weights, const nb::list& biases, nb::handle x, nb::handle out) const {
    if (!same(weights_, weights) || !same(biases_, biases)) return false;
    const View from(x.ptr(), PyBUF_C_CONTIGUOUS | PyBUF_FORMAT);
    const View to(out.ptr(), PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE);
    const T* rows = from.rows<T>(single_.n_in());
    T* results = to.rows<T>(single_.n_out());
    if (rows == nullptr || results == nullptr || from.count() != to.count()) return false;
    for (Index i = 0; i < from.count(); ++i) {
      if (!single_.output(rows + i * single_.n_in(), results + i * single_.n_out())) return false;
    }
    return true;
  }

 private:
  static std::vector<nablanet::Columns<T>> layers(const nb::list& weights, const nb::list& biases,
                                                  const std::vector<int>& activations) {
    std::vector<nablanet::Columns<T>> out;
    for (std::size_t l = 0; l < activations.size(); ++l) {
      const auto w = nb::cast<Array>(weights[l]);
      const auto b = nb::cast<Array>(biases[l]);
      out.push_back({w.data(), static_cast<Index>(w.stride(1)), b.data(), static_cast<Index>(w.shape(1)),
                     static_cast<Index>(w.shape(0)), static_cast<nablanet::Activation>(activations[l])});
    }
    return out;
  }

  static std::vector<nb::object> items(const nb::list& list) {
    std::vector<nb::object> out;
    for (const nb::handle item : list) out.push_back(nb::borrow(item));
    return out;
  }

  static bool same(const std::vector<nb::object>& kept, const nb::list& now) {
    if (kept.size() != now.size()) return false;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (!kept[i].is(now[i])) return false;
    }
    return true;
  }

  std::vector<nb::object> weights_, biases_;
  nablanet::Single<T> single_;
};

template <class T>
void bind(nb::module_& module, const char* name) {
  using S = PySingle<T>;
  nb::class_<S>(module, name)
      .def(nb::init<const nb::list&, const nb::list&, const std::vector<int>&, const std::string&>(),
           "weights"_a, "biases"_a, "activations"_a, "isa"_a)
      .def("outputs", &S::outputs, "weights"_a, "biases"_a, "x"_a, "out"_a);
}

}  // namespace

void bind_single(nb::module_& module) {
  bind<float>(module, "Single32");
  bind<double>(module, "Single64");
}
