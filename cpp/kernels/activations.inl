// Activation functions beside their derivatives: z in, sigma(z) and sigma'(z) out.

template <class T>
struct Activated {
  Line<T> value;
  Line<T> slope;
};

// What the logistic functions share: e = exp(-|z|), r = 1 / (1 + e), sigma(z).
template <class T>
struct Logistic {
  Line<T> e, r, value;
  LineMask<T> negative;
};

template <class T>
NABLANET_INLINE Logistic<T> logistic(const Line<T>& z) {
  const Line<T> e = exp(all(T{0}) - abs(z));
  const Line<T> r = all(T{1}) / (all(T{1}) + e);
  const LineMask<T> negative = less(z, all(T{0}));
  return {e, r, select(negative, e * r, r), negative};
}

template <class T>
NABLANET_INLINE LineMask<T> positive(const Line<T>& z) {
  return less(all(T{0}), z);
}

// NaN stays NaN, which a comparison with 0 alone would turn into 0.
template <class T>
NABLANET_INLINE Line<T> below_zero(const Line<T>& z) {
  return select(positive(z), all(T{0}), z);
}

struct Sigmoid {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    const Logistic<T> l = logistic(z);
    return {l.value, l.e * l.r * l.r};
  }
};

struct Tanh {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    // tanh |z| = -m / (2 + m) and tanh' = 4 (1 + m) / (2 + m)^2, with m = exp(-2|z|) - 1
    const Line<T> m = expm1_of_negative(abs(z) * all(T{-2}));
    const Line<T> e = exp(abs(z) * all(T{-2}));
    const Line<T> r = all(T{1}) / (all(T{1}) + e);
    // -m r, and what is left of -m after that much of 2 + m, which itself was rounded
    const Line<T> d = all(T{2}) + m;
    const Line<T> lost = m - (d - all(T{2}));
    const Line<T> q = all(T{0}) - m * r;
    const Line<T> left = fnma(q, lost, fnma(q, d, all(T{0}) - m));
    const Line<T> size = fma(left, r, q);
    const Line<T> value = select(less(z, all(T{0})), all(T{0}) - size, size);
    const LineMask<T> linear = less(abs(z), all(Constants<T>::tanh_linear));
    return {select(linear, z, value), all(T{4}) * e * r * r};
  }
};

struct Relu {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    return {select(less(z, all(T{0})), all(T{0}), z), slope(z)};
  }
  // The same from z and from a.
  template <class T>
  NABLANET_INLINE static Line<T> slope(const Line<T>& z) {
    return select(positive(z), all(T{1}), all(T{0}));
  }
};

struct LeakyRelu {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    const Line<T> slope = select(positive(z), all(T{1}), all(static_cast<T>(0.01)));
    return {z * slope, slope};
  }
};

struct Elu {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    const LineMask<T> linear = positive(z);
    const Line<T> low = below_zero(z);
    return {select(linear, z, expm1_of_negative(low)), select(linear, all(T{1}), exp(low))};
  }
};

struct Selu {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    constexpr T scale = static_cast<T>(1.0507009873554805);
    constexpr T scale_alpha = static_cast<T>(1.0507009873554805 * 1.6732632423543772);
    const LineMask<T> linear = positive(z);
    const Line<T> low = below_zero(z);
    return {select(linear, z * all(scale), expm1_of_negative(low) * all(scale_alpha)),
            select(linear, all(scale), exp(low) * all(scale_alpha))};
  }
};

struct Gelu {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    const Normal<T> n = normal(z);
    return {z * n.distribution, fma(z, n.density, n.distribution)};
  }
};

struct Silu {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    const Logistic<T> l = logistic(z);
    const Line<T> complement = select(l.negative, l.r, l.e * l.r);
    return {z * l.value, l.value * fma(z, complement, all(T{1}))};
  }
};

struct Mish {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    // tanh(softplus(z)) = n / (n + 2) with n = exp(z) (exp(z) + 2); both sides times e^2 for z >= 0
    const Logistic<T> l = logistic(z);
    const Line<T> e = l.e;
    const Line<T> n = select(l.negative, e * (e + all(T{2})), fma(e, all(T{2}), all(T{1})));
    const Line<T> rest = select(l.negative, all(T{2}), all(T{2}) * e * e);
    const Line<T> r = all(T{1}) / (n + rest);
    const Line<T> t = n * r;
    const Line<T> top = select(l.negative, all(T{1}) + e, e * (all(T{1}) + e));
    const Line<T> sech2 = all(T{4}) * (top * r) * (top * r);
    return {z * t, fma(z * sech2, l.value, t)};
  }
};

struct Softplus {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    const Logistic<T> l = logistic(z);
    return {select(l.negative, all(T{0}), z) + log1p_of_unit(l.e), l.value};
  }
};

struct Identity {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    return {z, all(T{1})};
  }
};

struct Exp {
  template <class T>
  NABLANET_INLINE static Activated<T> apply(const Line<T>& z) {
    const Line<T> e = exp(z);
    return {e, e};
  }
};

// Calls `body` with the activation's struct; softmax, which couples neurons, is not among them.
template <class Body>
NABLANET_INLINE void with_activation(Activation activation, Body body) {
  switch (activation) {
    case Activation::sigmoid:
      return body(Sigmoid{});
    case Activation::tanh:
      return body(Tanh{});
    case Activation::relu:
      return body(Relu{});
    case Activation::leaky_relu:
      return body(LeakyRelu{});
    case Activation::elu:
      return body(Elu{});
    case Activation::selu:
      return body(Selu{});
    case Activation::gelu:
      return body(Gelu{});
    case Activation::silu:
      return body(Silu{});
    case Activation::mish:
      return body(Mish{});
    case Activation::softplus:
      return body(Softplus{});
    case Activation::identity:
    case Activation::softmax:
      return body(Identity{});
    case Activation::exp:
      return body(Exp{});
  }
}

// Lines of z become sigma(z) in place; sigma'(z) goes to `slope` unless that is null.
template <class T>
[[gnu::noinline]] void activate(Activation activation, T* z, T* slope, Index lines) {
  with_activation(activation, [=](auto f) {
    if (slope == nullptr) {
      for (Index i = 0; i < lines; ++i) {
        store_line(z + i * kLanes<T>, f.apply(load_line(z + i * kLanes<T>)).value);
      }
      return;
    }
    for (Index i = 0; i < lines; ++i) {
      const Activated<T> a = f.apply(load_line(z + i * kLanes<T>));
      store_line(z + i * kLanes<T>, a.value);
      store_line(slope + i * kLanes<T>, a.slope);
    }
  });
}
