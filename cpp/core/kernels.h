// What an instruction set has to provide: a table of functions over panels of cache lines.
//
// A panel holds one line for each row (activations, errors) or each input (weights). Line i of panel
// p is at data + (p * stride + i) * kLanes<T>; its lanes are consecutive neurons. Padding lanes of
// weights and errors are zero.
#pragma once

#include "core/types.h"

namespace nablanet {

template <class T>
struct Panels {
  T* data = nullptr;
  Index stride = 0;  // lines from one panel to the next

  T* line(Index panel, Index i) const { return data + (panel * stride + i) * kLanes<T>; }
};

enum class Scalar : int { float32, float64, float16, uint8 };

constexpr Index scalar_bytes(Scalar scalar) {
  switch (scalar) {
    case Scalar::uint8:
      return 1;
    case Scalar::float16:
      return 2;
    case Scalar::float32:
      return 4;
    default:
      return 8;
  }
}

// The places of the stored numbers of compressed sparse rows: those of row i are
// data[indptr[i]] .. data[indptr[i + 1] - 1], each in the column that `indices` has there.
struct Sparse {
  const void* indices = nullptr;  // int64 if wide, else int32
  const void* indptr = nullptr;   // unset for dense rows
  bool wide_indices = false;
  bool wide_indptr = false;
  Index stored = 0;  // numbers in data and indices
};

// Samples as rows in the caller's memory, `width` numbers each, which are converted to T and then
// multiplied by T(scale).
struct Source {
  const void* data = nullptr;
  Scalar scalar = Scalar::float64;
  Index row_bytes = 0;
  Index width = 0;
  bool strided = false;    // else a row's numbers are aligned and lie one behind the other
  Index column_bytes = 0;  // from one number of a strided row to the next
  double scale = 1;
  Sparse sparse = {};

  bool is_sparse() const { return sparse.indptr != nullptr; }
  // Whether rows lie in memory as the engine takes them: numbers of T, side by side.
  template <class T>
  bool lies_as() const {
    constexpr Scalar own = sizeof(T) == 4 ? Scalar::float32 : Scalar::float64;
    return scalar == own && scale == 1 && !strided && !is_sparse();
  }
  // Some columns of rows that are not sparse.
  Source columns(Range some) const {
    Source part = *this;
    const Index bytes = strided ? column_bytes : scalar_bytes(scalar);
    part.data = static_cast<const unsigned char*>(data) + some.begin * bytes;
    part.width = some.size();
    return part;
  }
  template <class T>
  const T* row(Index sample) const {
    return reinterpret_cast<const T*>(static_cast<const unsigned char*>(data) + sample * row_bytes);
  }
};

// Desired outputs: rows of numbers, or one label for each sample; and what each sample weighs, if set.
struct Target {
  Source rows;
  const std::int32_t* labels = nullptr;
  const double* weights = nullptr;
};

// Which samples a mini-batch takes: order[i], or first + i without an order.
struct Samples {
  const std::int64_t* order = nullptr;
  Index first = 0;

  Samples from(Index row) const {
    return order == nullptr ? Samples{nullptr, first + row} : Samples{order + row, 0};
  }
  Index at(Index row) const { return order == nullptr ? first + row : static_cast<Index>(order[row]); }
};

// The inputs of a layer by whether they are zero in the whole mini-batch: those that are, the idle ones,
// add nothing to z or to a gradient. An input is known by its place in a row of activations and by its
// line in a panel of weights, both counted in numbers.
struct Inputs {
  const Index* places = nullptr;
  const Index* lines = nullptr;
  const Index* idle_lines = nullptr;
  Index active = 0;
  Index idle = 0;
  bool every = false;  // all are active, in their own order
};

// A mini-batch most of whose inputs are zero: where its rows lie, in the caller's memory or in panels, and
// which of their numbers are not zero: a bit for each, in a word for each line of inputs. What skips the
// others skips additions of zero, so its sums have the same bits.
template <class T>
struct Marks {
  const T** rows = nullptr;
  Index step = 0;  // numbers from a line of a row to its next
  std::uint32_t* words = nullptr;
  Index stride = 0;       // words from one panel to the next
  Range panels = {0, 0};  // of inputs, those that are meant

  std::uint32_t* word(Index panel, Index row) const { return words + panel * stride + row; }
};

// So many inputs share a list of the rows in which one of them is not zero, and so many rows one of inputs:
// enough to use what is loaded more than once, few enough for short lists.
inline constexpr Index kMarkedInputs = 4;
inline constexpr Index kMarkedRows = 2;

// For each kMarkedInputs inputs, the rows in which one of them is not zero, counts[g] of them from g * room
// on: their lines in a panel, counted in numbers, and what these inputs are in each, side by side.
inline constexpr Index kRowsAtOnce = 16;
template <class T>
struct RowLists {
  std::uint32_t* lines = nullptr;
  T* values = nullptr;
  std::uint32_t* counts = nullptr;
  Index room = 0;
};

// A sum of squares is made of so many: sum i takes the inputs i, i + kSquareSums, and so on.
inline constexpr Index kSquareSums = 4;

// out = in * weights + bias for a layer; BP2 is the same product with transposed weights and no bias.
template <class T>
struct Product {
  Panels<T> in;
  Inputs inputs;
  Panels<T> weights;
  const T* bias = nullptr;
  Panels<T> out;
  Marks<T> marks = {};  // unless unset, in place of `in` and `inputs`
  // What marked inputs add to, unless they are the first ones: z as those before them have made it.
  Panels<T> sums = {};
};

// sigma'(z) of a hidden layer: numbers that `forward` keeps, unless there is no room for them, or with ReLU
// simply whether a is positive.
template <class T>
struct Slope {
  Panels<T> panels;  // of a, with ReLU
  bool of_relu = false;
};

template <class T>
struct Output {
  Activation activation = Activation::identity;
  Cost cost = Cost::quadratic;
  double parameter = 0;  // of the cost: huber's delta, the quantile, the smoothing of labels
  Index n_out = 0;
  Panels<T> z;
  Panels<T> a;
  Panels<T> y;      // unset where only the outputs are wanted
  Panels<T> delta;  // unset where no gradient is wanted
  double* costs = nullptr;
  const double* weights = nullptr;  // of the rows; unset where each counts once
};

// `sgd` is the plain rule, with the mean in its rate; `prepare` stores a gradient with its penalties, where
// the first moment otherwise lies; `add` adds sums to those that are there.
enum class Rule : int { store, sgd, sgd_decay, adam, momentum, nesterov, rmsprop, adamw, prepare, add };

// How a sum of gradients over a mini-batch changes a parameter.
template <class T>
struct Step {
  Rule rule = Rule::store;
  T rate = 0;     // plain sgd: eta / m; adam, adamw: eta / (1 - beta1^t); others: eta
  T decay = 0;    // plain sgd: 1 - eta lambda / n; others: lambda / n (with alpha / m)
  T mean = 0;     // all but plain sgd: 1 / m
  T blend1 = 0;   // adam, adamw: 1 - beta1
  T blend2 = 0;   // adam, adamw: 1 - beta2; rmsprop: 1 - rho
  T root = 0;     // adam, adamw: (1 - beta2^t)^(-1/2)
  T epsilon = 0;  // adam, adamw, rmsprop
  T mu = 0;       // momentum, nesterov
  T shrink = 0;   // adamw: eta weight_decay
  // Whether the gradient takes the next two, which sgd has in its plain form only without.
  bool penalized = false;
  T l1 = 0;     // l1 / n
  T bound = 0;  // of each component of the gradient; infinity where they are not clipped
};

template <class T>
struct Update {
  Panels<T> in;     // a^{l-1}
  Panels<T> delta;  // delta^l
  Index rows = 0;
  Inputs inputs;
  Panels<T> weights;
  bool one_neuron = false;  // has this layer
  T* first = nullptr;       // velocities or moments of the weights, in the same panels
  T* second = nullptr;
  T* bias = nullptr;
  T* bias_first = nullptr;
  T* bias_second = nullptr;
  const T* gradient = nullptr;  // for `apply` alone, in the same panels
  const T* bias_gradient = nullptr;
  Step<T> weight_step, bias_step;
  RowLists<T> lists;  // unless unset, in place of `in` and `inputs`
};

// What one thread does of an update: panels of neurons, inputs by their place in the two lists (with lists of
// rows by number, from a multiple of kMarkedInputs on), and the biases of its panels.
struct UpdatePart {
  Range panels;
  Range active;
  Range idle;
  bool biases;
};

// Which neurons of a layer a mini-batch leaves out, and what it makes of the others.
template <class T>
struct Drop {
  Panels<T> a;      // a^l, which becomes a^l * mask / (1 - p)
  Panels<T> slope;  // sigma'(z^l), likewise; unset for inputs
  std::uint64_t seed = 0;
  std::uint64_t step = 0;       // the number of the mini-batch since training began, below 2^48
  std::uint64_t layer = 0;      // from 0 for the input layer, below 2^16
  Index first_row = 0;          // of these rows in the mini-batch, a multiple of 8
  std::uint32_t threshold = 0;  // 65536 p
};

// One layer for a single sample: z = w x + b with the caller's own weights, whose columns lie `step`
// numbers apart, each of `lines` whole lines.
template <class T>
struct Row {
  const T* x = nullptr;
  const Index* inputs = nullptr;  // those that are not zero
  Index count = 0;
  const T* weights = nullptr;
  Index step = 0;
  const T* bias = nullptr;
  Index lines = 0;
  T* z = nullptr;
};

template <class T>
struct Kernels {
  // Places (unless null) and lines of the inputs whose bits are set, or not set where `unset`; returns
  // how many they are. Writes up to a panel beyond them.
  Index (*list_inputs)(const std::uint32_t* bits, Index n_in, bool unset, Index stride, Index* places,
                       Index* lines);
  // Rows `rows` of a mini-batch from the caller's memory. Unless `nonzero` is null, nonzero[panel]
  // gains a bit for each input that is not zero.
  void (*gather)(const Source&, const Samples&, Range rows, Panels<T> out, std::uint32_t* nonzero);
  // Marks what is not zero in rows `rows` of `width` inputs. Unless `finite` is null, it becomes false where
  // one of them is not finite.
  void (*mark)(const Marks<T>&, Range rows, Index width, bool* finite);
  // Whether all numbers of these rows of lines are finite, gathered ones or the caller's own.
  bool (*finite)(Panels<T> in, Range rows, Index width);
  // Lists rows for the inputs in some panels, of `width` inputs in all. Writes up to kRowsAtOnce lines beyond
  // a list.
  void (*list_rows)(const Marks<T>&, Index rows, Range panels, Index width, const RowLists<T>&);
  // The same as `gather` for labels, as one-hot lines.
  void (*one_hot)(const std::int32_t* labels, const Samples&, Range rows, Index n_out, Panels<T> out);
  void (*scatter)(Panels<T> in, Range rows, Index width, T* out);
  // z = in w + b, then a = sigma(z) in its place and sigma'(z). Of marked inputs, only the last panel makes z
  // complete.
  void (*forward)(const Product<T>&, Activation, const Slope<T>&, Range rows, Range panels);
  // z alone, for the output layer.
  void (*weighted_input)(const Product<T>&, Range rows, Range panels);
  // a^L, the cost of each row and delta^L (BP1).
  void (*output)(const Output<T>&, Range rows);
  // Weights with lanes across inputs, as BP2 needs them; `panels` are those of the result.
  void (*transpose)(Panels<T> weights, Index n_in, Index n_out, Range panels, Panels<T> out);
  // delta^l = (in w^T) * slope (BP2).
  void (*backward)(const Product<T>&, const Slope<T>&, Range rows, Range panels);
  // BP3 and BP4, each sum going straight through the optimizer into its parameter.
  void (*update)(const Update<T>&, const UpdatePart&);
  // Dropout of a hidden layer after feed forward, or of inputs after gather.
  void (*drop)(const Drop<T>&, Range rows, Range panels);
  void (*elementary)(Elementary, const T* x, T* out, Index count);
  // The optimizer alone, from stored gradients times `mean`; inputs are those of `active`, by number.
  void (*apply)(const Update<T>&, const UpdatePart&);
  // The sum of squares of each panel of weights and biases. Of some inputs, from a multiple of kSquareSums
  // on, it goes on from what is `kept` of those before, kSquareSums lines for each panel, and gives a sum
  // with the last alone.
  void (*sum_squares)(Panels<T> weights, const T* bias, Index n_in, Range inputs, Range panels, T* kept,
                      double* sums);
  // Scales to the norm `bound` each neuron's incoming weights that have a larger one.
  void (*limit_norms)(Panels<T> weights, Index n_in, T bound, Range panels);
  // average += blend (values - average) for `count` whole lines.
  void (*blend)(T* average, const T* values, Index count, T blend);
  // sums += more for `count` whole lines.
  void (*add)(T* sums, const T* more, Index count);
  // z, then a = sigma(z) in its place; false where an input, or a parameter that took part, is not finite.
  bool (*row)(const Row<T>&, Activation);
};

struct KernelSet {
  const char* name;
  Kernels<float> f32;
  Kernels<double> f64;

  template <class T>
  const Kernels<T>& table() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

}  // namespace nablanet
