// Costs of the output activations: each adds its terms of C_x to a sum, lane by lane, beside dC_x/da.

template <class T>
NABLANET_INLINE Line<T> add_square(const Line<T>& g, const Line<T>& sum) {
  const Line<T> root = flush(g, kTinySquare<T>);
  return fma(root, root, sum);
}

// +1 and -1 for the sign of r become `above` and `below`; 0 and NaN stay.
template <class T>
NABLANET_INLINE Line<T> by_sign(const Line<T>& r, T below, T above) {
  return select(positive(r), all(above), select(less(r, all(T{0})), all(below), r));
}

template <class T>
struct Quadratic {
  static constexpr double scale = 0.5;  // of the whole sum
  NABLANET_INLINE Line<T> add(const Line<T>& a, const Line<T>& y, const Line<T>& sum) const {
    return add_square(a - y, sum);
  }
  NABLANET_INLINE Line<T> derivative(const Line<T>& a, const Line<T>& y) const { return a - y; }
};

template <class T>
struct AbsoluteError {
  static constexpr double scale = 1;
  NABLANET_INLINE Line<T> add(const Line<T>& a, const Line<T>& y, const Line<T>& sum) const {
    return sum + abs(a - y);
  }
  NABLANET_INLINE Line<T> derivative(const Line<T>& a, const Line<T>& y) const {
    return by_sign(a - y, T{-1}, T{1});
  }
};

template <class T>
struct Huber {
  static constexpr double scale = 1;
  T delta;
  NABLANET_INLINE Line<T> add(const Line<T>& a, const Line<T>& y, const Line<T>& sum) const {
    const Line<T> r = abs(a - y);
    const Line<T> root = flush(r, kTinySquare<T>);
    const Line<T> linear = (r - all(T{0.5} * delta)) * all(delta);
    return sum + select(less(all(delta), r), linear, root * root * all(T{0.5}));
  }
  NABLANET_INLINE Line<T> derivative(const Line<T>& a, const Line<T>& y) const {
    const Line<T> r = a - y;
    return select(less(all(delta), abs(r)), by_sign(r, -delta, delta), r);
  }
};

template <class T>
struct Quantile {
  static constexpr double scale = 1;
  T below, above;  // the derivative on both sides of y
  NABLANET_INLINE Line<T> add(const Line<T>& a, const Line<T>& y, const Line<T>& sum) const {
    const Line<T> r = a - y;
    return sum + r * select(positive(r), all(above), all(below));
  }
  NABLANET_INLINE Line<T> derivative(const Line<T>& a, const Line<T>& y) const {
    return by_sign(a - y, below, above);
  }
};

// y ln(y / a), 0 where y is 0.
template <class T>
NABLANET_INLINE Line<T> times_log_ratio(const Line<T>& y, const Line<T>& a) {
  return select(positive(y), y * log(y / a), all(T{0}));
}

template <class T>
struct Poisson {
  static constexpr double scale = 1;
  // An output that underflowed is taken for this one, as in cost_functions.py.
  static constexpr T least = static_cast<T>(sizeof(T) == 4 ? 0x1p-100 : 0x1p-900);
  NABLANET_INLINE static Line<T> not_zero(const Line<T>& a) {
    return select(less(a, all(least)), all(least), a);
  }
  NABLANET_INLINE Line<T> add(const Line<T>& a, const Line<T>& y, const Line<T>& sum) const {
    return sum + ((a - y) + times_log_ratio(y, not_zero(a)));
  }
  NABLANET_INLINE Line<T> derivative(const Line<T>& a, const Line<T>& y) const {
    return (a - y) / not_zero(a);
  }
};

// Calls `body` with the cost's struct, as a function of the output activations.
template <class T, class Body>
NABLANET_INLINE void with_cost(const Output<T>& out, Body body) {
  const T parameter = static_cast<T>(out.parameter);
  switch (out.cost) {
    case Cost::absolute_error:
      return body(AbsoluteError<T>{});
    case Cost::huber:
      return body(Huber<T>{parameter});
    case Cost::quantile:
      return body(Quantile<T>{-parameter, static_cast<T>(1 - out.parameter)});
    case Cost::poisson:
      return body(Poisson<T>{});
    case Cost::quadratic:
    case Cost::cross_entropy:
      return body(Quadratic<T>{});
  }
}
