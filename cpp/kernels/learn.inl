// The optimizers beyond plain SGD and Adam, and any of them behind penalties and clipping: a rule is a
// form of the gradient and a method that takes a step along it.

// The mean of the mini-batch's gradients, with L2.
template <class T>
struct MeanGradient {
  Line<T> mean, decay;
  explicit MeanGradient(const Step<T>& s) : mean(all(s.mean)), decay(all(s.decay)) {}
  NABLANET_INLINE Line<T> operator()(const Line<T>& sum, const Line<T>& weight) const {
    return fma(sum, mean, weight * decay);
  }
};

// The same with L1, each component clipped.
template <class T>
struct PenalizedGradient {
  MeanGradient<T> with_l2;
  Line<T> l1, low, high;
  explicit PenalizedGradient(const Step<T>& s)
      : with_l2(s), l1(all(s.l1)), low(all(-s.bound)), high(all(s.bound)) {}
  NABLANET_INLINE Line<T> operator()(const Line<T>& sum, const Line<T>& weight) const {
    const Line<T> zero = all(T{0});
    Line<T> g = with_l2(sum, weight);
    g = select(less(zero, weight), g + l1, g);
    g = select(less(weight, zero), g - l1, g);
    g = select(less(high, g), high, g);
    return select(less(g, low), low, g);
  }
};

// Methods: a step along the gradient g from `weight`, which lies at element i.
template <class T>
struct BySgd {
  Line<T> rate;
  explicit BySgd(const Step<T>& s) : rate(all(s.rate)) {}
  NABLANET_INLINE void operator()(const Line<T>& g, const Line<T>& weight, const State<T>& at,
                                  Index i) const {
    store_line(at.parameter + i, fnma(rate, g, weight));
  }
};

template <class T>
struct ByMomentum {
  Line<T> rate, mu;
  explicit ByMomentum(const Step<T>& s) : rate(all(s.rate)), mu(all(s.mu)) {}
  NABLANET_INLINE Line<T> velocity(const Line<T>& g, const State<T>& at, Index i) const {
    const Line<T> v = flush(fnma(rate, g, load_line(at.first + i) * mu), kTinyMoment<T>);
    store_line(at.first + i, v);
    return v;
  }
  NABLANET_INLINE void operator()(const Line<T>& g, const Line<T>& weight, const State<T>& at,
                                  Index i) const {
    store_line(at.parameter + i, weight + velocity(g, at, i));
  }
};

template <class T>
struct ByNesterov {
  ByMomentum<T> momentum;
  explicit ByNesterov(const Step<T>& s) : momentum(s) {}
  NABLANET_INLINE void operator()(const Line<T>& g, const Line<T>& weight, const State<T>& at,
                                  Index i) const {
    const Line<T> v = momentum.velocity(g, at, i);
    store_line(at.parameter + i, fnma(momentum.rate, g, fma(momentum.mu, v, weight)));
  }
};

template <class T>
struct ByRmsprop {
  Line<T> rate, blend2, epsilon;
  explicit ByRmsprop(const Step<T>& s) : rate(all(s.rate)), blend2(all(s.blend2)), epsilon(all(s.epsilon)) {}
  NABLANET_INLINE void operator()(const Line<T>& gradient, const Line<T>& weight, const State<T>& at,
                                  Index i) const {
    const Line<T> g = flush(gradient, kTinySquare<T>);
    Line<T> s = load_line(at.second + i);
    s = flush(fma(blend2, fma(g, g, all(T{0}) - s), s), kTinyMoment<T>);
    store_line(at.second + i, s);
    store_line(at.parameter + i, weight - rate * g / (sqrt(s) + epsilon));
  }
};

// Adam's rule, from a gradient that is ready: with the mean 1 and no decay it takes g for g.
template <class T>
struct ByAdam {
  Adam<T> rule;
  explicit ByAdam(const Step<T>& s) : rule(s) {
    rule.mean = all(T{1});
    rule.decay = all(T{0});
  }
  NABLANET_INLINE void operator()(const Line<T>& g, const Line<T>&, const State<T>& at, Index i) const {
    rule(g, at, i);
  }
};

template <class T>
struct ByAdamW {
  ByAdam<T> adam;
  Line<T> shrink;
  explicit ByAdamW(const Step<T>& s) : adam(s), shrink(all(s.shrink)) {}
  NABLANET_INLINE void operator()(const Line<T>& g, const Line<T>& weight, const State<T>& at,
                                  Index i) const {
    store_line(at.parameter + i, fnma(shrink, weight, weight));
    adam(g, weight, at, i);
  }
};

template <class T, class Gradient, class Method>
struct Learn {
  static constexpr bool needs_every_input = true;
  Gradient gradient;
  Method method;
  explicit Learn(const Step<T>& s) : gradient(s), method(s) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    const Line<T> weight = load_line(at.parameter + i);
    method(gradient(sum, weight), weight, at, i);
  }
};

// Stores the gradient for a pass that needs to know all of it.
template <class T>
struct Prepare {
  static constexpr bool needs_every_input = true;
  PenalizedGradient<T> gradient;
  explicit Prepare(const Step<T>& s) : gradient(s) {}
  NABLANET_INLINE void operator()(const Line<T>& sum, const State<T>& at, Index i) const {
    store_line(at.first + i, gradient(sum, load_line(at.parameter + i)));
  }
};

// Calls function.template run<Rule>() with the rule of a method behind a form of the gradient.
template <class T, class Gradient, class Function>
void with_method(Rule rule, const Function& function) {
  switch (rule) {
    case Rule::sgd:
    case Rule::sgd_decay:
      return function.template run<Learn<T, Gradient, BySgd<T>>>();
    case Rule::adam:
      return function.template run<Learn<T, Gradient, ByAdam<T>>>();
    case Rule::momentum:
      return function.template run<Learn<T, Gradient, ByMomentum<T>>>();
    case Rule::nesterov:
      return function.template run<Learn<T, Gradient, ByNesterov<T>>>();
    case Rule::rmsprop:
      return function.template run<Learn<T, Gradient, ByRmsprop<T>>>();
    case Rule::adamw:
      return function.template run<Learn<T, Gradient, ByAdamW<T>>>();
    case Rule::store:
    case Rule::add:
    case Rule::prepare:
      return;
  }
}

template <class T>
struct FromSums {
  const Update<T>& update;
  const UpdatePart& part;
  template <class Rule>
  void run() const {
    update_with<T, Rule>(update, part);
  }
};

template <class T>
void update(const Update<T>& update, const UpdatePart& part) {
  const Rule rule = update.weight_step.rule;
  if (rule == Rule::prepare) return update_with<T, Prepare<T>>(update, part);
  if (update.weight_step.penalized) {
    return with_method<T, PenalizedGradient<T>>(rule, FromSums<T>{update, part});
  }
  switch (rule) {
    case Rule::store:
      return update_with<T, StoreSum<T>>(update, part);
    case Rule::add:
      return update_with<T, AddSum<T>>(update, part);
    case Rule::sgd:
      return update_with<T, Descend<T>>(update, part);
    case Rule::sgd_decay:
      return update_with<T, Learn<T, MeanGradient<T>, BySgd<T>>>(update, part);
    case Rule::adam:
      return update_with<T, Adam<T>>(update, part);
    case Rule::momentum:
      return update_with<T, Learn<T, MeanGradient<T>, ByMomentum<T>>>(update, part);
    case Rule::nesterov:
      return update_with<T, Learn<T, MeanGradient<T>, ByNesterov<T>>>(update, part);
    case Rule::rmsprop:
      return update_with<T, Learn<T, MeanGradient<T>, ByRmsprop<T>>>(update, part);
    case Rule::adamw:
      return update_with<T, Learn<T, MeanGradient<T>, ByAdamW<T>>>(update, part);
    case Rule::prepare:
      return;
  }
}

template <class T>
struct FromStored {
  const Update<T>& update;
  const UpdatePart& part;
  template <class Rule>
  void run() const {
    constexpr Index lanes = kLanes<T>;
    const Rule rule(update.weight_step);
    const State<T> at{update.weights.data, update.first, update.second};
    for (Index panel = part.panels.begin; panel < part.panels.end; ++panel) {
      const Index line = panel * update.weights.stride;
      for (Index k = part.active.begin; k < part.active.end; ++k) {
        const Index i = (line + k) * lanes;
        rule(load_line(update.gradient + i), at, i);
      }
    }
    if (!part.biases) return;
    const Rule bias_rule(update.bias_step);
    const State<T> bias{update.bias, update.bias_first, update.bias_second};
    for (Index panel = part.panels.begin; panel < part.panels.end; ++panel) {
      bias_rule(load_line(update.bias_gradient + panel * lanes), bias, panel * lanes);
    }
  }
};

template <class T>
void apply(const Update<T>& update, const UpdatePart& part) {
  with_method<T, MeanGradient<T>>(update.weight_step.rule, FromStored<T>{update, part});
}
