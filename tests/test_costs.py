"""Costs against their formulas in mpmath, their derivatives, and the chapter's two assumptions."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest

import nablanet as nn
from nablanet import backprop, cost_functions, costs, engine, reference
from networks import COSTS, assert_is_gradient, norm_difference, problem


def test_quadratic_by_hand() -> None:
    a, y = np.array([[0.5, 1.0], [0.25, 0.0]]), np.array([[1.0, 1.0], [0.0, 2.0]])
    np.testing.assert_allclose(cost_functions.quadratic(a, y), [0.5 * (0.25 + 0.0625), 2.0], rtol=1e-15)
    np.testing.assert_array_equal(cost_functions.quadratic_derivative(a, y), a - y)


def test_cross_entropy_by_hand() -> None:
    a, y = np.array([[0.5], [0.25]]), np.array([[1.0], [0.0]])
    wanted = -np.log(0.5) - np.log(0.75)
    np.testing.assert_allclose(cost_functions.cross_entropy(a, y), [wanted], rtol=1e-15)
    np.testing.assert_allclose(cost_functions.log_likelihood(a, y), [-np.log(0.5)], rtol=1e-15)


def test_absolute_huber_and_quantile_by_hand() -> None:
    a, y = (
        np.array([[3.0, 1.0], [0.5, -1.0]]),
        np.array([[1.0, 1.0], [1.0, -0.5]]),
    )  # a - y = 2, 0; -0.5, -0.5
    np.testing.assert_array_equal(cost_functions.absolute_error(a, y), [2.5, 0.5])
    np.testing.assert_array_equal(cost_functions.absolute_error_derivative(a, y), [[1, 0], [-1, -1]])
    np.testing.assert_array_equal(nn.huber(1).function(a, y), [1.5 + 0.125, 0.125])
    np.testing.assert_array_equal(nn.huber(1).derivative(a, y), [[1, 0], [-0.5, -0.5]])
    np.testing.assert_array_equal(nn.huber(0.25).function(a, y), [0.25 * 1.875 + 0.25 * 0.375, 0.25 * 0.375])
    np.testing.assert_array_equal(nn.huber(0.25).derivative(a, y), [[0.25, 0], [-0.25, -0.25]])
    np.testing.assert_allclose(nn.quantile(0.9).function(a, y), [0.2 + 0.45, 0.45], rtol=1e-15)
    np.testing.assert_allclose(nn.quantile(0.9).derivative(a, y), [[0.1, 0], [-0.9, -0.9]], rtol=1e-15)


def test_huber_is_what_scipy_calls_so() -> None:
    from scipy.special import huber

    a, y = np.random.default_rng(0).standard_normal((2, 5, 7))
    np.testing.assert_allclose(nn.huber(0.7).function(a, y), huber(0.7, a - y).sum(axis=0), rtol=1e-14)


def test_quantile_is_least_at_the_quantile() -> None:
    y = np.random.default_rng(0).standard_normal((1, 99))
    values = np.sort(y.ravel())
    costs_at = [nn.quantile(0.8).function(np.full_like(y, v), y).sum() for v in values]
    assert int(np.argmin(costs_at)) == 79  # of 99 values, 79 lie below and 19 above


def test_poisson_is_half_the_deviance() -> None:
    from scipy.special import kl_div  # y ln(y / a) - y + a

    a, y = np.array([[0.5, 2.0], [3.0, 1e-9]]), np.array([[0.0, 3.0], [3.0, 1.0]])
    np.testing.assert_allclose(cost_functions.poisson(a, y), kl_div(y, a).sum(axis=0), rtol=1e-14)
    np.testing.assert_allclose(cost_functions.poisson_derivative(a, y), 1 - y / a, rtol=1e-14)
    assert cost_functions.poisson(np.zeros((1, 1)), np.zeros((1, 1))).item() == pytest.approx(0, abs=1e-200)


def test_poisson_is_the_loss_of_scikit_learn() -> None:
    from sklearn.metrics import mean_poisson_deviance

    p = problem([3, 5, 1], "tanh", "poisson", "exp", m=7)
    Y = np.arange(7).reshape(-1, 1)
    deviance = mean_poisson_deviance(Y, p.network.predict(p.X))
    assert p.network.mean_cost(p.X, Y) == pytest.approx(deviance / 2, rel=1e-13)


@pytest.mark.parametrize("output", ["exp", "softplus", "sigmoid", "softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_poisson_stays_finite_where_outputs_underflow(output: str, dtype: str) -> None:
    net = nn.Network([2, 2], activation=[output], cost="poisson", dtype=dtype)
    net.weights[0][:], net.biases[0][:] = np.eye(2), 0
    X = np.array([[-2000.0, 1.0], [-105.0, 0.0]])
    Y = np.array([[3.0, 0.0], [0.0, 2.0]])
    before = net.mean_cost(X, Y)
    assert np.isfinite(before)
    z = X.T.astype(dtype)
    a = net.activations[-1].function(z)
    reference = backprop.sample_costs(z, a, Y.T.astype(dtype), net.activations[-1], net.cost)
    assert before == pytest.approx(reference.mean(), rel=1e-6)
    net.fit(X, Y, epochs=1, batch_size=2, eta=1e-6)
    assert np.isfinite(net.weights[0]).all()


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_smoothed_labels_by_hand(output: str) -> None:
    """As training on smoothed desired outputs; s = 0.3."""
    labels, X = np.array([0, 2]), np.array([[0.5, -1], [2, 0.25]])
    y = np.array([[1.0, 0, 0], [0, 0, 1]])
    smooth_y = 0.7 * y + (0.1 if output == "softmax" else 0.15)
    ours = nn.Network([2, 3], output=output, cost=nn.cross_entropy(label_smoothing=0.3), seed=0)
    theirs = nn.Network([2, 3], output=output, cost="cross_entropy", seed=0)
    assert ours.mean_cost(X, labels) == pytest.approx(theirs.mean_cost(X, smooth_y), rel=1e-14)
    a = theirs.predict(X)
    if output == "softmax":
        cost = -(smooth_y * np.log(a)).sum(axis=1).mean()
    else:
        cost = -(smooth_y * np.log(a) + (1 - smooth_y) * np.log(1 - a)).sum(axis=1).mean()
    assert ours.mean_cost(X, labels) == pytest.approx(cost, rel=1e-13)
    for net, Y in (ours, labels), (theirs, smooth_y):
        net.fit(X, Y, epochs=3, batch_size=2, eta=0.5)
    np.testing.assert_allclose(ours.weights[0], theirs.weights[0], rtol=1e-13)


def test_an_activation_of_ones_own_is_smoothed_as_sigmoid() -> None:
    own = nn.Activation("own", nn.sigmoid, nn.sigmoid_prime)
    cost = nn.cross_entropy(label_smoothing=0.2)
    ours, theirs = (nn.Network([2, 3], output=output, cost=cost, seed=0) for output in (own, "sigmoid"))
    X, Y = np.array([[0.5, -1], [2, 0.25]]), np.array([[1.0, 0, 1], [0, 0, 1]])
    assert ours.mean_cost(X, Y) == pytest.approx(theirs.mean_cost(X, Y), rel=1e-13)
    for net in (ours, theirs):
        net.fit(X, Y, epochs=2, batch_size=2, eta=0.5)
    np.testing.assert_allclose(ours.weights[0], theirs.weights[0], rtol=1e-12)


def test_exp_trains_in_a_hidden_layer() -> None:
    p = problem([4, 6, 5, 2], ["exp", "tanh"], "quadratic", "identity", m=5)
    nabla_b, nabla_w, _ = engine.gradient_sums(p.network, p.X, p.Y)
    wanted_b, wanted_w, _ = reference.gradient_sums(p.network, p.X.T, p.Y.T)
    for ours, theirs in zip(nabla_b + nabla_w, wanted_b + wanted_w, strict=True):
        assert norm_difference(ours, theirs) < 1e-12
    assert_is_gradient(nabla_b + nabla_w, p)


@pytest.mark.parametrize("cost", [*COSTS.values(), *nn.COSTS.values()], ids=str)
def test_costs_are_values(cost: nn.Cost) -> None:
    for same in (copy.deepcopy(cost), pickle.loads(pickle.dumps(cost))):
        assert same == cost
        assert hash(same) == hash(cost)
        assert nn.Network([2, 3], cost=same, output="softmax").runs_on_engine()
    assert str(cost) in repr(nn.Network([2, 3], cost=cost, output="softmax"))


def test_costs_with_parameters() -> None:
    assert nn.huber(2) == nn.huber(delta=2.0) != nn.huber(1)
    assert nn.huber() == nn.COSTS["huber"]
    assert nn.quantile() == nn.COSTS["quantile"]
    assert nn.cross_entropy() == nn.cross_entropy(label_smoothing=0) == nn.COSTS["cross_entropy"]
    assert repr(nn.huber(2)) == "Cost('huber', delta=2.0)"
    assert str(nn.huber(2)) == "huber(delta=2.0)"
    for own in (
        nn.Cost("huber", abs, abs),  # type: ignore[arg-type]
        nn.Cost("huber", nn.huber(2).function, nn.huber(2).derivative, (("delta", 3.0),)),
        nn.Cost("huber", nn.huber(2).function, nn.huber(2).derivative, (("epsilon", 2.0),)),
        nn.Cost("quadratic", nn.huber(2).function, nn.huber(2).derivative, (("delta", 2.0),)),
    ):
        assert not costs.is_builtin(own)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.huber(0), ValueError, "delta must be finite and above 0, got 0.0"),
        (lambda: nn.huber("1"), TypeError, "delta must be a number"),  # type: ignore[arg-type]
        (lambda: nn.quantile(1), ValueError, "q must be between 0 and 1, got 1.0"),
        (lambda: nn.quantile(0), ValueError, "q must be finite and above 0"),
        (lambda: nn.cross_entropy(label_smoothing=1), ValueError, "from 0 to below 1, got 1.0"),
        (lambda: nn.cross_entropy(label_smoothing=-0.1), ValueError, "label_smoothing must be finite"),
    ],
)
def test_wrong_parameters_are_refused(make: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_zero_times_log_of_zero_is_zero() -> None:
    ends = np.array([[0.0, 1.0]])
    assert cost_functions.cross_entropy(ends, ends).tolist() == [0.0, 0.0]
    assert cost_functions.cross_entropy_derivative(ends, ends).tolist() == [[0.0, 0.0]]
    assert cost_functions.log_likelihood(ends, np.array([[0.0, 1.0]])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (cost_functions.quadratic, cost_functions.quadratic_derivative),
        (cost_functions.cross_entropy, cost_functions.cross_entropy_derivative),
        (cost_functions.log_likelihood, cost_functions.log_likelihood_derivative),
        (cost_functions.absolute_error, cost_functions.absolute_error_derivative),
        (cost_functions.poisson, cost_functions.poisson_derivative),
        *((cost.function, cost.derivative) for cost in COSTS.values()),
    ],
)
def test_derivatives_agree_with_central_differences(function: object, derivative: object) -> None:
    assert callable(function)
    assert callable(derivative)
    rng = np.random.default_rng(0)
    a, y = rng.uniform(0.05, 0.95, (4, 6)), rng.random((4, 6))
    step = 1e-6
    for kink in (-0.3, 0, 0.3):  # of absolute_error and quantile, and where huber turns linear
        assert np.abs(a - y - kink).min() > step
    numerical = np.empty_like(a)
    for j in range(4):
        shift = np.zeros((4, 1))
        shift[j] = step
        numerical[j] = (function(a + shift, y) - function(a - shift, y)) / (2 * step)
    np.testing.assert_allclose(derivative(a, y), numerical, rtol=1e-7)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_fused_cross_entropy_is_exact_where_activations_round_to_0_and_1(output: str) -> None:
    z = np.array([[40.0, -40.0, 800.0], [-40.0, 30.0, 3.0]])
    y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    exact = []
    with mp.workdps(800):
        for column in range(3):
            zs = [mp.mpf(float(x)) for x in z[:, column]]
            if output == "softmax":
                total = sum(mp.exp(x) for x in zs)
                a = [mp.exp(x) / total for x in zs]
                cost = -sum(mp.log(v) for v, t in zip(a, y[:, column], strict=True) if t)
            else:
                a = [1 / (1 + mp.exp(-x)) for x in zs]
                cost = -sum(mp.log(v) if t else mp.log(1 - v) for v, t in zip(a, y[:, column], strict=True))
            exact.append(float(cost))
    fused = costs.fused_cost(z, y, nn.COSTS["cross_entropy"], nn.ACTIVATIONS[output])
    np.testing.assert_allclose(fused, exact, rtol=1e-14)
    net = nn.Network([2, 2], activation=[output], cost="cross_entropy")
    net.weights[0][:], net.biases[0][:] = np.eye(2), 0
    assert net.mean_cost(z.T, y.T) == pytest.approx(np.mean(exact), rel=1e-13)


def test_cost_of_a_batch_is_the_mean_over_its_samples() -> None:
    p = problem([3, 5, 4], "tanh", "cross_entropy", "softmax", m=7)
    single = [p.network.mean_cost(p.X[[i]], p.Y[[i]]) for i in range(7)]
    assert p.network.mean_cost(p.X, p.Y) == pytest.approx(np.mean(single), rel=1e-14)


def test_outputs_suit_the_cost() -> None:
    def output(**arguments: object) -> str:
        return nn.Network([4, 3, 2], **arguments).activations[-1].name  # type: ignore[arg-type]

    assert output() == "sigmoid"
    assert output(activation="relu") == "identity"
    assert output(cost="cross_entropy") == "softmax"
    assert nn.Network([4, 1], cost="cross_entropy").activations[-1].name == "sigmoid"
    assert output(cost="cross_entropy", output="sigmoid") == "sigmoid"
    assert output(cost=nn.cross_entropy(label_smoothing=0.1)) == "softmax"
    assert output(cost="poisson") == output(cost="poisson", activation="relu") == "exp"
    assert output(cost="huber", activation="relu") == "identity"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cost": "hinge"}, ValueError, "no cost 'hinge'; there are: quadratic, cross_entropy"),
        ({"cost": 3}, TypeError, "a name or a nablanet.Cost"),
        ({"cost": "cross_entropy", "output": "relu"}, ValueError, "between 0 and 1"),
        ({"cost": nn.cross_entropy(label_smoothing=0.1), "output": "relu"}, ValueError, "between 0 and 1"),
        ({"cost": "poisson", "output": "identity"}, ValueError, "'poisson' needs outputs above 0"),
    ],
)
def test_wrong_costs_are_refused(arguments: dict[str, object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        nn.Network([2, 2], **arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="both callable"):
        nn.Cost("mine", cost_functions.quadratic, None)  # type: ignore[arg-type]


def test_desired_outputs_without_meaning_are_refused() -> None:
    net = nn.Network([2, 2], cost="cross_entropy")
    for Y, message in ([[0.5, 0.6]], "add up to 1"), ([[1.5, -0.5]], "between 0 and 1"):
        with pytest.raises(ValueError, match=message):
            net.fit([[0.0, 1.0]], Y, epochs=1, batch_size=1, eta=0.1)
    with pytest.raises(ValueError, match="0 or more, got -1"):
        nn.Network([2, 2], cost="poisson").mean_cost([[0.0, 1.0]], [[2, -1]])
